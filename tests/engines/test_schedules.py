"""Schedules on each database: fired once, by their policies, whatever the clock does; edits and bad rows."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.db.utils import Error, IntegrityError, InterfaceError
from django.utils import timezone

from taskhub import Cron, compat, queue, schedules, task
from taskhub.errors import InvalidOption, ScheduleError, UnknownTask
from taskhub.models import Decision, DisabledBy, Schedule, ScheduleRun, Task
from taskhub.policies import Misfire, Overlap
from taskhub.schedules import adding, declared
from taskhub.schedules.runs import KEPT
from taskhub.states import TaskState
from tests.app import tasks
from tests.app import tasks_schedules as scheduled
from tests.engines.builders import claim, ending, finish, make_worker
from tests.helpers import acting_as, in_thread

pytestmark = pytest.mark.django_db

TICK = scheduled.tick.identifier
NAMES = [TICK, tasks.add.identifier, *(f"schedules.{name}" for name in ("keyed", "broken_key"))]
HOUR, DAY = 3600, 86_400


@pytest.fixture(autouse=True)
def _no_schedules(db) -> None:
    """Declared ones are there after migrate."""
    Schedule.objects.all().delete()


def add(seconds: int = 60, name: str = "pulse", call=scheduled.tick, **more) -> Schedule:
    return schedules.add_periodic(name, call, seconds, **more)


def at(schedule: Schedule, seconds: float) -> datetime:
    """A moment of the injected clock: so many seconds after the schedule was made."""
    return schedule.created_at + timedelta(seconds=seconds)


def fire(schedule: Schedule, seconds: float) -> int:
    return schedules.fire_due(NAMES, at(schedule, seconds))


def decisions(schedule: Schedule) -> list[tuple[float, str]]:
    """The times of a schedule in seconds after it was made, with what became of them."""
    rows = ScheduleRun.objects.filter(schedule=schedule).order_by("due_at")
    return [((row.due_at - schedule.created_at).total_seconds(), row.decision) for row in rows]


def run_everything() -> None:
    worker = make_worker()
    while claims := claim(worker, 100):
        finish(worker, [ending(one) for one in claims])


# -- firing ---------------------------------------------------------------------------------------------------------


def test_what_is_due_is_enqueued_at_its_time_and_only_then():
    pulse = add(60, call=scheduled.tick.s(label="hello").using(queue_name="mail", priority=7))
    assert fire(pulse, 59.9) == 0
    assert fire(pulse, 60) == 1
    assert fire(pulse, 60.1) == 0
    task = Task.objects.get()
    assert (task.name, task.kwargs, task.queue, task.priority) == (
        TICK,
        {"label": "hello"},
        "mail",
        7,
    )
    (run,) = schedules.history(pulse)
    assert (run.decision, run.task_id, run.state) == (Decision.ENQUEUED, task.pk, "queued")
    pulse.refresh_from_db()
    assert pulse.next_due_at == at(pulse, 120)


def test_the_next_time_is_known_in_seconds():
    assert schedules.seconds_to_next(NAMES) is None
    pulse = add(60)
    assert schedules.seconds_to_next(NAMES, at(pulse, 20)) == pytest.approx(40)
    assert schedules.seconds_to_next(NAMES, at(pulse, 70)) == pytest.approx(-10)
    assert schedules.seconds_to_next([], at(pulse, 70)) is None, "another's code"


def test_a_schedule_of_a_task_whose_code_is_elsewhere_is_left_alone():
    pulse = add(60)
    assert schedules.fire_due(["another.task"], at(pulse, 61)) == 0
    assert fire(pulse, 61) == 1


def test_times_of_two_schedules_do_not_disturb_each_other():
    first, second = add(60, "first"), add(90, "second")
    assert fire(first, 100) == 2
    assert [len(decisions(one)) for one in (first, second)] == [1, 1]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_fire_one_time_one_enqueues():
    pulse = add(60)
    now = at(pulse, 61)
    rivals = [in_thread(schedules.fire_due, NAMES, now) for _ in range(4)]
    assert sum(rival.result(30) for rival in rivals) == 1
    assert Task.objects.count() == ScheduleRun.objects.count() == 1


@pytest.mark.only_on("postgresql", "mysql")
@pytest.mark.django_db(transaction=True)
def test_who_comes_while_another_fires_passes_the_schedule_by(second_connection):
    pulse, other = add(60), add(60, "other")
    now = at(other, 62)
    with acting_as(second_connection), transaction.atomic():
        Schedule.objects.select_for_update().get(pk=pulse.pk)
        assert in_thread(schedules.fire_due, NAMES, now).result(10) == 1
    assert schedules.fire_due(NAMES, now) == 1
    assert ScheduleRun.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_has_not_been_fired():
    pulse = add(60)
    with pytest.raises(RuntimeError), transaction.atomic():
        assert fire(pulse, 61) == 1
        raise RuntimeError
    assert not Task.objects.exists()
    assert fire(pulse, 61) == 1


def test_jitter_spreads_the_starts_and_not_the_times():
    pulse = add(60, jitter=30)
    before = timezone.now()
    assert fire(pulse, 60) == 1
    task = Task.objects.get()
    assert task.state == TaskState.PENDING
    assert timedelta(0) < task.run_after - before < timedelta(seconds=40)
    assert decisions(pulse) == [(60, "enqueued")]


def test_no_jitter_goes_beyond_the_end():
    now = timezone.now()
    pulse = add(60, jitter=DAY, end_at=now + timedelta(seconds=100))
    schedules.fire_due(NAMES, at(pulse, 90))
    assert Task.objects.get().run_after - timezone.now() <= timedelta(seconds=12)
    schedules.run_now("pulse")
    assert Task.objects.latest("id").run_after <= pulse.end_at + timedelta(seconds=2)


def test_the_last_thousand_times_are_kept_of_schedules_in_step():
    pulses = [add(60, f"pulse {number}") for number in range(2)]
    rows = [
        ScheduleRun(
            schedule=pulse, due_at=at(pulse, -60 * n), decided_at=at(pulse, 0), decision="missed"
        )
        for n in range(KEPT + 50)
        for pulse in pulses
    ]
    ScheduleRun.objects.bulk_create(rows, batch_size=500)
    for number in range(1, 102):
        fire(pulses[-1], 60 * number)
    for pulse in pulses:
        assert KEPT <= ScheduleRun.objects.filter(schedule=pulse).count() <= KEPT + 100
        assert decisions(pulse)[-1] == (60 * 101, "enqueued")


# -- the clock ------------------------------------------------------------------------------------------------------


def test_a_day_asleep_by_each_misfire_policy():
    made = {policy: add(HOUR, policy, misfire=policy) for policy in Misfire}
    skip = made[Misfire.SKIP]
    assert fire(skip, DAY + 1800) == 3
    assert decisions(skip) == [(24 * HOUR, "missed")]
    assert decisions(made[Misfire.RUN_ONCE]) == [(23 * HOUR, "missed"), (24 * HOUR, "enqueued")]
    assert decisions(made[Misfire.CATCH_UP]) == [(n * HOUR, "enqueued") for n in range(1, 25)]
    reason = ScheduleRun.objects.get(schedule=skip).reason
    assert reason.startswith("24 times from")
    for pulse in made.values():
        pulse.refresh_from_db()
        assert pulse.next_due_at == at(pulse, 25 * HOUR)


@pytest.mark.parametrize("misfire", [Misfire.RUN_ONCE, Misfire.CATCH_UP])
def test_a_late_run_says_what_it_makes_up_for(misfire):
    pulse = add(6 * HOUR, misfire=misfire)
    fire(pulse, 6 * HOUR + 60)
    fire(pulse, 13 * HOUR)
    on_time, late = ScheduleRun.objects.order_by("due_at")
    policy = misfire.replace("_", " ")
    assert (on_time.reason, late.decision) == ("", "enqueued")
    assert late.reason == f"1:00:00 late, and made up for (misfire: {policy})"


def test_a_day_asleep_is_caught_up_with_no_further_than_the_limit():
    pulse = add(HOUR, misfire=Misfire.CATCH_UP, catch_up_limit=5)
    fire(pulse, DAY + 1800)
    assert decisions(pulse) == [
        (19 * HOUR, "missed"),
        *((n * HOUR, "enqueued") for n in range(20, 25)),
    ]


def test_a_schedule_of_each_second_does_not_flood_after_a_day_asleep():
    pulse = add(1, grace=1)
    fire(pulse, DAY)
    assert Task.objects.count() == 2, "the two that are not late: this second's and the last"
    (missed,) = ScheduleRun.objects.filter(decision="missed")
    assert missed.reason.startswith("More than 998 times")


@pytest.mark.parametrize(("misfire", "count"), [("skip", 0), ("run_once", 1), ("catch_up", 12)])
def test_a_clock_that_jumps_an_hour_ahead(misfire, count):
    pulse = add(300, misfire=misfire, start_at=at_the_full_hour())
    start = pulse.start_at
    assert schedules.fire_due(NAMES, start) == 1
    schedules.fire_due(NAMES, start + timedelta(seconds=HOUR + 150))
    assert Task.objects.count() == 1 + count
    assert schedules.fire_due(NAMES, start + timedelta(seconds=HOUR + 300)) == 1
    assert Task.objects.count() == 2 + count


def at_the_full_hour() -> datetime:
    return timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def test_a_clock_that_jumps_an_hour_back_fires_nothing_twice():
    pulse = add(300)
    for number in range(1, 4):
        fire(pulse, 300 * number)
    for seconds in range(-HOUR, 901, 60):
        assert fire(pulse, seconds) == 0
    assert fire(pulse, 1200) == 1
    assert [when for when, _ in decisions(pulse)] == [300, 600, 900, 1200]


def test_an_edit_while_the_clock_stood_an_hour_back_fires_nothing_twice():
    pulse = add(300)
    for number in range(1, 4):
        fire(pulse, 300 * number)
    Schedule.objects.update(
        next_due_at=at(pulse, 300)
    )  # as an edit would work it out, an hour earlier
    fire(pulse, 1200)
    assert decisions(pulse) == [(300 * number, "enqueued") for number in range(1, 5)]


# -- overlap --------------------------------------------------------------------------------------------------------


def test_overlap_allow_enqueues_beside_what_runs():
    pulse = add(60)
    for number in range(1, 4):
        fire(pulse, 60 * number)
    assert Task.objects.count() == 3


def test_overlap_skip_waits_for_the_end_of_the_last():
    pulse = add(60, overlap=Overlap.SKIP)
    fire(pulse, 60)
    fire(pulse, 120)
    run_everything()
    fire(pulse, 180)
    assert [word for _, word in decisions(pulse)] == ["enqueued", "overlapped", "enqueued"]
    run = ScheduleRun.objects.get(decision="overlapped")
    first = Task.objects.order_by("id").first()
    assert run.reason == f"task #{first.pk} of an earlier time is queued (overlap: skip)"


@pytest.mark.django_db(transaction=True)
def test_overlap_queue_one_lets_one_wait_for_the_end_of_the_other():
    pulse, worker = add(60, overlap=Overlap.QUEUE_ONE), make_worker()
    fire(pulse, 60)
    (running,) = claim(worker)
    fire(pulse, 120)
    fire(pulse, 180)
    assert [word for _, word in decisions(pulse)] == ["enqueued", "enqueued", "overlapped"]
    assert claim(worker, 5) == [], "the second waits for the slot"
    waits = f"it waits: task #{running.id} of an earlier time is running (overlap: queue one)"
    reasons = ScheduleRun.objects.order_by("due_at").values_list("reason", flat=True)
    assert list(reasons)[:2] == ["", waits]
    finish(worker, [ending(running)])
    assert len(claim(worker, 5)) == 1


def test_overlap_cancel_previous_ends_what_waits():
    pulse = add(60, overlap=Overlap.CANCEL_PREVIOUS)
    for number in range(1, 4):
        fire(pulse, 60 * number)
    states = Task.objects.order_by("id").values_list("state", flat=True)
    assert list(states) == ["cancelled", "cancelled", "queued"]
    first, second, _ = Task.objects.order_by("id")
    assert "was due again" in first.reason
    reasons = ScheduleRun.objects.order_by("due_at").values_list("reason", flat=True)
    end = "of earlier times made way (overlap: cancel previous)"
    assert list(reasons) == ["", f"task #{first.pk} {end}", f"task #{second.pk} {end}"]


def test_overlap_cancel_previous_asks_what_runs_to_stop():
    pulse, worker = add(60, overlap=Overlap.CANCEL_PREVIOUS), make_worker()
    fire(pulse, 60)
    claim(worker)
    fire(pulse, 120)
    running, waiting = Task.objects.order_by("id")
    assert (running.state, waiting.state) == ("running", "queued")
    assert running.cancel_requested_at is not None


# -- refusals -------------------------------------------------------------------------------------------------------


def test_a_full_queue_refuses_one_time_and_the_schedule_goes_on():
    pulse = add(60, call=scheduled.tick.using(queue_name="narrow"))
    queue.set_limits("narrow", max_size=1)
    fire(pulse, 60)
    fire(pulse, 120)
    run = ScheduleRun.objects.get(decision=Decision.REFUSED)
    assert "The queue 'narrow' holds 1 waiting tasks" in run.reason
    pulse.refresh_from_db()
    assert (pulse.enabled, pulse.next_due_at) == (True, at(pulse, 180))


def test_what_the_sites_own_code_raises_costs_one_time():
    pulse = add(60, call="schedules.tick")
    Schedule.objects.filter(pk=pulse.pk).update(task="schedules.broken_key", args=[1])
    assert fire(pulse, 60) == 1
    run = ScheduleRun.objects.get(decision=Decision.REFUSED)
    assert run.reason == "RuntimeError: the key of this task cannot be made"
    pulse.refresh_from_db()
    assert (pulse.enabled, pulse.next_due_at) == (True, at(pulse, 120))


@pytest.fixture
def receiver():
    """`receiver(act)`: a receiver of the site's own that does this for each task named schedules.tick."""
    hearing = []

    def hear(act):
        def received(task_result, **kwargs):
            if task_result.task.identifier == TICK:
                act()

        hearing.append(received)
        compat.task_enqueued.connect(received)

    yield hear
    for received in hearing:
        compat.task_enqueued.disconnect(received)


