"""Birth: whether workers can see a task that was enqueued inside a transaction; they can from the commit on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.db import transaction


class Birth:
    """Of one task, or of several that were enqueued together."""

    __slots__ = ("alias", "is_past")

    def __init__(self, alias: str = "", *, is_past: bool = True) -> None:
        self.alias, self.is_past = alias, is_past

    @classmethod
    def at_commit(cls, alias: str) -> Birth:
        """Return one that comes with the commit of the current transaction of this database."""
        birth = cls(alias, is_past=False)
        transaction.on_commit(partial(setattr, birth, "is_past", True), using=alias)
        return birth

    def when_past(self, act: Callable[[], object]) -> None:
        """Act at once, or with the commit."""
        if self.is_past:
            act()
        else:
            transaction.on_commit(act, using=self.alias)


PAST = Birth()
