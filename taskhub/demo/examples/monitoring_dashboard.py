"""Look at queues, workers and failures from code: the specification's monitoring_dashboard."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from taskhub import monitor, task

if TYPE_CHECKING:
    from taskhub.results import AsyncResult


@task(name="example.measure", timeout=30, tags=["example"])
def measure(value: int) -> int:
    """Do a little work, and fail for one value in ten."""
    if value % 10 == 9:
        raise ValueError(f"The sensor sent {value}, which cannot be")
    return value * value


def main(say: Callable[[str], object] = print, values: int = 10) -> "list[AsyncResult]":
    """Enqueue some work, then print what an operator would want to know."""
    results = measure.using(max_retries=0).enqueue_many([((n,), {}) for n in range(values)])
    say("Queues")
    for queue in monitor.queue_stats():
        paused = ", paused" if queue.is_paused else ""
        say(f"  {queue.name}: {queue.waiting} waiting, {queue.running} running{paused}")
    say("Workers")
    for one in monitor.workers():
        health = "healthy" if one.is_healthy else "silent"
        say(f"  {one.worker.name}: {one.active} running, {health}")
    say("The last tasks that failed")
    for failed in monitor.failed_tasks(limit=5):
        say(f"  {failed.pk} {failed.name}")
    return list(results)
