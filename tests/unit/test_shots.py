"""Shots: an exception raised in a thread that is late hits what is armed there, and never breaks the gun."""

import threading
import time

import pytest

from taskhub.errors import TaskAborted, TaskTimeout
from tests.helpers import in_thread
from workers.shots import Shots


class Run:
    """All that a shot asks of a run."""

    def __init__(self, seconds):
        self.deadline = time.monotonic() + seconds


def spin(until):
    """Loop in a function of its own: CPython 3.13 leaves the end of a loop's turn out of the `try` around it."""
    while time.monotonic() < until:
        pass


def be_shot(shots):
    """Stay until the shot comes; tell which it was."""
    run = Run(0.01)
    try:
        shots.arm(run)
        spin(run.deadline + 20)
    except TaskTimeout as shot:
        return type(shot)
    finally:
        shots.disarm(run)


def calm(shots, run):
    while True:
        try:
            return shots.disarm(run)
        except TaskTimeout:
            continue


def leave_just_when_it_is_too_late(shots, times):
    """Run into the deadline while disarming, again and again."""
    for _ in range(times):
        run = Run(0.0003)
        try:
            try:
                shots.arm(run)
                spin(run.deadline)
            finally:
                calm(shots, run)
        except TaskTimeout:  # it may hit on the very way into `calm`
            calm(shots, run)


def test_a_shot_that_hits_on_the_way_out_leaves_the_next_ones_alive():
    shots = Shots()
    for _ in range(5):
        in_thread(leave_just_when_it_is_too_late, shots, 300).result(30)
        assert in_thread(be_shot, shots).result(30) is TaskTimeout


def test_who_is_disarmed_is_not_hit_any_more():
    shots = Shots()

    def work():
        run = Run(0.05)
        shots.arm(run)
        shots.disarm(run)
        shots.abort(run)
        spin(time.monotonic() + 0.15)
        return "whole"

    assert in_thread(work).result(20) == "whole"


def test_who_is_to_stop_is_told_though_its_time_is_not_over():
    shots, run, is_armed = Shots(), Run(60), threading.Event()

    def work():
        try:
            shots.arm(run)
            is_armed.set()
            spin(time.monotonic() + 20)
        finally:
            shots.disarm(run)

    told = in_thread(work)
    assert is_armed.wait(20)
    shots.abort(run)
    with pytest.raises(TaskAborted):
        told.result(20)
