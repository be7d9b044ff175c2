import pytest
from django.urls import reverse

from taskhub import chain, queue
from taskhub.models import Outcome, Progress, Result, Task
from taskhub.states import TaskState, WaitsFor
from tests.app import tasks_flow as flow
from tests.dashboard.builders import ago, make_entry, make_result, make_task, make_worker
from tests.engines.builders import claim, ending, finish

pytestmark = [pytest.mark.django_db, pytest.mark.every_engine]


def in_every_state() -> list[Task]:
    made = [make_task(state, tags=("bulk",)) for state in TaskState]
    for task in made:
        if task.state in (TaskState.FAILED, TaskState.RETRYING, TaskState.SUCCEEDED):
            make_result(task, Outcome(task.state))
    return made


@pytest.mark.parametrize("state", TaskState)
def test_a_task_page_shows_a_task_in_each_state(operator, state):
    task = make_task(state, tags=("bulk",))
    page = operator.get(reverse("dashboard:task", args=[task.pk]))
    assert page.status_code == 200
    text = page.content.decode()
    assert f'class="badge st-{state}"' in text
    assert "email.send" in text
    assert "bulk" in text
    assert f"<span>{task.pk}</span>" in text


def test_the_list_shows_a_task_in_each_state(operator):
    made = in_every_state()
    text = operator.get(reverse("dashboard:tasks")).content.decode()
    for task in made:
        assert f'id="task-{task.pk}"' in text
        assert f'class="state st-{task.state}"' in text
    assert "SMTPServerDisconnected: Connection unexpectedly closed" in text


def test_the_overview_counts_what_waits_and_what_ended(operator):
    in_every_state()
    text = operator.get(reverse("dashboard:overview")).content.decode()
    assert "1 queued · 2 later" in text
    assert "50.0% of what ended" in text
    assert 'aria-label="1 pending, 1 retrying, 1 queued; 1 of 4 slots busy"' in text


def test_progress_of_a_running_task_is_on_its_page_and_in_the_list(operator):
    task = make_task(TaskState.RUNNING)
    Progress.objects.create(task=task, fraction=0.38, message="Page 61 of 160", updated_at=ago(1))
    page = operator.get(reverse("dashboard:task", args=[task.pk])).content.decode()
    assert '<progress value="0.38" max="1"' in page
    assert "Page 61 of 160" in page
    assert "38% · Page 61 of 160" in operator.get(reverse("dashboard:tasks")).content.decode()


def test_attempts_are_bars_on_one_axis_and_each_has_its_error(operator):
    task = make_task(TaskState.FAILED, attempt=2, claim_no=2, enqueued_at=ago(120))
    make_result(
        task,
        Outcome.RETRYING,
        claim_no=1,
        attempt=1,
        started_at=ago(110),
        finished_at=ago(80),
        message="first",
    )
    make_result(task, Outcome.FAILED, message="second")
    url = reverse("dashboard:task", args=[task.pk])
    page = operator.get(url)
    attempts = page.context["timeline"].attempts
    assert [attempt.look for attempt in attempts] == ["retrying", "failed"]
    assert attempts[0].bar.end <= attempts[1].bar.x
    assert max(attempt.bar.end for attempt in attempts) == pytest.approx(1000, abs=0.2)
    assert "second" in page.content.decode()
    assert "first" in operator.get(f"{url}?attempt=1").content.decode()
    assert page.context["journey"].loop == "retried once"


def test_a_step_of_a_workflow_was_pending_until_others_had_ended(operator):
    worker = make_worker()
    chain(flow.echo.s(1), flow.echo.s()).enqueue()
    Task.objects.update(enqueued_at=ago(8))
    finish(worker, [ending(one) for one in claim(worker)])
    last = Task.objects.latest("id")
    url = reverse("dashboard:task", args=[last.pk])
    pending, queued, *_ = operator.get(url).context["journey"].steps
    assert (pending.state, pending.note) == ("pending", "until others had ended")
    assert (queued.stage, queued.at) == ("is-now", last.run_after)
    assert len(claim(worker)) == 1
    begin, *_ = operator.get(url).context["timeline"].ticks
    assert begin == f"{last.run_after:%H:%M:%S}", "the bar of what it has waited begins there too"


