"""Log lines: the newest of an attempt are in the table, each once, and no more than its bounds."""

import logging

import pytest
from django.utils import timezone

from taskhub import queue
from taskhub.engines import get_engine
from taskhub.logs import Capture
from taskhub.models import LogLine
from tests.engines.builders import claim, enqueue

pytestmark = pytest.mark.django_db


@pytest.fixture
def claimed(worker):
    enqueue()
    return claim(worker)[0]


def say(capture, *texts):
    for text in texts:
        capture.add(timezone.now(), logging.INFO, "app", text)


def write(claimed, capture):
    pending = capture.pending()
    queue.write_lines(get_engine(), [(claimed, pending)])
    capture.written(pending)


def lines_of(claimed):
    rows = LogLine.objects.filter(task_id=claimed.id, claim_no=claimed.claim_no)
    return list(rows.values_list("number", "message"))


def test_lines_are_stored_with_what_they_are_of(claimed):
    capture = Capture()
    capture.add(timezone.now(), logging.ERROR, "shop.mail", "a NUL \x00 and half a pair \ud800")
    write(claimed, capture)
    (row,) = LogLine.objects.all()
    assert (row.task_id, row.claim_no, row.attempt) == (claimed.id, 1, 1)
    assert (row.level, row.logger) == (40, "shop.mail")
    assert row.message == "a NUL \\u0000 and half a pair \\ud800"
    assert (timezone.now() - row.at).total_seconds() < 60


def test_lines_pushed_out_leave_the_table_and_gaps_tell_how_many(claimed, settings):
    settings.TASKHUB = {"LOG_LINES": 3}
    capture = Capture()
    say(capture, "a", "b")
    write(claimed, capture)
    say(capture, "c", "d")
    write(claimed, capture)
    assert lines_of(claimed) == [(2, "b"), (3, "c"), (4, "d")]
    say(capture, *"efghij")
    write(claimed, capture)
    assert lines_of(claimed) == [(8, "h"), (9, "i"), (10, "j")]


def test_bytes_are_bounded_too(claimed, settings):
    settings.TASKHUB = {"LOG_BYTES": 1024}
    capture = Capture()
    for _ in range(10):
        say(capture, "é" * 100, "x" * 100_000)
        write(claimed, capture)
        size = sum(len(message.encode()) for _, message in lines_of(claimed))
        assert 0 < size <= 1024
    assert lines_of(claimed)[-1][0] == 20


def test_what_is_written_again_after_a_lost_connection_is_there_once(claimed):
    capture = Capture()
    say(capture, "a", "b")
    pending = capture.pending()
    queue.write_lines(get_engine(), [(claimed, pending)])
    say(capture, "c")
    write(claimed, capture)
    assert lines_of(claimed) == [(1, "a"), (2, "b"), (3, "c")]


def test_each_attempt_has_lines_of_its_own(claimed, settings):
    settings.TASKHUB = {"LOG_LINES": 1}
    first, second = Capture(), Capture()
    again = claimed._replace(claim_no=2, attempt=2)
    for capture, one in ((first, claimed), (second, again)):
        say(capture, "old")
        write(one, capture)
        say(capture, "new")
    pending = [(claimed, first.pending()), (again, second.pending())]
    queue.write_lines(get_engine(), pending)
    assert lines_of(claimed) == lines_of(again) == [(2, "new")]
