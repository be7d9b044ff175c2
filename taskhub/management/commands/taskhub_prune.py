"""`manage.py taskhub_prune`: delete finished tasks whose term is over, now instead of when a worker comes to it."""

from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from taskhub import queue
from taskhub.queue.transition import BATCH
from taskhub.states import FINISHED, TaskState

_DAY = 86_400
_MOST = 10_000  # tasks in one transaction


class Command(BaseCommand):
    """Translate options into terms, and counts into words."""

    help = "Delete finished tasks that are older than TASKHUB['RETENTION'] says."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Only say what would be deleted."
        )
        parser.add_argument(
            "--state", action="append", choices=sorted(FINISHED), default=[],
            help="Delete tasks that ended like this only; may be repeated.",
        )  # fmt: skip
        parser.add_argument(
            "--older-than", type=_days, metavar="DAYS",
            help="Delete what ended longer ago than this, whatever the settings say. What they keep for ever is "
            "deleted only where --state names it.",
        )  # fmt: skip
        parser.add_argument(
            "--batch", type=_batch, default=BATCH, metavar="N",
            help=f"Tasks that are deleted in one transaction (default: {BATCH}).",
        )  # fmt: skip

    def handle(self, *args: Any, **given: Any) -> None:
        terms = _terms([TaskState(state) for state in given["state"]], given["older_than"])
        is_dry = given["dry_run"]
        counts = queue.prune_preview(terms) if is_dry else queue.prune_all(terms, given["batch"])
        for state, term in terms.items():
            self.stdout.write(f"{state}: {_told(counts[state], term, is_dry=is_dry)}")


def _terms(states: list[TaskState], older_than: float | None) -> dict[TaskState, float | None]:
    terms = queue.retention()
    if older_than is not None:
        terms |= {
            state: older_than for state in terms if state in states or terms[state] is not None
        }
    return {state: term for state, term in terms.items() if not states or state in states}


def _told(count: int, term: float | None, *, is_dry: bool) -> str:
    if term is None:
        return "kept for ever"
    verb = "to be deleted" if is_dry else "deleted"
    return f"{count} {verb}, older than {term / _DAY:g} days"


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not 0 <= days <= 100_000:
        raise ArgumentTypeError(f"{text!r}: expected a number of days, 0 to 100000")
    return days * _DAY


def _batch(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST:
        raise ArgumentTypeError(f"{text!r}: expected a whole number from 1 to {_MOST}")
    return int(text)