def test_a_task_that_a_person_retries_waits_now_and_not_since_its_enqueue(operator):
    chain(flow.echo.s(1), flow.echo.s()).enqueue()
    worker = make_worker()
    for outcome in (Outcome.SUCCEEDED, Outcome.FAILED):
        finish(worker, [ending(one, outcome) for one in claim(worker)])
    last = Task.objects.latest("id")
    Task.objects.update(enqueued_at=ago(86_400))
    Result.objects.update(started_at=ago(80_000), finished_at=ago(79_999))
    queue.retry(last.pk)
    last.refresh_from_db()
    url = reverse("dashboard:task", args=[last.pk])
    queued = operator.get(url).context["journey"].steps[1]
    assert (queued.stage, queued.at) == ("is-now", last.run_after)


def test_the_place_of_an_error_is_marked(operator):
    task = make_task(TaskState.FAILED)
    make_result(task)
    text = operator.get(reverse("dashboard:task", args=[task.pk])).content.decode()
    assert '<span class="hit"><i>1</i>relay()</span>' in text


def test_a_task_that_waits_for_others_says_for_how_many(operator):
    make_task(TaskState.PENDING, waits_for=WaitsFor.TASKS, unmet=3, run_after=None)
    assert "waits for 3 tasks" in operator.get(reverse("dashboard:tasks")).content.decode()


def test_a_task_in_a_paused_queue_says_so(operator):
    task = make_task()
    operator.post(reverse("dashboard:pause", args=["mail"]), {"reason": "relay is down"})
    text = operator.get(reverse("dashboard:task", args=[task.pk])).content.decode()
    assert "<b>the queue is paused</b>" in text
    assert "by anna: relay is down" in text


def test_a_missing_task_is_a_page_of_ours(operator):
    for number in ("1", "9" * 18, str(2**63 - 1)):
        page = operator.get(reverse("dashboard:tasks") + f"{number}/")
        assert page.status_code == 404
        assert "There is no such page" in page.content.decode()
        assert "Content-Security-Policy" in page.headers


def test_an_id_that_no_task_can_have_is_not_found(operator):
    assert operator.get(reverse("dashboard:tasks") + "9999999999999999999/").status_code == 404


@pytest.mark.usefixtures("no_task_code")
def test_pages_need_no_code_of_the_tasks(operator):
    make_entry("email.send", "to")
    task = make_task(args=["a@example.org"])
    make_task(name="nobody.knows", args=[1], kwargs={"x": 2})
    assert (
        "to=&#x27;a@example.org&#x27;" in operator.get(reverse("dashboard:tasks")).content.decode()
    )
    text = operator.get(reverse("dashboard:task", args=[task.pk])).content.decode()
    assert "<bdi>to</bdi>" in text
    assert operator.get(reverse("dashboard:overview")).status_code == 200


def test_empty_pages_say_how_to_begin(operator):
    for name in ("overview", "tasks"):
        text = operator.get(reverse(f"dashboard:{name}")).content.decode()
        assert "No task has run yet" in text
        assert "manage.py runworker" in text
    make_task()
    assert "No task has run yet" not in operator.get(reverse("dashboard:tasks")).content.decode()
    nothing = operator.get(reverse("dashboard:tasks") + "?tag=none").content.decode()
    assert "Nothing matches" in nothing
    assert "Clear all" in nothing


def test_a_worker_row_shows_its_heartbeat_and_what_it_takes(operator):
    make_worker("mail-1", queues=[["mail", 3], ["webhooks", 1]], beat=2)
    text = operator.get(reverse("dashboard:overview")).content.decode()
    assert "mail:3 webhooks" in text
    assert "Idle" in text
    assert "by the database’s clock" in text


def test_numbers_and_ids_are_not_written_in_the_sites_own_format(operator, settings):
    settings.USE_THOUSAND_SEPARATOR = True
    settings.LANGUAGE_CODE = "de"
    task = make_task(TaskState.FAILED, id=1234567)
    make_result(task)
    text = operator.get(reverse("dashboard:task", args=[task.pk])).content.decode()
    assert f"/{task.pk}/retry/" in text
    assert "<span>1234567</span>" in text
    assert 'x="' in text
    assert not any("," in attempt for attempt in text.split('x="')[1:2])


def test_a_row_with_damaged_arguments_is_shown_as_it_is(operator):
    task = make_task(args="not a list", kwargs=[1])
    make_task(args=5, kwargs="x", options=[1])
    text = operator.get(reverse("dashboard:task", args=[task.pk])).content.decode()
    assert "&#x27;not a list&#x27;" in text
    assert operator.get(reverse("dashboard:tasks")).status_code == 200
