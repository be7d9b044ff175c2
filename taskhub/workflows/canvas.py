"""Canvas: chain, group and chord, which may hold each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async

from taskhub.errors import InvalidWorkflow
from taskhub.models.dependency import Need
from taskhub.signature import Signature
from taskhub.workflows.building import build
from taskhub.workflows.checking import check_header, check_name, check_parts, need_of
from taskhub.workflows.plan import Plan, Shape, Start

if TYPE_CHECKING:
    from taskhub.results import AsyncResult
    from taskhub.workflows.results import GroupResult


class Canvas:
    """What can be enqueued as a whole, or be part of a larger one."""

    kind = "workflow"

    def build(self, plan: Plan, start: Start) -> Shape:
        """Add the tasks to a plan, to start as `start` says; return those whose values come out of it."""
        raise NotImplementedError

    def plan(self, name: str = "") -> Plan:
        """Return the tasks and their needs, written nowhere yet.

        Raises:
            InvalidWorkflow: no workflow can be named like this.
        """
        plan = Plan(self.kind, check_name(name) or self._name())
        plan.end = self.build(plan, Start())
        return plan

    def enqueue(self, name: str = "") -> AsyncResult | GroupResult:
        """Write all tasks in one transaction; return the result of the end.

        That is an AsyncResult where one task gives the last value, else a GroupResult.

        Raises:
            InvalidWorkflow, InvalidArguments, PayloadTooLarge, InvalidOption, DuplicateTask, EnqueueFailed: nothing was
                written.
        """
        from taskhub.workflows.writing import enqueue_plan

        return enqueue_plan(self.plan(name))

    async def aenqueue(self, name: str = "") -> AsyncResult | GroupResult:
        """See `enqueue`."""
        return await sync_to_async(self.enqueue)(name)

    def __or__(self, other: Any) -> Chain:
        """`a | b` is `chain(a, b)`."""
        return chain(self, other)

    def _name(self) -> str:
        raise NotImplementedError


class Chain(Canvas):
    """One after the other; each gets the value of the one before as its first argument."""

    kind = "chain"

    def __init__(self, parts: tuple[Signature | Canvas, ...], need: Need) -> None:
        self.parts, self._need = parts, need

    def build(self, plan: Plan, start: Start) -> Shape:
        shape = build(self.parts[0], plan, start)
        for part in self.parts[1:]:
            shape = build(part, plan, Start(shape, need=self._need))
        return shape

    def _name(self) -> str:
        return " | ".join(_short(part) for part in self.parts)[:200]


class Group(Canvas):
    """Side by side; its value is the list of their values, in their order."""

    kind = "group"

    def __init__(self, parts: tuple[Signature | Canvas, ...]) -> None:
        self.parts = parts

    def build(self, plan: Plan, start: Start) -> Shape:
        return [build(part, plan, start) for part in self.parts]

    def _name(self) -> str:
        return f"{len(self.parts)} × {_short(self.parts[0])}"[:200]


class Chord(Canvas):
    """A group and a callback, which gets the list of the group's values."""

    kind = "chord"

    def __init__(self, header: Group, callback: Signature | Canvas, need: Need) -> None:
        self.header, self.callback, self._need = header, callback, need

    def build(self, plan: Plan, start: Start) -> Shape:
        header = self.header.build(plan, start)
        return build(self.callback, plan, Start(header, need=self._need))

    def _name(self) -> str:
        return (
            f"{len(self.header.parts)} × {_short(self.header.parts[0])} | {_short(self.callback)}"[
                :200
            ]
        )


def chain(*parts: Any, on_failure: str = "cancel") -> Chain:
    """Make a chain of signatures and workflows; takes one list of them as well.

    `on_failure="continue"`: a step runs although the one before it failed, with None for its value.

    Raises:
        InvalidWorkflow: it is empty, or a part is no signature or workflow.
    """
    return Chain(check_parts("chain", _listed(parts), "one signature or more"), need_of(on_failure))


def group(*parts: Any) -> Group:
    """Make a group of signatures and workflows; takes one iterable of them as well.

    Raises:
        InvalidWorkflow: it is empty, or a part is no signature or workflow.
    """
    return Group(check_parts("group", _listed(parts), "one signature or more"))


def chord(
    header: Iterable[Any] | Group, callback: Any = None, *, on_failure: str = "cancel"
) -> Chord:
    """Make a chord: `callback` runs once, after all of `header`, with the list of their values first.

    `on_failure="continue"`: it runs although some have failed, with None in their places.

    Raises:
        InvalidWorkflow: the header is empty or no list, there is no callback, or a part is no signature or workflow.
    """
    if callback is None:
        raise InvalidWorkflow("A chord needs a callback: chord([a.s(1), a.s(2)], total.s()).")
    [last] = check_parts("chord's callback", [callback], "a signature")
    parts = header.parts if isinstance(header, Group) else check_header(header)
    return Chord(Group(parts), last, need_of(on_failure))


def _listed(parts: tuple[Any, ...]) -> Iterable[Any]:
    """Let one list stand for its members."""
    is_list = len(parts) == 1 and isinstance(parts[0], Iterable)
    return parts[0] if is_list and not isinstance(parts[0], Signature | Canvas) else parts


def _short(part: Signature | Canvas) -> str:
    return part.definition.identifier if isinstance(part, Signature) else part.kind
