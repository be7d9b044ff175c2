"""Unique: of all live tasks, one a key; the constraint on `Task.unique_lock` decides who is first."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models import F
from django.db.utils import Error

from taskhub.engines import Engine
from taskhub.engines.rows import NewTask
from taskhub.errors import DuplicateTask
from taskhub.queue.insertion import insert
from taskhub.queue.quota import check_room
from taskhub.queue.transition import BATCH, tasks
from taskhub.states import FINISHED

PATIENCE = 2.0  # seconds that it waits for another's transaction which has inserted the same key
_TRIES = 10


def insert_unique(
    engine: Engine, rows: Sequence[NewTask], tags: Collection[str]
) -> list[tuple[int, NewTask | None]]:
    """Insert those whose keys are free; return the ids in the order of `rows`, each with the row as it was born.

    Instead of one whose key is taken it gives the id of the live task that has it, and None.

    Raises:
        DuplicateTask: another transaction, which has not ended, has inserted the key.
        QueueFull: there is no room for one that is no duplicate; nothing was written.
    """
    is_inside = engine.connection.in_atomic_block
    for _ in range(_TRIES):
        holders = live_holders(engine, [row.unique_lock for row in rows if row.unique_lock])
        fresh = _first_of_each(rows, holders)
        check_room(engine, (rows[index].queue for index in fresh))  # a duplicate takes none
        try:
            ids, born = _insert(engine, [rows[index] for index in fresh], tags, is_inside)
        except Error as error:
            if engine.is_lock_timeout(error):
                raise _undecided(rows) from error
            if not engine.is_duplicate(error) and (is_inside or not engine.is_conflict(error)):
                raise
            continue
        found = dict(zip(fresh, zip(ids, born, strict=True), strict=True))
        holders |= {row.unique_lock or "": task_id for task_id, row in found.values()}
        return [
            found[index] if index in found else (holders[row.unique_lock or ""], None)
            for index, row in enumerate(rows)
        ]
    raise _undecided(rows)


def live_holders(engine: Engine, locks: Sequence[str]) -> dict[str, int]:
    """Return the ids of the tasks that have these keys; one that has ended and whose time is over loses its key."""
    found: dict[str, int] = {}
    for start in range(0, len(locks), BATCH):
        part = set(locks[start : start + BATCH])
        holders = tasks().filter(unique_lock__in=part)
        rows = list(holders.values_list("id", "unique_lock", "state", "unique_until"))
        now = engine.now() if any(state in FINISHED for _, _, state, _ in rows) else None
        over = {
            id_
            for id_, _, state, until in rows
            if now and state in FINISHED and (until is None or until <= now)
        }
        if over:
            ended = tasks().filter(id__in=over, state__in=sorted(FINISHED))
            ended.exclude(unique_until__gt=engine.clock()).update(unique_lock=None)
        found |= {lock or "": id_ for id_, lock, _, _ in rows if id_ not in over}
    return found


def refuse_taken(engine: Engine, rows: Sequence[NewTask], what: str) -> None:
    """Refuse tasks of which one's key is taken, by a live task or by another of them.

    Raises:
        DuplicateTask: names the task and the key.
    """
    locks = {index: row.unique_lock for index, row in enumerate(rows) if row.unique_lock}
    holders = live_holders(engine, list(locks.values()))
    seen: set[str] = set()
    for index, lock in locks.items():
        if lock in holders:
            raise DuplicateTask(
                f"The live task #{holders[lock]} holds the unique key {lock!r}; nothing of {what} was enqueued. "
                "Wait for its end or cancel it.",
                task_id=holders[lock],
                index=index,
            )
        if lock in seen:
            raise DuplicateTask(
                f"Two tasks of {what} have the unique key {lock!r}; nothing was enqueued. Give them different "
                "arguments, or another unique_key with .using(unique_key=…)."
            )
        seen.add(lock)


def keep(engine: Engine, ids: Collection[int]) -> None:
    """Let tasks that have just ended keep their keys for as long as `unique_for` says."""
    ended = tasks().filter(id__in=ids, unique_until__gt=engine.clock())
    ended.update(unique_lock=F("unique_key"))


def retake(engine: Engine, ids: Collection[int]) -> dict[int, int | None]:
    """Let ended tasks take their keys again; return those that cannot, each with the id of the task that has its key.

    The caller has locked them, and queues the others in the same transaction.
    """
    keyed = tasks().filter(id__in=ids, unique_key__isnull=False).order_by("id")
    refused: dict[int, int | None] = {}
    taken: dict[str, int] = {}
    for id_, key in keyed.values_list("id", "unique_key"):
        holder = taken.get(key or "") or live_holders(engine, [key or ""]).get(key or "", id_)
        if holder != id_:
            refused[id_] = holder
            continue
        try:
            with transaction.atomic(engine.alias):
                tasks().filter(id=id_).update(unique_lock=key)
                taken[key or ""] = id_
        except Error as error:
            if not engine.is_duplicate(error):
                raise
            refused[id_] = live_holders(engine, [key or ""]).get(key or "")
    return refused


def _insert(
    engine: Engine, rows: Sequence[NewTask], tags: Collection[str], is_inside: bool
) -> tuple[list[int], Sequence[NewTask]]:
    if not rows:
        return [], []
    # Where there is one writer at a time, nobody else has inserted anything that is not committed.
    waiting = (
        transaction.atomic(engine.alias) if engine.has_one_writer else engine.impatient(PATIENCE)
    )
    with waiting:
        return insert(engine, rows, tags, is_inside=is_inside)


def _first_of_each(rows: Sequence[NewTask], taken: Collection[str]) -> list[int]:
    """Return the indexes of the rows without a key, and of the first with each key that is not taken."""
    seen = set(taken)
    found = []
    for index, row in enumerate(rows):
        if row.unique_lock not in seen:
            found.append(index)
        if row.unique_lock is not None:
            seen.add(row.unique_lock)
    return found


def _undecided(rows: Sequence[NewTask]) -> DuplicateTask:
    keys = sorted({row.unique_lock for row in rows if row.unique_lock})
    which = f"the unique key {keys[0]!r}" if len(keys) == 1 else f"one of {len(keys)} unique keys"
    return DuplicateTask(
        f"{which[0].upper()}{which[1:]} was inserted by another transaction that had not ended after {PATIENCE:g} s; "
        "nothing was enqueued. Try again when it has, and enqueue near the end of long transactions."
    )
