"""Housekeeping does one piece at a time and takes at most half of the database's time; its clock is in our hands."""

import pytest
from django.db.utils import OperationalError

from workers import housekeeping
from workers.housekeeping import EVERY, Housekeeping


class Clock:
    """Time that passes when somebody says so."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(housekeeping, "time", clock)
    return clock


class Work:
    """So many pieces, each of which takes a while."""

    def __init__(self, clock, pieces=0, seconds=0.0):
        self.clock, self.pieces, self.seconds = clock, pieces, seconds
        self.done_at = []

    def __call__(self) -> int:
        self.done_at.append(self.clock.now)
        self.clock.now += self.seconds
        self.pieces -= 1
        return max(0, self.pieces + 1)


def live(house, clock, seconds, step=0.1):
    until = clock.now + seconds
    while clock.now < until:
        house.turn()
        clock.now += step


def test_where_there_is_nothing_to_do_it_looks_once_a_minute(clock):
    work = Work(clock)
    live(Housekeeping([work]), clock, 3 * EVERY)
    assert [round(at - 1000) for at in work.done_at] == [0, 60, 120]


def test_a_backlog_is_worked_off_with_as_much_rest_as_work(clock):
    work = Work(clock, pieces=10**6, seconds=0.5)
    live(Housekeeping([work]), clock, 60)
    pauses = [after - before for before, after in zip(work.done_at, work.done_at[1:], strict=False)]
    assert min(pauses) >= 1.0
    assert len(work.done_at) > 45


def test_it_looks_again_soon_after_the_last_piece_and_then_once_a_minute(clock):
    work = Work(clock, pieces=3, seconds=0.01)
    live(Housekeeping([work]), clock, 30)
    assert len(work.done_at) == 4


def test_a_turn_does_one_piece_and_a_backlog_of_one_kind_holds_up_no_other(clock):
    works = [Work(clock, pieces=10**6, seconds=0.1) for _ in range(3)]
    house = Housekeeping(works)
    house.turn()
    assert sum(len(work.done_at) for work in works) == 1
    live(house, clock, 30)
    counts = [len(work.done_at) for work in works]
    assert max(counts) - min(counts) <= 1


def test_a_piece_that_fails_is_tried_again_a_minute_later_and_the_others_go_on(clock):
    def fail():
        fail.times += 1
        raise OperationalError("disk full")

    fail.times = 0
    other = Work(clock)
    house = Housekeeping([fail, other])
    with pytest.raises(OperationalError):
        house.turn()
    live(house, clock, 50)
    assert (fail.times, len(other.done_at)) == (1, 1)
    clock.now += 10
    with pytest.raises(OperationalError):
        house.turn()
