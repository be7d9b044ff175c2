"""100,000 tasks that wait before one gate, and 100,000 queued ones of one tenant, slow nobody down."""

from collections.abc import Callable
from typing import Any

import pytest

from taskhub import queue
from taskhub.engines import get_engine
from taskhub.engines.gating import Line
from taskhub.models import Slot, Task
from taskhub.queue.fairness import Turn, next_turns
from taskhub.queue.slots import give_slots
from taskhub.queue.waiters import admit_waiters
from taskhub.states import TaskState, Tie, WaitsFor
from tests.engines.builders import make_task
from tests.engines.test_query_plans import (
    BOUND,
    CLAIMANT,
    FEW,
    HELD,
    HOLDER,
    Observed,
    Table,
    execute,
    multiply,
    queued,
)

pytestmark = pytest.mark.django_db

MANY = 100_000
KEYED = {"ties": int(Tie.SLOT), "concurrency_key": "a"}
FAIR = Line("fair", 0, None)
GATE = Line("default", 0, "slot:a")


def fill() -> None:
    waits = {"waits_for": WaitsFor.SLOT, "waits_key": "slot:a", "run_after": None}
    multiply(make_task(TaskState.PENDING, fair_key="big", **waits, **KEYED), MANY)
    multiply(make_task(TaskState.QUEUED, queue="fair", fair_key="big"), MANY)
    queued(FEW)
    for _ in range(HELD):
        make_task(TaskState.RUNNING, HOLDER, **KEYED)
    Slot.objects.create(key="a", limit=HELD, used=HELD)


def admit_one() -> int:
    engine = get_engine()
    give_slots(engine, "a", 1)
    return admit_waiters({"slot:a": 1})


STATEMENTS: dict[str, tuple[Callable[[], Any], Any]] = {
    "a claim": (lambda: len(get_engine().claim(CLAIMANT.pk, [("default", FEW)])), FEW),
    "the next waiter": (admit_one, 1),
    "the gates": (lambda: get_engine().next_gate(), "slot:a"),
    "the last gate": (lambda: get_engine().next_gate("slot:a"), None),
    "the holders": (lambda: get_engine().count_holders(["a", "b"]), {"a": HELD}),
    "the front of a queue": (lambda: get_engine().front(FAIR), 0),
    "the front of an empty queue": (lambda: get_engine().front(FAIR._replace(priority=7)), 0),
    "the front before a gate": (lambda: get_engine().front(GATE), 0),
    "turns in a queue": (lambda: get_engine().last_turns(FAIR, ["big", "new"]), {"big": 0}),
    "turns before a gate": (lambda: get_engine().last_turns(GATE, ["big", "new"]), {"big": 0}),
    "fifty tenants": (
        lambda: next_turns([Turn("fair", 0, None, f"t{n % 50}") for n in range(100)]),
        [1 + n // 50 for n in range(100)],
    ),
    "open gates": (queue.open_gates, (0, None)),
}


@pytest.fixture(scope="module", params=[False, True], ids=["never analyzed", "analyzed"])
def crowd(django_db_setup: None, django_db_blocker: Any, request: pytest.FixtureRequest) -> Any:
    with django_db_blocker.unblock():
        table = Table()
        table.stop_automatic_statistics()
        try:
            table.clear()
            fill()
            if request.param:
                vendor = get_engine().vendor
                execute("ANALYZE TABLE taskhub_task" if vendor == "mysql" else "ANALYZE")
            yield
        finally:
            table.clear()
            Slot.objects.all().delete()
            table.resume_automatic_statistics()


@pytest.mark.parametrize("statement", STATEMENTS)
def test_no_probe_reads_more_than_it_needs(crowd: None, statement: str) -> None:
    act, expected = STATEMENTS[statement]
    seen = Observed(act)
    assert seen.result == expected
    assert not seen.scans, seen.plans
    assert seen.cost < BOUND[get_engine().vendor] * (2 if statement == "fifty tenants" else 1), (
        seen.plans
    )


def test_they_are_all_there(crowd: None) -> None:
    assert Task.objects.filter(waits_key="slot:a").count() > MANY - 2
