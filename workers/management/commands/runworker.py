"""`manage.py runworker`: parses its options and calls the supervisor."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from taskhub import compat, conf
from taskhub.backend import backend_alias
from workers.options import BadOption, WorkerOptions, parse_queues
from workers.supervisor import Supervisor


class Command(BaseCommand):
    help = "Run tasks: a supervisor with executor processes and a maintenance process."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--queue", action="append", default=[], metavar="NAME[:WEIGHT]",
            help="Work on this queue; may be repeated. Weights share the slots among queues. Default: every queue.",
        )  # fmt: skip
        parser.add_argument(
            "--processes", type=int, default=2, metavar="N", help="Executor processes (default: 2)."
        )
        parser.add_argument("--name", default=None, help="Name of this worker (default: HOST:PID).")
        parser.add_argument(
            "--drain", action="store_true", help="End when no task can be started any more."
        )
        parser.add_argument(
            "--shutdown-timeout", type=float, default=None, metavar="S",
            help="Seconds that running tasks get to end after SIGTERM (default: TASKHUB['SHUTDOWN_TIMEOUT']).",
        )  # fmt: skip

    def handle(self, *args: Any, **given: Any) -> None:
        declared = compat.task_backends[backend_alias()].queues
        timeout = given["shutdown_timeout"]
        try:
            options = WorkerOptions(
                queues=parse_queues(given["queue"], declared), processes=given["processes"], is_draining=given["drain"],
                shutdown_timeout=conf.get().shutdown_timeout if timeout is None else timeout,
                **({"name": given["name"]} if given["name"] is not None else {}),
            )  # fmt: skip
        except BadOption as error:
            raise CommandError(str(error)) from error
        if given["verbosity"]:
            self.stdout.write(
                f"Worker {options.name} starts with {options.processes} executors. Ctrl-C stops it."
            )
        raise SystemExit(Supervisor(options).run())
