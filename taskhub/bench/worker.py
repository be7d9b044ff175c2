"""`python -m taskhub.bench.worker DATABASE runworker …`: a real worker that knows the benchmark's tasks."""

import ctypes
import importlib
import os
import signal
import sys

import django
from django.core.management import call_command

_PR_SET_PDEATHSIG = 1  # prctl(2)


def main(arguments: list[str]) -> None:
    database, command, *options = arguments
    _end_with_parent()
    django.setup()
    from taskhub.bench.admission import admitted

    with admitted(database):
        importlib.import_module("taskhub.bench.tasks")
        call_command(command, *options)


def _end_with_parent() -> None:
    """Let Linux send SIGTERM when the benchmark has been killed: nobody else would stop this worker."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == 1:
            raise SystemExit("The benchmark has ended already.")


if __name__ == "__main__":
    main(sys.argv[1:])
