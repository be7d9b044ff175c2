"""`manage.py taskhub_bench`: measure the queue on the site's own database."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from taskhub.bench import bench, guard, plan, report
from taskhub.bench.figures import BenchFailed
from taskhub.bench.options import ON_DEMAND, ROWS, USUAL, BadOption, BenchOptions, choose
from taskhub.engines import get_engine, measuring

_INTERRUPTED = 130


class Command(BaseCommand):
    """Translate options, ask, and print what was measured."""

    help = (
        "Measure enqueueing, a worker's throughput, latency and idle cost on the site's own database, and remove all "
        "that this writes. Figures mean something on a machine that does nothing else meanwhile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--database", metavar="ALIAS", help="Measure on this database (default: the queue's).")
        add(
            "--only", action="append", default=[], metavar="NAMES",
            help=f"Some of {','.join((*USUAL, *ON_DEMAND))} (default: {','.join(USUAL)}).",
        )  # fmt: skip
        add(
            "--tasks", type=int, default=10_000, metavar="N",
            help="Tasks in the bulk and in each drain (default: 10000).",
        )  # fmt: skip
        add(
            "--seconds", type=float, default=4.0, metavar="S",
            help="How long single tasks are enqueued; an idle worker is watched twice as long (default: 4).",
        )  # fmt: skip
        add(
            "--growth", type=int, nargs="?", const=ROWS, default=None, metavar="ROWS",
            help=f"Also drain beside so many rows that have ended, that wait elsewhere, … (default: {ROWS}).",
        )  # fmt: skip
        add("--pools", action="store_true", help="Also measure threads and coroutines that wait.")
        add("--processes", type=int, default=None, metavar="N", help="As runworker has it.")
        add("--threads", type=int, default=0, metavar="N", help="As runworker has it.")
        add(
            "--async",
            type=int,
            default=0,
            metavar="N",
            dest="coroutines",
            help="As runworker has it.",
        )
        add(
            "--json",
            metavar="FILE",
            help="Write the figures as JSON; - prints them instead of the table.",
        )
        add(
            "--noinput", "--no-input", action="store_false", dest="is_asking", help="Do not ask before it starts."
        )  # fmt: skip

    def handle(self, *args: Any, **given: Any) -> None:
        stream = self.stderr if given["json"] == "-" else self.stdout

        def talk(line: str) -> None:
            stream.write(line, style_func=str)  # not in the red of errors

        try:
            options = _options(given)
            talk(plan.words(options, measuring.server(get_engine(options.database))))
            if given["is_asking"] and not _agrees():
                raise CommandError("Nothing was done.")
            machine, figures = bench.run(options, lambda line: talk(f"{line} …"))
        except (BadOption, BenchFailed) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            talk("Stopped; its rows are removed.")
            raise SystemExit(_INTERRUPTED) from None
        self._print(
            given["json"],
            report.to_json(options, machine, figures),
            report.page(options, machine, figures),
        )

    def _print(self, file: str | None, told: str, table: str) -> None:
        if file == "-":
            self.stdout.write(told)
            return
        self.stdout.write(f"\n{table}")
        if file:
            Path(file).write_text(f"{told}\n")


def _options(given: dict[str, Any]) -> BenchOptions:
    has_growth = given["growth"] is not None
    measures = choose(given["only"], has_growth=has_growth, has_pools=given["pools"])
    _check_file(given["json"])
    return BenchOptions(
        measures=measures, tasks=given["tasks"], seconds=given["seconds"],
        rows=given["growth"] if has_growth else ROWS, processes=given["processes"], threads=given["threads"],
        coroutines=given["coroutines"], database=guard.check_site(given["database"]),
    )  # fmt: skip


def _check_file(file: str | None) -> None:
    """Find out now, and not after the measuring, that a file cannot be written."""
    if file and file != "-":
        try:
            Path(file).open("a").close()
        except OSError as error:
            raise BadOption(
                f"--json {file!r}: {error.strerror}; expected a file that can be written."
            ) from error


def _agrees() -> bool:
    if not sys.stdin.isatty():
        raise BadOption("There is no terminal to ask on: start it with --noinput.")
    return input("Go on? [y/N] ").strip().lower() in ("y", "yes")
