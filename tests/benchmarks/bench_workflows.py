"""What a workflow costs beside as many plain tasks: `python -m tests.run tests/benchmarks/bench_workflows.py -s`.

Enqueue, and the claims and endings of all tasks on one connection, without running anything: in batches of 100, and
one after the other for the chain, whose tasks nobody could take together.
"""

import time

import pytest

from taskhub import chain, chord
from taskhub.models import Task
from tests.app import tasks_flow as flow
from tests.engines.builders import claim, ending, finish, make_worker

pytestmark = pytest.mark.django_db(transaction=True)

CHORD, CHAIN = 10_000, 1_000


def timed(act):
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def drain(worker, batch):
    while claims := claim(worker, batch):
        finish(worker, [ending(one) for one in claims])
    assert not Task.objects.exclude(state="succeeded").exists()


def plain(count):
    flow.echo.enqueue_many([((number,), {}) for number in range(count)])


def measure(name, count, enqueue, batch, capsys):
    """Time both kinds in turns, and print the best of three as a ratio."""
    worker = make_worker("bench/1")
    figures = {"plain": [], name: []}
    for _ in range(3):
        for kind, act in (("plain", lambda: plain(count)), (name, enqueue)):
            Task.objects.all()._raw_delete("default")
            figures[kind].append((timed(act), timed(lambda: drain(worker, batch))))
    with capsys.disabled():
        best = {
            kind: [min(part) for part in zip(*found, strict=True)]
            for kind, found in figures.items()
        }
        print(f"\n{name} of {count}, seconds (and times as many plain tasks):")
        for index, what in enumerate(("enqueue", "claim and finish")):
            mine, theirs = best[name][index], best["plain"][index]
            print(f"  {what:18} {mine:7.3f}  {mine / theirs:5.2f} ×")


def test_a_chord(capsys):
    def enqueue():
        chord([flow.echo.s(number) for number in range(CHORD)], flow.total.s()).enqueue()

    measure("chord", CHORD, enqueue, 100, capsys)


def test_a_chain(capsys):
    def enqueue():
        chain(*(flow.add.s(number) for number in range(CHAIN))).enqueue()

    measure("chain", CHAIN, enqueue, 1, capsys)
