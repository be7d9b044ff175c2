from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from dashboard.drain import drain
from dashboard.rates import Rate
from taskhub import Workflow, group, monitor
from taskhub.admin import guarding
from taskhub.metrics.tally import MINUTE, floor, moment
from taskhub.models import (
    AuditEntry,
    BulkAction,
    Checkpoint,
    Dependency,
    LogLine,
    MetricBucket,
    Outcome,
    Step,
    Task,
    Worker,
    WorkflowRun,
)
from taskhub.monitor import QueueStats
from taskhub.states import TaskState
from tests.app import tasks_flow as flow
from tests.dashboard.builders import ago, make_entry, make_result, make_task, make_worker
from tests.engines.builders import new_task

pytestmark = [pytest.mark.django_db, pytest.mark.every_engine]


def page(client, name: str, *args: object, **query: str):
    response = client.get(reverse(f"dashboard:{name}", args=args), query)
    assert response.status_code == 200
    return response


def measure(minutes_ago: int, count: int, outcome: str = "succeeded", queue: str = "mail") -> None:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    MetricBucket.objects.create(
        seconds=60, start_at=moment(floor(int(at.timestamp()), MINUTE)), queue=queue, name="email.send",
        outcome=outcome, count=count, waits={"20": count}, runs={"25": count},
    )  # fmt: skip


# -- queues ---------------------------------------------------------------------------------------------------------


def test_queues_show_depth_rates_and_who_works_on_them(operator):
    make_worker("w1", queues=[["mail", 3]])
    for state in ("queued", "pending", "retrying"):
        make_task(state)
    make_task("running", worker=Worker.objects.get(parent__isnull=False))
    for minutes in range(1, 6):
        measure(minutes, 20)
    response = page(operator, "queues")
    (line,) = [one for one in response.context["lines"] if one.stats.name == "mail"]
    assert (line.stats.queued, line.stats.pending, line.stats.retrying, line.stats.running) == (
        1,
        1,
        1,
        1,
    )
    assert line.rate.out == 20
    assert line.rate.into == pytest.approx(4 / 5, rel=0.1)
    assert line.spark.line
    assert (line.is_staffed, line.slots) == (True, 4)
    assert "Oldest wait against the objective of 5 min" in response.content.decode()


@pytest.mark.parametrize(
    ("queued", "into", "out", "oldest", "word"),
    [
        (0, 5.0, 5.0, None, "idle"),
        (3, 5.0, 5.0, 2.0, "keeping up"),
        (700, 50.0, 100.0, 60.0, "14 min"),
        (700, 100.0, 50.0, 60.0, "growing"),
        (700, 0.0, 0.0, 60.0, "not moving"),
    ],
)
def test_the_time_to_drain_follows_from_the_rates(queued, into, out, oldest, word):
    stats = QueueStats("mail", queued=queued)
    assert drain(stats, Rate(into=into, out=out), oldest, is_staffed=True).word == word


def test_a_queue_page_shows_what_is_next_its_limits_and_its_history(operator):
    make_worker("w1")
    task = make_task(priority=7)
    monitor.set_limits("mail", max_size=500, rate="100/m")
    monitor.pause("mail", "by anna: relay down")
    AuditEntry.objects.create(
        at=ago(60), user_id="1", user_name="anna", action="pause", target="queue mail"
    )
    text = page(operator, "queue", "mail").content.decode()
    assert f"/tasks/{task.pk}/" in text
    assert "500, then enqueueing is refused" in text
    assert "at most 100/m" in text
    assert "by anna: relay down" in text
    assert "What was done to it" in text


def test_a_queues_history_tells_of_its_purges_and_not_of_other_queues(operator):
    make_task()
    for number, (action, target) in enumerate(
        [
            ("pause", "mail"),
            ("pause", "queue mail"),
            ("purge", "20,000 tasks: queue:mail"),
            ("undo", "mass action 7: queue:mail"),
            ("purge", "3 tasks: queue:Mail"),
            ("purge", "3 tasks: queue:mail2"),
            ("purge", "3 tasks: queue:other"),
            ("purge", '3 tasks: queue:"e mail"'),
            ("run schedule", "mail"),
        ]
    ):
        AuditEntry.objects.create(
            at=ago(60 - number), user_id="1", user_name="anna", action=action, target=target
        )
    told = [one.target for one in page(operator, "queue", "mail").context["history"]]
    assert told == [
        "mass action 7: queue:mail", "20,000 tasks: queue:mail", "queue mail", "mail",
    ]  # fmt: skip


