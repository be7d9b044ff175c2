"""Turns: whoever writes to a SQLite file waits for his turn, and never for somebody who will not end his."""

import sqlite3
import sys
import time

import pytest
from django.db import connection, transaction

from taskhub import queue
from taskhub.engines import turns
from taskhub.engines.turns import Turns
from taskhub.models import Outcome, Task
from tests.app import tasks
from tests.engines.builders import claim, ending, enqueue, finish
from tests.helpers import in_thread

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("sqlite")]

HOLD = """
import sys, time, django
django.setup()
from pathlib import Path
from taskhub.engines.turns import Turns
with Turns(Path(sys.argv[1])):
    print("it is mine", flush=True)
    time.sleep(600)
"""
# Takes a turn, forks, and ends its turn: the child lives on, and waits for a turn itself.
FORK = """
import os, sys, time, django
django.setup()
from pathlib import Path
from taskhub.engines import turns
turns.PATIENCE = 600
mine = turns.Turns(Path(sys.argv[1]))
with mine:
    if not os.fork():
        with mine:
            print("the child has it", flush=True)
            time.sleep(600)
    time.sleep(0.3)
    print("the parent had it", flush=True)
time.sleep(600)
"""


@pytest.fixture
def database(tmp_path):
    return tmp_path / "database"


@pytest.fixture
def patient(monkeypatch):
    """Nobody gives up: who comes out of a wait has got his turn."""
    monkeypatch.setattr(turns, "PATIENCE", 600.0)


def holder(processes, path):
    other = processes.start(sys.executable, "-c", HOLD, str(path))
    other.wait_for_output("it is mine")
    return other


def take(mine):
    with mine:
        return time.monotonic()


def test_threads_wait_for_each_other(database, patient):
    mine = Turns(database)
    with mine:
        waiting = in_thread(take, mine)
        with pytest.raises(TimeoutError):
            waiting.result(0.1)
        ended_at = time.monotonic()
    assert waiting.result(10) >= ended_at


def test_the_turn_of_a_process_that_is_killed_is_over(processes, database, patient):
    other = holder(processes, database)
    waiting = in_thread(take, Turns(database))
    with pytest.raises(TimeoutError):
        waiting.result(0.1)
    other.kill()
    assert waiting.result(10)


def test_a_child_that_was_forked_in_a_turn_neither_has_it_nor_keeps_it(processes, database):
    family = processes.start(sys.executable, "-c", FORK, str(database))
    family.wait_for_output("the child has it")
    assert family.output.index("the parent had it") < family.output.index("the child has it")


def test_nobody_waits_long_for_a_turn_that_does_not_end(processes, worker):
    holder(processes, connection.settings_dict["NAME"])
    began = time.monotonic()
    for number in range(20):
        enqueue()
        queue.enqueue(tasks.add, (1,), {})
        (one,) = claim(worker)
        assert finish(worker, [ending(one)])
        assert Task.objects.filter(state="succeeded").count() == number + 1
    assert time.monotonic() - began < 10, "each wait in full would have taken 20 s"


def test_a_turn_is_asked_for_outside_of_transactions_only(processes, worker, patient):
    """Whoever is in one may have the write lock already, for which the one whose turn it is waits."""
    holder(processes, connection.settings_dict["NAME"])
    with transaction.atomic():
        enqueue()
        (one,) = claim(worker)
        assert finish(worker, [ending(one, Outcome.FAILED)])


def test_a_writer_who_knows_no_turns_is_waited_for(worker):
    name = connection.settings_dict["NAME"]
    stranger = sqlite3.connect(name, isolation_level=None, check_same_thread=False)
    stranger.execute("BEGIN IMMEDIATE")
    waiting = in_thread(enqueue)
    with pytest.raises(TimeoutError):
        waiting.result(0.3)
    stranger.execute("COMMIT")
    stranger.close()
    assert len(waiting.result(20)) == 1
    assert len(claim(worker)) == 1


def test_where_no_file_can_be_made_there_are_no_turns(tmp_path):
    path = tmp_path / "no such directory" / "database"
    with Turns(path), Turns(path):
        assert not path.parent.exists()


def test_a_database_in_memory_has_no_turns():
    assert turns.of(":memory:") is turns.NONE
    assert turns.of("file:memorydb?mode=memory&cache=shared") is turns.NONE
