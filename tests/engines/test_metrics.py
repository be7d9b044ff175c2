"""Counts reach the table once each, whatever fails or meets on their way, and are added up without loss."""

import threading
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.utils import OperationalError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskhub.engines import get_engine
from taskhub.metrics import Recorder, histogram, roll_up, series
from taskhub.metrics import recorder as recording
from taskhub.metrics.rollup import GRACE
from taskhub.models import MetricBucket, MetricWriter, Outcome
from taskhub.states import TaskState
from tests.engines.builders import ago, claim_of, ending, finish, make_task, new_task
from tests.helpers import acting_as, in_thread

pytestmark = pytest.mark.django_db(transaction=True)

DAY = 86_400
SPANS = (60, 3600, DAY)
OVER = GRACE + 180  # seconds: so old that its minute is over in any case


def count(recorder, at=None, run=2.0, wait=1.0, outcome=Outcome.SUCCEEDED, **columns):
    """Count an attempt that ended at a time (default: in a minute that is over)."""
    at = at or ago(OVER)
    started = at - timedelta(seconds=run)
    ready = started - timedelta(seconds=wait)
    claim = claim_of(new_task(TaskState.QUEUED, pk=1, enqueued_at=ready, **columns))
    recorder.count(claim, ending(claim, outcome, started_at=started, finished_at=at))


def flush(recorder, writer=7):
    return recorder.flush(get_engine(), writer)


def totals(seconds=60):
    """What the rows of one span say, and those that are not rolled up yet: attempts, waits and runs by bucket."""
    rows = MetricBucket.objects.filter(seconds=seconds, writer=0)
    rows = [*rows, *MetricBucket.objects.filter(seconds=60, writer__gt=0)]
    waits, runs = histogram.empty(), histogram.empty()
    for row in rows:
        histogram.add_json(waits, row.waits)
        histogram.add_json(runs, row.runs)
    return sum(row.count for row in rows), waits, runs


def roll_up_all():
    while roll_up():
        pass


@contextmanager
def lost_answers():
    """Let the answer to each commit of this connection get lost on its way back."""

    def lose():
        raise OperationalError("server closed the connection unexpectedly")

    def commit_and_lose(execute, sql, params, many, context):
        if sql.startswith(("INSERT INTO", "UPDATE")) and "taskhub_metricwriter" in sql:
            transaction.on_commit(lose)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(commit_and_lose):
        yield


# -- recording ------------------------------------------------------------------------------------------------------


def test_counts_are_written_and_then_forgotten():
    recorder = Recorder()
    count(recorder, wait=3.0, run=0.25)
    count(recorder, wait=1.0, run=0.5)
    count(recorder, outcome=Outcome.FAILED)
    assert flush(recorder)
    rows = {row.outcome: row for row in MetricBucket.objects.all()}
    row = rows["succeeded"]
    assert (row.seconds, row.writer, row.queue, row.count) == (60, 7, "default", 2)
    assert (row.wait_seconds, row.run_seconds) == (pytest.approx(4), pytest.approx(0.75))
    assert sum(row.waits.values()) == sum(row.runs.values()) == 2
    assert rows["failed"].count == 1
    assert not recorder.is_due(float("inf"))
    assert flush(recorder)
    assert totals()[0] == 3


def test_a_second_write_adds_to_the_rows_of_the_same_minute():
    recorder, at = Recorder(), ago(0)
    for _ in range(3):
        count(recorder, at)
        assert flush(recorder)
    (row,) = MetricBucket.objects.all()
    assert (row.count, row.waits) == (3, {str(histogram.bucket_of(1.0)): 3})


def test_names_that_differ_in_case_are_counted_apart_and_in_spaces_at_the_end_together():
    recorder = Recorder()
    for _ in range(2):
        for name in ("Mail", "mail", "mäil", "mail  "):
            count(recorder, ago(OVER), name=name, queue=name)
        assert flush(recorder)
    roll_up_all()
    counts = MetricBucket.objects.filter(seconds=60).values_list("queue", "name", "count")
    assert set(counts) == {("Mail", "Mail", 2), ("mail", "mail", 4), ("mäil", "mäil", 2)}


def test_a_write_whose_answer_was_lost_is_not_done_twice():
    recorder = Recorder()
    count(recorder)
    with lost_answers():
        assert not flush(recorder)
    count(recorder)
    assert flush(recorder)
    assert totals()[0] == 1  # the second is in the next batch
    assert recorder.is_due(float("inf"))
    assert flush(recorder)
    assert totals()[0] == 2