def test_a_purge_from_its_page_is_in_the_history_of_a_queue_whose_name_holds_a_space(operator):
    make_task(queue="e mail")
    operator.post(reverse("dashboard:purge", args=["e mail"]))
    preview = BulkAction.objects.get()
    operator.post(reverse("dashboard:run_bulk", args=[preview.pk]), {"reason": "stuck"})
    make_task(queue="e mail")
    history = page(operator, "queue", "e mail").context["history"]
    assert [(one.action, one.reason) for one in history] == [("purge", "stuck")]


def test_a_queue_that_nobody_has_named_is_not_found(operator):
    assert operator.get(reverse("dashboard:queue", args=["nowhere"])).status_code == 404


def test_a_queue_that_only_tasks_of_the_past_have_named_has_a_page_still(operator):
    finished = make_task(state=TaskState.SUCCEEDED, queue="by-the-way")
    url = reverse("dashboard:queue", args=[finished.queue])
    assert operator.get(url).status_code == 404
    MetricBucket.objects.create(
        seconds=60, start_at=ago(0).replace(second=0, microsecond=0), queue=finished.queue,
        name="a", outcome="succeeded", count=1, waits={}, runs={}, writer=1,
    )  # fmt: skip
    assert operator.get(url).status_code == 200


def test_a_queue_that_was_purged_to_the_last_task_has_a_page_still(operator):
    task = make_task(queue="by-the-way")
    operator.post(reverse("dashboard:purge", args=["by-the-way"]))
    preview = BulkAction.objects.get()
    operator.post(reverse("dashboard:run_bulk", args=[preview.pk]), {"reason": "no more"})
    task.refresh_from_db()
    assert task.state == TaskState.CANCELLED
    assert operator.get(reverse("dashboard:queue", args=["by-the-way"])).status_code == 200


def test_counts_stop_at_the_cap_and_say_so(operator, monkeypatch):
    from dashboard import words

    for _ in range(4):
        make_task()
    stats = monitor.queue_stats(["mail"], most=2)
    assert stats[0].queued == 3
    monkeypatch.setattr(words, "CAP", 2000)
    assert words.at_least([2001, 5]) == "2k+"


def test_each_of_many_queues_is_counted_less_far_and_says_so(operator, monkeypatch):
    monkeypatch.setattr(monitor, "_COUNTED", 400)
    for queue in ("a", "b", "c"):
        make_task(queue=queue)
    Task.objects.bulk_create(new_task(TaskState.QUEUED, queue="a") for _ in range(120))
    queue_stats = {one.name: one for one in monitor.queue_stats(["a", "b", "c"], most=10_000)}
    assert (queue_stats["a"].queued, queue_stats["a"].most) == (101, 100)
    assert queue_stats["b"].queued == 1
    text = operator.get(reverse("dashboard:queues")).content.decode()
    assert "100+ queued;" in text
    assert "102+ waiting" in text
    assert ">100+</td>" in operator.get(reverse("dashboard:overview")).content.decode()
    assert ">121</span>" in operator.get(reverse("dashboard:queue", args=["a"])).content.decode()


def test_the_oldest_task_is_found_behind_those_of_a_higher_priority():
    make_task(priority=9, enqueued_at=ago(5))
    oldest = make_task(priority=0, enqueued_at=ago(500))
    make_task(priority=0, enqueued_at=ago(50))
    for most in (None, 10_000):
        (stats,) = [one for one in monitor.queue_stats(most=most) if one.name == "mail"]
        assert abs((stats.oldest_queued_at - oldest.enqueued_at).total_seconds()) < 0.01
        assert stats.queued == 3


# -- workers --------------------------------------------------------------------------------------------------------