def raising(error: Exception):
    def act():
        raise error

    return act


def wrong_statement():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM no_such_table")


@pytest.mark.parametrize("act", [raising(IntegrityError("of the site")), wrong_statement])
def test_a_database_error_of_the_sites_own_code_costs_one_time_and_no_other_schedule(receiver, act):
    receiver(act)
    bad, good = add(60, "bad"), add(61, "good", tasks.add.s(1, 2))
    assert fire(good, 65) == 2
    (run,) = ScheduleRun.objects.filter(schedule=bad)
    assert (run.decision, bool(run.reason)) == (Decision.REFUSED, True)
    assert decisions(good) == [(61, "enqueued")]
    bad.refresh_from_db()
    assert (bad.enabled, bad.next_due_at) == (True, at(bad, 120))


@pytest.mark.django_db(transaction=True)
def test_a_database_in_trouble_over_one_schedule_fires_the_others_before_it_says_so(receiver):
    receiver(raising(InterfaceError("the server is restarting")))
    bad, good = add(60, "bad"), add(61, "good", tasks.add.s(1, 2))
    with pytest.raises(Error, match="restarting"):
        fire(good, 65)
    assert decisions(good) == [(61, "enqueued")]
    bad.refresh_from_db()
    assert (bad.enabled, bad.next_due_at, decisions(bad)) == (True, at(bad, 60), [])


