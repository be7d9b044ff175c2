"""A mass action is pinned to what was shown, counted with each batch, and a purge can be undone."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from dashboard import bulk as running
from dashboard.permissions import Permission
from taskhub import chord
from taskhub.models import AuditEntry, BulkAction, BulkBatch, BulkState, BulkVerb, Task
from taskhub.queue import bulk
from taskhub.states import TaskState
from tests.app import tasks_flow as flow
from tests.dashboard.builders import ago, make_result, make_task
from tests.helpers import eventually

pytestmark = [pytest.mark.django_db, pytest.mark.only_on("sqlite", "postgresql")]


def states() -> dict[str, int]:
    found: dict[str, int] = {}
    for state in Task.objects.values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found


def pin(client, url_name: str, *args: object, **form: object) -> BulkAction:
    response = client.post(reverse(f"dashboard:{url_name}", args=args), form)
    assert response.status_code == 302
    action = BulkAction.objects.latest("pk")
    assert response.headers["Location"] == reverse("dashboard:bulk", args=[action.pk])
    return action


def entry_of(action: str, by: str = "anna") -> AuditEntry:
    return AuditEntry.objects.create(
        at=ago(0), user_id="1", user_name=by, action=action, target="t"
    )


def run(client, action: BulkAction, **form: str) -> str:
    response = client.post(reverse("dashboard:run_bulk", args=[action.pk]), form, follow=True)
    action.refresh_from_db()
    return response.content.decode()


def test_a_purge_shows_the_exact_count_by_state_and_age_and_changes_nothing_yet(operator):
    for state in ("queued", "queued", "queued", "retrying", "pending", "running", "succeeded"):
        make_task(state, enqueued_at=ago(60 if state == "queued" else 3600))
    make_task(queue="other")
    action = pin(operator, "purge", "mail")
    page = operator.get(reverse("dashboard:bulk", args=[action.pk]))
    assert [(part.state, part.count) for part in page.context["parts"]] == [
        ("queued", 3),
        ("retrying", 1),
        ("pending", 1),
    ]
    text = page.content.decode()
    assert "Cancel 5 waiting tasks?" in text
    assert "over 59 min" in text
    assert "Cancel 5 tasks" in text
    assert states()["queued"] == 4
    assert AuditEntry.objects.count() == 0


def test_what_arrives_after_the_preview_is_not_touched(operator):
    shown = [make_task() for _ in range(3)]
    action = pin(operator, "purge", "mail")
    late = make_task()
    run(operator, action, reason="INC-2291")
    assert action.state == BulkState.DONE
    assert states() == {"cancelled": 3, "queued": 1}
    late.refresh_from_db()
    assert late.state == TaskState.QUEUED
    shown[0].refresh_from_db()
    assert shown[0].reason == f"mass action {action.pk}, by anna: INC-2291"
    entry = AuditEntry.objects.get()
    assert (entry.user_name, entry.action, entry.target, entry.count, entry.reason) == (
        "anna", "purge", "3 tasks: queue:mail", 3, "INC-2291",
    )  # fmt: skip
    assert entry.result == "3 of 3 changed"


def test_a_task_that_has_moved_on_since_the_preview_is_left_alone(operator):
    make_task()
    gone = make_task()
    action = pin(operator, "purge", "mail")
    Task.objects.filter(pk=gone.pk).update(state="succeeded", finished_at=ago(0))
    run(operator, action, reason="x")
    assert states() == {"cancelled": 1, "succeeded": 1}
    assert (action.changed, action.pinned) == (1, 2)


@pytest.mark.parametrize("reason", ["", "   \n "])
def test_what_destroys_asks_for_a_reason(operator, reason):
    make_task()
    action = pin(operator, "purge", "mail")
    assert "say why" in run(operator, action, reason=reason)
    assert action.state == BulkState.PREVIEW
    assert states() == {"queued": 1}
    assert AuditEntry.objects.count() == 0


def test_the_entry_is_committed_before_the_first_batch_and_its_count_grows_with_each(
    operator, monkeypatch
):
    monkeypatch.setattr(bulk, "BATCH", 2)
    for _ in range(5):
        make_task()
    action = pin(operator, "purge", "mail")
    entry = entry_of("purge")
    assert bulk.start(action, entry, "by anna: x")
    counts = []
    while bulk.run_batch(action.pk).state == BulkState.RUNNING:
        entry.refresh_from_db()
        counts.append((entry.count, entry.result))
    assert counts == [(2, "goes on: 2 of 5 looked at"), (4, "goes on: 4 of 5 looked at")]
    entry.refresh_from_db()
    assert (entry.count, entry.result) == (5, "5 of 5 changed")


def test_nothing_starts_because_what_it_waited_for_was_cancelled_in_an_earlier_batch(
    operator, monkeypatch
):
    monkeypatch.setattr(bulk, "BATCH", 2)
    chord([flow.echo.s(n) for n in range(3)], flow.echo.s(), on_failure="continue").enqueue()
    *_, callback = Task.objects.order_by("id")
    action = pin(operator, "purge", "default")
    assert bulk.start(action, AuditEntry.objects.create(at=ago(0), action="purge"), "x")
    seen = []
    while bulk.run_batch(action.pk).state == BulkState.RUNNING:
        callback.refresh_from_db()
        seen.append(callback.state)
    assert seen == ["cancelled"]
    assert states() == {"cancelled": 4}


def test_an_action_begins_once_whoever_presses_first(operator):
    make_task()
    action = pin(operator, "purge", "mail")
    entry = entry_of("purge")
    assert bulk.start(action, entry, "first")
    assert not bulk.start(action, entry, "second")


@pytest.mark.parametrize("verb", [BulkVerb.PURGE, BulkVerb.RETRY])
def test_who_confirms_second_is_told_who_was_first_and_is_on_record(operator, client_with, verb):
    make_task(TaskState.FAILED if verb == BulkVerb.RETRY else TaskState.QUEUED)
    if verb == BulkVerb.PURGE:
        action = pin(operator, "purge", "mail")
    else:
        action = pin(operator, "choose", verb=verb, which="all", search="?queue=mail")
    second = client_with(*Permission)
    assert (
        'name="confirm"' in second.get(reverse("dashboard:bulk", args=[action.pk])).content.decode()
    )
    run(operator, action, reason="INC-1", confirm="yes")
    text = run(second, action, reason="INC-2", confirm="yes")
    assert "anna had confirmed it already" in text
    assert 'name="confirm"' not in text
    told = AuditEntry.objects.order_by("id").values_list("user_name", "reason", "count", "result")
    assert list(told) == [
        ("anna", "INC-1", 1, "1 of 1 changed"),
        ("staff1", "INC-2", 0, "anna had confirmed it"),
    ]


def test_an_action_is_of_who_confirmed_it_and_not_of_who_looked(operator, client_with):
    make_task()
    action = pin(client_with(*Permission), "purge", "mail")
    assert action.user_name == "staff1"
    assert "by <bdi>anna</bdi>" in run(operator, action, reason="x", confirm="yes")


def begun(operator, monkeypatch):
    """A purge of five tasks, of which the first batch of two is done."""
    monkeypatch.setattr(bulk, "BATCH", 2)
    for _ in range(5):
        make_task()
    action = pin(operator, "purge", "mail")
    bulk.start(action, entry_of("purge"), "x")
    bulk.run_batch(action.pk)
    return action


def test_who_stopped_an_action_is_on_record(operator, client_with, monkeypatch):
    action = begun(operator, monkeypatch)
    url = reverse("dashboard:stop_bulk", args=[action.pk])
    other = client_with(*Permission)
    other.post(url)
    assert "it was over already" in other.post(url, follow=True).content.decode()
    stops = AuditEntry.objects.filter(action="stop", user_name="staff1").order_by("id")
    assert list(stops.values_list("target", "count", "result")) == [
        (f"mass action {action.pk}: queue:mail", 1, "stopped after 2 of 5"),
        (f"mass action {action.pk}: queue:mail", 0, "it was over already"),
    ]


def test_who_goes_on_with_an_action_that_stands_still_is_on_record(
    operator, client_with, monkeypatch
):
    action = begun(operator, monkeypatch)
    url = reverse("dashboard:run_bulk", args=[action.pk])
    BulkAction.objects.update(moved_at=ago(3600))
    client_with(*Permission).post(url)
    eventually(lambda: BulkAction.objects.get().state == BulkState.DONE)
    client_with(*Permission).post(url)  # nothing stands still any more
    went_on = AuditEntry.objects.filter(action="go on")
    assert list(went_on.values_list("target", "count", "result")) == [
        (f"mass action {action.pk}: queue:mail", 1, "went on after 2 of 5")
    ]


def test_an_action_is_stopped_between_two_batches_and_what_was_done_stays(operator, monkeypatch):
    monkeypatch.setattr(bulk, "BATCH", 2)
    for _ in range(5):
        make_task()
    action = pin(operator, "purge", "mail")
    entry = entry_of("purge")
    bulk.start(action, entry, "x")
    bulk.run_batch(action.pk)
    operator.post(reverse("dashboard:stop_bulk", args=[action.pk]))
    assert bulk.run_batch(action.pk).state == BulkState.STOPPED
    assert states() == {"cancelled": 2, "queued": 3}
    entry.refresh_from_db()
    assert (entry.count, entry.result) == (2, "stopped after 2 of 5")
    assert "Undo" in operator.get(reverse("dashboard:bulk", args=[action.pk])).content.decode()


@pytest.mark.parametrize("verb", [BulkVerb.CANCEL, BulkVerb.RETRY])
def test_what_is_stopped_and_cannot_be_undone_does_not_say_that_it_can(operator, monkeypatch, verb):
    monkeypatch.setattr(bulk, "BATCH", 2)
    for _ in range(5):
        make_task(TaskState.FAILED if verb == BulkVerb.RETRY else TaskState.QUEUED)
    action = pin(operator, "choose", verb=verb, which="all", search="?queue=mail")
    bulk.start(action, entry_of(verb), "x")
    bulk.run_batch(action.pk)
    response = operator.post(reverse("dashboard:stop_bulk", args=[action.pk]), follow=True)
    assert "Stopped: " in response.content.decode()
    assert "undone until" not in response.content.decode()
    assert reverse("dashboard:undo_bulk", args=[action.pk]) not in response.content.decode()
    assert "undone until" not in operator.get(reverse("dashboard:tasks")).content.decode()
    action.refresh_from_db()
    assert action.undo_until is None
    assert not bulk.undo(action.pk, entry_of("undo"))


def test_a_purge_that_is_being_undone_does_not_say_that_it_can_be(operator, monkeypatch):
    monkeypatch.setattr(bulk, "BATCH", 1)
    for _ in range(3):
        make_task()
    action = pin(operator, "purge", "mail")
    run(operator, action, reason="x")
    assert "can be undone until" in operator.get(reverse("dashboard:tasks")).content.decode()
    assert bulk.undo(action.pk, entry_of("undo"))
    bulk.run_batch(action.pk)
    text = operator.get(reverse("dashboard:tasks")).content.decode()
    assert "Bringing 3 tasks back" in text
    assert "undone until" not in text


def test_the_entry_of_an_undo_counts_with_each_batch_and_that_of_the_purge_stays_true(
    operator, monkeypatch
):
    monkeypatch.setattr(bulk, "BATCH", 2)
    for _ in range(5):
        make_task()
    action = pin(operator, "purge", "mail")
    run(operator, action, reason="x")
    undoing = entry_of("undo", by="bo")
    assert bulk.undo(action.pk, undoing)
    counts = []
    for _ in range(3):
        bulk.run_batch(action.pk)
        undoing.refresh_from_db()
        counts.append((undoing.count, undoing.result))
    assert counts == [
        (2, "goes on: 2 of 5 restored"),
        (4, "goes on: 4 of 5 restored"),
        (5, "5 of 5 restored"),
    ]
    purged = AuditEntry.objects.get(action="purge")
    assert (purged.count, purged.result) == (
        5, "5 of 5 changed; its undo by bo has an entry of its own",
    )  # fmt: skip


def test_a_purge_is_undone_and_each_task_waits_as_it_did(operator):
    later = timezone.now() + timedelta(hours=2)
    queued = make_task(attempt=1, failures=1)
    pending = make_task(TaskState.PENDING, run_after=later)
    retrying = make_task(TaskState.RETRYING, run_after=later)
    cancelled_before = make_task(TaskState.CANCELLED, reason="by somebody else")
    action = pin(operator, "purge", "mail")
    run(operator, action, reason="oops")
    assert states() == {"cancelled": 4}
    text = operator.post(
        reverse("dashboard:undo_bulk", args=[action.pk]), follow=True
    ).content.decode()
    assert "Brought 3 tasks back" in text
    for task in (queued, pending, retrying, cancelled_before):
        task.refresh_from_db()
    assert (queued.state, queued.failures, queued.reason) == ("queued", 1, "")
    assert (pending.state, pending.waits_for) == ("pending", "time")
    assert abs(pending.run_after - later) < timedelta(milliseconds=1)
    assert retrying.state == "pending"
    assert cancelled_before.state == "cancelled"
    assert list(AuditEntry.objects.order_by("id").values_list("action", "count", "result")) == [
        ("purge", 3, "3 of 3 changed; its undo by anna has an entry of its own"),
        ("undo", 3, "3 of 3 restored"),
    ]


def test_a_purge_cannot_be_undone_when_its_time_is_over_nor_twice(operator):
    make_task()
    action = pin(operator, "purge", "mail")
    run(operator, action, reason="x")
    assert action.undo_until - action.moved_at > timedelta(minutes=14)
    BulkAction.objects.update(undo_until=ago(1))
    url = reverse("dashboard:undo_bulk", args=[action.pk])
    assert "15 minutes" in operator.post(url, follow=True).content.decode()
    assert states() == {"cancelled": 1}
    BulkAction.objects.update(undo_until=ago(-60))
    operator.post(url)
    assert "15 minutes" in operator.post(url, follow=True).content.decode()
    assert states() == {"queued": 1}


def test_selected_tasks_are_retried_and_the_others_are_not(operator):
    chosen = [make_task(TaskState.FAILED) for _ in range(2)]
    make_task(TaskState.FAILED)
    running_one = make_task(TaskState.RUNNING)
    action = pin(operator, "choose", verb="retry", id=[task.pk for task in [*chosen, running_one]])
    assert (action.verb, action.pinned) == (BulkVerb.RETRY, 2)
    run(operator, action)
    assert states() == {"queued": 2, "failed": 1, "running": 1}
    assert AuditEntry.objects.get().count == 2


def test_all_that_match_a_search_are_cancelled_and_running_ones_asked(operator):
    make_task(name="email.send")
    make_task(TaskState.RUNNING, name="email.send")
    make_task(name="other")
    action = pin(operator, "choose", verb="cancel", which="all", search="?task=email.*")
    text = operator.get(reverse("dashboard:bulk", args=[action.pk])).content.decode()
    assert "task:email.*" in text
    assert "1 is running" in text
    run(operator, action, reason="wrong segment")
    assert states() == {"cancelled": 1, "running": 1, "queued": 1}
    assert Task.objects.get(state="running").cancel_requested_at is not None
    assert action.undo_until is None


def test_a_search_that_cannot_be_used_pins_nothing(operator, client_with):
    make_task()
    bad = {"verb": "cancel", "which": "all", "search": "?state=nonsense"}
    assert operator.post(reverse("dashboard:choose"), bad).status_code == 403
    blind = client_with("view_dashboard", "cancel_task")
    peek = {"verb": "cancel", "which": "all", "search": "?args.to=a"}
    assert blind.post(reverse("dashboard:choose"), peek).status_code == 403
    assert BulkAction.objects.count() == 0


@pytest.fixture
def blind(client_with):
    """A browser of somebody who may do everything, but see no payloads."""
    return client_with(*(set(Permission) - {Permission.VIEW_PAYLOADS}))


BY_PAYLOADS = [
    "?args.user_id=424242",
    "?queue=mail&error=424242",
    "?queue=mail&args.user_id=424242",
]


@pytest.mark.parametrize("search", BY_PAYLOADS)
def test_a_preview_chosen_by_payloads_is_neither_seen_nor_confirmed_without_the_right(
    operator, blind, search
):
    failed = make_task(TaskState.FAILED, kwargs={"user_id": 424242})
    make_result(failed, message="gone: 424242", fingerprint="ab" * 8)
    action = pin(operator, "choose", verb="retry", which="all", search=search)
    assert action.pinned == 1
    for answer in (
        blind.get(reverse("dashboard:bulk", args=[action.pk])),
        blind.post(reverse("dashboard:run_bulk", args=[action.pk]), {"reason": "x"}),
    ):
        assert answer.status_code == 403
        text = answer.content.decode()
        assert "lacks the permission view_payloads" in text
        assert "424242" not in text
    assert states() == {"failed": 1}
    assert "424242" in operator.get(reverse("dashboard:bulk", args=[action.pk])).content.decode()


@pytest.mark.parametrize("search", BY_PAYLOADS)
def test_what_goes_on_by_payloads_hides_them_and_what_matches_and_can_be_stopped(
    operator, blind, monkeypatch, search
):
    monkeypatch.setattr(bulk, "BATCH", 1)
    for _ in range(3):
        failed = make_task(TaskState.FAILED, name="secret.name", kwargs={"user_id": 424242})
        make_result(failed, message="gone: 424242", fingerprint="ab" * 8)
    action = pin(operator, "choose", verb="retry", which="all", search=search)
    entry = AuditEntry.objects.create(
        at=ago(0),
        user_id="1",
        user_name="anna",
        action="retry",
        target=f"3 tasks: {action.filters}",
    )
    bulk.start(action, entry, "x")
    bulk.run_batch(action.pk)
    url = reverse("dashboard:bulk", args=[action.pk])
    text = blind.get(url).content.decode()
    assert "Retrying 3 tasks" in text
    assert "hidden: needs view_payloads" in text
    assert "424242" not in text
    assert "secret.name" not in text
    assert "secret.name" in operator.get(url).content.decode()
    blind.post(reverse("dashboard:stop_bulk", args=[action.pk]))
    action.refresh_from_db()
    assert action.state == BulkState.STOPPED
    audit = blind.get(reverse("dashboard:audit")).content.decode()
    assert "3 tasks: " in audit
    assert f"mass action {action.pk}: " in audit
    assert audit.count("hidden: needs view_payloads") == 2
    assert "424242" not in audit
    assert audit.count("queue:mail") == (4 if "queue=" in search else 0)
    assert "424242" in operator.get(reverse("dashboard:audit")).content.decode()


def test_a_queue_whose_name_reads_like_a_payload_is_purged_without_the_right(blind):
    make_task(queue="x args.y:1")
    action = pin(blind, "purge", "x args.y:1")
    run(blind, action, reason="x")
    assert action.state == BulkState.DONE


def test_nothing_selected_says_so(operator):
    response = operator.post(reverse("dashboard:choose"), {"verb": "retry"}, follow=True)
    assert "Nothing is selected" in response.content.decode()


def test_more_than_may_be_pinned_go_in_rounds_and_the_page_says_so(operator, monkeypatch):
    monkeypatch.setattr(bulk, "PINNED", 2)
    for _ in range(3):
        make_task()
    action = pin(operator, "purge", "mail")
    assert (action.pinned, action.is_more) == (2, True)
    assert (
        "others go in another"
        in operator.get(reverse("dashboard:bulk", args=[action.pk])).content.decode()
    )


def test_an_action_whose_process_is_gone_can_go_on(operator, monkeypatch):
    monkeypatch.setattr(bulk, "BATCH", 1)
    for _ in range(3):
        make_task()
    action = pin(operator, "purge", "mail")
    entry = entry_of("purge")
    bulk.start(action, entry, "x")
    bulk.run_batch(action.pk)
    BulkAction.objects.update(moved_at=ago(60))
    assert (
        "It stands still"
        in operator.get(reverse("dashboard:bulk", args=[action.pk])).content.decode()
    )
    run(operator, action)
    assert action.state == BulkState.DONE
    assert states() == {"cancelled": 3}


def test_what_was_pinned_is_forgotten_after_a_day_and_the_counts_stay(operator):
    make_task()
    action = pin(operator, "purge", "mail")
    run(operator, action, reason="x")
    forgotten = pin(operator, "purge", "mail")
    BulkAction.objects.update(moved_at=ago(2 * 86_400))
    while bulk.prune_bulk():
        pass
    assert BulkBatch.objects.count() == 0
    assert BulkAction.objects.get() == action
    assert forgotten.pk != action.pk


def test_recent_actions_are_told_until_their_time_is_over(operator):
    make_task()
    action = pin(operator, "purge", "mail")
    assert running.recent(timezone.now()) == []
    run(operator, action, reason="x")
    assert running.recent(timezone.now()) == [action]
    assert "Purged 1 task" in operator.get(reverse("dashboard:tasks")).content.decode()
