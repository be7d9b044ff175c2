"""`manage.py taskhub_import_schedules`: carry over the schedules of django-celery-beat and django-q2."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from taskhub.schedules.imports import Proposal, carry_over, proposals


class Command(BaseCommand):
    """Show what would be written; write it with --apply."""

    help = "Make schedules of those of django-celery-beat and django-q2. Writes nothing without --apply."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--apply", action="store_true", help="Write the schedules that can be carried over."
        )
        parser.add_argument(
            "--disabled", action="store_true",
            help="Write them disabled, so that you can look at each and enable it when the other scheduler is off.",
        )  # fmt: skip
        parser.add_argument(
            "--from-database", default="default", metavar="ALIAS",
            help="The alias in settings.DATABASES whose tables are read (default: default).",
        )  # fmt: skip

    def handle(self, *args: Any, **given: Any) -> None:
        found = proposals(given["from_database"])
        is_applied = given["apply"]
        count = 0
        for proposal in found:
            if given["disabled"] and proposal.schedule is not None:
                proposal.schedule.enabled = False
            if is_applied:
                carry_over(proposal)
            count += not proposal.obstacle
            self._tell(proposal)
        verb = "carried over" if is_applied else "can be carried over; --apply does it"
        self.stdout.write(f"{count} of {len(found)} schedules {verb}.")
        if is_applied and count:
            self.stdout.write("Stop the other scheduler, or both will run them.")

    def _tell(self, proposal: Proposal) -> None:
        where = f"{proposal.source}: {proposal.name}"
        if proposal.obstacle:
            self.stdout.write(f"- {where}: NOT carried over: {proposal.obstacle}")
        elif (made := proposal.schedule) is not None:
            state = "" if made.enabled else ", disabled"
            self.stdout.write(
                f"- {where}: {made.task}, {made.timing.words} ({made.timezone}){state}"
            )
        for note in proposal.notes:
            self.stdout.write(f"    note: {note}")