def test_nor_when_its_rows_were_rolled_up_in_the_meantime():
    recorder = Recorder()
    count(recorder)
    with lost_answers():
        assert not flush(recorder)
    roll_up_all()
    assert not MetricBucket.objects.filter(writer=7).exists()
    assert flush(recorder)
    roll_up_all()
    assert [totals(seconds)[0] for seconds in SPANS] == [1, 1, 1]


def test_what_cannot_be_written_is_kept_for_an_hour_and_then_dropped_with_a_word(caplog):
    recorder, now = Recorder(), ago(0)
    with refused():
        for minutes in range(recording.KEPT_MINUTES + 5):
            count(recorder, now + timedelta(minutes=minutes))
            assert not flush(recorder)
    assert "Metrics of 1 attempts are dropped: for 60 minutes" in caplog.text
    while recorder.is_due(float("inf")):
        assert flush(recorder)
    assert totals()[0] == recording.KEPT_MINUTES


def test_it_tries_again_ever_more_rarely(caplog):
    recorder = Recorder()
    count(recorder)
    with refused():
        for _ in range(6):
            assert not flush(recorder)
    pauses = [record.args[0] for record in caplog.records]
    assert pauses == [5, 10, 20, 40, 60, 60]
    assert flush(recorder)


@contextmanager
def refused():
    def refuse(execute, sql, params, many, context):
        if "taskhub_metricbucket" in sql:
            raise OperationalError("the disk is full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield


# -- locks ----------------------------------------------------------------------------------------------------------

LOCK = {
    "postgresql": ("BEGIN", "LOCK TABLE taskhub_metricbucket IN ACCESS EXCLUSIVE MODE", "ROLLBACK"),
    "mysql": ("DO 0", "LOCK TABLES taskhub_metricbucket WRITE", "UNLOCK TABLES"),
}
TIMEOUTS = {
    "postgresql": "SHOW lock_timeout",
    "mysql": "SELECT @@lock_wait_timeout, @@innodb_lock_wait_timeout",
}


@pytest.mark.only_on("postgresql", "mysql")
def test_a_locked_table_holds_up_neither_the_recording_nor_the_counts(second_connection, worker):
    recorder, task = Recorder(), make_task(TaskState.RUNNING, worker)
    count(recorder)
    usual = timeouts()
    *lock, unlock = LOCK[connection.vendor]
    with second_connection.cursor() as other:
        for statement in lock:
            other.execute(statement)
        assert not flush(recorder)
        assert timeouts() == usual
        assert finish(worker, [ending(claim_of(task))])
        count(recorder)
        assert not flush(recorder)
        other.execute(unlock)
    while recorder.is_due(float("inf")):
        assert flush(recorder)
    assert totals()[0] == 2


def timeouts():
    with connection.cursor() as cursor:
        cursor.execute(TIMEOUTS[connection.vendor])
        return cursor.fetchall()


@pytest.mark.only_on("postgresql", "mysql")
def test_a_writer_gives_up_soon_while_its_rows_are_rolled_up(second_connection):
    recorder = Recorder()
    count(recorder)
    assert flush(recorder)
    count(recorder)
    with transaction.atomic():
        assert roll_up() == 1
        with acting_as(second_connection):
            assert not flush(recorder)
    assert flush(recorder)
    roll_up_all()
    assert [totals(seconds)[0] for seconds in SPANS] == [2, 2, 2]


@pytest.mark.only_on("postgresql", "mysql")
def test_of_two_who_roll_up_at_the_same_time_one_does_it(second_connection):
    recorder = Recorder()
    count(recorder)
    assert flush(recorder)
    roll_up_all()
    count(recorder)
    assert flush(recorder)
    with transaction.atomic():
        assert roll_up() == 1
        with acting_as(second_connection):
            assert roll_up() == 0
    assert [totals(seconds)[0] for seconds in SPANS] == [2, 2, 2]


@pytest.mark.only_on("postgresql", "mysql")
def test_a_roll_up_leaves_out_who_is_writing_and_takes_the_others(second_connection):
    recorder, other = Recorder(), Recorder()
    for number, one in ((7, recorder), (8, other)):
        count(one)
        assert flush(one, number)
    count(recorder)
    with transaction.atomic():
        assert flush(recorder, 7)
        with acting_as(second_connection):
            assert roll_up() == 1
    assert set(MetricBucket.objects.values_list("writer", flat=True)) == {0, 7}
    roll_up_all()
    assert [totals(seconds)[0] for seconds in SPANS] == [3, 3, 3]


# -- rolling up -----------------------------------------------------------------------------------------------------


def test_rows_of_minutes_that_are_over_become_one_for_each_span():
    for writer in (7, 8):
        recorder = Recorder()
        count(recorder, ago(OVER), wait=0.5)
        count(recorder, ago(0))
        assert flush(recorder, writer)
    roll_up_all()
    rows = MetricBucket.objects.order_by("seconds", "writer")
    assert [(row.seconds, row.writer, row.count) for row in rows] == [
        (60, 0, 2),
        (60, 7, 1),
        (60, 8, 1),
        (3600, 0, 2),
        (86_400, 0, 2),
    ]
    assert {row.start_at.timestamp() % row.seconds for row in rows} == {0}
    row = MetricBucket.objects.get(seconds=86_400)
    assert (row.wait_seconds, row.waits) == (
        pytest.approx(1.0),
        {str(histogram.bucket_of(0.5)): 2},
    )


def test_an_hour_adds_up_its_minutes_and_a_day_its_hours():
    recorder, midnight = Recorder(), ago(3 * DAY).replace(hour=0, minute=0, second=0)
    for hour in range(3):
        for minute in range(4):
            count(recorder, midnight + timedelta(hours=hour, minutes=minute))
    assert flush(recorder)
    while roll_up(limit=5):
        pass
    counts = MetricBucket.objects.order_by("start_at").values_list("count", flat=True)
    assert list(counts.filter(seconds=3600)) == [4, 4, 4]
    assert list(counts.filter(seconds=DAY)) == [12]
    assert not counts.filter(seconds=60).exists()  # kept for two days


def test_each_span_is_kept_for_its_own_term(settings):
    settings.TASKHUB = {"KEEP_METRICS": {"minutes": 3600, "hours": 2 * DAY, "days": None}}
    recorder = Recorder()
    ages = (OVER, 2 * 3600, 4 * DAY, 5000 * DAY)
    for seconds in ages:
        count(recorder, ago(seconds))
    assert flush(recorder)
    while roll_up(limit=2):
        pass
    kept = [MetricBucket.objects.filter(seconds=seconds) for seconds in SPANS]
    assert [sum(row.count for row in rows) for rows in kept] == [1, 2, 4]


def test_a_writer_is_forgotten_a_day_after_it_left_no_rows():
    recorder = Recorder()
    for writer, seconds in ((7, OVER), (8, OVER), (9, 0)):
        count(recorder, ago(seconds))
        assert flush(recorder, writer)
    MetricWriter.objects.filter(pk__in=[7, 9]).update(written_at=ago(2 * DAY))
    roll_up_all()
    assert set(MetricWriter.objects.values_list("writer", flat=True)) == {0, 8, 9}


# what may happen, in any order: something is counted or written, the answer to a write is lost, something is rolled up
WRITERS = (7, 8)
steps = st.one_of(
    st.tuples(
        st.just("count"), st.sampled_from(WRITERS), st.sampled_from([0, OVER, 4000, DAY]),
        st.floats(0, 1e6), st.sampled_from(["a", "b"]),
    ),
    st.tuples(st.sampled_from(["flush", "lose"]), st.sampled_from(WRITERS)),
    st.tuples(st.just("roll up"), st.integers(1, 3)),
)  # fmt: skip


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(steps, max_size=25))
def test_whatever_is_written_and_rolled_up_in_whatever_order_counts_once(transactional_db, taken):
    MetricBucket.objects.all().delete()
    MetricWriter.objects.all().delete()
    recorders = {writer: Recorder() for writer in WRITERS}
    expected = Recorder()
    for verb, *what in taken:
        match verb:
            case "count":
                writer, seconds, wait, name = what
                at = ago(seconds)
                for one in (recorders[writer], expected):
                    count(one, at, wait=wait, name=name)
            case "flush":
                flush(recorders[what[0]], what[0])
            case "lose":
                with lost_answers():
                    flush(recorders[what[0]], what[0])
            case "roll up":
                roll_up(what[0])
    for writer, recorder in recorders.items():
        while recorder.is_due(float("inf")):
            assert flush(recorder, writer)

    assert_same(expected)
    roll_up_all()
    assert_same(expected)


