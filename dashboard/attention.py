"""Attention: what asks for a person now, in words, with its reason and the way to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext, ngettext

from dashboard import sparks, words
from dashboard.figures import Figures
from dashboard.filters import Filters
from dashboard.sparks import Spark
from dashboard.strips import QueueLine, WorkerLine
from taskhub.models import Decision
from taskhub.monitor import QueueStats

_WORKERS_NAMED = 3  # more than that are told as a number
_TASKS_NAMED = 3
_SPIKE_MINUTES, _SPIKE_LEAST, _SPIKE_FACTOR = 10, 5, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """One thing: `subject` is a name that somebody gave, between `before` and `what`.

    `query` and `link` lead to its tasks; `resume` names a queue that can be resumed.
    """

    look: str = "failed"
    icon: str
    before: str = ""
    subject: str = ""
    what: str = ""
    why: str
    since: datetime | None = None
    spark: Spark | None = None
    query: str = ""
    link: str = field(default_factory=lambda: gettext("See them"))
    resume: str = ""
    is_of_schedules: bool = False


def concerns(figures: Figures) -> list[Concern]:
    """Return what needs attention, the worst first."""
    return [
        *_unstaffed(figures),
        *_unknown(figures),
        *_dead_workers(figures),
        *_failures(figures),
        *_late(figures),
        *_schedules(figures),
        *_paused(figures),
    ]


def verdict(found: list[Concern]) -> str:
    """Say it in one line."""
    if not found:
        return gettext("Nothing needs attention")
    said = ngettext("%(n)s thing needs attention", "%(n)s things need attention", len(found))
    return said % {"n": len(found)}


def _unstaffed(figures: Figures) -> Iterator[Concern]:
    stuck = [line for line in figures.queues if line.is_stuck]
    if stuck and not figures.healthy:
        start = gettext("Start one: manage.py runworker")
        yield Concern(
            icon="plug",
            what=gettext("No worker is running"),
            why=f"{_queued(stuck)} {start}",
            since=_oldest(stuck),
            query=Filters(state="queued").url(),
        )
        return
    for line in stuck:
        yield Concern(
            icon="plug",
            before=gettext("Nobody works on"),
            subject=line.stats.name,
            why=_queued([line]),
            since=_oldest([line]),
            query=Filters(state="queued", queue=line.stats.name).url(),
        )


def _unknown(figures: Figures) -> Iterator[Concern]:
    unknown = figures.unknown
    if len(unknown) > _TASKS_NAMED:
        yield Concern(
            icon="plug",
            what=gettext("No worker has the code of %(n)s tasks") % {"n": len(unknown)},
            why=gettext("They wait until a worker that knows them takes their queue."),
            since=min(one.oldest_at for one in unknown),
            query=Filters(state="queued").url(),
        )
        return
    for one in unknown:
        yield Concern(
            icon="plug",
            before=gettext("No worker has the code of"),
            subject=one.name,
            why=_cannot_start(one.count, one.queue),
            since=one.oldest_at,
            query=Filters(state="queued", queue=one.queue, task=one.name).url(),
        )


def _dead_workers(figures: Figures) -> Iterator[Concern]:
    dead = [line for line in figures.workers if line.key in ("silent", "lost")]
    if len(dead) > _WORKERS_NAMED:
        what = gettext("%(n)s workers give no sign of life") % {"n": len(dead)}
        yield Concern(icon="alert", what=what, why=gettext("What they held is run again."))
        return
    for line in dead:
        yield _dead_worker(line)


def _dead_worker(line: WorkerLine) -> Concern:
    return Concern(
        icon="alert",
        subject=line.info.worker.name,
        what=gettext("gives no sign of life") if line.key == "silent" else gettext("was lost"),
        why=gettext("Its last heartbeat was %(time)s ago. What it held is run again.")
        % {"time": line.heartbeat},
        since=line.info.worker.heartbeat_at,
    )


def _failures(figures: Figures) -> Iterator[Concern]:
    if not figures.failed:
        return
    spark = (
        sparks.bars(figures.failures, gettext("Failed a minute, over the last hour"), "failed")
        if figures.failures
        else None
    )
    usual = _spike(figures.failures)
    (name, often), *_ = figures.failing.most_common(1) or [("", 0)]
    succeeded = words.capped(figures.succeeded) if figures.succeeded else gettext("None")
    share = gettext("%(n)s succeeded in that time.") % {"n": succeeded}
    most = gettext("Most often %(name)s.")
    if often == figures.failed:
        yield Concern(
            icon="failed",
            subject=name,
            what=_often(often) + usual,
            why=share,
            spark=spark,
            query=Filters(state="failed", task=name).url(),
            link=gettext("See failures"),
        )
        return
    yield Concern(
        icon="failed",
        what=_failed(figures.failed) + usual,
        spark=spark,
        why=f"{most % {'name': name}} {share}" if often > 1 else share,
        query=Filters(state="failed").url(),
        link=gettext("See failures"),
    )


def _spike(failures: list[int]) -> str:
    """Say how much oftener the last ten minutes fail than those before, where that is much."""
    recent, before = failures[-_SPIKE_MINUTES:], failures[:-_SPIKE_MINUTES]
    if sum(recent) < _SPIKE_LEAST or not before:
        return ""
    usual = sum(before) / len(before)
    now = sum(recent) / len(recent)
    if not usual:
        return gettext(", all of them in ten minutes")
    if now < _SPIKE_FACTOR * usual:
        return ""
    return gettext(", now %(n)s times as often as before") % {"n": f"{now / usual:.0f}"}


def _often(number: int) -> str:
    if number == 1:
        return gettext("failed once in the last hour")
    if number == 2:
        return gettext("failed twice in the last hour")
    return gettext("failed %(n)s times in the last hour") % {"n": number}


def _failed(number: int) -> str:
    said = ngettext(
        "%(n)s task failed in the last hour", "%(n)s tasks failed in the last hour", number
    )
    return said % {"n": words.capped(number)}


def _cannot_start(number: int, queue: str) -> str:
    said = ngettext(
        "%(n)s task in %(queue)s cannot start until one does.",
        "%(n)s tasks in %(queue)s cannot start until one does.",
        number,
    )
    return said % {"n": words.capped(number), "queue": queue}


def _late(figures: Figures) -> Iterator[Concern]:
    for line in figures.queues:
        if line.is_late and line.is_staffed and not line.stats.is_paused:
            is_growing = line.drain.icon == "up"
            yield Concern(
                look="retrying",
                icon="slow",
                subject=line.stats.name,
                what=gettext("is over its objective and growing")
                if is_growing
                else gettext("is over its objective"),
                why=_pace(line),
                since=line.stats.oldest_queued_at,
                spark=line.spark,
                query=Filters(state="queued", queue=line.stats.name).url(),
            )


def _schedules(figures: Figures) -> Iterator[Concern]:
    for schedule, seconds in figures.late_schedules[:_TASKS_NAMED]:
        yield Concern(
            icon="slow",
            subject=schedule.name,
            what=gettext("is %(time)s late") % {"time": words.duration(seconds)},
            why=gettext(
                "Nobody has fired it. That takes a worker that keeps schedules and has the code of %(task)s."
            )
            % {"task": schedule.task},
            since=schedule.next_due_at,
            is_of_schedules=True,
        )
    for run in figures.missed_runs[:_TASKS_NAMED]:
        yield Concern(
            look="expired",
            icon="expired",
            subject=run.schedule.name,
            what=gettext("was missed")
            if run.decision == Decision.MISSED
            else gettext("was %(time)s late") % {"time": words.duration(run.late_seconds)},
            why=run.reason or gettext("Nobody was there at its time."),
            since=run.due_at,
            is_of_schedules=True,
        )


def _paused(figures: Figures) -> Iterator[Concern]:
    for line in figures.queues:
        stats = line.stats
        if stats.is_paused and stats.waiting:
            why = _waiting(stats)
            if stats.pause_reason:
                paused = gettext("Paused %(reason)s.")
                why += f" {paused % {'reason': stats.pause_reason}}"
            yield Concern(
                look="paused",
                icon="paused",
                subject=stats.name,
                what=gettext("is paused"),
                why=why,
                query=Filters(queue=stats.name).url(),
                resume=stats.name,
            )


def _waiting(stats: QueueStats) -> str:
    number = words.at_least((stats.queued, stats.pending, stats.retrying), stats.most)
    return ngettext("%(n)s task waits.", "%(n)s tasks wait.", stats.waiting) % {"n": number}


def _queued(lines: list[QueueLine]) -> str:
    number = words.at_least((line.stats.queued for line in lines), lines[0].stats.most)
    longest = max((line.oldest or 0.0 for line in lines), default=0.0)
    said = gettext("%(n)s queued, the oldest waits %(time)s.")
    return said % {"n": number, "time": words.duration(longest)}


def _pace(line: QueueLine) -> str:
    said = gettext(
        "Its first task waits %(time)s, the objective is %(objective)s. In %(into)s a minute, out %(out)s."
    )
    return said % {
        "time": words.duration(line.oldest or 0),
        "objective": words.duration(line.objective),
        "into": words.a_minute(line.rate.into),
        "out": words.a_minute(line.rate.out),
    }


def _oldest(lines: list[QueueLine]) -> datetime | None:
    times = [line.stats.oldest_queued_at for line in lines if line.stats.oldest_queued_at]
    return min(times, default=None)
