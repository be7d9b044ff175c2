"""Failures: errors grouped by their origin, from as many of the newest as are read at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Left
from django.utils.translation import gettext

from dashboard import sparks, words
from dashboard.sparks import Spark
from taskhub.engines import queue_alias
from taskhub.models import Result

WINDOW = timedelta(hours=24)
SAMPLE = 3_000  # errors that are read; where there are more, numbers are "at least"
GROUPS = 50  # that are listed
_BARS = 48


@dataclass(slots=True)
class Group:
    """Errors of one origin within the window; `count` is of the sample, `is_capped` where that is not all."""

    fingerprint: str
    times: list[datetime] = field(default_factory=list)
    newest_id: int = 0
    error: str = ""
    message: str = ""
    name: str = ""
    queue: str = ""
    task_id: int = 0
    first_at: datetime | None = None
    spark: Spark | None = None
    is_capped: bool = False

    @property
    def count(self) -> int:
        return len(self.times)

    @property
    def said(self) -> str:
        return f"{words.count(self.count)}{'+' if self.is_capped else ''}"

    @property
    def last_at(self) -> datetime:
        return self.times[0]  # they are read in that order


def errors() -> QuerySet[Result]:
    """Return all errors, in the words that their indexes know."""
    return Result.objects.using(queue_alias()).filter(fingerprint__gt="")


def groups(now: datetime) -> list[Group]:
    """Return the groups of the last day, the one that failed last first; two queries, whatever there is."""
    since = now - WINDOW
    newest = errors().filter(finished_at__gte=since).order_by("-finished_at")
    found: dict[str, Group] = {}
    sample = list(newest.values_list("fingerprint", "finished_at", "id")[:SAMPLE])
    for fingerprint, at, pk in sample:
        group = found.setdefault(fingerprint, Group(fingerprint, newest_id=pk))
        group.times.append(at)
    shown = sorted(found.values(), key=lambda group: group.last_at, reverse=True)[:GROUPS]
    _describe(shown)
    start = min((at for _, at, _ in sample), default=since) if len(sample) == SAMPLE else since
    for group in shown:
        group.is_capped = len(sample) == SAMPLE
        group.spark = spark(group.times, start, now, f"{group.error}: {group.said}")
    return shown


def one_group(fingerprint: str, now: datetime) -> Group | None:
    """Return one group with all its newest errors within the window, also where those are none; None: unknown."""
    mine = errors().filter(fingerprint=fingerprint)
    newest = mine.order_by("-finished_at").values_list("id", flat=True).first()
    if newest is None:
        return None
    recent = mine.filter(finished_at__gte=now - WINDOW).order_by("-finished_at")
    group = Group(fingerprint, list(recent.values_list("finished_at", flat=True)[:SAMPLE]), newest)
    _describe([group])
    group.is_capped = group.count == SAMPLE
    start = min(group.times) if group.is_capped else now - WINDOW
    group.spark = spark(group.times, start, now, f"{group.error}: {group.said}")
    return group


def _describe(found: Sequence[Group]) -> None:
    """Fill in what the newest error of each group says, and when the first one that is kept was."""
    by_id = {group.newest_id: group for group in found}
    first = errors().filter(fingerprint=OuterRef("fingerprint")).order_by("finished_at")
    rows = (
        Result.objects.using(queue_alias())
        .filter(pk__in=by_id)
        .annotate(brief=Left("message", 300), first_at=Subquery(first.values("finished_at")[:1]))
        .values_list(
            "id", "error_class", "brief", "task__name", "task__queue", "task_id", "first_at"
        )
    )
    for pk, error, brief, name, queue, task_id, first_at in rows if by_id else ():
        group = by_id[pk]
        group.error, group.message, group.task_id = error, brief, task_id
        group.name, group.queue, group.first_at = name or "", queue or "", first_at


def spark(times: Iterable[datetime], start: datetime, end: datetime, label: str) -> Spark:
    """Draw when something happened as bars over a span."""
    span = max(words.between(start, end), 1.0)
    counts, step = [0] * _BARS, timedelta(seconds=span / _BARS)
    for at in times:
        counts[min(_BARS - 1, max(0, (at - start) // step))] += 1
    said = gettext("%(what)s, over %(time)s") % {"what": label, "time": words.duration(span)}
    return sparks.bars(counts, said, "failed")
