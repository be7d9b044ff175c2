"""Take long, wait for later, or come too late."""

import time
from typing import TYPE_CHECKING, TypedDict

from taskhub import task

if TYPE_CHECKING:
    from taskhub.context import TaskContext

STEP = 0.5
SLOW_TAG = "demo-slow"


class Watched(TypedDict):
    """How long the slow task was at work, in seconds."""

    seconds: float


@task(name="demo.slow", takes_context=True, timeout=900, max_retries=0, tags=["demo", SLOW_TAG])
def slow(context: "TaskContext", seconds: float = 120.0) -> Watched:
    """Work in half-second steps; a cancel request is seen between two of them."""
    steps = max(1, round(seconds / STEP))
    for step in range(steps):
        context.update_progress(step / steps, f"Step {step + 1} of {steps}")
        if context.is_cancelled:
            context.update_progress(step / steps, f"Stopped cleanly after step {step}")
        context.raise_if_cancelled()
        time.sleep(STEP)
    context.update_progress(1.0, f"All {steps} steps")
    return {"seconds": steps * STEP}


@task(name="demo.expires", queue_name="night", expires=5, tags=["demo"])
def expires(offer: str) -> str:
    """Announce an offer that ends in five seconds; the demo's worker leaves its queue alone."""
    return f"Announced: {offer}"


@task(name="demo.remind", tags=["demo"])
def remind(customer: str) -> str:
    """Remind a customer of a full cart; enqueued for an hour from now."""
    return f"Reminded {customer}"