def assert_same(expected):
    tallies = list(expected._counted.values())
    waits, runs = histogram.empty(), histogram.empty()
    for tally in tallies:
        waits = [a + b for a, b in zip(waits, tally.waits, strict=True)]
        runs = [a + b for a, b in zip(runs, tally.runs, strict=True)]
    for seconds in SPANS:
        assert totals(seconds) == (sum(tally.count for tally in tallies), waits, runs)


ROUNDS, RACE_SECONDS = 60, 120  # the latter a bound for the slowest machine


def test_writers_and_maintenances_race_and_every_attempt_counts_once():
    meet, is_over = threading.Barrier(4, timeout=RACE_SECONDS), threading.Event()

    def write(writer):
        recorder = Recorder()
        meet.wait()
        for number in range(ROUNDS):
            count(recorder, ago(OVER + 60 * (number % 3)), name=f"task{number % 2}")
            flush(recorder, writer)
        while recorder.is_due(float("inf")):
            flush(recorder, writer)

    def maintain():
        meet.wait()
        while not is_over.wait(
            0.005
        ):  # SQLite's lock is not fair: who never rests starves the others
            with suppress(OperationalError):  # it lost: chosen as the victim of a deadlock
                roll_up(limit=3)

    writers = [in_thread(write, writer) for writer in WRITERS]
    maintenances = [in_thread(maintain), in_thread(maintain)]
    for one in writers:
        one.result(RACE_SECONDS)
    is_over.set()
    for one in maintenances:
        one.result(RACE_SECONDS)
    assert totals()[0] == ROUNDS * len(WRITERS)
    roll_up_all()
    assert not MetricBucket.objects.filter(writer__gt=0).exists()
    assert [totals(seconds)[0] for seconds in SPANS] == [ROUNDS * len(WRITERS)] * 3


