"""The capture: the newest lines of one attempt, within its bounds, whatever threads add to it."""

import threading

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from taskhub.logs import Capture


def say(capture, *texts):
    return [capture.add(timezone.now(), 20, "app", text) for text in texts]


def numbers(pending):
    return [line.number for line in pending.lines]


def test_lines_are_pending_until_they_are_written():
    capture = Capture()
    assert not capture.is_pending
    say(capture, "a", "b")
    first = capture.pending()
    say(capture, "c")
    assert numbers(capture.pending()) == [1, 2, 3], "nobody has said that they are written"
    capture.written(capture.pending())
    assert not capture.is_pending
    assert numbers(capture.pending()) == []
    assert numbers(first) == [1, 2]


def test_only_the_first_line_is_news_until_the_lines_are_taken():
    capture = Capture()
    assert say(capture, "a", "b") == [True, False]
    capture.pending()
    assert say(capture, "c", "d") == [True, False]


def test_the_newest_lines_stay_and_their_numbers_count_on(settings):
    settings.TASKHUB = {"LOG_LINES": 3}
    capture = Capture()
    say(capture, *"abcdefg")
    pending = capture.pending()
    assert (numbers(pending), pending.pushed_out) == ([5, 6, 7], 0), "none of the rest was written"
    capture.written(pending)
    say(capture, "h")
    pending = capture.pending()
    assert (numbers(pending), pending.pushed_out) == ([8], 5)
    capture.written(pending)
    say(capture, "i")
    assert capture.pending().pushed_out == 6


def test_what_is_pushed_out_before_it_is_written_is_never_written(settings):
    settings.TASKHUB = {"LOG_LINES": 2}
    capture = Capture()
    say(capture, "a")
    capture.pending()
    say(capture, "b", "c", "d")
    assert numbers(capture.pending()) == [3, 4]


def test_a_long_line_loses_its_middle_and_is_kept(settings):
    settings.TASKHUB = {"LOG_BYTES": 1024}
    capture = Capture()
    say(capture, "small", "<" + "🙂" * 100_000 + ">")
    *_, last = capture.pending().lines
    assert last.message.startswith("<")
    assert last.message.endswith(">")
    assert "cut from 100002 characters" in last.message
    assert len(last.message.encode()) <= 1024


def test_no_lines_at_all_may_be_kept(settings):
    settings.TASKHUB = {"LOG_LINES": 0}
    capture = Capture()
    say(capture, "a")
    assert not capture.is_pending


@given(st.lists(st.one_of(st.none(), st.text(max_size=400)), max_size=60), st.integers(1, 5))
def test_what_stays_is_the_newest_and_within_the_bounds(steps, lines):
    """None stands for a write; the table is a dict here."""
    capture, table, said = Capture(), {}, 0
    capture._most, capture._most_bytes, capture._longest = lines, 1024, 256
    for step in [*steps, None]:
        if step is not None:
            say(capture, step)
            said += 1
            continue
        pending = capture.pending()
        table |= {line.number: len(line.message.encode()) for line in pending.lines}
        table = {n: size for n, size in table.items() if n > pending.pushed_out}
        capture.written(pending)
        assert len(table) <= lines
        assert sum(table.values()) <= 1024
        assert sorted(table) == list(range(said - len(table) + 1, said + 1))
        assert bool(table) == bool(said)


def test_threads_that_add_at_once_lose_nothing_and_share_no_number(settings):
    settings.TASKHUB = {"LOG_LINES": 100_000, "LOG_BYTES": 1 << 24}
    capture, written = Capture(), []
    threads = [
        threading.Thread(target=lambda: say(capture, *map(str, range(2000)))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or capture.is_pending:
        pending = capture.pending()
        written += pending.lines
        capture.written(pending)
    assert sorted(line.number for line in written) == list(range(1, 8001))


@pytest.mark.parametrize("level", ["info", "LOUD", 20, None])
def test_a_level_that_logging_lacks_is_a_problem_of_the_settings(level):
    from taskhub import conf

    (problem,) = conf.problems({"LOG_LEVEL": level})
    assert "expected one of 'DEBUG', 'INFO', 'WARNING'" in problem
