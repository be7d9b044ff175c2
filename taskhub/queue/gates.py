"""Gates: who may go on to be claimed, and who waits for a slot or a token.

A task that finds its gate shut waits as `pending` (or `retrying`) and costs no claim anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from taskhub.engines import Engine
from taskhub.queue.buckets import take_tokens
from taskhub.queue.slots import give_slots, take_slots
from taskhub.queue.transition import tasks
from taskhub.rates import Rate
from taskhub.states import Tie, WaitsFor

GATED = int(Tie.SLOT | Tie.RATE)
Gate = tuple[WaitsFor, str]  # what is waited for, and its `waits_key`


class Entrant(NamedTuple):
    """A task before its gates. `order` is that in which it would be claimed; `waits_key` the gate that it waits at."""

    id: int
    ties: int
    concurrency_key: str | None
    name: str
    order: tuple[int, int, int]
    waits_key: str | None = None


class Limits(NamedTuple):
    """Limits of concurrency keys and rates of tasks as they are enqueued with now: they replace those on record."""

    slots: Mapping[str, int] = {}
    rates: Mapping[str, Rate] = {}


@dataclass(slots=True)
class Entry:
    """Who may go on, and what the others wait for."""

    free: list[int] = field(default_factory=list)
    held: dict[Gate, list[int]] = field(default_factory=lambda: defaultdict(list))


def slot_gate(key: str) -> Gate:
    """Return the gate of those who wait for a slot of a concurrency key."""
    return WaitsFor.SLOT, f"slot:{key}"


def rate_gate(name: str) -> Gate:
    """Return the gate of those who wait for a task's tokens; its `waits_key` is the bucket's key."""
    return WaitsFor.RATE, f"task:{name}"


def first_gate(ties: int, concurrency_key: str | None, name: str) -> Gate:
    """Return the first gate on the way of a gated task."""
    if ties & Tie.SLOT and concurrency_key is not None:
        return slot_gate(concurrency_key)
    return rate_gate(name)


def enter(engine: Engine, entrants: Iterable[Entrant], limits: Limits = Limits()) -> Entry:  # noqa: B008
    """Take slots and tokens for as many as there are; in the caller's transaction, which keeps the gates locked.

    Slots first, then tokens, each in the order of their keys. Where somebody waits for tokens already, who comes anew
    waits behind him.
    """
    entry = Entry()
    passed: list[Entrant] = []
    by_key: dict[str, list[Entrant]] = defaultdict(list)
    for entrant in sorted(entrants, key=lambda entrant: entrant.order):
        if entrant.ties & Tie.SLOT and entrant.concurrency_key is not None:
            by_key[entrant.concurrency_key].append(entrant)
        else:
            passed.append(entrant)
    for key, group in sorted(by_key.items()):
        count = take_slots(engine, key, len(group), limits.slots.get(key), like=group[-1].id)
        passed += group[:count]
        if group[count:]:
            entry.held[slot_gate(key)] = [item.id for item in group[count:]]
    _pay(engine, passed, limits, entry)
    return entry


def _pay(engine: Engine, entrants: Sequence[Entrant], limits: Limits, entry: Entry) -> None:
    """Take a token for each that needs one; who gets none gives its slot back."""
    by_name: dict[str, list[Entrant]] = defaultdict(list)
    for entrant in sorted(entrants, key=lambda entrant: entrant.order):
        if entrant.ties & Tie.RATE:
            by_name[entrant.name].append(entrant)
        else:
            entry.free.append(entrant.id)
    for name, group in sorted(by_name.items()):
        gate = rate_gate(name)
        known = [item for item in group if item.waits_key == gate[1]]
        able = known if len(known) < len(group) and _is_waited_for(gate[1], known) else group
        count = take_tokens(engine, gate[1], len(able), limits.rates.get(name), like=group[-1].id)
        through = {item.id for item in able[:count]}
        for item in group:
            if item.id in through:
                entry.free.append(item.id)
                continue
            entry.held[gate].append(item.id)
            if item.ties & Tie.SLOT and item.concurrency_key is not None:
                give_slots(engine, item.concurrency_key, 1)


def _is_waited_for(key: str, known: Sequence[Entrant]) -> bool:
    """Tell whether others than these wait at a gate."""
    waiting = tasks().filter(waits_key=key)[: len(known) + 1].values_list("id", flat=True)
    return bool(set(waiting) - {item.id for item in known})
