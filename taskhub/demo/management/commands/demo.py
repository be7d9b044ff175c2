"""Start the demo: a web server, a worker and sample tasks; Ctrl-C stops everything."""

from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from taskhub.demo.preparation import NotReady
from taskhub.demo.site_runner import SiteRunner


class Command(BaseCommand):
    """Parse where to listen, nothing more."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare --host and --port."""
        parser.add_argument(
            "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
        )
        parser.add_argument(
            "--port", type=_port, default=8000, help="port to listen on (default: 8000)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until it is stopped."""
        try:
            SiteRunner(self._say, host=options["host"], port=options["port"]).run()
        except NotReady as problem:
            raise CommandError(str(problem)) from problem

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise ArgumentTypeError(f"{text!r} is not a port; give a number from 1 to 65535")
    return int(text)
