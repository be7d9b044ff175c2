"""What a running task tells, through real workers: progress, log lines, and its time."""

import pytest

from taskhub import TaskState
from taskhub.models import LogLine, Task
from tests.app import tasks
from tests.app import tasks_context as telling
from tests.app.models import Ledger
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def lines_of(result, claim_no=1):
    rows = LogLine.objects.filter(task_id=int(result.id), claim_no=claim_no)
    return list(rows.values_list("message", flat=True))


@pytest.mark.only_on("postgresql", "mysql")
def test_progress_and_lines_show_while_the_task_is_inside_a_transaction(run_worker, tmp_path):
    run_worker("--processes", "1")
    path = tmp_path / "go on"
    result = telling.tell_inside_a_transaction.enqueue(str(path))

    def shows():
        result.refresh()
        told = result.progress, result.progress_message, lines_of(result)
        return told == (0.5, "inside", ["inside"])

    eventually(shows, timeout=20)
    assert (result.state, Ledger.objects.count()) == (TaskState.RUNNING, 0)
    path.touch()
    assert result.get(timeout=20) == "committed"
    assert Ledger.objects.count() == 1


def test_telling_does_not_hold_up_a_task_that_writes_and_shows_when_it_has_written(
    run_worker, tmp_path
):
    run_worker("--processes", "2")
    path = tmp_path / "go on"
    result = telling.tell_inside_a_transaction.enqueue(str(path), 1.0)
    assert result.get(timeout=20) == "committed"
    assert (result.progress, lines_of(result)) == (0.5, ["inside"])
    assert Task.objects.get(id=int(result.id)).losses == 0


def test_of_a_failing_task_the_newest_lines_are_kept_for_each_attempt(run_worker):
    run_worker("--processes", "1")
    result = telling.say_much_and_fail.enqueue(1000)
    assert result.wait(20)
    assert result.state == TaskState.FAILED
    for claim_no in (1, 2):
        assert lines_of(result, claim_no) == [f"line {n}" for n in range(801, 1001)]
    numbers = LogLine.objects.filter(claim_no=2).values_list("number", flat=True)
    assert list(numbers) == list(range(801, 1001)), "a gap tells how many were dropped"


def test_what_is_caught_of_a_task_and_its_threads(drain):
    """docs/logging.md says this to users."""
    result = telling.log_from_everywhere.enqueue()
    output = drain("--processes", "1")
    assert lines_of(result) == [
        "by the context",
        "by a logger that nobody configured",
        "at its logger's level",
        "by a thread of the task",
    ]
    assert "nobody configured" not in output, "the console shows what it showed before"
    assert "at its logger's level" in output


def test_coroutines_that_one_process_runs_after_each_other_have_lines_of_their_own(drain):
    first, second = (telling.log_from_a_coroutine.enqueue(name) for name in ("a", "b"))
    quiet = tasks.add_slowly.enqueue(1, 2)
    drain("--processes", "1")
    for result, name in ((first, "a"), (second, "b")):
        assert lines_of(result) == [
            f"{name} begins", f"{name} in a thread", f"{name} goes on", f"{name} ends",
        ]  # fmt: skip
    assert lines_of(quiet) == []


def test_a_task_knows_its_deadline_and_a_coroutine_its_result(drain):
    timed, coroutine = telling.time_left.enqueue(), telling.own_result.enqueue()
    drain("--processes", "1")
    until_deadline, remaining = timed.get(timeout=0)
    assert until_deadline == pytest.approx(50, abs=5)
    assert 0 < remaining <= 50
    assert coroutine.get(timeout=0) == coroutine.id
