"""Attention: what asks for a person now, in words, with its reason and the way to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dashboard import words
from dashboard.figures import Figures
from dashboard.filters import Filters
from dashboard.strips import QueueLine


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing: `subject` is a name that somebody gave, `what` goes on from it. `query` leads to its tasks."""

    look: str
    icon: str
    what: str
    why: str
    subject: str = ""
    before: str = ""
    query: str = ""
    link: str = ""
    resume: str = ""


def concerns(figures: Figures) -> list[Concern]:
    """Return what needs attention, the worst first."""
    return [*_unstaffed(figures), *_dead_workers(figures), *_failures(figures), *_paused(figures)]


def verdict(found: list[Concern]) -> str:
    """Say it in one line."""
    if not found:
        return "Nothing needs attention"
    return "1 thing needs attention" if len(found) == 1 else f"{len(found)} things need attention"


def _unstaffed(figures: Figures) -> Iterator[Concern]:
    stuck = [line for line in figures.queues if line.is_stuck]
    if stuck and not figures.healthy:
        number = sum(line.stats.queued for line in stuck)
        oldest = max((line.oldest or 0.0 for line in stuck), default=0.0)
        why = f"{_queued(number)}, the oldest waits {words.duration(oldest)}. Start one: manage.py runworker"
        yield Concern("failed", "plug", "No worker is running", why, query=Filters(state="queued").url(), link="See them")
        return
    for line in stuck:
        yield _nobody_works_on(line)


def _nobody_works_on(line: QueueLine) -> Concern:
    why = f"{_queued(line.stats.queued)}, the oldest waits {words.duration(line.oldest or 0.0)}."
    query = Filters(state="queued", queue=line.stats.name).url()
    return Concern("failed", "plug", "", why, line.stats.name, "Nobody works on", query, "See them")


def _dead_workers(figures: Figures) -> Iterator[Concern]:
    for line in figures.workers:
        worker = line.info.worker
        if line.word == "Silent":
            why = f"No heartbeat for {line.heartbeat}. What it held is run again."
            yield Concern("failed", "alert", "gives no sign of life", why, worker.name)
        elif line.word == "Lost":
            why = f"Last heartbeat {line.heartbeat} ago. What it held is run again."
            yield Concern("failed", "alert", "was lost", why, worker.name)


def _failures(figures: Figures) -> Iterator[Concern]:
    if not figures.failed:
        return
    (name, often), *_ = figures.failing.most_common(1) or [("", 0)]
    query = Filters(state="failed").url()
    if often == figures.failed:
        what = f"failed {words.plural(often, 'time')} in the last hour"
        query = Filters(state="failed", task=name).url()
        yield Concern("failed", "failed", what, _share(figures), name, query=query, link="See failures")
        return
    what = f"{words.plural(figures.failed, 'task')} failed in the last hour"
    most = f"Most often {name}. " if often > 1 else ""
    yield Concern("failed", "failed", what, most + _share(figures), query=query, link="See failures")


def _share(figures: Figures) -> str:
    if not figures.succeeded:
        return "None succeeded in that time."
    return f"{words.capped(figures.succeeded)} succeeded in that time."


def _paused(figures: Figures) -> Iterator[Concern]:
    for line in figures.queues:
        if line.stats.is_paused and line.stats.waiting:
            reason = f" Paused {line.stats.pause_reason}." if line.stats.pause_reason else ""
            why = f"{words.plural(line.stats.waiting, 'task')} {'waits' if line.stats.waiting == 1 else 'wait'}.{reason}"
            query = Filters(queue=line.stats.name).url()
            name = line.stats.name
            yield Concern("paused", "paused", "is paused", why, name, query=query, link="See them", resume=name)


def _queued(number: int) -> str:
    return f"{words.count(number)} queued"
