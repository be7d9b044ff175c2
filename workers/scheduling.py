"""Scheduling: looks at the schedules when the next of them is due, or when one was changed."""

from __future__ import annotations

import time
from math import inf

from django.db.utils import Error

from taskhub import conf, registry, schedules

_ORPHANS_EVERY = 30.0  # seconds between looks for schedules that nobody can fire
_SHORTEST_NAP = 0.005  # seconds, where more is due than one look fires
_WHILE_LOCKED = 0.1  # where somebody has locked what is due: another worker, or a person's edit


class Scheduling:
    """A chore of maintenance. Every worker has one: they take turns by the rows' locks, so none is needed."""

    def __init__(self, *, is_on: bool) -> None:
        self._is_on = is_on
        self._due_at = self._orphans_at = 0.0

    @property
    def due_at(self) -> float:
        """When it wants its next turn, on the monotonic clock."""
        return self._due_at if self._is_on else inf

    def switch(self, *, is_on: bool) -> None:
        """Let it go on at once, or leave the schedules to other workers."""
        self._is_on, self._due_at = is_on, 0.0

    def hurry(self) -> None:
        """Look at the next turn: something was changed. Any thread may."""
        self._due_at = 0.0

    def turn(self) -> None:
        """Fire what is due, if it is time; called a few times a second.

        Raises:
            DatabaseError: it is tried again at the next turn.
        """
        now = time.monotonic()
        if now < self.due_at:
            return
        names = [definition.identifier for definition in registry.all_definitions()]
        if now >= self._orphans_at:
            self._orphans_at = now + _ORPHANS_EVERY
            schedules.disable_orphans(names)
        self._due_at = now + conf.get().poll_interval
        try:
            nap = self._fire(names)
        except Error:
            self._due_at = 0.0
            raise
        if nap is not None:  # and somebody may have hurried us meanwhile
            self._due_at = min(self._due_at, time.monotonic() + nap)

    def _fire(self, names: list[str]) -> float | None:
        """Fire what is due; return the seconds until the next look, None where nothing will be due."""
        seconds = schedules.seconds_to_next(names)
        if seconds is None or seconds > 0:
            return seconds
        fired = schedules.fire_due(names)
        seconds = schedules.seconds_to_next(names)
        if seconds is None or seconds > 0:
            return seconds
        return _SHORTEST_NAP if fired else _WHILE_LOCKED
