"""Capturing: files what a task sends to `logging` into the log of its attempt, and leaves all other handlers alone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from taskhub import compat, conf
from taskhub.run import Run, current_run

_OURS = ("taskhub", compat.LOGGER_NAME)  # their messages are about tasks, not of them


class Capturing(logging.Handler):
    """A handler of the root logger: it gets what the loggers let through and pass on.

    `fallback` tells which run the process is about where it runs one task at a time: then lines of threads that do not
    carry the task's context are caught too.
    """

    def __init__(self, fallback: Callable[[], Run | None] | None = None) -> None:
        self._threshold = logging.getLevelNamesMapping()[conf.get().log_level]
        # Where nobody else listens we stand in for logging.lastResort, so we must hear what it would.
        super().__init__(min(self._threshold, logging.WARNING))
        self._fallback = fallback
        self._root_level = logging.root.level
        self._spared: list[tuple[logging.Handler, logging.Filter]] = []
        self._pinned: list[logging.Logger] = []
        self.setFormatter(logging.Formatter("%(message)s"))  # and the traceback below it

    def createLock(self) -> None:  # noqa: N802  # the name is logging's
        """Do without: an exception raised in a task at any place could leave a lock taken."""
        self.lock = None

    # -- on and off -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen, and let the root logger pass what is to be caught; what other handlers show stays as it was."""
        root = logging.root
        if not conf.get().log_lines:
            return
        if 0 < self._threshold < root.level:
            for name in _OURS:
                self._pin(logging.getLogger(name))
            spare = _AsBefore(root.level)
            for handler in _all_handlers():
                handler.addFilter(spare)
                self._spared.append((handler, spare))
            root.setLevel(self._threshold)
        root.addHandler(self)

    def stop(self) -> None:
        """Put everything back."""
        logging.root.removeHandler(self)
        logging.root.setLevel(self._root_level)
        for handler, spare in self._spared:
            handler.removeFilter(spare)
        for logger in self._pinned:
            logger.setLevel(logging.NOTSET)

    def _pin(self, logger: logging.Logger) -> None:
        """Keep a logger's level where it is: what is off stays off, and costs nothing."""
        if not logger.level:
            logger.setLevel(logger.getEffectiveLevel())
            self._pinned.append(logger)

    # -- one record -------------------------------------------------------------------------------------------------

    def handle(self, record: logging.LogRecord) -> bool:
        """File a record; without the lock that the base class takes."""
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        run = self._run_of(record)
        if run is not None and record.levelno >= self._threshold:
            try:
                at = datetime.fromtimestamp(record.created, UTC)
                run.add_line(record.levelno, self.format(record), record.name, at)
            except Exception:  # noqa: BLE001  # arguments that do not fit, objects that cannot be printed
                self.handleError(record)
        self._stand_in_for_last_resort(record)

    def _run_of(self, record: logging.LogRecord) -> Run | None:
        if record.name.partition(".")[0] == "taskhub" or record.name == compat.LOGGER_NAME:
            return None
        run = current_run.get()
        if run is None and self._fallback is not None and _is_a_tasks_own_thread():
            run = self._fallback()
        return run

    def _stand_in_for_last_resort(self, record: logging.LogRecord) -> None:
        """Print warnings to stderr as `logging` does where no handler is set up: it takes us for one."""
        last = logging.lastResort
        if last is None or record.levelno < max(
            last.level, _level_before(record, self._root_level)
        ):
            return
        logger: logging.Logger | None = _logger_of(record)
        while logger is not None:
            if any(handler is not self for handler in logger.handlers):
                return
            logger = logger.parent if logger.propagate else None
        last.handle(record)


class _AsBefore(logging.Filter):
    """Keeps from a handler what reaches it only because the root logger's level was lowered."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= self._level or record.levelno >= _level_before(record, self._level)


def _level_before(record: logging.LogRecord, root_level: int) -> int:
    """Return the level at which the record's logger let records through before the root logger's was lowered."""
    logger: logging.Logger | None = _logger_of(record)
    while logger is not None and logger is not logging.root:
        if logger.level:
            return logger.level
        logger = logger.parent
    return root_level


def _logger_of(record: logging.LogRecord) -> logging.Logger:
    found = logging.root.manager.loggerDict.get(record.name)
    return found if isinstance(found, logging.Logger) else logging.root


def _all_handlers() -> set[logging.Handler]:
    loggers = [
        item
        for item in logging.root.manager.loggerDict.values()
        if isinstance(item, logging.Logger)
    ]
    return {handler for logger in (logging.root, *loggers) for handler in logger.handlers}


def _is_a_tasks_own_thread() -> bool:
    thread = threading.current_thread()
    return thread is not threading.main_thread() and not thread.name.startswith("taskhub-")
