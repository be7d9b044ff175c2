"""Plan: the tasks of a workflow in the order of their needs, ready to be written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from taskhub.errors import InvalidWorkflow
from taskhub.models.dependency import Need

if TYPE_CHECKING:
    from taskhub.signature import Signature

# The tasks whose values come out of a part: the number of one, or a list of such (a group's, in order).
Shape = int | list["Shape"]

MAX_LINKS = 1_000_000


@dataclass(slots=True)
class Step:
    """One task to be: what it calls, the numbers of the steps that it needs, and how their values reach it."""

    signature: Signature
    needs: list[int]
    need: Need = Need.SUCCESS
    inputs: Any = None  # see `Task.inputs`
    names: Mapping[int, str] = field(default_factory=dict)  # its words for the steps that it needs
    name: str = ""


class Plan:
    """Steps that may only need steps before them: so the plan has no cycle, and ids grow from need to dependent."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name
        self.steps: list[Step] = []
        self.end: Shape = 0
        self._links = 0

    def add(
        self,
        signature: Signature,
        before: Shape | None,
        *,
        need: Need = Need.SUCCESS,
        named: Mapping[str, Shape] | None = None,
        name: str = "",
    ) -> int:
        """Add a task that starts after all of `before` and `named`; return its number.

        The value of `before` becomes its first argument, unless its signature is immutable; `named` are those that it
        finds in `context.upstream`.

        Raises:
            InvalidWorkflow: the graph has become too large.
        """
        needs = list(dict.fromkeys([*flat(before), *flat(list((named or {}).values()))]))
        self._links += len(needs)
        if self._links > MAX_LINKS:
            raise InvalidWorkflow(
                f"The {self.kind} {self.name} needs more than {MAX_LINKS} links: each member of a group waits for each "
                "member of the group before it. Put one task between the groups."
            )
        step = Step(signature, needs, need, name=name)
        if before is not None and not signature.is_immutable:
            step.inputs = _form(before, needs)
        if named:
            place = {number: position for position, number in enumerate(needs)}
            step.inputs = {"named": {key: _placed(shape, place) for key, shape in named.items()}}
            step.names = {number: key for key, shape in named.items() for number in flat(shape)}
        self.steps.append(step)
        return len(self.steps) - 1

    def add_error_callback(self, signature: Signature, of: int) -> None:
        """Add a task that starts if another fails; the other's id becomes its first argument."""
        inputs = None if signature.is_immutable else "id"
        self.steps.append(Step(signature, [of], Need.FAILURE, inputs))


def flat(shape: Shape | None) -> Iterator[int]:
    """Yield the numbers of a shape, from first to last."""
    if isinstance(shape, int):
        yield shape
    else:
        for part in shape or ():
            yield from flat(part)


def _form(shape: Shape, needs: list[int]) -> Any:
    """Say in few words how the values of `needs` make the first argument."""
    if isinstance(shape, int):
        return "value"
    if shape == needs:
        return "list"
    return {"first": _placed(shape, {number: position for position, number in enumerate(needs)})}


def _placed(shape: Shape, place: Mapping[int, int]) -> Any:
    if isinstance(shape, int):
        return place[shape]
    return [_placed(part, place) for part in shape]


def check_parts(kind: str, parts: Iterable[Any], expected: str) -> tuple[Any, ...]:
    """Return the parts of a workflow as a tuple.

    Raises:
        InvalidWorkflow: there are none, or one of them is no signature or workflow.
    """
    from taskhub.signature import Signature
    from taskhub.workflows.canvas import Canvas

    found = tuple(parts)
    if not found:
        raise InvalidWorkflow(f"An empty {kind} has nothing to run; expected {expected}.")
    for index, part in enumerate(found):
        if not isinstance(part, Signature | Canvas):
            raise InvalidWorkflow(
                f"Part {index} of this {kind} is {part!r:.100}; expected a signature, as task.s(…) makes it, or a "
                "chain, group or chord."
            )
    return found
