"""Name the places that the demo reads from and writes to."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

DATA = Path(__file__).resolve().parent / "data"
ORDERS_CSV = DATA / "orders.csv"
IMAGES = DATA / "images"
TEXTS = DATA / "texts"


def media_root() -> Path:
    """Return the folder under MEDIA_ROOT that the demo's tasks write into."""
    return Path(settings.MEDIA_ROOT).resolve() / "demo"


def name_in_media(path: Path) -> str:
    """Return a file's name in a task's result: relative to `media_root()`, with slashes."""
    return path.relative_to(media_root()).as_posix()


def file_in_media(name: str) -> Path | None:
    """Return the file of that name; None where it is gone, or outside of `media_root()`."""
    path = (media_root() / name).resolve()
    return path if path.is_relative_to(media_root()) and path.is_file() else None


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a place to write to, and put it at `path` only when all is written.

    A task that is killed half-way, or runs twice at once, never leaves half a file under the final name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{secrets.token_hex(4)}-{path.name}")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
