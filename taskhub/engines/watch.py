"""Watch: the kernel tells when somebody writes to the files of a SQLite database (inotify)."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

try:
    from inotify_simple import INotify, flags
except ImportError:  # not Linux
    INotify = None


class FileWatch:
    """A descriptor that is readable when the database's files were touched.

    Beside the file itself that is its log or its rollback journal, which come and go: so the directory is watched for
    names, and the files that are there for writes.
    """

    def __init__(self, path: Path) -> None:
        """Begin to watch the database in the file `path`.

        Raises:
            OSError: this system has no inotify, or no more of it for this user.
        """
        if INotify is None:
            raise OSError("there is no inotify here")
        self._files = [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-journal")]
        self._names = {file.name for file in self._files}
        self._inotify = INotify(nonblocking=True)
        try:
            self._inotify.add_watch(path.parent, _COMES_OR_GOES)
            self._watch_files()
        except OSError:
            self._inotify.close()
            raise

    def fileno(self) -> int:
        return int(self._inotify.fileno())

    def was_touched(self) -> bool:
        """Tell whether the files were written, made or removed since the last call; never blocks."""
        is_touched = False
        for event in self._inotify.read(timeout=0):
            if event.name in self._names:
                self._watch_files()
            is_touched = is_touched or not event.name or event.name in self._names
        return is_touched

    def close(self) -> None:
        self._inotify.close()

    def _watch_files(self) -> None:
        for file in self._files:
            with suppress(FileNotFoundError):
                self._inotify.add_watch(file, flags.MODIFY)


_COMES_OR_GOES = (
    flags.CREATE | flags.DELETE | flags.MOVED_FROM | flags.MOVED_TO if INotify is not None else 0
)
