"""Result backends: where the values of tasks that succeeded are kept. See `base.ResultBackend` for what one is."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from taskhub import conf
from taskhub.result_backends.base import Kept, ResultBackend, kept_at

BUILT_IN = {
    "database": "taskhub.result_backends.database.DatabaseResults",
    "cache": "taskhub.result_backends.cache.CacheResults",
}


def get_result_backend(name: str | None = None) -> ResultBackend:
    """Return the backend of this name (default: that of TASKHUB["RESULT_BACKEND"]).

    Raises:
        ImproperlyConfigured: it is a path that leads to no ResultBackend.
    """
    return _backend(name or conf.get().result_backend)


@cache
def _backend(name: str) -> ResultBackend:
    path = BUILT_IN.get(name, name)
    try:
        kind = import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"settings.TASKHUB['RESULT_BACKEND'] is {name!r}, which cannot be imported: {error}"
        ) from error
    if not isinstance(kind, type) or not issubclass(kind, ResultBackend):
        raise ImproperlyConfigured(
            f"settings.TASKHUB['RESULT_BACKEND'] is {name!r}; expected a subclass of "
            "taskhub.result_backends.ResultBackend."
        )
    return kind(name)


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting in ("TASKHUB", "CACHES"):
        _backend.cache_clear()


setting_changed.connect(_forget, dispatch_uid="taskhub.result_backends")

__all__ = ["BUILT_IN", "Kept", "ResultBackend", "get_result_backend", "kept_at"]
