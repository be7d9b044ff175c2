"""Run something after a delay, or at a time: the specification's scheduled_tasks."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from taskhub import task

if TYPE_CHECKING:
    from taskhub.results import AsyncResult


@task(name="example.generate_report", queue_name="reports", timeout=60, tags=["example"])
def generate_report(title: str) -> str:
    """Pretend to write a report, and say when."""
    return f"{title}, written at {timezone.now():%H:%M:%S} UTC"


def main(say: Callable[[str], object] = print) -> "list[AsyncResult]":
    """Enqueue a report for now, one for in five seconds, and one for the next full hour."""
    next_hour = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    results = [
        generate_report.enqueue("At once"),
        generate_report.using(countdown=5).enqueue("After five seconds"),
        generate_report.using(run_after=next_hour).enqueue(f"At {next_hour:%H:%M} UTC"),
    ]
    for result in results:
        say(f"Task {result.id} is {result.state}: {result.args[0]}")
    return results