def test_a_live_task_with_the_same_unique_key_refuses_one_time():
    pulse = add(60, call=scheduled.keyed.s(5))
    live = scheduled.keyed.enqueue(5)
    fire(pulse, 60)
    (run,) = schedules.history(pulse)
    assert run.decision == Decision.REFUSED
    assert run.reason.startswith(f"task #{live.id}, which has the same unique key")


DAMAGES = [
    (
        {"cron": "0 0 30 2 *", "kind": "cron"},
        "ScheduleError: The cron expression '0 0 30 2 *' never",
    ),
    ({"timezone": "Mars/Base", "kind": "cron", "cron": "@daily"}, "'Mars/Base' is not a time zone"),
    ({"misfire": "whatever"}, "'whatever' is not a valid Misfire"),
    ({"args": {"not": "a list"}}, "expected a JSON array"),
    ({"options": {"no such": 1}}, "unknown option 'no such'"),
    ({"options": {"timeout": -5}}, "timeout=-5"),
]


@pytest.mark.parametrize(("damage", "reason"), DAMAGES)
def test_a_bad_row_is_kept_and_disabled_with_the_reason_and_the_others_go_on(damage, reason):
    bad, good = add(60, "bad"), add(60, "good")
    Schedule.objects.filter(pk=bad.pk).update(**damage)
    assert fire(good, 70) == 2
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (good.enabled, decisions(good)) == (True, [(60, "enqueued")])
    assert (bad.enabled, bad.next_due_at, bad.disabled_by) == (False, None, DisabledBy.ERROR)
    assert reason in bad.disabled_reason
    assert fire(good, 80) == 0


