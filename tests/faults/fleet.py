"""A fleet of workers, and a hand that kills one of their processes."""

import logging
import os
import random
import signal
from collections.abc import Callable

from tests.faults.record import executors, maintenance
from tests.processes import Launched

logger = logging.getLogger(__name__)


class Fleet:
    """Two workers, and a hand that kills one of their processes; a worker without a supervisor is replaced."""

    def __init__(self, start: Callable[[], Launched], chance: random.Random) -> None:
        self._start, self.chance = start, chance
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
        number = self.chance.randrange(len(self.workers))
        worker = self.workers[number]
        match self.chance.choice(["executor", "executor", "maintenance", "supervisor", "all"]):
            case "executor":
                kill(
                    self.chance.choice(
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
