"""Checking: what a workflow cannot be built of is refused at once, in words that say what to give instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from taskhub.errors import InvalidWorkflow
from taskhub.models.dependency import Need
from taskhub.signature import Signature


def check_parts(kind: str, parts: Iterable[Any], expected: str) -> tuple[Any, ...]:
    """Return the parts of a workflow as a tuple.

    Raises:
        InvalidWorkflow: there are none, or one of them is no signature or workflow.
    """
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


def need_of(on_failure: str) -> Need:
    """Return what a dependent needs, by what it is to do when the other fails."""
    known = {"cancel": Need.SUCCESS, "continue": Need.END}
    if on_failure not in known:
        raise InvalidWorkflow(f"on_failure={on_failure!r}; expected 'cancel' or 'continue'.")
    return known[on_failure]
