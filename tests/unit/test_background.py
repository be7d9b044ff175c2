"""The thread beside the tasks: calls in their order, no more than it can bear, and none after its end."""

import sys
import threading

import pytest

from taskhub import background

NAME = "taskhub-events"


@pytest.fixture
def started():
    background.start()
    yield
    background.stop(0)


def here():
    return threading.current_thread().name


def test_calls_are_direct_where_nothing_was_started():
    seen = []
    background.do(lambda: seen.append(here()))
    assert seen == [here()]
    assert background.stop()


def test_calls_are_made_in_their_order_and_waited_for_at_the_end(started):
    seen = []
    for number in range(100):
        background.do(lambda number=number: seen.append((number, here())))
    assert background.stop(10)
    assert seen == [(number, NAME) for number in range(100)]
    background.do(lambda: seen.append(here()))
    assert seen[-1] == here()


def test_what_a_call_calls_is_direct_too(started):
    seen = []

    def outer():
        background.do(lambda: seen.append(("inner", here())))
        seen.append(("outer", here()))

    background.do(outer)
    assert background.stop(10)
    assert seen == [("inner", NAME), ("outer", NAME)]


def test_a_call_that_raises_harms_no_other(started, caplog):
    seen = []

    def fail():
        raise ValueError("the handler broke")

    for call in (fail, sys.exit, lambda: seen.append(here())):
        background.do(call)
    assert background.stop(10)
    assert seen == [NAME]
    assert "the handler broke" in caplog.text
    assert "SystemExit" in caplog.text


def test_a_call_that_hangs_is_not_waited_for_for_ever(started):
    let_go = threading.Event()
    background.do(lambda: let_go.wait(60))
    assert not background.stop(0.05)
    let_go.set()


def test_more_than_can_wait_are_dropped_and_the_log_says_so(started, monkeypatch, caplog):
    monkeypatch.setattr(background, "MOST", 3)
    began, let_go, seen = threading.Event(), threading.Event(), []

    def block():
        began.set()
        let_go.wait(60)

    background.do(block)
    assert began.wait(10)
    for number in range(5):
        background.do(lambda number=number: seen.append(number))
    let_go.set()
    assert background.stop(10)
    assert seen == [0, 1, 2]
    assert "too slow: 3 calls wait, 1 have been dropped" in caplog.text
