import pytest
from django.urls import reverse
from django.utils import timezone

from dashboard.why import why
from taskhub import monitor
from taskhub.models import Dependency, Met, Queue, RateBucket, Slot, Task
from taskhub.states import TaskState, WaitsFor
from tests.dashboard.builders import ago, make_task, make_worker

pytestmark = [pytest.mark.django_db, pytest.mark.every_engine]


def held(task: Task) -> list[str]:
    task.refresh_from_db()
    answer = why(task, timezone.now())
    assert answer is not None
    return [check.what for check in answer.holders]


def test_what_runs_or_has_ended_is_not_asked():
    assert why(make_task(TaskState.RUNNING), timezone.now()) is None
    assert why(make_task(TaskState.SUCCEEDED), timezone.now()) is None


def test_nothing_holds_a_task_that_is_next(operator):
    make_worker()
    task = make_task()
    assert held(task) == []
    text = operator.get(reverse("dashboard:task", args=[task.pk])).content.decode()
    assert "Nothing holds it: it is next." in text


def test_a_paused_queue_is_named_with_its_reason_and_resumed_from_there(operator):
    make_worker()
    task = make_task()
    monitor.pause("mail", "by anna: relay down", until=ago(-3600))
    until = Queue.objects.get().paused_until
    assert held(task) == [f"the queue is paused until {until:%H:%M}"]
    text = operator.get(reverse("dashboard:task", args=[task.pk])).content.decode()
    assert "by anna: relay down" in text
    assert 'action="/ops/tasks-of-ours/queues/mail/resume/"' in text


def test_without_a_worker_it_says_what_to_start():
    task = make_task(queue="reports")
    assert held(task) == ["no worker can run it"]
    answer = why(task, timezone.now())
    assert answer.holders[0].answer == "no worker is running: start manage.py runworker"
    make_worker("w1", queues=[["mail", 1]])
    assert "runworker --queue reports" in why(task, timezone.now()).holders[0].answer


def test_workers_without_its_code_and_quiet_ones_are_told_apart():
    worker = make_worker(tasks=["other"]).parent
    task = make_task()
    assert "does not have the code" in why(task, timezone.now()).holders[0].answer
    type(worker).objects.update(tasks=["email.send"], order="quiet")
    assert "is quiet" in why(task, timezone.now()).holders[0].answer


def test_a_task_that_waits_for_its_time_says_when():
    make_worker()
    assert held(make_task(TaskState.PENDING)) == ["its time has not come"]
    assert held(make_task(TaskState.RETRYING)) == ["its next attempt is not due yet"]


def test_a_task_that_waits_for_others_names_them(operator):
    make_worker()
    first, second = make_task(TaskState.RUNNING), make_task(TaskState.SUCCEEDED)
    task = make_task(TaskState.PENDING, waits_for=WaitsFor.TASKS, run_after=None, unmet=1)
    for position, (upstream, met) in enumerate(((first, Met.WAITS), (second, Met.MET))):
        Dependency.objects.create(upstream=upstream, dependent=task, position=position, state=met)
    assert held(task) == ["1 task before it has not succeeded"]
    text = operator.get(reverse("dashboard:task", args=[task.pk])).content.decode()
    assert f">{first.pk}</a>" in text


def test_a_full_concurrency_key_names_who_holds_it():
    make_worker()
    holder = make_task(TaskState.RUNNING, concurrency_key="supplier:acme")
    Slot.objects.create(key="supplier:acme", limit=1, used=1)
    task = make_task(
        TaskState.PENDING, waits_for=WaitsFor.SLOT, run_after=None, concurrency_key="supplier:acme",
        waits_key="slot:supplier:acme",
    )  # fmt: skip
    assert held(task) == ["its concurrency key is full"]
    check = why(task, timezone.now()).holders[0]
    assert check.answer == "supplier:acme: 1 of 1 in use, held by"
    assert [one.pk for one in check.tasks] == [holder.pk]


def test_a_rate_says_when_the_next_may_start():
    make_worker()
    RateBucket.objects.create(
        key="task:email.send", capacity=2, per=60, tokens=0, updated_at=timezone.now()
    )
    task = make_task(
        TaskState.PENDING, waits_for=WaitsFor.RATE, run_after=None, waits_key="task:email.send"
    )
    assert held(task) == ["its rate is used up"]
    assert "2 in 1 min; the next may start in 30 s" in why(task, timezone.now()).holders[0].answer


def test_the_rate_of_a_queue_holds_what_is_queued():
    make_worker()
    monitor.set_limits("mail", rate="2/m")
    RateBucket.objects.filter(key="queue:mail").update(tokens=0, updated_at=timezone.now())
    assert held(make_task()) == ["its queue may start 2/m only"]


def test_busy_slots_hold_it_too():
    child = make_worker("w1")
    type(child).objects.filter(pk=child.parent_id).update(slots=1)
    make_task(TaskState.RUNNING, worker=child)
    assert held(make_task()) == ["every slot of its workers is busy"]


def test_two_things_are_told_together(operator):
    task = make_task()
    monitor.pause("mail")
    text = operator.get(reverse("dashboard:task", args=[task.pk])).content.decode()
    assert "Two things hold it: <b>the queue is paused</b> and <b>no worker can run it</b>." in text


def test_the_place_in_the_queue_follows_the_order_of_claims(operator):
    make_worker()
    others = [make_task(priority=5), make_task(position=3), make_task()]
    mine = make_task()
    make_task(priority=-1)
    place = why(mine, timezone.now()).place
    assert (place.ahead, place.total) == (2, 5)
    assert place.said == "3rd of 5, by priority, then by turn and age"
    assert [cell.is_me for cell in place.cells] == [False, False, True, False, False]
    assert len(others) == 3
    assert (
        'class="place"' in operator.get(reverse("dashboard:task", args=[mine.pk])).content.decode()
    )
