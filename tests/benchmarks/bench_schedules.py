"""How late schedules are: `python -m tests.run --engine postgresql tests/benchmarks/bench_schedules.py -s`.

An idle worker, and a schedule of each second: seconds from the due time to the commit of its task (as the next reader
sees it) are bounded by those to the start of the task, which is what is printed, beside the time of the decision.
"""

from statistics import median

import pytest

from taskhub import schedules
from tests.app import tasks_schedules as scheduled
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)

RUNS = 30


def test_lateness_of_an_idle_worker(run_worker, capsys):
    run_worker("--processes", "1")
    pulse = schedules.add_periodic("pulse", scheduled.tick, 1)

    def done():
        runs = [run for run in schedules.history(pulse) if run.wait_seconds is not None]
        return runs if len(runs) >= RUNS else None

    runs = eventually(done, timeout=RUNS + 60, interval=0.5)
    schedules.disable("pulse")
    with capsys.disabled():
        print(f"\nlateness over {len(runs)} runs, milliseconds:")
        for what, seconds in (
            ("decided", [run.late_seconds for run in runs]),
            ("started", [run.wait_seconds for run in runs]),
        ):
            values = sorted(1000 * one for one in seconds)
            print(f"  {what:8} median {median(values):6.1f}   worst {values[-1]:6.1f}")
