"""Attempts: a task's attempts as bars on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.translation import gettext, pgettext_lazy

from dashboard import words
from dashboard.journey import first_ready_at
from taskhub.models import Outcome, Result, Task
from taskhub.states import TaskState

SHOWN = 50
WIDTH = 1000.0
_MIN = 3.0  # a bar that is too short to see is no bar
LOOKS = {
    Outcome.SUCCEEDED: ("succeeded", pgettext_lazy("end of an attempt", "succeeded")),
    Outcome.FAILED: ("failed", pgettext_lazy("end of an attempt", "failed")),
    Outcome.RETRYING: ("retrying", pgettext_lazy("end of an attempt", "failed, to be retried")),
    Outcome.CANCELLED: ("cancelled", pgettext_lazy("end of an attempt", "cancelled")),
    Outcome.LOST: ("failed", pgettext_lazy("end of an attempt", "worker lost")),
    Outcome.INTERRUPTED: ("retrying", pgettext_lazy("end of an attempt", "interrupted")),
    Outcome.SNOOZED: ("pending", pgettext_lazy("end of an attempt", "snoozed")),
    Outcome.RELEASED: ("cancelled", pgettext_lazy("end of an attempt", "given back")),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of the axis, in units of the drawing."""

    x: float
    width: float

    @property
    def end(self) -> float:
        return round(self.x + self.width, 1)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt; `before` is the time between the last one's end (or the enqueue) and its start."""

    label: str
    look: str
    word: str
    worker: str
    ran: str
    started_at: datetime
    finished_at: datetime | None
    error: str
    claim_no: int | None
    bar: Bar
    before: Bar
    is_first: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    attempts: list[Attempt]
    ticks: list[str]


def timeline(task: Task, results: Sequence[Result], now: datetime) -> Timeline | None:
    """Lay out the results, oldest first, and the attempt that runs now; None where nothing has run."""
    spans = [(r.started_at, r.finished_at) for r in results]
    running_since = task.started_at if task.state == TaskState.RUNNING else None
    if running_since:
        spans.append((running_since, now))
    if not spans:
        return None
    # After 50 attempts or a person's late retry the enqueue is too far away to share an axis with.
    origin = min(first_ready_at(task, spans[0][0]), spans[0][0])
    ran = words.between(spans[0][0], spans[-1][1])
    if words.between(origin, spans[0][0]) > 10 * max(ran, 1.0):
        origin = spans[0][0]
    total = max(words.between(origin, spans[-1][1]), 0.001)
    axis = _Axis(origin, total)
    attempts = []
    for index, (start, end) in enumerate(spans):
        previous = spans[index - 1][1] if index else origin
        bars = (axis.bar(start, end), axis.bar(min(previous, start), start, least=0.0))
        result = results[index] if index < len(results) else None
        attempts.append(
            _ended(result, *bars, index == 0)
            if result
            else _running(task, start, now, *bars, index == 0)
        )
    ticks = [
        f"{origin.astimezone(UTC):%H:%M:%S}",
        f"+{words.duration(total / 2)}",
        f"+{words.duration(total)}",
    ]
    return Timeline(attempts, ticks)


class _Axis:
    def __init__(self, origin: datetime, total: float) -> None:
        self.origin, self.total = origin, total

    def bar(self, start: datetime, end: datetime, least: float = _MIN) -> Bar:
        x = words.between(self.origin, start) / self.total * WIDTH
        width = max(words.between(start, end) / self.total * WIDTH, least)
        return Bar(round(min(x, WIDTH - least), 1), round(min(width, WIDTH), 1))


def _ended(result: Result, bar: Bar, before: Bar, is_first: bool) -> Attempt:
    look, word = LOOKS.get(Outcome(result.outcome), ("cancelled", result.outcome))
    return Attempt(
        label=_label(result.attempt), look=look, word=str(word), worker=result.worker_name,
        ran=words.duration(words.between(result.started_at, result.finished_at)),
        started_at=result.started_at, finished_at=result.finished_at,
        error=result.error_class.rpartition(".")[2], claim_no=result.claim_no if result.error_class else None,
        bar=bar, before=before, is_first=is_first,
    )  # fmt: skip


def _running(
    task: Task, start: datetime, now: datetime, bar: Bar, before: Bar, is_first: bool
) -> Attempt:
    return Attempt(
        label=_label(task.attempt), look="running", word=words.state("running"),
        worker=task.worker.name if task.worker else "",
        ran=words.duration(words.between(start, now)), started_at=start, finished_at=None, error="", claim_no=None,
        bar=bar, before=before, is_first=is_first,
    )  # fmt: skip


def _label(attempt: int) -> str:
    return gettext("Attempt %(n)s") % {"n": attempt}
