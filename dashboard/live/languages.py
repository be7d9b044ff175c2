"""Languages: the one in which a page is made again. A socket has no middleware, so the page says which one it was."""

from __future__ import annotations

from contextlib import AbstractContextManager

from django.conf import settings
from django.utils.translation import get_supported_language_variant, override


def known(told: str | None) -> str:
    """Return a language of the site: the one that was told where it has that, else its own."""
    try:
        return get_supported_language_variant(told or settings.LANGUAGE_CODE)
    except LookupError:
        return settings.LANGUAGE_CODE


def speaking(language: str) -> AbstractContextManager[object]:
    """Render and resolve in a language; where none was told, in that of our own words."""
    return override(language or None)
