"""Checking: what a workflow cannot be built of is refused at once, in words that say what to give instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from taskhub.errors import InvalidWorkflow
from taskhub.models.dependency import Need
from taskhub.signature import Signature
from taskhub.text import is_storable

MAX_STEP_NAME = 100


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


def check_header(header: Any) -> tuple[Any, ...]:
    """Return the parts of a chord that come before its callback.

    Raises:
        InvalidWorkflow: there are none, or this is one part and not a list of them.
    """
    from taskhub.workflows.canvas import Canvas

    try:
        parts = iter(header)
    except TypeError:
        what = f"a {header.kind}" if isinstance(header, Canvas) else f"{header!r:.100}"
        raise InvalidWorkflow(
            f"The header of this chord is {what}; expected a list of signatures, or a group. What follows one part "
            "alone is a chain: chain(first, then)."
        ) from None
    return check_parts("chord", parts, "one signature or more before the callback")


def check_name(name: Any) -> str:
    """Return the name of a workflow, which may be empty.

    Raises:
        InvalidWorkflow: it is no text, or none that every database can store.
    """
    if not isinstance(name, str) or not is_storable(name):
        raise InvalidWorkflow(
            f"A workflow is named {name!r:.120}; expected a text without NUL and lone surrogates, or '' for a name "
            "made of its steps."
        )
    return name


def check_step_name(name: Any) -> str:
    """Return the name of a step.

    Raises:
        InvalidWorkflow: it is no text, is empty or too long, or not every database can store it.
    """
    if not isinstance(name, str) or not 0 < len(name) <= MAX_STEP_NAME or not is_storable(name):
        raise InvalidWorkflow(
            f"A step is named {name!r:.120}; expected a text of 1 to {MAX_STEP_NAME} characters, without NUL and lone "
            "surrogates."
        )
    return name


def check_after(step: str, after: Any) -> tuple[str, ...]:
    """Return the names of the steps that one waits for; a text is one name.

    Raises:
        InvalidWorkflow: they are no names.
    """
    try:
        names = (after,) if isinstance(after, str) else tuple(iter(after))
    except TypeError:
        names = (after,)
    if not all(isinstance(name, str) for name in names):
        raise InvalidWorkflow(
            f"Step {step!r} has after={after!r:.100}; expected the names of the steps that it waits for, such as "
            "after=['load'], or [] for none."
        )
    return names


def need_of(on_failure: Any) -> Need:
    """Return what a dependent needs, by what it is to do when the other fails.

    Raises:
        InvalidWorkflow: it is to do something else.
    """
    known = {"cancel": Need.SUCCESS, "continue": Need.END}
    if not isinstance(on_failure, str) or on_failure not in known:
        raise InvalidWorkflow(f"on_failure={on_failure!r:.100}; expected 'cancel' or 'continue'.")
    return known[on_failure]
