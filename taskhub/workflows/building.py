"""Building: parts of a workflow, which may be signatures or hold some, become steps of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskhub.definition import TaskDefinition
from taskhub.signature import Signature
from taskhub.workflows.plan import Plan, Shape, Start

if TYPE_CHECKING:
    from taskhub.workflows.canvas import Canvas


def build(part: Signature | Canvas, plan: Plan, start: Start) -> Shape:
    """Add a part to a plan, to start as `start` says; return the steps whose values come out of it."""
    if not isinstance(part, Signature):
        return part.build(plan, start)
    number = plan.add(part, start)
    add_callbacks(plan, number, part.definition)
    return number


def add_callbacks(plan: Plan, number: int, definition: TaskDefinition) -> None:
    """Add the tasks that `link` and `link_error` name, and theirs in turn."""
    for signature in definition.link:
        build(signature, plan, Start(number))
    for signature in definition.link_error:
        plan.add_error_callback(signature, number)
        add_callbacks(plan, len(plan.steps) - 1, signature.definition)
