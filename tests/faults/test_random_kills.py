"""Processes are killed at random while thousands of tasks run: nothing is lost, and nothing is recorded twice."""

import logging
import os
import random
import signal
from collections import Counter
from collections.abc import Callable

import pytest

from taskhub.models import Worker
from tests.app import tasks
from tests.app.models import Ledger
from tests.faults.record import (
    HURRIED,
    assert_each_succeeded_once,
    executors,
    maintenance,
    signatures,
    wait_for_finished,
)
from tests.helpers import eventually
from tests.processes import Launched

logger = logging.getLogger(__name__)
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("sqlite", "postgresql")]

# TASKHUB_TEST_KILLS=500 makes a long run of it; TASKHUB_TEST_SEED repeats the choices of another run.
KILLS = int(os.environ.get("TASKHUB_TEST_KILLS", "20"))
TASKS = 250 * KILLS
SEED = int(os.environ.get("TASKHUB_TEST_SEED") or random.randrange(1_000_000))


def test_random_kills_lose_nothing_and_record_nothing_twice(run_worker, tmp_path):
    logger.warning("TASKHUB_TEST_SEED=%d", SEED)
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


class Fleet:
    """Two workers, and a hand that kills one of their processes; a worker without a supervisor is replaced."""

    def __init__(self, start: Callable[[], Launched], chance: random.Random) -> None:
        self._start, self._chance = start, chance
        self.workers = [start(), start()]
        self._dead: list[Launched] = []

    @property
    def pids(self) -> set[int]:
        return {pid for worker in self.workers for pid in worker.members}

    @property
    def orphans(self) -> list[int]:
        """What is left of workers whose supervisor was killed."""
        return [pid for worker in self._dead for pid in worker.members]

    def kill_something(self) -> None:
        number = self._chance.randrange(len(self.workers))
        worker = self.workers[number]
        match self._chance.choice(["executor", "executor", "maintenance", "supervisor", "all"]):
            case "executor":
                kill(
                    self._chance.choice(
                        worker.wait_until(lambda: executors(worker), "an executor", 60)
                    )
                )
            case "maintenance":
                kill(worker.wait_until(lambda: maintenance(worker), "a maintenance child", 60)[0])
            case "supervisor":
                worker.send(signal.SIGKILL)
                self._replace(number)
            case "all":
                worker.kill()
                self._replace(number)

    def _replace(self, number: int) -> None:
        self._dead.append(self.workers[number])
        self.workers[number] = self._start()

    def stop(self) -> None:
        for worker in self.workers:
            worker.stop()


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        logger.info("%d had ended already", pid)
