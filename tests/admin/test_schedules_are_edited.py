"""The admin form of a schedule: what it refuses, what it shows, who may do what."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from taskhub import registry, schedules
from taskhub.errors import ScheduleError
from taskhub.models import AuditEntry, Schedule, ScheduleRun, Task, TaskCatalog
from tests.app import tasks_schedules as scheduled

pytestmark = pytest.mark.django_db

CHANGE, ADD, DELETE = (f"taskhub.{verb}_schedule" for verb in ("change", "add", "delete"))
ARGUMENTS, RUN = "taskhub_dashboard.edit_arguments", "taskhub_dashboard.run_schedule"
LIST = "/admin/taskhub/schedule/"
PREVIEW = f"{LIST}preview/"

FORM = {
    "name": "nightly", "enabled": "on", "task": "schedules.tick", "args": "[]", "kwargs": '{"label": "x"}',
    "options": "{}", "kind": "cron", "every": "", "cron": "30 2 * * *", "at_0": "", "at_1": "",
    "timezone": "Europe/Berlin", "start_at_0": "", "start_at_1": "", "end_at_0": "", "end_at_1": "",
    "misfire": "run_once", "grace": "60", "catch_up_limit": "100", "overlap": "allow", "jitter": "0",
}  # fmt: skip


def made(name: str = "pulse", **more) -> Schedule:
    return schedules.add_periodic(name, scheduled.tick, 60, **more)


def page_of(schedule: Schedule) -> str:
    return reverse("admin:taskhub_schedule_change", args=[schedule.pk])


def act(client, action: str, *chosen: Schedule, **more):
    data = {"action": action, "_selected_action": [one.pk for one in chosen], "index": "0", **more}
    return client.post(LIST, data, follow=True)


# -- the form -------------------------------------------------------------------------------------------------------


def test_a_schedule_is_added(root):
    response = root.post(f"{LIST}add/", FORM)
    assert response.status_code == 302, response.context["errors"]
    row = schedules.get("nightly")
    assert (row.cron, row.kwargs, row.timezone) == ("30 2 * * *", {"label": "x"}, "Europe/Berlin")
    assert row.next_due_at > timezone.now()
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target, entry.user_name) == ("add schedule", "nightly", "anna")


def test_a_schedule_with_an_end_and_a_jitter_is_added(root):
    end = timezone.localtime() + timedelta(days=9)
    more = {"jitter": "30", "end_at_0": f"{end:%Y-%m-%d}", "end_at_1": "12:00"}
    response = root.post(f"{LIST}add/", {**FORM, **more})
    assert response.status_code == 302, response.context["errors"]
    assert schedules.get("nightly").jitter == 30


def between(monkeypatch, name, meanwhile):
    """Let something happen after the form was checked and before `schedules.<name>` does its work."""
    true = getattr(schedules, name)

    def late(what):
        meanwhile()
        return true(what)

    monkeypatch.setattr(schedules, name, late)


def test_a_name_that_is_taken_after_the_form_was_checked_is_told_beside_its_field(
    root, monkeypatch
):
    between(monkeypatch, "save", lambda: made("nightly"))
    response = root.post(f"{LIST}add/", FORM)
    assert response.status_code == 200
    form = response.context["adminform"].form
    assert "named 'nightly' already" in form.errors["name"][0]
    assert form["cron"].value() == "30 2 * * *", "what was typed is still there"
    assert not AuditEntry.objects.exists()


def test_what_is_removed_or_declared_while_somebody_asks_to_remove_it_is_told(root, monkeypatch):
    row = made()

    def declare():
        Schedule.objects.filter(pk=row.pk).update(is_from_code=True, task="schedules.yearly")

    between(monkeypatch, "remove", declare)
    response = root.post(
        reverse("admin:taskhub_schedule_delete", args=[row.pk]), {"post": "yes"}, follow=True
    )
    assert "declared in code" in str(next(iter(response.context["messages"])))
    assert Schedule.objects.filter(pk=row.pk).exists()


BAD = [
    ({"name": ""}, "name"),
    ({"cron": "0 0 30 2 *"}, "cron"),
    ({"cron": ""}, "cron"),
    ({"cron": "every day"}, "cron"),
    ({"timezone": "Mars/Base"}, "timezone"),
    ({"kind": "interval", "every": "0"}, "every"),
    ({"kind": "interval", "every": ""}, "every"),
    ({"kind": "once"}, "at"),
    ({"kind": "once", "at_0": "2020-01-01", "at_1": "12:00"}, "at"),
    ({"end_at_0": "2020-01-01", "end_at_1": "12:00"}, "end_at"),
    ({"task": "no.such.task"}, "task"),
    ({"task": "schedules.private"}, "task"),
    ({"kwargs": "{not json"}, "kwargs"),
    ({"kwargs": "[1]"}, "kwargs"),
    ({"kwargs": '{"label": ' + "1" * 5000 + "}"}, "kwargs"),
    ({"kwargs": "[" * 100_000}, "kwargs"),
    ({"kwargs": "[" * 500 + "]" * 500}, "kwargs"),
    ({"kwargs": '{"label": "\\u0000"}'}, "kwargs"),
    ({"kwargs": '{"label": "\\ud800"}'}, "kwargs"),
    ({"kwargs": '{"\\ud800": 1}'}, "kwargs"),
    ({"kwargs": '{"label": NaN}'}, "kwargs"),
    ({"options": '{"tags": ["\\ud800"]}'}, "options"),
    ({"start_at_0": "0001-01-01", "start_at_1": "00:00"}, "start_at"),
    ({"end_at_0": "9999-12-31", "end_at_1": "23:59"}, "end_at"),
    ({"kind": "once", "at_0": "0001-01-01", "at_1": "00:00", "timezone": "America/New_York"}, "at"),
    ({"args": '{"a": 1}'}, "args"),
    ({"kwargs": '{"wrong": 1}'}, "kwargs"),
    ({"args": "[1, 2, 3]"}, "kwargs"),
    ({"options": '{"no such": 1}'}, "options"),
    ({"options": '{"timeout": -1}'}, "options"),
    ({"grace": "0"}, "grace"),
    ({"catch_up_limit": "5000"}, "catch_up_limit"),
    ({"misfire": "later"}, "misfire"),
    ({"jitter": "-1"}, "jitter"),
]


@pytest.mark.parametrize(("change", "field"), BAD)
def test_what_cannot_be_kept_is_refused_beside_its_field_by_the_form_and_by_its_preview(
    root, change, field
):
    response = root.post(f"{LIST}add/", {**FORM, **change})
    assert response.status_code == 200
    assert field in response.context["adminform"].errors
    assert not Schedule.objects.exists()
    assert field in root.post(PREVIEW, {**FORM, **change}).json()["errors"]


@pytest.mark.parametrize("year", [9990, 9997, 9998])
def test_a_schedule_that_outlives_the_calendar_has_no_time_and_no_error(root, year):
    form = {**FORM, "cron": "0 0 29 2 *", "start_at_0": f"{year}-12-30", "start_at_1": "00:00"}
    told = root.post(PREVIEW, form).json()
    assert [one["iso"][:10] for one in told["next"]] == (
        ["9992-02-28", "9996-02-28"] if year == 9990 else []
    )
    response = root.post(f"{LIST}add/", form)
    assert response.status_code == (302 if year == 9990 else 200)
    if year != 9990:
        (refusal,) = response.context["adminform"].errors["start_at"]
        assert "the calendar ends before its first time" in refusal


@pytest.mark.parametrize("kwargs", ['{"x": NaN}', '{"x": "\\u0000"}', '{"x": "\\ud800"}'])
def test_arguments_of_a_task_that_only_the_catalog_knows_are_storable_too(root, kwargs):
    TaskCatalog.objects.create(
        name="other.task", queue="default", module_path="other", updated_at=timezone.now(),
        parameters=[{"name": "x", "kind": "positional_or_keyword"}],
    )  # fmt: skip
    form = {**FORM, "task": "other.task", "kwargs": kwargs}
    assert "kwargs" in root.post(f"{LIST}add/", form).context["adminform"].errors
    assert "kwargs" in root.post(PREVIEW, form).json()["errors"]
    with pytest.raises(ScheduleError, match="kwargs"):
        row = Schedule(name="x", task="other.task", kind="cron", cron="@daily")
        row.kwargs = json.loads(kwargs)
        schedules.save(row)


def test_what_is_typed_and_cannot_be_stored_is_still_there(root):
    typed = '{"label": "\\ud800"}'
    form = root.post(f"{LIST}add/", {**FORM, "kwargs": typed}).context["adminform"].form
    assert form["kwargs"].value() == typed


def test_a_row_whose_times_are_damaged_has_a_page(root):
    pulse = made()
    for damage in [
        {"start_at": datetime(1, 1, 1, tzinfo=UTC)},
        {"kind": "once", "at": datetime(1, 1, 1, tzinfo=UTC), "timezone": "America/New_York"},
        {"kind": "once", "at": datetime(9999, 12, 31, 23, tzinfo=UTC), "timezone": "Asia/Tokyo"},
        {"timezone": "Mars/Base"},
    ]:
        Schedule.objects.filter(pk=pulse.pk).update(**damage)
        assert root.get(page_of(pulse)).status_code == 200
        assert root.get(LIST).status_code == 200


def test_several_problems_are_told_at_once(root):
    errors = root.post(PREVIEW, {**FORM, "cron": "x", "kwargs": "[1]", "grace": "0"}).json()[
        "errors"
    ]
    assert {"cron", "kwargs", "grace"} <= set(errors)


def test_a_name_that_is_taken_is_refused(root):
    made("nightly")
    response = root.post(f"{LIST}add/", FORM)
    assert "name" in response.context["adminform"].errors


def test_one_whose_time_is_over_may_still_be_renamed(root):
    once = schedules.add_once("once", scheduled.tick, timezone.now() + timedelta(hours=1))
    Schedule.objects.update(at=once.at - timedelta(hours=2), next_due_at=None)
    once.refresh_from_db()
    local = timezone.localtime(once.at)
    form = {
        **FORM, "name": "done", "kind": "once", "cron": "", "kwargs": "{}", "timezone": "UTC",
        "at_0": f"{local:%Y-%m-%d}", "at_1": f"{local:%H:%M:%S}",
    }  # fmt: skip
    response = root.post(page_of(once), form)
    assert response.status_code == 302, response.context["errors"]
    assert schedules.get("done").next_due_at is None


# -- the preview ----------------------------------------------------------------------------------------------------


def test_the_preview_says_it_in_words_with_the_next_times_and_the_nights_of_clock_changes(root):
    told = root.post(PREVIEW, FORM).json()
    assert told["errors"] == {}
    assert (told["words"], told["zone"]) == ("At 02:30", "Europe/Berlin")
    assert len(told["next"]) == 10
    assert "02:30:00 CE" in told["next"][0]["shown"]
    assert len(told["warnings"]) == 2
    assert any("runs once, at 03:00" in warning for warning in told["warnings"])
    assert any("runs the first time only" in warning for warning in told["warnings"])


def test_the_preview_of_an_hourly_entry_says_that_it_follows_real_time(root):
    told = root.post(PREVIEW, {**FORM, "cron": "30 * * * *"}).json()
    assert any("it runs in both" in warning for warning in told["warnings"])
    assert root.post(PREVIEW, {**FORM, "timezone": "UTC"}).json()["warnings"] == []


def test_the_preview_writes_nothing_and_is_for_those_who_may_edit(root, staff):
    assert root.get(PREVIEW).status_code == 405
    for pk in ("9" * 30, "9" * 5000, "x"):
        assert root.post(f"{PREVIEW}?schedule={pk}", FORM).status_code == 200
    assert staff("taskhub.view_schedule").post(PREVIEW, FORM).status_code == 403
    assert staff(ADD).post(PREVIEW, FORM).status_code == 403, "adding is choosing what is called"
    pulse = made()
    client = staff(CHANGE)
    assert client.post(f"{PREVIEW}?schedule={pulse.pk}", FORM).status_code == 200
    pulse.refresh_from_db()
    assert (pulse.name, pulse.kind) == ("pulse", "interval")
    assert not AuditEntry.objects.exists()


# -- who may --------------------------------------------------------------------------------------------------------


def test_who_may_not_edit_arguments_changes_the_times_only_and_does_not_see_the_arguments(staff):
    pulse = schedules.add_periodic("pulse", scheduled.tick.s(label="secret words"), 60)
    client = staff(CHANGE)
    assert "secret words" not in client.get(page_of(pulse)).content.decode()
    response = client.post(page_of(pulse), {**FORM, "name": "pulse", "task": "schedules.keyed"})
    assert response.status_code == 302, response.context["errors"]
    pulse.refresh_from_db()
    assert (pulse.cron, pulse.task) == ("30 2 * * *", "schedules.tick")
    assert pulse.kwargs == {"label": "secret words"}


def test_what_the_arguments_hold_is_not_told_by_a_filter(staff, root):
    schedules.add_periodic("pulse", scheduled.tick.s(label="secret words"), 60)
    viewer = staff("taskhub.view_schedule")
    for lookup in (
        "kwargs__label__startswith",
        "kwargs__icontains",
        "args__0",
        "options__priority",
    ):
        for value in ("secret", "nope"):
            assert viewer.get(LIST, {lookup: value}).status_code == 400
    for offered in ({"enabled__exact": "1"}, {"kind__exact": "interval"}, {"is_from_code": "0"}):
        assert root.get(LIST, offered).context["cl"].result_count == 1
    assert root.get(LIST, {"o": "-2", "q": "pulse"}).context["cl"].result_count == 1


DAMAGES = [
    {"args": {"secret": 1}},
    {"kwargs": ["secret"]},
    {"kwargs": {"secret": 1}},
    {"options": {"timeout": "secret"}},
    {"options": {"concurrency_key": "secret"}, "overlap": "queue_one"},
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_who_may_not_see_the_arguments_is_not_told_what_a_damaged_row_holds(staff, damage):
    pulse = made()
    Schedule.objects.filter(pk=pulse.pk).update(**damage)
    form = {**FORM, "name": "pulse", "overlap": damage.get("overlap", "allow")}
    client = staff(CHANGE)
    told = client.post(f"{PREVIEW}?schedule={pulse.pk}", form)
    assert told.json()["errors"]
    page = client.post(page_of(pulse), form)
    assert page.status_code == 200
    for response in (told, page):
        assert "secret" not in response.content.decode()


def test_why_a_damaged_row_was_disabled_does_not_tell_its_arguments(staff):
    pulse = made()
    Schedule.objects.filter(pk=pulse.pk).update(args={"secret": 1})
    schedules.fire_due(["schedules.tick"], pulse.created_at + timedelta(hours=1))
    text = staff("taskhub.view_schedule").get(LIST).content.decode()
    assert "args is a JSON object: expected a JSON array" in text
    assert "secret" not in text


def test_adding_and_duplicating_need_the_right_to_edit_arguments(staff):
    pulse = made()
    assert staff(ADD).get(f"{LIST}add/").status_code == 403
    assert staff(ADD, ARGUMENTS).get(f"{LIST}add/").status_code == 200
    act(staff(ADD, CHANGE), "duplicate", pulse)
    assert Schedule.objects.count() == 1
    act(staff(ADD, CHANGE, ARGUMENTS), "duplicate", pulse)
    copy = schedules.get("pulse (copy)")
    assert (copy.enabled, copy.every, copy.next_due_at) == (False, 60, None)


@pytest.mark.parametrize(
    ("action", "right"), [("enable", CHANGE), ("disable", CHANGE), ("run_now", RUN)]
)
def test_each_action_asks_for_its_own_permission(staff, action, right):
    pulse = made()
    if action == "enable":
        schedules.disable("pulse")
    others = {CHANGE, RUN} - {right}
    act(staff("taskhub.view_schedule", *others), action, pulse)
    assert not AuditEntry.objects.exists()
    act(staff("taskhub.view_schedule", right), action, pulse)
    assert AuditEntry.objects.get().target == "pulse"
    pulse.refresh_from_db()
    assert pulse.enabled == (action != "disable")
    assert Task.objects.count() == (action == "run_now")


def test_an_action_on_all_rows_is_refused(root):
    pulse = made()
    response = act(root, "disable", pulse, select_across="1")
    assert "Choose the rows themselves" in response.content.decode()
    pulse.refresh_from_db()
    assert pulse.enabled


def test_deleting_takes_the_history_along_and_spares_what_the_code_declares(root):
    schedules.sync()
    pulse, declared = made(), schedules.get("schedules.yearly")
    schedules.run_now("pulse")
    root.post(reverse("admin:taskhub_schedule_delete", args=[pulse.pk]), {"post": "yes"})
    assert not ScheduleRun.objects.exists()
    url = reverse("admin:taskhub_schedule_delete", args=[declared.pk])
    assert root.post(url, {"post": "yes"}).status_code == 403
    act(root, "delete_selected", declared, post="yes")
    assert schedules.get("schedules.yearly").enabled
    Schedule.objects.filter(pk=declared.pk).update(task="gone.task")
    assert root.post(url, {"post": "yes"}).status_code == 302, "its code is gone"
    assert not Schedule.objects.filter(pk=declared.pk).exists()


def test_of_a_declared_schedule_only_the_switch_can_be_changed(root):
    schedules.sync()
    declared = schedules.get("schedules.yearly")
    text = root.get(page_of(declared)).content.decode()
    assert 'name="cron"' not in text
    assert 'name="enabled"' in text
    assert root.post(page_of(declared), {"cron": "0 5 * * *"}).status_code == 302
    declared.refresh_from_db()
    assert (declared.enabled, declared.cron, declared.disabled_by) == (False, "0 0 1 1 *", "person")


def test_a_site_without_the_tasks_code_edits_by_the_catalog_and_asks_a_worker_to_run(
    root, monkeypatch
):
    monkeypatch.setattr(registry, "find", lambda name: None)
    response = root.post(f"{LIST}add/", FORM)
    assert response.status_code == 302, response.context["errors"]
    nightly = schedules.get("nightly")
    for change, field in [
        ({"task": "no.such.task"}, "task"),
        ({"kwargs": '{"wrong": 1}'}, "kwargs"),
    ]:
        assert field in root.post(PREVIEW, {**FORM, "name": "other", **change}).json()["errors"]
    act(root, "run_now", nightly)
    nightly.refresh_from_db()
    assert nightly.requested_at is not None
    assert not Task.objects.exists()


# -- what is shown --------------------------------------------------------------------------------------------------


def test_the_page_shows_what_comes_and_what_became_of_the_last_times_with_links(root):
    pulse = made()
    schedules.run_now("pulse")
    task = Task.objects.get()
    text = root.get(page_of(pulse)).content.decode()
    assert "Every minute" in text
    assert f'<a href="/taskhub/tasks/{task.pk}/">#{task.pk}</a>' in text
    assert "(by hand)" in text


def test_the_list_shows_words_state_and_a_damaged_row(root):
    made()
    schedules.disable("pulse", "the relay is down")
    bad = made("bad")
    Schedule.objects.filter(pk=bad.pk).update(kind="cron", cron="0 0 30 2 *")
    text = root.get(LIST).content.decode()
    assert "Every minute (UTC)" in text
    assert "disabled by a person. the relay is down" in text
    assert "0 0 30 2 *" in text
    assert root.get(page_of(bad)).status_code == 200


def test_nothing_on_the_page_needs_an_inline_script_or_style(root):
    text = root.get(page_of(made())).content.decode()
    assert "<style" not in text
    assert " style=" not in text
    assert " onclick=" not in text
    scripts = [part.partition(">")[0] for part in text.split("<script")[1:]]
    assert all("src=" in one or 'type="application/json"' in one for one in scripts), scripts
