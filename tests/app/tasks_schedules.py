"""Tasks for tests of schedules. What is declared here is due so seldom that it disturbs no other test."""

from taskhub import Cron, task


@task(name="schedules.yearly", schedule=Cron("0 0 1 1 *", timezone="Europe/Berlin", misfire="skip"))
def yearly() -> str:
    return "a year has passed"


@task(name="schedules.tick")
def tick(label: str = "") -> str:
    return label


@task(name="schedules.keyed", unique_key="{0}")
def keyed(number: int) -> int:
    return number


@task(name="schedules.private", schedulable=False)
def private() -> None:
    pass


def broken_key(number: int) -> str:
    raise RuntimeError("the key of this task cannot be made")


@task(name="schedules.broken_key", unique_key=broken_key)
def with_a_broken_key(number: int) -> int:
    return number


@task(name="schedules.slotted", concurrency_key="{0}")
def slotted(number: int) -> int:
    return number
