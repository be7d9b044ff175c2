"""Processes are killed at random while thousands of tasks run: nothing is lost, and nothing is recorded twice."""

import logging
import os
import random
import time
from collections import Counter

import pytest

from taskhub.models import Result, Worker
from tests.app import tasks
from tests.app.models import Ledger
from tests.faults.fleet import Fleet
from tests.faults.record import (
    HURRIED,
    assert_each_succeeded_once,
    signatures,
    wait_for_finished,
)
from tests.helpers import eventually

logger = logging.getLogger(__name__)
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("sqlite", "postgresql")]

# TASKHUB_TEST_KILLS=500 makes a long run of it, with TASKHUB_TEST_TASKS in all; TASKHUB_TEST_SEED repeats the choices
# of another run.
KILLS = int(os.environ.get("TASKHUB_TEST_KILLS", "20"))
TASKS = int(os.environ.get("TASKHUB_TEST_TASKS") or 250 * KILLS)
SEED = int(os.environ.get("TASKHUB_TEST_SEED") or random.randrange(1_000_000))


def test_random_kills_lose_nothing_and_record_nothing_twice(run_worker, tmp_path):
    logger.warning("TASKHUB_TEST_SEED=%d", SEED)
    began = time.monotonic()
    chance = random.Random(SEED)
    path = tmp_path / "signatures"
    path.touch()
    atomic = enqueue_a_mixture(chance, str(path))
    fleet = Fleet(lambda: run_worker("--processes", "2", env=HURRIED), chance)
    for kill in range(1, KILLS + 1):
        wait_for_finished(TASKS * kill // (KILLS + 1))
        fleet.kill_something()
    wait_for_finished(TASKS)
    assert_each_succeeded_once(TASKS)
    assert Counter(map(int, Ledger.objects.values_list("note", flat=True))) == Counter(atomic)
    assert set(signatures(path)) == set(range(TASKS)) - set(atomic), "each has had its effect"
    eventually(lambda: pids_on_record() <= fleet.pids, timeout=60)
    eventually(lambda: not fleet.orphans, timeout=60)
    fleet.stop()
    assert not pids_on_record()
    took = time.monotonic() - began
    again = Result.objects.filter(outcome="lost").count()
    logger.warning("%d kills, %d tasks, %d lost attempts: %.0f s", KILLS, TASKS, again, took)


def enqueue_a_mixture(chance: random.Random, path: str) -> list[int]:
    """Enqueue no-ops, sleepers of 1 to 20 ms and tasks with `atomic`, shuffled; return the numbers of the last."""
    atomic = []
    for start in range(0, TASKS, 50):
        numbers = list(range(start, min(start + 50, TASKS)))
        chance.shuffle(numbers)
        third = len(numbers) // 3
        seconds = {number: chance.uniform(0.001, 0.02) for number in numbers[third : 2 * third]}
        plain = sorted(numbers[third:])
        tasks.sign.enqueue_many([((path, n, seconds.get(n, 0)), {}) for n in plain])
        tasks.sign_atomically.enqueue_many([((n,), {}) for n in numbers[:third]])
        atomic += numbers[:third]
    return atomic


def pids_on_record() -> set[int]:
    """The pids of workers and children that count as alive."""
    return set(Worker.objects.filter(stopped_at__isnull=True).values_list("pid", flat=True))
