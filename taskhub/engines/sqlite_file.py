"""Where a SQLite database lies, by what DATABASES calls it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit


def path_of(name: object) -> Path | None:
    """Return the path of a database's file, links resolved as SQLite does; None of one in memory."""
    text = str(name)
    if not text or ":memory:" in text or "mode=memory" in text:
        return None
    if text.startswith("file:"):
        text = unquote(urlsplit(text).path)
    return Path(text).resolve()
