"""Quota: what an operator allows a queue: how many tasks may wait in it, and how many may start in a time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import partial
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q

from taskhub import rates
from taskhub.engines import Engine, get_engine
from taskhub.engines.wakeups import Kind
from taskhub.errors import InvalidOption, QueueFull
from taskhub.models import Queue, RateBucket
from taskhub.queue.buckets import set_rate
from taskhub.rates import Rate

FRESH = 1.0  # seconds for which a process believes what it has read
_RECOUNT = 0.1  # seconds after which it counts again before it refuses a task


class Quota(NamedTuple):
    """The limits of one queue."""

    max_size: int | None
    rate: Rate | None


class Keep(Enum):
    """What stands for “as it is”."""

    IT = "as it is"


class _Known(NamedTuple):
    read_at: float
    quotas: Mapping[str, Quota]


_known: dict[str, _Known] = {}
_unsure: set[str] = (
    set()
)  # databases on which limits were set in a transaction that may yet be rolled back
_counted: dict[tuple[str, str], tuple[float, int]] = {}


def queue_key(queue: str) -> str:
    """Return the key of a queue's bucket."""
    return f"queue:{queue}"


def set_limits(
    queue: str,
    *,
    max_size: int | Keep | None = Keep.IT,
    rate: str | Keep | None = Keep.IT,
) -> None:
    """Limit how many tasks may wait in a queue, and how many may start (`"100/m"`), over all workers.

    None takes a limit away; what is not given stays as it is. Other processes know it within a second.

    Raises:
        InvalidOption: `max_size` is no whole number above zero, or `rate` no rate.
    """
    where = f"monitor.set_limits({queue!r}, …)"
    values: dict[str, object] = {}
    if not isinstance(max_size, Keep):
        is_whole = isinstance(max_size, int) and not isinstance(max_size, bool)
        if max_size is not None and not (is_whole and 1 <= max_size <= 2_000_000_000):
            raise InvalidOption(
                f"{where}: max_size={max_size!r}; expected a whole number above zero, or None for no limit."
            )
        values["max_size"] = max_size
    if not isinstance(rate, Keep):
        if rate and not rates.is_rate(rate):
            raise InvalidOption(f"{where}: rate={rate!r}; expected {rates.EXPECTED}, or None.")
        values["rate"] = rate or ""
    engine = get_engine()
    Queue.objects.using(engine.alias).update_or_create(name=queue, defaults=values)
    if not isinstance(rate, Keep):
        if rate:
            set_rate(engine, queue_key(queue), rates.parse(rate))
        else:
            RateBucket.objects.using(engine.alias).filter(key=queue_key(queue)).delete()
    forget()
    if engine.connection.in_atomic_block:
        _unsure.add(engine.alias)
        transaction.on_commit(partial(_unsure.discard, engine.alias), using=engine.alias)
    engine.notify(Kind.QUEUED, queue)


def forget() -> None:
    """Read all quotas anew when they are next needed."""
    _known.clear()
    _counted.clear()


def quotas(engine: Engine) -> Mapping[str, Quota]:
    """Return the queues that have limits; what was read in the last second still counts."""
    if engine.alias in _unsure:
        if engine.connection.in_atomic_block:
            return _read(engine)
        _unsure.discard(engine.alias)
        forget()
    known, now = _known.get(engine.alias), time.monotonic()
    if known is None or now - known.read_at > FRESH:
        known = _known[engine.alias] = _Known(now, _read(engine))
    return known.quotas


def _read(engine: Engine) -> Mapping[str, Quota]:
    rows = Queue.objects.using(engine.alias).filter(Q(max_size__isnull=False) | Q(rate__gt=""))
    return {
        row.name: Quota(row.max_size, rates.parse(row.rate) if rates.is_rate(row.rate) else None)
        for row in rows
    }


def check_room(engine: Engine, queues: Iterable[str]) -> None:
    """Refuse tasks for which there is no room; one name of a queue for each.

    Raises:
        QueueFull: names the queue and its limit.
    """
    known = quotas(engine)
    if not known:
        return
    wanted: dict[str, int] = {}
    for queue in queues:
        wanted[queue] = wanted.get(queue, 0) + 1
    for queue, count in wanted.items():
        limit = known[queue].max_size if queue in known else None
        if limit is None:
            continue
        if _size(engine, queue, limit, FRESH) + count > limit:
            size = _size(engine, queue, limit, _RECOUNT)
            if size + count > limit:
                raise QueueFull(
                    f"The queue {queue!r} holds {size} waiting tasks, and {count} more would make it more than its "
                    f"limit of {limit}; nothing was enqueued. Try again later, or raise max_size "
                    f"(monitor.set_limits({queue!r}, max_size=…))."
                )
        counted_at, size = _counted[engine.alias, queue]
        _counted[engine.alias, queue] = counted_at, size + count


def _size(engine: Engine, queue: str, limit: int, fresh: float) -> int:
    """Return how many tasks wait in a queue, as counted not longer ago than this; beyond the limit nobody counts."""
    counted_at, size = _counted.get((engine.alias, queue), (-FRESH, 0))
    now = time.monotonic()
    if now - counted_at > fresh:
        size = engine.count_waiting(queue, limit + 1)
        _counted[engine.alias, queue] = now, size
    return size
