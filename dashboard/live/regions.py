"""Regions: the parts of a page that change while it is open, recorded as its template is rendered."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpRequest

_TICKING = re.compile(r'(<time [^>]*data-tick="[^>]*>)[^<]*')
_TOKEN = re.compile(r'(name="csrfmiddlewaretoken" value=")[^"]*')


class Recorder(dict[str, str]):
    """Regions by name, as they go to everybody who sees the same: without anybody's form token."""

    def add(self, name: str, html: str) -> None:
        self[name] = _TOKEN.sub(r"\1", html)


def record(request: HttpRequest | None, name: str, html: str) -> None:
    """Keep a region where somebody records."""
    recorder = getattr(request, "regions", None)
    if isinstance(recorder, Recorder):
        recorder.add(name, html)


def essence(content: Any) -> Any:
    """Return what makes one rendering differ from another: clocks that the browser itself moves do not."""
    return _TICKING.sub(r"\1", content) if isinstance(content, str) else content
