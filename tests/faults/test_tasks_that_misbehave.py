"""Tasks that leave, interrupt, or break the connection: they harm nobody but themselves."""

import pytest

from taskhub import TaskState
from taskhub.models import Task, Worker
from tests.app import tasks
from tests.app.models import Ledger
from tests.app.tasks_faults import WAYS_TO_BREAK

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    "task, error",
    [(tasks.leave_the_process, SystemExit), (tasks.interrupt_from_the_keyboard, KeyboardInterrupt)],
    ids=["sys.exit()", "KeyboardInterrupt"],
)
def test_what_would_end_a_process_fails_the_task_alone(task, error, drain):
    gone, fine = task.enqueue(), tasks.add.enqueue(1)
    drain("--processes", "1")
    gone.refresh()
    assert (gone.state, gone.errors[0].exception_class) == (TaskState.FAILED, error)
    assert fine.get(timeout=0) == 1
    assert Worker.objects.filter(kind="executor").count() == 1, "one child ran both"


def test_a_task_that_breaks_its_connection_does_not_poison_the_next(drain):
    for way in WAYS_TO_BREAK:
        tasks.break_what_the_next_task_stands_on.enqueue(way)
        tasks.note.enqueue(f"after {way}")
        tasks.break_what_the_next_task_stands_on.enqueue(way)
        tasks.note_atomically.enqueue(f"atomically after {way}")
    output = drain("--processes", "1")
    expected = [f"{how} {way}" for way in WAYS_TO_BREAK for how in ("after", "atomically after")]
    assert notes() == expected, output
    assert_all_ended_at_the_first_attempt()


def test_effects_and_success_stay_together_when_a_task_breaks_its_transaction(drain):
    broken = {way: tasks.break_atomically.enqueue(way) for way in WAYS_TO_BREAK}
    tasks.note_atomically.enqueue("the next")
    output = drain("--processes", "1")
    for result in broken.values():
        result.refresh()
    good = [way for way, result in broken.items() if result.state == TaskState.SUCCEEDED]
    assert [note for note in notes() if note != "in vain"] == [
        *(f"with success: {way}" for way in good),
        "the next",
    ], output
    assert_all_ended_at_the_first_attempt()


def notes() -> list[str]:
    return list(Ledger.objects.order_by("id").values_list("note", flat=True))


def assert_all_ended_at_the_first_attempt() -> None:
    states = Task.objects.values_list("state", "attempt", "losses")
    assert set(states) <= {("succeeded", 1, 0), ("failed", 1, 0)}