def test_a_schedule_whose_code_no_living_worker_has_is_disabled_and_comes_back_with_it():
    pulse = add(60)
    Schedule.objects.update(task="gone.task")
    soon, later = at(pulse, 100), at(pulse, 60 + 2 * HOUR)
    assert schedules.disable_orphans(NAMES, soon) == 0, "a worker may be starting just now"
    knowing = make_worker("w", kind="worker", tasks=["gone.task"])
    assert schedules.disable_orphans(NAMES, later) == 0
    knowing.delete()
    assert schedules.disable_orphans(NAMES, later) == 1
    pulse.refresh_from_db()
    assert (pulse.enabled, pulse.disabled_by) == (False, DisabledBy.MISSING)
    assert pulse.disabled_reason == "No living worker has the code of gone.task."
    Schedule.objects.update(task=TICK)
    schedules.sync()
    pulse.refresh_from_db()
    assert (pulse.enabled, pulse.disabled_by) == (True, "")


def test_a_run_that_was_asked_for_and_that_nobody_can_do_is_refused():
    pulse = add(DAY)
    Schedule.objects.update(task="gone.task")
    schedules.ask_to_run("pulse")
    soon, later = timezone.now() + timedelta(seconds=30), timezone.now() + timedelta(seconds=HOUR)
    assert schedules.disable_orphans(NAMES, soon) == 0
    assert schedules.get("pulse").requested_at is not None, "a worker may be starting just now"
    schedules.disable_orphans(NAMES, later)
    pulse.refresh_from_db()
    assert (pulse.enabled, pulse.requested_at) == (True, None)
    (run,) = schedules.history(pulse)
    assert (run.decision, run.is_manual) == (Decision.REFUSED, True)
    assert run.reason == "No living worker has the code of gone.task."


