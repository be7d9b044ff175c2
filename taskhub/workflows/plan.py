"""Plan: the tasks of a workflow in the order of their needs, ready to be written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from taskhub.errors import InvalidWorkflow
from taskhub.models.dependency import Need

if TYPE_CHECKING:
    from taskhub.signature import Signature

# The tasks whose values come out of a part: the number of one, or a list of such (a group's, in order).
Shape = int | list["Shape"]

MAX_LINKS = 1_000_000


@dataclass(frozen=True, slots=True)
class Start:
    """What a part waits for: the value of `before` becomes its first argument, `named` are in `context.upstream`."""

    before: Shape | None = None
    named: Mapping[str, Shape] = field(default_factory=dict)
    need: Need = Need.SUCCESS


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
        self.named: dict[str, Shape] = {}
        self._path: list[str] = []  # the steps of graphs that what is added now is inside of
        self._times: dict[str, int] = {}
        self._links = 0

    def add(self, signature: Signature, start: Start) -> int:
        """Add a task that starts after all that `start` names; return its number. An immutable one takes no `before`.

        Raises:
            InvalidWorkflow: the graph has become too large.
        """
        before, named = start.before, start.named
        needs = list(dict.fromkeys([*flat(before), *flat(list(named.values()))]))
        self._links += len(needs)
        if self._links > MAX_LINKS:
            raise InvalidWorkflow(
                f"The {self.kind} {self.name} needs more than {MAX_LINKS} links: each member of a group waits for each "
                "member of the group before it. Put one task between the groups."
            )
        step = Step(signature, needs, start.need)
        if before is not None and not signature.is_immutable:
            step.inputs = _form(before, needs)
        if named:
            place = {number: position for position, number in enumerate(needs)}
            step.inputs = {"named": {key: _placed(shape, place) for key, shape in named.items()}}
            step.names = {number: key for key, shape in named.items() for number in flat(shape)}
        self.steps.append(step)
        return len(self.steps) - 1

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Let the names of steps that are given meanwhile begin with that of the step which they are part of."""
        self._path.append(name)
        yield
        self._path.pop()

    def name_step(self, name: str, shape: Shape) -> None:
        """Name a step of a graph, by those that end it; a name that is taken already gets a number."""
        found = full = ".".join([*self._path, name])
        times = self._times.get(full, 1)
        while found in self.named:
            times += 1
            found = f"{full} ({times})"
        self._times[full], self.named[found] = times, shape
        if isinstance(shape, int):
            self.steps[shape].name = self.steps[shape].name or found

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