def test_workers_are_listed_by_host_with_what_they_run_longest_first(operator):
    child = make_worker("w1")
    old, new = (
        make_task(TaskState.RUNNING, worker=child, started_at=ago(100)),
        make_task(TaskState.RUNNING, worker=child),
    )
    make_worker("gone", stopped_at=ago(60), is_lost=True)
    response = page(operator, "workers")
    assert [one.task.pk for one in response.context["running"]] == [old.pk, new.pk]
    assert {line.info.worker.name: line.word for line in response.context["lines"]} == {
        "w1": "Working",
        "gone": "Lost",
    }
    assert "2 of 4 slots busy" in response.content.decode()


def test_a_worker_page_shows_its_children_statistics_and_tasks(operator):
    child = make_worker(
        "w1", processed=12, succeeded=10, failed=2, run_seconds=24.0, rss_bytes=50 << 20
    )
    task = make_task(TaskState.RUNNING, worker=child)
    text = page(operator, "worker", child.parent_id).content.decode()
    for expected in (
        "w1/1",
        "10 succeeded · 2 failed",
        f"/tasks/{task.pk}/",
        "email.send",
        "by the database’s clock",
    ):
        assert expected in text


def test_a_child_has_no_page_of_its_own(operator):
    child = make_worker("w1")
    assert operator.get(reverse("dashboard:worker", args=[child.pk])).status_code == 404


def test_a_quiet_worker_is_not_counted_among_those_that_take_a_queue(operator):
    worker = make_worker("w1").parent
    make_task()
    monitor.quiet_worker(worker.pk)
    response = page(operator, "queues")
    assert response.context["lines"][0].drain.word == "no worker"
    assert "Wake w1" in page(operator, "workers").content.decode()


# -- errors ---------------------------------------------------------------------------------------------------------


def test_failures_are_grouped_by_their_origin(operator):
    first = make_task(TaskState.FAILED)
    for number in range(3):
        make_result(
            make_task(TaskState.FAILED), fingerprint="aa" * 8, finished_at=ago(60 * number + 10)
        )
    make_result(
        first, fingerprint="bb" * 8, error_class="app.Declined", finished_at=ago(30), message="no"
    )
    make_result(make_task(TaskState.FAILED), fingerprint="cc" * 8, finished_at=ago(2 * 86_400))
    groups = page(operator, "errors").context["groups"]
    assert [(group.fingerprint[:2], group.count) for group in groups] == [("aa", 3), ("bb", 1)]
    assert groups[0].spark.bars.startswith("M")
    assert groups[0].first_at < groups[0].last_at


def test_an_error_page_offers_to_retry_all_that_failed_of_it(operator):
    tasks = [make_task(TaskState.FAILED) for _ in range(3)]
    for task in tasks:
        make_result(task, fingerprint="aa" * 8)
    other = make_task(TaskState.FAILED)
    make_result(other, fingerprint="bb" * 8)
    Task.objects.filter(pk=tasks[0].pk).update(state="queued", finished_at=None)
    response = page(operator, "error", "aa" * 8)
    text = response.content.decode()
    assert "Retry the 2 failed tasks…" in text
    assert "relay()" in text
    form = {"verb": "retry", "which": "all", "search": response.context["search"]}
    preview = operator.post(reverse("dashboard:choose"), form, follow=True).content.decode()
    assert "Retry 2 tasks?" in preview


def test_an_error_page_without_payloads_hides_what_was_said(reader):
    make_result(make_task(TaskState.FAILED), fingerprint="aa" * 8, message="card 4000")
    for name, args in (("errors", ()), ("error", ("aa" * 8,))):
        text = page(reader, name, *args).content.decode()
        assert "SMTPServerDisconnected" in text
        assert "card 4000" not in text
        assert "relay()" not in text


def test_an_unknown_fingerprint_is_not_found(operator):
    assert operator.get(reverse("dashboard:error", args=["0" * 16])).status_code == 404


# -- audit ----------------------------------------------------------------------------------------------------------