# -- editing --------------------------------------------------------------------------------------------------------


def test_a_schedule_is_added_listed_disabled_enabled_and_removed():
    pulse = add(60)
    assert [one.name for one in schedules.list() if not one.is_from_code] == ["pulse"]
    schedules.disable("pulse", "the relay is down")
    pulse.refresh_from_db()
    assert (pulse.enabled, pulse.next_due_at) == (False, None)
    assert (pulse.disabled_by, pulse.disabled_reason) == ("person", "the relay is down")
    assert fire(pulse, DAY) == 0
    enabled = schedules.enable("pulse")
    assert (enabled.disabled_by, enabled.disabled_reason) == ("", "")
    assert enabled.next_due_at > timezone.now(), (
        "what it would have been due for meanwhile is no misfire"
    )
    schedules.remove("pulse")
    with pytest.raises(ScheduleError, match="No schedule is named 'pulse'"):
        schedules.get("pulse")


def test_adding_again_replaces_but_leaves_a_disabled_one_disabled():
    pulse = add(60, overlap="skip", end_at=timezone.now() + timedelta(days=1))
    again = add(90, call=tasks.add.s(1, b=2))
    assert (again.pk, again.every, again.task) == (pulse.pk, 90, tasks.add.identifier)
    assert (again.overlap, again.end_at) == ("allow", None)
    schedules.disable("pulse")
    assert not add(30).enabled
    assert add(30, enabled=True).enabled


def test_two_who_add_one_name_at_once_both_succeed(monkeypatch):
    true = adding.save

    def late(row, **more):
        monkeypatch.setattr(adding, "save", true)
        add(90)
        return true(row, **more)

    monkeypatch.setattr(adding, "save", late)
    row = add(60)
    assert schedules.get("pulse") == row
    assert (row.every, Schedule.objects.get(name="pulse").every) == (60, 60)


@pytest.mark.django_db(transaction=True)
def test_several_who_add_one_name_at_once_write_one_row():
    rivals = [in_thread(add, 60 + number) for number in range(4)]
    assert {rival.result(30).name for rival in rivals} == {"pulse"}
    assert Schedule.objects.filter(name="pulse").count() == 1


def test_an_edit_of_the_arguments_keeps_a_time_that_has_come():
    pulse = add(60)
    Schedule.objects.update(next_due_at=at(pulse, -60))
    schedules.save(Schedule.objects.get())
    assert Schedule.objects.get().next_due_at == at(pulse, -60)
    add(61)
    assert Schedule.objects.get().next_due_at > timezone.now()


def test_a_run_now_is_enqueued_and_on_record():
    add(60, overlap=Overlap.SKIP)
    schedules.disable("pulse")
    result = schedules.run_now("pulse")
    (run,) = schedules.history(schedules.get("pulse"))
    assert (run.task_id, run.is_manual) == (int(result.id), True)


def test_a_run_that_somebody_asked_for_is_done_by_who_has_the_code():
    pulse = add(60, overlap=Overlap.SKIP)
    schedules.disable("pulse")
    schedules.ask_to_run("pulse")
    assert schedules.fire_due(["another.task"]) == 0
    assert schedules.seconds_to_next(NAMES) == 0
    assert schedules.fire_due(NAMES) == 1
    assert schedules.fire_due(NAMES) == 0
    (run,) = schedules.history(pulse)
    assert (run.decision, run.is_manual, run.state) == (Decision.ENQUEUED, True, "queued")
    assert schedules.seconds_to_next(NAMES) is None


