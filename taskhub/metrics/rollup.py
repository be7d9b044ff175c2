"""Roll-up: the rows of many writers become one for each minute, hour and day; old ones are forgotten."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from taskhub import conf
from taskhub.engines import Engine, get_engine
from taskhub.metrics.tally import DAY, HOUR, MINUTE, add_to_rows, grouped
from taskhub.models import MetricBucket, MetricWriter, OldestWait

BATCH = 500  # rows
ALL = 0  # the writer of what is rolled up
GRACE = 120.0  # seconds after a minute's end in which its writers usually add to it
PATIENCE = 1.0  # seconds that it waits for somebody's lock
_WRITER_KEPT = timedelta(
    days=1
)  # after its last write: longer than any recorder waits with a batch
_NOTHING = UUID(int=0)


def roll_up(limit: int = BATCH) -> int:
    """Do a small step of maintenance and return how many rows it took or forgot: 0 when nothing is left to do.

    Any number of processes may call it: one at a time works, and the others return 0.

    Raises:
        DatabaseError: a conflict, or the database is in trouble; nothing was changed.
    """
    engine = get_engine()
    return _take(engine, limit) or _forget(engine, limit) or _forget_writers(engine, limit)


def _take(engine: Engine, limit: int) -> int:
    """Add rows of writers into those of the minute, the hour and the day, and delete them, in one transaction."""
    over = engine.now() - timedelta(seconds=MINUTE + GRACE)
    rows = _buckets(engine).filter(writer__gt=ALL, seconds=MINUTE, start_at__lt=over)
    rows = rows.order_by("writer", "start_at")
    writers = _find(engine, rows, limit)
    if not writers:
        return 0
    with engine.impatient(PATIENCE):
        if not _lock(engine, {ALL}):
            return 0
        # Rows are read after their writer's lock is held: he may have added to them until now.
        taken = list(rows.filter(writer__in=_lock(engine, writers))[:limit])
        for seconds in (MINUTE, HOUR, DAY):
            add_to_rows(engine, ALL, seconds, grouped(taken, seconds))
        _delete(engine, [row.pk for row in taken])
    return len(taken)


def _find(engine: Engine, rows: QuerySet[MetricBucket], limit: int) -> set[int]:
    """Return the writers of the first rows, in a transaction before: what it has seen must not be seen again."""
    with engine.impatient(PATIENCE):
        writers = set(rows.values_list("writer", flat=True)[:limit])
        if writers and not _writers(engine).filter(pk=ALL).exists():
            all_of_them = MetricWriter(writer=ALL, last_write=_NOTHING, written_at=engine.now())
            _writers(engine).bulk_create([all_of_them], ignore_conflicts=True)
    return writers


def _lock(engine: Engine, writers: set[int]) -> list[int]:
    """Lock the writers that nobody holds now until the transaction ends, and return them."""
    rows = _writers(engine).filter(pk__in=writers).order_by("pk")
    return list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True))


def _forget(engine: Engine, limit: int) -> int:
    keep = conf.get().keep_metrics
    with engine.impatient(PATIENCE):
        for seconds, term in ((MINUTE, keep.minutes), (HOUR, keep.hours), (DAY, keep.days)):
            if term is None:
                continue
            until = engine.now() - timedelta(seconds=seconds + term)
            old = _buckets(engine).filter(writer=ALL, seconds=seconds, start_at__lt=until)
            if ids := list(old.order_by("start_at").values_list("pk", flat=True)[:limit]):
                return _delete(engine, ids)
        if keep.minutes is None:
            return 0
        until = engine.now() - timedelta(seconds=MINUTE + keep.minutes)
        old_waits = OldestWait.objects.using(engine.alias).filter(start_at__lt=until)
        ids = list(old_waits.order_by("start_at").values_list("pk", flat=True)[:limit])
        return OldestWait.objects.filter(pk__in=ids)._raw_delete(engine.alias) if ids else 0


def _forget_writers(engine: Engine, limit: int) -> int:
    """Forget writers that are gone and have left no rows."""
    gone = _writers(engine).filter(writer__gt=ALL, written_at__lt=engine.now() - _WRITER_KEPT)
    gone = gone.filter(~Exists(MetricBucket.objects.filter(writer=OuterRef("writer"))))
    with engine.impatient(PATIENCE):
        ids = list(gone.values_list("pk", flat=True)[:limit])
        return _writers(engine).filter(pk__in=ids).delete()[0] if ids else 0


def _delete(engine: Engine, ids: list[int]) -> int:
    return _buckets(engine).filter(pk__in=ids)._raw_delete(engine.alias)


def _buckets(engine: Engine) -> QuerySet[MetricBucket]:
    return MetricBucket.objects.using(engine.alias)


def _writers(engine: Engine) -> QuerySet[MetricWriter]:
    return MetricWriter.objects.using(engine.alias)
