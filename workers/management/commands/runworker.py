"""`manage.py runworker`: parses its options and calls the supervisor."""

from argparse import SUPPRESS, ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from taskhub import compat, conf, registry
from taskhub.backend import backend_alias
from workers.options import BadOption, WorkerOptions, parse_queues
from workers.reloading import TRIAL
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
            "--processes", type=int, default=None, metavar="N",
            help="Processes that run one task at a time (default: 2, or 0 with --threads or --async).",
        )  # fmt: skip
        parser.add_argument(
            "--threads", type=int, default=0, metavar="N",
            help="Threads of one process, for tasks that wait for others.",
        )  # fmt: skip
        parser.add_argument(
            "--async", type=int, default=0, metavar="N", dest="coroutines",
            help="Coroutines that one event loop runs at a time.",
        )  # fmt: skip
        parser.add_argument("--name", default=None, help="Name of this worker (default: HOST:PID).")
        parser.add_argument(
            "--no-scheduler", action="store_true", help="Leave schedules to other workers."
        )
        parser.add_argument(
            "--drain", action="store_true", help="End when no task can be started any more."
        )
        parser.add_argument(
            "--reload", action="store_true",
            help="For development: start anew when a file of the code changes. (SIGHUP does it once.)",
        )  # fmt: skip
        parser.add_argument(
            "--max-tasks-per-child", type=int, default=0, metavar="N",
            help="Replace a child after so many tasks.",
        )  # fmt: skip
        parser.add_argument(
            "--max-rss", type=int, default=0, metavar="MB",
            help="Replace a child that takes more memory, after the tasks that it runs.",
        )  # fmt: skip
        parser.add_argument(
            "--shutdown-timeout", type=float, default=None, metavar="S",
            help="Seconds that running tasks get to end after SIGTERM (default: TASKHUB['SHUTDOWN_TIMEOUT']).",
        )  # fmt: skip
        parser.add_argument(TRIAL, action="store_true", help=SUPPRESS)

    def handle(self, *args: Any, **given: Any) -> None:
        options = _options(given)
        if given["trial"]:
            registry.load()
            return
        if given["verbosity"]:
            self.stdout.write(
                f"Worker {options.name} starts with {_words(options)}. Ctrl-C stops it."
            )
        raise SystemExit(Supervisor(options).run())


def _options(given: dict[str, Any]) -> WorkerOptions:
    declared = compat.task_backends[backend_alias()].queues
    timeout, processes = given["shutdown_timeout"], given["processes"]
    if processes is None:
        processes = 0 if given["threads"] or given["coroutines"] else 2
    try:
        return WorkerOptions(
            queues=parse_queues(given["queue"], declared), processes=processes, threads=given["threads"],
            coroutines=given["coroutines"], is_draining=given["drain"], is_reloading=given["reload"],
            is_scheduling=not given["no_scheduler"],
            max_tasks_per_child=given["max_tasks_per_child"], max_rss_mb=given["max_rss"],
            shutdown_timeout=conf.get().shutdown_timeout if timeout is None else timeout,
            **({"name": given["name"]} if given["name"] is not None else {}),
        )  # fmt: skip
    except BadOption as error:
        raise CommandError(str(error)) from error


def _words(options: WorkerOptions) -> str:
    counts = {
        "executors": options.processes,
        "threads": options.threads,
        "coroutines": options.coroutines,
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)