def test_a_run_that_is_asked_for_moves_no_time():
    pulse = add(60)
    schedules.ask_to_run("pulse")
    add(60, misfire="skip")
    assert fire(pulse, 30) == 1
    pulse.refresh_from_db()
    assert (pulse.requested_at, pulse.next_due_at) == (None, at(pulse, 60))
    schedules.ask_to_run("pulse")
    assert fire(pulse, 60) == 1
    assert len(decisions(pulse)) == 2


def test_the_next_times_are_told():
    pulse = schedules.add_cron("nightly", TICK, "30 2 * * *", timezone="Europe/Berlin")
    after = datetime(2027, 3, 27, tzinfo=UTC)
    told = [f"{one:%m-%d %H:%M}" for one in schedules.next_runs(pulse, 3, after=after)]
    assert told == ["03-27 01:30", "03-28 01:00", "03-29 00:30"]
    new_year = datetime(2027, 1, 1, tzinfo=UTC)
    nights = [f"{one.before:%m-%d}" for one in schedules.clock_changes(pulse.timing, new_year)]
    assert nights == ["03-28", "10-31"]


def test_late_and_missed_schedules_are_named():
    pulse, fine = add(60, misfire="skip"), add(60, "fine")
    Schedule.objects.filter(pk=pulse.pk).update(next_due_at=at(pulse, -600))
    ((late, seconds),) = schedules.late()
    assert late == pulse
    assert seconds > 590
    schedules.fire_due(NAMES)
    assert schedules.late() == []
    (missed,) = schedules.last_missed(at(pulse, -DAY))
    assert missed.schedule == pulse
    assert fine.enabled


def test_what_was_missed_is_named_when_it_was_found_out_however_long_ago_it_was_due():
    made = {name: add(4 * HOUR, name, misfire=name) for name in ("skip", "run_once")}
    on_time = add(4 * HOUR, "on time")
    fire(on_time, 4 * HOUR)
    schedules.run_now("on time")
    before = at(on_time, 9 * HOUR)
    fire(on_time, 10 * HOUR)
    assert schedules.last_missed(at(on_time, 11 * HOUR)) == []
    found = {run.schedule.name: run for run in schedules.last_missed(before)}
    assert set(found) == {"skip", "run_once", "on time"}
    assert (found["skip"].decision, found["run_once"].decision) == ("missed", "enqueued")
    assert all(2 * HOUR <= run.late_seconds < 2 * HOUR + 60 for run in found.values())
    assert made["skip"].enabled


def test_a_time_that_was_left_out_tells_more_than_the_run_that_makes_up_for_it():
    pulse = add(HOUR)
    fire(pulse, 5 * HOUR + 600)
    (found,) = schedules.last_missed(at(pulse, 0))
    assert (found.decision, found.due_at) == (Decision.MISSED, at(pulse, 4 * HOUR))


BAD = [
    (lambda: add(0), "every=0: expected a whole number of seconds"),
    (lambda: add(-60), "every=-60"),
    (lambda: add(0.5), "every=0.5"),
    (lambda: schedules.add_cron("x", TICK, "0 0 30 2 *"), "never comes true"),
    (lambda: schedules.add_cron("x", TICK, "@daily", timezone="Mars/Base"), "not a time zone"),
    (lambda: schedules.add_cron("x", TICK, "0 0 29 2 *", end_at=soon()), "would never be due"),
    (lambda: schedules.add_once("x", TICK, timezone.now() - timedelta(1)), "is past"),
    (
        lambda: schedules.add_once("x", TICK, timezone.now().replace(tzinfo=None)),
        "expected an aware",
    ),
    (lambda: add(60, call=scheduled.tick.s(1, 2, 3)), "do not fit schedules.tick"),
    (lambda: add(60, call=scheduled.tick.s(wrong=1)), "do not fit schedules.tick.*'wrong'"),
    (lambda: add(60, call=scheduled.tick.s(object())), "not JSON-serializable"),
    (lambda: add(60, call=scheduled.tick.using(countdown=5)), "countdown=5 cannot be scheduled"),
    (lambda: add(60, call=scheduled.slotted.s(1), overlap="queue_one"), "concurrency_key"),
    (lambda: add(60, call=scheduled.with_a_broken_key.s(1)), "RuntimeError: the key"),
    (lambda: add(60, call=42), "42 cannot be scheduled; expected a signature"),
    (lambda: add(60, missfire="skip"), "unknown option 'missfire'; known options"),
    (lambda: add(60, misfire="later"), "'later' is not a valid Misfire"),
    (lambda: add(60, grace=0), "grace=0"),
    (
        lambda: add(60, jitter=60, overlap="cancel_previous"),
        "jitter=60: expected less than every=60",
    ),
    (lambda: add(60, name=""), "name=''"),
    (lambda: add(60, name=None), "name=None"),
    (lambda: add(60, timezone=["UTC"]), r"timezone=\['UTC'\]"),
    (lambda: add(60, enabled=None), "enabled=None: expected True or False"),
    (lambda: add(60, misfire=["skip"]), "is not a valid Misfire"),
    (lambda: schedules.add_cron("x", TICK, None), "cron=None: expected a text"),
    (lambda: schedules.add_cron("x", TICK, ["@daily"]), r"cron=\['@daily'\]"),
    (lambda: add(60, start_at=datetime(1, 1, 1, tzinfo=UTC)), "the years 1900 to 9998"),
    (lambda: schedules.get(None), "No schedule is named None"),
    (lambda: add(60, name="x" * 201), "name='xxx"),
    (lambda: add(60, name="a\x00b"), "name="),
]


