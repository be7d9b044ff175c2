"""The suite's own tools: a helper that hides a failure would hide it in every test."""

import sys
import threading

import pytest
from django.db import connection, connections

from tests.helpers import GiveUp, acting_as, eventually, in_thread
from tests.processes import Processes

PYTHON_THAT_LEAVES_A_CHILD = """
import signal, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("ready")
signal.pause()
"""
PYTHON_THAT_IGNORES_SIGTERM = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready")
while True:
    signal.pause()
"""


def test_eventually_returns_the_first_true_value():
    values = iter([0, None, "", "there"])
    assert eventually(lambda: next(values), interval=0) == "there"


def test_eventually_waits_through_exceptions():
    results = iter([ValueError("not yet"), True])

    def look() -> object:
        result = next(results)
        if isinstance(result, Exception):
            raise result
        return result

    assert eventually(look, interval=0) is True


def test_eventually_says_what_it_saw_last():
    with pytest.raises(AssertionError, match="at last it returned 0"):
        eventually(lambda: 0, timeout=0.01, interval=0)
    with pytest.raises(AssertionError, match="at last it raised ZeroDivisionError"):
        eventually(lambda: 1 // 0, timeout=0.01, interval=0)


def test_eventually_stops_waiting_for_what_cannot_come():
    looks = []

    def look() -> bool:
        looks.append(1)
        raise GiveUp("never")

    with pytest.raises(GiveUp):
        eventually(look)
    assert len(looks) == 1


def test_in_thread_gives_back_what_the_function_raised():
    future = in_thread(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        future.result(5)
    assert in_thread(threading.get_ident).result(5) != threading.get_ident()


@pytest.mark.every_engine
@pytest.mark.django_db(transaction=True)
def test_acting_as_is_another_session_for_as_long_as_the_block(second_connection):
    usual = connections["default"]
    with acting_as(second_connection):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        assert connections["default"] is second_connection
        assert second_connection.connection is not usual.connection
    assert connections["default"] is usual


@pytest.mark.django_db(transaction=True)
def test_a_process_that_ended_is_not_waited_for(processes: Processes):
    process = processes.start(sys.executable, "-c", "print('bye')")
    assert process.wait_for_output("bye")
    process.wait()
    with pytest.raises(AssertionError, match=r"it ended(?s:.*)bye"):
        process.wait_for_output("something else")


@pytest.mark.django_db(transaction=True)
def test_stop_tells_of_children_left_behind_and_kills_them(processes: Processes):
    process = processes.start(sys.executable, "-c", PYTHON_THAT_LEAVES_A_CHILD)
    process.wait_for_output("ready")
    assert len(process.children) == 1
    with pytest.raises(AssertionError, match="left processes behind"):
        process.stop()
    assert process.members == []


@pytest.mark.django_db(transaction=True)
def test_stop_kills_what_ignores_sigterm_and_says_so(processes: Processes):
    process = processes.start(sys.executable, "-c", PYTHON_THAT_IGNORES_SIGTERM)
    process.wait_for_output("ready")
    with pytest.raises(AssertionError, match="did not stop"):
        process.stop(timeout=0.2)
    assert process.members == []
