"""Drain: when a queue will be empty, at the rates of now."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext, pgettext

from dashboard import words
from dashboard.rates import Rate
from taskhub.monitor import QueueStats

_CALM = 10.0  # seconds that the first task may wait without anybody speaking of a backlog


@dataclass(frozen=True, slots=True)
class Drain:
    """What is said in the column: a word, and where it asks for a person the state whose look it takes."""

    word: str
    look: str = ""
    icon: str = ""


def drain(stats: QueueStats, rate: Rate, oldest: float | None, *, is_staffed: bool) -> Drain:
    """Tell when a queue is drained; `oldest` is how long its first task waits, in seconds."""
    if stats.is_paused:
        return Drain(_paused(stats), "paused", "paused")
    if not is_staffed:
        word = gettext("no worker")
        return Drain(word, "failed", "plug") if stats.queued else Drain(word)
    if not stats.queued:
        return Drain(gettext("keeping up") if stats.running else gettext("idle"))
    if oldest is None or oldest < _CALM:
        return Drain(gettext("keeping up"))
    spare = rate.out - rate.into
    if spare > 0:
        time = words.duration(60 * stats.queued / spare)
        if stats.queued <= (stats.most or words.CAP):
            return Drain(time)
        return Drain(pgettext("time to drain a queue", "over %(time)s") % {"time": time})
    if rate.into > 0:
        return Drain(gettext("growing"), "retrying", "up")
    return Drain(gettext("not moving"), "retrying", "alert")


def _paused(stats: QueueStats) -> str:
    if stats.paused_until is None:
        return words.state("paused")
    return gettext("paused until %(when)s") % {"when": words.minute(stats.paused_until)}