def test_the_audit_log_is_paged_and_narrowed(operator):
    for number in range(60):
        AuditEntry.objects.create(
            at=ago(number), user_id="1", user_name="anna" if number % 2 else "<b>bo</b>",
            action="cancel" if number % 3 else "purge", target=f"t{number}", count=number,
        )  # fmt: skip
    response = page(operator, "audit")
    assert len(response.context["entries"]) == 50
    older = page(operator, "audit", before=str(response.context["older"]))
    assert len(older.context["entries"]) == 10
    assert "&lt;b&gt;bo&lt;/b&gt;" in response.content.decode()
    assert {e.user_name for e in page(operator, "audit", who="anna").context["entries"]} == {"anna"}
    assert {e.action for e in page(operator, "audit", action="purge").context["entries"]} == {
        "purge"
    }
    assert not page(operator, "audit", action="nonsense", who="\x00").context["entries"]


@pytest.mark.parametrize("action", ["run schedule", "add schedule", "remove schedule", "imported"])
def test_each_action_can_be_chosen_in_the_audit_log(operator, action):
    for one in (action, "cancel"):
        AuditEntry.objects.create(
            at=ago(1), user_id="1", user_name="anna", action=one, target="nightly"
        )
    response = page(operator, "audit", action=action)
    assert [entry.action for entry in response.context["entries"]] == [action]
    assert f'<option value="{action}" selected>' in response.content.decode()


def test_what_the_audit_log_offers_has_a_word_for_each_action_of_dashboard_and_admin(operator):
    offered = page(operator, "audit").context["actions"]
    assert {*guarding._ACTIONS, "add schedule", "change schedule"} <= set(offered)


# -- the task page --------------------------------------------------------------------------------------------------


def test_a_workflow_is_drawn_from_left_to_right(operator):
    run = WorkflowRun.objects.create(name="Shop", kind="workflow", size=4, created_at=ago(60))
    first, second = (make_task(TaskState.SUCCEEDED, workflow=run) for _ in range(2))
    failed = make_task(TaskState.FAILED, workflow=run)
    after = make_task(TaskState.CANCELLED, workflow=run)
    run.steps = {
        "prices": first.pk,
        "pictures": second.pk,
        "publish": failed.pk,
        "announce": after.pk,
    }
    run.save()
    for position, upstream in enumerate((first, second)):
        Dependency.objects.create(
            upstream=upstream, dependent=failed, position=position, state="met"
        )
    Dependency.objects.create(upstream=failed, dependent=after, position=0, state="broken")
    response = page(operator, "task", failed.pk)
    graph = response.context["graph"]
    assert [node.step for node in graph.nodes] == ["prices", "pictures", "publish", "announce"]
    columns = [node.x for node in graph.nodes]
    assert columns[0] == columns[1] < columns[2] < columns[3]
    assert [edge.is_cut for edge in graph.edges].count(True) == 1
    assert [node.is_here for node in graph.nodes] == [False, False, True, False]
    text = response.content.decode()
    assert "publish: failed" in text
    assert f'href="/ops/tasks-of-ours/tasks/{after.pk}/"' in text


def test_all_that_end_a_step_are_drawn_with_its_name_and_parts_of_one_with_theirs(operator):
    outer = Workflow("Shop").add("load", group([flow.one.s(), flow.one.s()]))
    outer.add("orders", Workflow().add("check", flow.one.s()), after="load").enqueue()
    graph = page(operator, "task", Task.objects.latest("pk").pk).context["graph"]
    assert [node.step for node in graph.nodes] == ["load", "load", "orders.check"]


