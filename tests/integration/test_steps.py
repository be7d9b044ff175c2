"""Steps through real workers: each is done once over all attempts."""

from collections import Counter

import pytest

from taskhub import TaskState, errors, get_result, monitor
from taskhub.models import Result, Step
from tests.app import tasks_context as tasks
from tests.app.models import Ledger

pytestmark = pytest.mark.django_db(transaction=True)


def done():
    return Counter(Ledger.objects.order_by("id").values_list("note", flat=True))


def test_a_step_is_done_once_and_gives_its_recorded_value_after(run_worker):
    run_worker("--processes", "1")
    result = tasks.pay.enqueue(2)
    assert result.get(timeout=20) == [{"id": 7}, {"id": 7}, None, [1, 2]]
    assert done() == {"charge": 1, "nothing": 1, "mail": 1}
    steps = result.steps
    assert [(step.name, step.value, step.attempt) for step in steps] == [
        ("charge", {"id": 7}, 1), ("nothing", None, 1), ("mail", [1, 2], 3),
    ]  # fmt: skip
    assert list(monitor.get_task(int(result.id)).steps.all()) == steps


def test_a_step_survives_a_kill_right_after_it_was_recorded(run_worker):
    run_worker("--processes", "1")
    assert tasks.pay_after_kills.enqueue(2).get(timeout=30) == 3
    assert done() == {"step 0": 1, "step 1": 1}


@pytest.mark.parametrize("pool", ["--async", "--threads"])
def test_coroutines_have_steps_too(run_worker, pool):
    run_worker(pool, "2", "--processes", "0")
    result = tasks.apay.enqueue()
    assert result.get(timeout=20) == ["charged", "plain"]
    assert done() == {"charge": 1}


def test_a_value_that_is_not_json_names_the_step_and_is_not_tried_again(drain):
    result = tasks.pay_badly.enqueue()
    drain("--processes", "1")
    with pytest.raises(errors.TaskFailed, match="the value of step 'charge' is a"):
        get_result(result.id).get(0)
    assert (done(), Result.objects.count()) == ({"charge": 1}, 1)


def test_inside_a_transaction_a_step_is_part_of_it(run_worker):
    run_worker("--processes", "1")
    result = tasks.pay_in_a_transaction.enqueue()
    assert result.get(timeout=20) == [1, 2]
    assert done() == {"kept": 1, "lost": 1}, "what was rolled back is done again"


def test_a_step_of_a_task_that_is_one_transaction_is_refused(drain):
    result = tasks.pay_atomically.enqueue()
    drain("--processes", "1")
    with pytest.raises(errors.TaskFailed, match="has atomic=True and the step 'charge'"):
        get_result(result.id).get(0)


def test_a_person_retries_from_a_chosen_step(drain):
    result = tasks.fail_at_the_end.enqueue()
    drain("--processes", "1")
    with pytest.raises(
        errors.UnknownStep, match="'shipping'; its steps are: 'first', 'charge', 'mail'"
    ):
        monitor.retry(int(result.id), from_step="shipping")
    Ledger.objects.create(task_id=0, note="repaired")
    monitor.retry(int(result.id), from_step="charge")
    assert [step.name for step in result.steps] == ["first"]
    drain("--processes", "1")
    assert get_result(result.id).get(0) == ["first", "charge", "mail"]
    assert done() == {"first": 1, "charge": 2, "mail": 2, "repaired": 1}
    with pytest.raises(errors.IllegalTransition):
        monitor.retry(int(result.id), from_step="charge")
    assert get_result(result.id).state == TaskState.SUCCEEDED
    assert Step.objects.count() == 3
