"""Let what matters overtake what waited longer: the specification's priority_tasks."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.db import transaction

from taskhub import task

if TYPE_CHECKING:
    from taskhub.results import AsyncResult

PRIORITIES = {"low": -50, "normal": 0, "high": 50}


@task(name="example.process_order", timeout=30, tags=["example"])
def process_order(order: str, level: str) -> str:
    """Process one order."""
    return f"{order} processed, {level} priority"


def main(say: Callable[[str], object] = print) -> "list[AsyncResult]":
    """Enqueue the least urgent orders first; workers start the highest priority of a queue first.

    One transaction makes all nine visible at once, so that even an idle worker has the choice.
    """
    results = []
    with transaction.atomic():
        for level, priority in PRIORITIES.items():
            ranked = process_order.using(priority=priority)
            results += [ranked.enqueue(f"order-{n}", level) for n in (1, 2, 3)]
    for result in results:
        say(f"Task {result.id}: {result.kwargs or result.args}")
    say("Expect the orders of high priority to start first, those of low priority last.")
    return results
