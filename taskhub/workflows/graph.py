"""Workflow: a graph of named steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from taskhub.errors import InvalidWorkflow
from taskhub.models.dependency import Need
from taskhub.signature import Signature
from taskhub.workflows.building import build
from taskhub.workflows.canvas import Canvas
from taskhub.workflows.checking import (
    check_after,
    check_name,
    check_parts,
    check_step_name,
    need_of,
)
from taskhub.workflows.plan import Plan, Shape, Start


@dataclass(frozen=True, slots=True)
class _Step:
    part: Signature | Canvas
    after: tuple[str, ...]
    need: Need


class Workflow(Canvas):
    """Steps that start when those named in their `after` have ended; each finds their values in `context.upstream`.

    A step that is a chain, group, chord or graph itself starts with tasks that find them there.
    """

    kind = "workflow"

    def __init__(self, name: str = "") -> None:
        self.name = check_name(name)
        self._steps: dict[str, _Step] = {}

    def add(
        self, name: str, part: Any, after: Iterable[str] = (), *, on_failure: str = "cancel"
    ) -> Workflow:
        """Add a step and return the workflow. `after` may name steps that are added later.

        `on_failure="continue"`: it runs although one that it waits for has failed, with None for that one's value.

        Raises:
            InvalidWorkflow: the name is taken or no name, `after` holds no names, or the part is no signature or
                workflow.
        """
        if check_step_name(name) in self._steps:
            raise InvalidWorkflow(f"Two steps are named {name!r}; give one of them another name.")
        [part] = check_parts(f"step {name!r}", [part], "a signature")
        self._steps[name] = _Step(part, check_after(name, after), need_of(on_failure))
        return self

    def build(self, plan: Plan, start: Start) -> Shape:
        """Add the steps to a plan; the values that come out are those of the steps that no other waits for.

        Raises:
            InvalidWorkflow: there are no steps, an unknown name in an `after`, or a cycle.
        """
        shapes: dict[str, Shape] = {}
        for name in self._in_order():
            step = self._steps[name]
            named = {other: shapes[other] for other in step.after}
            begin = Start(named=named, need=step.need) if named else start
            with plan.inside(name):
                shapes[name] = build(step.part, plan, begin)
            plan.name_step(name, shapes[name])
        waited_for = {other for step in self._steps.values() for other in step.after}
        ends = [shapes[name] for name in self._steps if name not in waited_for]
        return ends[0] if len(ends) == 1 else ends

    def _in_order(self) -> list[str]:
        """Return the names so that each comes after those that it waits for."""
        if not self._steps:
            raise InvalidWorkflow("An empty workflow has nothing to run; add a step first.")
        for name, step in self._steps.items():
            for other in step.after:
                if other not in self._steps:
                    close = get_close_matches(other, self._steps, n=1)
                    hint = f" Did you mean {close[0]!r}?" if close else ""
                    raise InvalidWorkflow(
                        f"Step {name!r} waits for {other!r}, which is no step of this workflow.{hint} "
                        f"Its steps are {', '.join(self._steps)}."
                    )
        left = {name: set(step.after) for name, step in self._steps.items()}
        order: list[str] = []
        while left:
            free = [name for name, after in left.items() if not after]
            if not free:
                raise InvalidWorkflow(f"These steps wait for each other: {_cycle(left)}.")
            order += free
            for name in free:
                del left[name]
            for after in left.values():
                after.difference_update(free)
        return order

    def _name(self) -> str:
        return self.name or " ".join(self._steps)[:200]


def _cycle(left: dict[str, set[str]]) -> str:
    """Walk from need to need until one comes again: that is a cycle."""
    path = [next(iter(left))]
    while (following := min(left[path[-1]])) not in path:
        path.append(following)
    return " → ".join([*path[path.index(following) :], following])
