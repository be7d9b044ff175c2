"""Opening: the chore that lets waiters in when tokens have come, and heals what was passed over."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from taskhub import conf
from taskhub.engines import Engine, get_engine
from taskhub.models import RateBucket, Slot
from taskhub.queue.buckets import filled, seconds_to_token, set_rate
from taskhub.queue.gates import Limits, rate_gate, slot_gate
from taskhub.queue.slots import heal_slot, lock_slot
from taskhub.queue.transition import BATCH, tasks
from taskhub.queue.waiters import admit_waiters, fill_slots
from taskhub.trying import trying_again

_SLOT = slot_gate("")[1]
_RATE = rate_gate("")[1]
KEYS_AT_ONCE = 100


def open_gates() -> tuple[int, float | None]:
    """Let in who waits for tokens that have come; return how many, and the seconds until the next token.

    None where nobody waits for one. Slots that are free although somebody waits for them are found too, once a poll
    interval. Where nobody waits at all it is one probe of an index.
    """
    engine = get_engine()
    if engine.next_gate() is None:
        return 0, None
    healed = _healer.turn(engine) if _healer.is_due() else 0
    opened, seconds = _pour(engine)
    return healed + opened, seconds


def open_every_gate() -> int:
    """Let in everybody for whom there is room now, whatever the poll interval; return how many."""
    engine = get_engine()
    if engine.next_gate() is None:
        return 0
    healer = Healer()
    healed = healer.turn(engine)
    while healer.after:
        healed += healer.turn(engine)
    return healed + _pour(engine)[0]


def next_token() -> float | None:
    """Return the seconds until a token comes that somebody waits for, 0 where it is there; None if nobody waits."""
    engine = get_engine()
    if engine.next_gate() is None:
        return None
    now = engine.now()
    return min((seconds_to_token(bucket, now) for bucket in _wanted(engine)), default=None)


def open_after_commit(limits: Limits) -> None:
    """Set limits as tasks were enqueued with, and let those tasks in, as far as there is room."""
    engine = get_engine()
    for key in sorted(limits.slots):
        trying_again(lambda key=key: _open_slot(engine, key, limits.slots[key]), engine)  # type: ignore[misc]
    for name in sorted(limits.rates):
        key = rate_gate(name)[1]
        trying_again(lambda name=name, key=key: set_rate(engine, key, limits.rates[name]), engine)  # type: ignore[misc]
        _pour(engine, key)


def _pour(engine: Engine, key: str = "") -> tuple[int, float | None]:
    """Let waiters in for all tokens that there are, of one bucket or of all."""
    total, soonest = 0, None
    now = engine.now()
    for bucket in _wanted(engine, key):
        count = int(filled(bucket, now))
        if count:
            total += _admit(engine, bucket.key, count)
        else:
            seconds = seconds_to_token(bucket, now)
            soonest = seconds if soonest is None else min(soonest, seconds)
    return total, soonest


def _wanted(engine: Engine, key: str = "") -> QuerySet[RateBucket]:
    """Return the buckets, or the one, whose tokens somebody waits for."""
    waiting = tasks().filter(waits_key=OuterRef("key"))
    buckets = RateBucket.objects.using(engine.alias).filter(Exists(waiting))
    return buckets.filter(key=key) if key else buckets.filter(key__startswith=_RATE)


def _admit(engine: Engine, key: str, count: int) -> int:
    def admit_some() -> int:
        with transaction.atomic(engine.alias):
            return admit_waiters({key: min(count, BATCH)})

    return trying_again(admit_some, engine)


def _open_slot(engine: Engine, key: str, limit: int | None = None) -> int:
    """Fill the free slots of a key from those who wait for one."""
    with transaction.atomic(engine.alias):
        like = tasks().filter(waits_key=slot_gate(key)[1]).values_list("id", flat=True).first()
        if limit is not None:
            slot = lock_slot(engine, key, limit)
            free = max(0, slot.limit - slot.used)
        else:
            free = heal_slot(engine, key, like=like)
        return fill_slots(engine, {key: free})


@dataclass(slots=True)
class Healer:
    """Looks at the slots that somebody waits for, a few keys at a time and all in turn."""

    due_at: float = 0.0
    after: str = ""

    def is_due(self) -> bool:
        return time.monotonic() >= self.due_at

    def turn(self, engine: Engine) -> int:
        """Look at the next keys; return how many waiters were let in."""
        self.due_at = time.monotonic() + conf.get().poll_interval
        keys = []
        for _ in range(KEYS_AT_ONCE):
            gate = engine.next_gate(self.after)
            self.after = gate or ""
            if gate is None:
                break
            if gate.startswith(_SLOT):
                keys.append(gate.removeprefix(_SLOT))
        return sum(
            trying_again(lambda key=key: _open_slot(engine, key), engine)  # type: ignore[misc]
            for key in self._suspects(engine, keys)
        )

    def _suspects(self, engine: Engine, keys: list[str]) -> list[str]:
        """Return the keys whose slots are not all in use, as far as can be seen without a lock."""
        slots = Slot.objects.using(engine.alias).filter(key__in=keys)
        full = {slot.key: slot.used for slot in slots if slot.used >= slot.limit}
        held = engine.count_holders(keys)
        return [key for key in keys if key not in full or full[key] != held.get(key, 0)]


_healer = Healer()
