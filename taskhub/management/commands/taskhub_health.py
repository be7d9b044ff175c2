"""`manage.py taskhub_health`: ends with 0 where tasks are being run, and with 1 where they are not."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from taskhub import health


class Command(BaseCommand):
    """Print each check."""

    help = "Say whether tasks are being run: exit code 0, or 1 and why not."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **given: Any) -> None:
        checks = health.checks()
        is_healthy = all(check.is_ok for check in checks)
        if given["json"]:
            told = [
                {"name": check.name, "is_ok": check.is_ok, "message": check.message}
                for check in checks
            ]
            self.stdout.write(json.dumps({"is_healthy": is_healthy, "checks": told}))
        else:
            for check in checks:
                self.stdout.write(
                    f"{'ok    ' if check.is_ok else 'FAILED'} {check.name}: {check.message}"
                )
        if not is_healthy:
            raise SystemExit(1)