def test_children_parent_steps_checkpoint_log_and_python_are_on_the_page(operator, reader):
    make_entry("email.send", "to", module_path="shop.tasks.send_mail", queue="mail")
    parent = make_task(TaskState.RUNNING)
    task = make_task(
        TaskState.FAILED, parent=parent, args=["a@example.org"], kwargs={"copy": True}, priority=3
    )
    child = make_task(TaskState.SUCCEEDED, parent=task)
    make_task(TaskState.QUEUED, parent=task)
    Step.objects.create(task=task, name="charge", value={"id": 7}, attempt=1, finished_at=ago(20))
    Checkpoint.objects.create(
        task=task, value={"row": 412_000_555_412}, attempt=1, updated_at=ago(20)
    )
    LogLine.objects.create(
        task=task, claim_no=1, number=1, attempt=1, at=ago(20), level=30, message="Server is <slow>"
    )
    response = page(operator, "task", task.pk)
    text = response.content.decode()
    assert response.context["family"].progress == 0.5
    for expected in (
        f"/tasks/{parent.pk}/", f"/tasks/{child.pk}/", "charge", "{&#x27;id&#x27;: 7}",
        "{&#x27;row&#x27;: 412000555412}",
        "Server is &lt;slow&gt;", "from shop.tasks import send_mail",
        "send_mail.using(priority=3).enqueue(&#x27;a@example.org&#x27;, copy=True)",
    ):  # fmt: skip
        assert expected in text, expected
    hidden = page(reader, "task", task.pk).content.decode()
    for secret in ("&#x27;id&#x27;: 7", "412000555412", "Server is", "a@example.org", "send_mail"):
        assert secret not in hidden, secret
    assert "charge" in hidden


def test_the_users_frames_come_first_and_libraries_are_folded(operator):
    traceback = (
        "Traceback (most recent call last):\n"
        '  File "/srv/shop/tasks.py", line 48, in send\n    deliver(message)\n'
        '  File "/srv/shop/outbox.py", line 112, in deliver\n    smtp.send(part)\n    ^^^^^^^^^^^^^^^\n'
        '  File "/usr/lib/python3.11/smtplib.py", line 9, in send\n    raise Gone\n'
        '  File "/usr/lib/python3.11/site-packages/anymail/x.py", line 2, in go\n    boom()\n'
        "smtplib.Gone: Connection closed\n"
    )
    task = make_task(TaskState.FAILED)
    make_result(task, traceback=traceback, fingerprint="aa" * 8)
    response = page(operator, "task", task.pk)
    [raised] = response.context["traceback"].raised
    assert raised.said == "smtplib.Gone: Connection closed"
    deliver, send = raised.own
    assert [fold.package for fold in raised.libraries] == ["anymail", "smtplib"]
    assert (deliver.name, deliver.lines, deliver.line) == ("deliver", ["smtp.send(part)"], 112)
    assert send.short == "srv/shop/tasks.py"
    text = response.content.decode()
    assert text.count("your code") == 2
    assert "As Python wrote it" in text


def test_outcomes_by_minute_are_piled_on_the_overview_with_a_table_beside(operator):
    make_task()
    for minutes in (1, 2, 3):
        measure(minutes, 40)
        measure(minutes, 4, "failed")
    response = page(operator, "overview")
    chart = response.context["throughput"]
    assert chart.label == "Attempts a minute over the last hour: 120 succeeded, 12 failed"
    assert chart.latest == {"failed": "4", "retrying": "0", "cancelled": "0", "succeeded": "40"}
    assert len(chart.rows) == 60
    drawn = {bars.state: bars for bars in chart.bars}
    assert {state: bars.path.count("M") for state, bars in drawn.items()} == {
        "succeeded": 3,
        "failed": 3,
    }
    assert drawn["succeeded"].edge.count("M") == 3
    assert response.context["waits"].lines[0].path.startswith("M")
    assert "As a table" in response.content.decode()


def test_a_failure_wave_and_an_old_wait_need_attention(operator):
    make_worker()
    make_task(enqueued_at=ago(4000))
    for minutes in range(1, 10):
        measure(minutes, 5, "failed")
    for minutes in range(15, 50):
        measure(minutes, 1, "failed" if minutes % 10 == 0 else "succeeded")
    make_task(TaskState.FAILED)
    told = [f"{c.subject} {c.what}" for c in page(operator, "overview").context["concerns"]]
    assert any("times as often as before" in one for one in told), told
    assert any("mail is over its objective" in one for one in told), told


def test_an_interrupted_outcome_counts_as_to_be_retried():
    from dashboard.charts import throughput
    from taskhub.metrics import Point

    chart = throughput([Point(ago(120), {Outcome.LOST: 2}), Point(ago(60), {})])
    assert chart.latest["retrying"] == "2"
