"""Signals and handlers in the processes where something happens, and events for any other."""

from itertools import islice

import pytest

from taskhub import monitor, signals
from taskhub.models import Task
from tests.app import tasks, tasks_conformance, tasks_faults
from tests.app.models import Ledger
from tests.faults.record import HURRIED
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)

WRITE, HANG = {"TASKHUB_TEST_HANDLERS": "write"}, {"TASKHUB_TEST_HANDLERS": "hang"}
BACKGROUND = "taskhub-events"


def heard(result=None):
    rows = Ledger.objects.filter(task_id=int(result.id) if result else 0).order_by("id")
    return list(rows.values_list("note", flat=True))


def background(*notes):
    return [f"{note} {BACKGROUND}" for note in notes]


# -- signals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("pool", ["--processes", "--threads", "--async"])
def test_each_transition_is_told_in_the_worker_that_recorded_it(run_worker, pool):
    """Before each receiver that writes down what it hears stands one that raises."""
    good, bad = tasks.add.enqueue(1), tasks.fail.enqueue()
    again, itself = tasks.succeed_on_attempt.enqueue(3), tasks.cancel_itself.enqueue()
    pools = {"--processes": 0, pool: 1}
    worker = run_worker(*[word for pair in pools.items() for word in pair], env=WRITE)
    assert [one.wait(20) for one in (good, bad, again, itself)] == [True] * 4
    worker.stop()
    assert heard(good) == background(
        "on_started running", "task_succeeded succeeded 1", "on_completed succeeded"
    )
    assert heard(bad) == background(
        "on_started running", "task_failed failed 1", "on_completed failed", "on_failed failed"
    )
    assert heard(itself) == background(
        "on_started running", "task_cancelled cancelled 1", "on_completed cancelled"
    )
    told = heard(again)
    assert [note for note in told if "on_started" not in note] == background(
        "task_retried retrying 1", "task_retried retrying 2",
        "task_succeeded succeeded 3", "on_completed succeeded",
    )  # fmt: skip
    assert len(told) == 7
    name = worker_name(worker)
    assert heard() == background(f"online {name}", f"on_offline {name} False")


def worker_name(worker):
    return next(line.split()[1] for line in worker.output.splitlines() if "starts with" in line)


def test_what_ends_outside_a_worker_is_told_by_the_process_that_did_it(run_worker):
    told = []

    def receive(sender, task_result, **kwargs):
        told.append((task_result.id, task_result.state))

    overdue = tasks.add.using(queue_name="nobody", expires=0.05).enqueue(1)
    result = tasks.add.using(queue_name="nobody").enqueue(1)
    signals.task_cancelled.connect(receive)
    try:
        monitor.cancel(int(result.id), "not needed")
    finally:
        signals.task_cancelled.disconnect(receive)
    assert told == [(result.id, "cancelled")]
    worker = run_worker("--queue", "default", "--processes", "1", env=WRITE)
    assert overdue.wait(20)
    worker.stop()
    assert heard(overdue) == background("task_expired expired 0", "on_completed expired")


def test_a_lost_attempt_is_told_by_the_rescuer(run_worker, tmp_path):
    again = tasks.kill_its_process.enqueue(str(tmp_path / "times"), 1)
    worker = run_worker("--processes", "1", env=WRITE)
    [ended] = background("on_completed succeeded")
    eventually(lambda: ended in heard(again), timeout=30)  # else the next one kills who tells of it
    gone = tasks.kill_its_process_once_and_for_all.enqueue()
    assert gone.wait(30)
    worker.stop()
    told = heard(again)
    assert [note for note in told if note.startswith("task_retried queued")]
    assert background("task_succeeded succeeded 2")[0] in told
    assert background("task_failed failed 1")[0] in heard(gone)


def test_a_lost_worker_is_told_once_over_all_workers(run_worker):
    victim = tasks_faults.kill_its_whole_worker.enqueue()
    worker = run_worker("--processes", "2", env=HURRIED)
    worker.wait(30)
    [offline] = background(f"on_offline {worker_name(worker)} True")
    others = [
        run_worker("--queue", "nobody", "--processes", "1", env={**HURRIED, **WRITE}) for _ in "ab"
    ]
    eventually(lambda: offline in heard(), timeout=60)
    # Its children registered a moment after it, so their lease may end one heartbeat later.
    eventually(lambda: Task.objects.get(id=victim.id).losses == 1, timeout=60)
    for other in others:
        other.stop()
    assert heard().count(offline) == 1


def test_handlers_that_hang_hold_up_neither_tasks_nor_the_end_of_the_worker(run_worker):
    worker = run_worker("--processes", "1", env=HANG)
    results = tasks_conformance.echo.enqueue_many([((number,), {}) for number in range(50)])
    assert [result.get(timeout=20) for result in results] == [[[n], {}] for n in range(50)]
    assert worker.stop() == 0


def test_handlers_are_plain_functions():
    async def handler(result): ...

    for bad in (None, handler):
        with pytest.raises(TypeError, match="expected one that takes a task_result"):
            monitor.on_task_started(bad)


# -- events ---------------------------------------------------------------------------------------


def test_another_process_follows_what_ends(run_worker):
    tasks.add.enqueue(1)
    feed = monitor.events()
    assert feed.poll() == []
    run_worker("--processes", "1")
    tasks.fail.enqueue("it broke")
    again = tasks.succeed_on_attempt.enqueue(2)
    found = list(islice(feed, 4))
    assert sorted((one.name.rpartition(".")[2], one.outcome, one.attempt) for one in found) == [
        ("add", "succeeded", 1),
        ("fail", "failed", 1),
        ("succeed_on_attempt", "retrying", 1),
        ("succeed_on_attempt", "succeeded", 2),
    ]
    [broken] = [one for one in found if one.outcome == "failed"]
    assert (broken.error_class, broken.message) == ("builtins.ValueError", "it broke")
    assert again.wait(10)
    assert feed.poll() == []
