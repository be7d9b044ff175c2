"""Attention: what asks for a person now, in words, with its reason and the way to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from dashboard import words
from dashboard.figures import Figures
from dashboard.filters import Filters
from dashboard.strips import QueueLine, WorkerLine

_WORKERS_NAMED = 3  # more than that are told as a number
_TASKS_NAMED = 3


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
    query: str = ""
    link: str = "See them"
    resume: str = ""


def concerns(figures: Figures) -> list[Concern]:
    """Return what needs attention, the worst first."""
    return [
        *_unstaffed(figures),
        *_unknown(figures),
        *_dead_workers(figures),
        *_failures(figures),
        *_paused(figures),
    ]


def verdict(found: list[Concern]) -> str:
    """Say it in one line."""
    if not found:
        return "Nothing needs attention"
    return "1 thing needs attention" if len(found) == 1 else f"{len(found)} things need attention"


def _unstaffed(figures: Figures) -> Iterator[Concern]:
    stuck = [line for line in figures.queues if line.is_stuck]
    if stuck and not figures.healthy:
        yield Concern(
            icon="plug",
            what="No worker is running",
            why=f"{_queued(stuck)} Start one: manage.py runworker",
            since=_oldest(stuck),
            query=Filters(state="queued").url(),
        )
        return
    for line in stuck:
        yield Concern(
            icon="plug",
            before="Nobody works on",
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
            what=f"No worker has the code of {len(unknown)} tasks",
            why="They wait until a worker that knows them takes their queue.",
            since=min(one.oldest_at for one in unknown),
            query=Filters(state="queued").url(),
        )
        return
    for one in unknown:
        yield Concern(
            icon="plug",
            before="No worker has the code of",
            subject=one.name,
            why=f"{words.plural(one.count, 'task')} in {one.queue} cannot start until one does.",
            since=one.oldest_at,
            query=Filters(state="queued", queue=one.queue, task=one.name).url(),
        )


def _dead_workers(figures: Figures) -> Iterator[Concern]:
    dead = [line for line in figures.workers if line.word in ("Silent", "Lost")]
    if len(dead) > _WORKERS_NAMED:
        why = "What they held is run again."
        yield Concern(icon="alert", what=f"{len(dead)} workers give no sign of life", why=why)
        return
    for line in dead:
        yield _dead_worker(line)


def _dead_worker(line: WorkerLine) -> Concern:
    return Concern(
        icon="alert",
        subject=line.info.worker.name,
        what="gives no sign of life" if line.word == "Silent" else "was lost",
        why=f"Its last heartbeat was {line.heartbeat} ago. What it held is run again.",
        since=line.info.worker.heartbeat_at,
    )


def _failures(figures: Figures) -> Iterator[Concern]:
    if not figures.failed:
        return
    (name, often), *_ = figures.failing.most_common(1) or [("", 0)]
    succeeded = words.capped(figures.succeeded) if figures.succeeded else "None"
    share = f"{succeeded} succeeded in that time."
    if often == figures.failed:
        times = {1: "once", 2: "twice"}.get(often, f"{often} times")
        yield Concern(
            icon="failed",
            subject=name,
            what=f"failed {times} in the last hour",
            why=share,
            query=Filters(state="failed", task=name).url(),
            link="See failures",
        )
        return
    yield Concern(
        icon="failed",
        what=f"{words.plural(figures.failed, 'task')} failed in the last hour",
        why=f"Most often {name}. {share}" if often > 1 else share,
        query=Filters(state="failed").url(),
        link="See failures",
    )


def _paused(figures: Figures) -> Iterator[Concern]:
    for line in figures.queues:
        stats = line.stats
        if stats.is_paused and stats.waiting:
            verb = "waits" if stats.waiting == 1 else "wait"
            reason = f" Paused {stats.pause_reason}." if stats.pause_reason else ""
            yield Concern(
                look="paused",
                icon="paused",
                subject=stats.name,
                what="is paused",
                why=f"{words.plural(stats.waiting, 'task')} {verb}.{reason}",
                query=Filters(queue=stats.name).url(),
                resume=stats.name,
            )


def _queued(lines: list[QueueLine]) -> str:
    number = sum(line.stats.queued for line in lines)
    longest = max((line.oldest or 0.0 for line in lines), default=0.0)
    return f"{words.count(number)} queued, the oldest waits {words.duration(longest)}."


def _oldest(lines: list[QueueLine]) -> datetime | None:
    times = [line.stats.oldest_queued_at for line in lines if line.stats.oldest_queued_at]
    return min(times, default=None)