def soon() -> datetime:
    return timezone.now() + timedelta(seconds=1)


@pytest.mark.parametrize(("act", "problem"), BAD)
def test_what_cannot_be_kept_is_refused_and_nothing_is_written(act, problem):
    with pytest.raises(ScheduleError, match=problem):
        act()
    assert not Schedule.objects.filter(is_from_code=False).exists()


def test_an_unknown_task_is_refused_with_what_may_have_been_meant():
    with pytest.raises(UnknownTask, match=r"schedules\.tick"):
        add(60, call="schedules.tikc")


# -- declared in code -----------------------------------------------------------------------------------------------


def test_declared_schedules_are_rows_marked_from_code():
    schedules.sync()
    row = schedules.get("schedules.yearly")
    assert (row.is_from_code, row.cron, row.timezone) == (True, "0 0 1 1 *", "Europe/Berlin")
    assert (row.misfire, row.enabled, row.task) == ("skip", True, "schedules.yearly")
    assert row.next_due_at is not None


def test_a_persons_choice_outlives_the_next_start():
    schedules.sync()
    schedules.disable("schedules.yearly")
    schedules.sync()
    assert not schedules.get("schedules.yearly").enabled
    schedules.enable("schedules.yearly")
    schedules.sync()
    assert schedules.get("schedules.yearly").enabled


def test_the_code_decides_on_the_times_and_repairs_what_was_edited():
    schedules.sync()
    Schedule.objects.filter(name="schedules.yearly").update(cron="0 5 * * *")
    schedules.sync()
    assert schedules.get("schedules.yearly").cron == "0 0 1 1 *"


@pytest.fixture
def without():
    """`without(plan)`: the code of schedules.yearly is of this schedule, or of none, from now on."""
    declared = scheduled.yearly.schedule

    def change(plan=None):
        object.__setattr__(scheduled.yearly, "schedule", plan)

    yield change
    change(declared)


def test_what_the_code_declares_no_more_is_disabled_and_not_deleted(without):
    schedules.sync()
    Schedule.objects.create(
        name="from.elsewhere", task="from.elsewhere", is_from_code=True, kind="cron", cron="@daily",
        created_at=timezone.now(), updated_at=timezone.now(),
    )  # fmt: skip
    plan = scheduled.yearly.schedule
    without(None)
    schedules.sync()
    row = schedules.get("schedules.yearly")
    assert (row.enabled, row.disabled_by) == (False, DisabledBy.CODE)
    assert "does not declare it any more" in row.disabled_reason
    assert schedules.get("from.elsewhere").enabled, "this code cannot know"
    without(plan)
    schedules.sync()
    assert schedules.get("schedules.yearly").enabled, "it is declared again"


def test_a_declared_schedule_cannot_be_replaced_or_removed_by_hand():
    schedules.sync()
    with pytest.raises(ScheduleError, match="is declared in code"):
        add(60, "schedules.yearly")
    with pytest.raises(ScheduleError, match="would come back"):
        schedules.remove("schedules.yearly")


def test_a_persons_schedule_of_the_same_name_stays_as_it_is():
    Schedule.objects.filter(name="schedules.yearly").delete()
    add(60, "schedules.yearly")
    schedules.sync()
    row = schedules.get("schedules.yearly")
    assert (row.is_from_code, row.every) == (False, 60)


