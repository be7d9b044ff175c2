"""The statements by which PostgreSQL inserts tasks, and whom they wake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from taskhub.engines.enqueueing import (
    INSERT_COLUMNS,
    INSERT_START,
    TIED_COLUMNS,
    TIED_START,
    is_plain,
)
from taskhub.engines.listener import CHANNEL
from taskhub.engines.rows import PLAIN, ZEROES, NewTask
from taskhub.engines.wakeups import Kind
from taskhub.states import TaskState, WaitsFor

_INSERT = (
    f"INSERT INTO taskhub_task ({', '.join(INSERT_COLUMNS)}) VALUES ({INSERT_START}) RETURNING id"
)
_INSERT_TIED = (
    f"INSERT INTO taskhub_task ({', '.join(TIED_COLUMNS)}) VALUES ({TIED_START}) RETURNING id"
)
_AND_NOTIFY = f"WITH new AS (%s) SELECT id, pg_notify('{CHANNEL}', %%s) FROM new"
_TELLING = {
    sql: _AND_NOTIFY.replace("%s", sql, 1).replace("%%s", "%s") for sql in (_INSERT, _INSERT_TIED)
}

# The sequence is looked up once and not for each id.
DRAW_IDS = (
    "SELECT array_agg(nextval(sequence)) FROM generate_series(1, %s), "
    "(SELECT pg_get_serial_sequence('taskhub_task', 'id')::regclass AS sequence OFFSET 0) AS looked_up"
)
_COPY = f"COPY taskhub_task (id, {', '.join(INSERT_COLUMNS)}) FROM STDIN"
_COPY_TIED = f"COPY taskhub_task (id, {', '.join(TIED_COLUMNS)}) FROM STDIN"
COPY_END = "\t".join([*["0"] * len(ZEROES), ""])  # as both statements end
ROWS_AT_ONCE = 500


def statement_of(row: NewTask, *, is_told: bool) -> tuple[str, Sequence[Any]]:
    """Return the INSERT of one task, which asks for the words of a notification after its values if `is_told`."""
    if is_plain(row):
        sql, values = _INSERT, row[:PLAIN]
    else:
        sql, values = _INSERT_TIED, row
    return (_TELLING[sql] if is_told else sql), values


def copy_of(rows: Sequence[NewTask]) -> tuple[str, int]:
    """Return the COPY for these tasks and how many of their columns it takes."""
    return (_COPY, PLAIN) if all(map(is_plain, rows)) else (_COPY_TIED, len(NewTask._fields))


def news_of(row: NewTask) -> str:
    """Say who wants to know of a new task: claimants, or who promotes; nobody where it waits for other tasks."""
    if row.waits_for in _QUIET:
        return ""
    return f"{_KINDS[row.state]} {row.queue}"


# By plain strings: members of an Enum are slow to look up on Python 3.11.
_QUIET = {WaitsFor.TASKS.value, WaitsFor.SLOT.value}
_KINDS = {
    TaskState.QUEUED.value: Kind.QUEUED.value,
    TaskState.PENDING.value: Kind.DUE_EARLIER.value,
}