# -- reading --------------------------------------------------------------------------------------------------------


def test_a_series_has_a_point_for_each_span_and_knows_what_is_not_rolled_up_yet():
    recorder, now = Recorder(), ago(0)
    for seconds in (OVER, OVER, 0):
        count(recorder, now - timedelta(seconds=seconds), wait=4.0, run=0.1)
    count(recorder, now, outcome=Outcome.FAILED, wait=4.0, run=0.1)
    assert flush(recorder)
    since = now - timedelta(minutes=9)
    before = series(since, now + timedelta(seconds=1))
    roll_up_all()
    points = series(since, now + timedelta(seconds=1))
    assert points == before
    assert len(points) == 10
    assert [point.count for point in points].count(0) == 8
    assert points[-1].counts == {"succeeded": 1, "failed": 1}
    assert points[-1].start_at == now.replace(second=0, microsecond=0)
    assert 2.8 < points[-1].wait_p50 <= points[-1].wait_p95 < 5.7
    assert 0.07 < points[-1].run_p50 <= points[-1].run_p95 < 0.15
    assert points[0].wait_p50 is None


@pytest.mark.parametrize("seconds", [60, 300, 3600, 7200, DAY, 7 * DAY])
def test_spans_of_any_length_tell_the_same_attempts(seconds):
    recorder, until = Recorder(), ago(0)
    for hours in (0, 1, 5, 30, 47):
        count(recorder, until - timedelta(hours=hours, seconds=OVER))
    assert flush(recorder)
    roll_up_all()
    points = series(until - timedelta(days=2), until, seconds)
    assert sum(point.count for point in points) == 5
    assert {point.start_at.timestamp() % seconds for point in points} == {0}


def test_a_series_can_be_of_one_queue_or_one_task():
    recorder, now = Recorder(), ago(0)
    for queue, name in (("mail", "a"), ("mail", "b"), ("default", "a")):
        count(recorder, now, queue=queue, name=name)
    assert flush(recorder)

    def told(**only):
        return sum(point.count for point in series(ago(120), **only))

    assert (told(), told(queue="mail"), told(name="a")) == (3, 2, 2)
    assert (told(queue="default", name="a"), told(queue="default", name="b")) == (1, 0)


@pytest.mark.parametrize(("seconds", "word"), [(30, "is 30"), (90, "is 90"), (60, "20000 at most")])
def test_a_series_that_cannot_be_given_is_refused_with_a_reason(seconds, word):
    with pytest.raises(ValueError, match=word):
        series(ago(30 * DAY), seconds=seconds)