def test_what_a_person_has_disabled_stays_so_while_the_code_changes_its_mind(without):
    schedules.sync()
    plan = scheduled.yearly.schedule
    schedules.disable("schedules.yearly", "never at New Year")
    for one in (None, plan, Cron("0 5 1 1 *"), plan):
        without(one)
        schedules.sync()
        row = schedules.get("schedules.yearly")
        assert (row.enabled, row.disabled_by) == (False, DisabledBy.PERSON)
        assert row.disabled_reason == "never at New Year"


@pytest.mark.parametrize("write", ["sync", "add"])
def test_who_disables_a_schedule_while_code_writes_it_down_has_the_last_word(monkeypatch, write):
    name = "schedules.yearly" if write == "sync" else "pulse"
    module = declared if write == "sync" else adding
    add(60)
    schedules.sync()
    Schedule.objects.filter(name="schedules.yearly").update(cron="0 5 * * *")
    true = module.save

    def late(row, **more):
        schedules.disable(name, "at the last moment")
        return true(row, **more)

    monkeypatch.setattr(module, "save", late)
    schedules.sync() if write == "sync" else add(90)
    row = schedules.get(name)
    assert (row.every, row.cron) == ((None, "0 0 1 1 *") if write == "sync" else (90, ""))
    assert (row.enabled, row.disabled_by) == (False, DisabledBy.PERSON)
    assert (row.disabled_reason, row.next_due_at) == ("at the last moment", None)


def gone(**more) -> Schedule:
    """A declared schedule of which the task has been taken out of the code."""
    schedules.sync()
    Schedule.objects.filter(name="schedules.yearly").update(
        name="gone.task", task="gone.task", **more
    )
    return schedules.get("gone.task")


def test_a_declared_schedule_is_disabled_when_its_whole_task_is_gone_from_the_code():
    row = gone()
    soon, later = row.updated_at + timedelta(minutes=30), row.updated_at + timedelta(hours=2)
    worker = make_worker("w", kind="worker", tasks=["gone.task"])
    assert schedules.disable_orphans(NAMES, later) == 0, "a worker of other code has it"
    worker.stopped_at = timezone.now()
    worker.save()
    assert schedules.disable_orphans(NAMES, later) == 0, "it may be restarting"
    worker.delete()
    assert schedules.disable_orphans(NAMES, soon) == 0, "it may be somebody's who is just starting"
    assert schedules.disable_orphans(NAMES, later) == 1
    row.refresh_from_db()
    assert (row.enabled, row.disabled_by) == (False, DisabledBy.MISSING)
    assert row.disabled_reason == "No living worker has the code of gone.task."


@pytest.mark.parametrize("by", [DisabledBy.NOBODY, DisabledBy.PERSON, DisabledBy.MISSING])
def test_a_declared_schedule_may_be_removed_when_nobody_has_its_code(by):
    row = gone()
    worker = make_worker("w", kind="worker", tasks=["gone.task"])
    with pytest.raises(ScheduleError, match="would come back"):
        schedules.remove("gone.task")
    worker.delete()
    if by:
        schedules.disable("gone.task", by=by)
    schedules.remove("gone.task")
    assert not Schedule.objects.filter(pk=row.pk).exists()


def test_the_name_of_a_schedule_that_the_code_declares_no_more_is_free(without):
    schedules.sync()
    without(None)
    schedules.sync()
    row = add(60, "schedules.yearly")
    assert (row.is_from_code, row.enabled, row.disabled_by) == (False, True, "")


def test_declared_arguments_are_stored_as_json_has_them(without):
    given = Cron("@yearly", args=(b"bytes",), kwargs={"pair": (1, 2)})
    assert (given.columns["args"], given.columns["kwargs"]) == (["bytes"], {"pair": [1, 2]})
    with pytest.raises(InvalidOption, match="not JSON-serializable"):
        task(schedule=Cron("@yearly", args=(object(),)))(run_everything)
    row = schedules.save(Schedule(name="x", task=TICK, args=[b"bytes"], kind="cron", cron="@daily"))
    row.refresh_from_db()
    assert row.args == ["bytes"]


@pytest.mark.django_db(transaction=True)
def test_several_workers_that_start_at_once_write_one_row():
    Schedule.objects.all().delete()
    starts = [in_thread(schedules.sync) for _ in range(4)]
    for start in starts:
        start.result(30)
    row = Schedule.objects.get(name="schedules.yearly")
    assert (row.enabled, row.disabled_by) == (True, "")
