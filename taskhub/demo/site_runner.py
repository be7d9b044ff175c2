"""Run the demo: a web server, a worker and sample tasks, and an end that leaves no process."""

import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import connections

from taskhub.demo import preparation, samples
from taskhub.demo.child import Child, stop_all
from taskhub.demo.links import dashboard_address
from taskhub.demo.preparation import NotReady
from taskhub.demo.stop_request import StopRequest
from taskhub.demo.watch import Watch

QUEUES = ("default", "imports", "mail", "reports")
"""Where the demo's worker works; nobody works in `night`, so what waits there expires."""

FIRST_ANSWER_S = 30.0
LOOK_EVERY_S = 0.25
TASK_GRACE_S = 3
STOP_GRACE_S = 15.0


@dataclass
class SiteRunner:
    """Start, watch and stop; `say` prints one line."""

    say: Callable[[str], object]
    host: str = "127.0.0.1"
    port: int = 8000
    _children: list[Child] = field(default_factory=list, init=False)
    _stop: StopRequest = field(default_factory=StopRequest, init=False)

    def run(self) -> None:
        """Run until somebody wants it to stop.

        Nothing is left running, however it ends.

        Raises:
            NotReady: the site could not be started, or a child ended by itself.
        """
        preparation.check_port(self.host, self.port)
        with self._stop:
            self._tell("Preparing the database")
            preparation.check_is_for_show()
            preparation.migrate()
            preparation.cancel_slow_tasks()
            preparation.make_schedules()
            login = preparation.make_login()
            try:
                self._start_children()
                self._wait_for_first_answer()
                self._welcome(login)
                self._watch_until_stopped()
            finally:
                self._tell("Stopping the web server and the worker")
                stop_all(
                    self._children, grace_s=STOP_GRACE_S, is_urgent=lambda: self._stop.is_urgent
                )
        self._tell("Stopped; nothing is left running")

    def _start_children(self) -> None:
        connections.close_all()
        asgi, _, application = settings.ASGI_APPLICATION.rpartition(".")
        web = ["daphne", "-v", "0", "-b", self.host, "-p", str(self.port), f"{asgi}:{application}"]
        worker = f"django runworker -v 0 --processes 2 --shutdown-timeout {TASK_GRACE_S}".split()
        for queue in QUEUES:
            worker += ["--queue", queue]
        for title, command in (("web server", web), ("worker", worker)):
            if not self._stop.is_made:
                self._children.append(
                    Child(title, [sys.executable, "-m", *command], _environment())
                )

    def _wait_for_first_answer(self) -> None:
        """Return once the web server takes connections."""
        deadline = time.monotonic() + FIRST_ANSWER_S
        while not self._stop.is_made and not self._web_answers():
            self._check_children()
            if time.monotonic() > deadline:
                raise NotReady(
                    f"The web server did not answer on port {self.port} within {FIRST_ANSWER_S:g} s."
                )
            time.sleep(LOOK_EVERY_S)

    def _web_answers(self) -> bool:
        reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        try:
            socket.create_connection((reachable, self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _welcome(self, login: str) -> None:
        address = f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}/"
        self._tell("")
        self._tell(f"  The demo:       {address}")
        if dashboard := dashboard_address():
            self._tell(f"  The dashboard:  {address.rstrip('/')}{dashboard}")
        self._tell(f"  The login:      {login}")
        self._tell("")
        self._tell("Press Ctrl-C to stop everything.")

    def _watch_until_stopped(self) -> None:
        if self._stop.is_made:
            return
        watch = Watch([sample.enqueue() for sample in samples.SAMPLES])
        samples.enqueue_checksums()
        while not self._stop.is_made:
            self._check_children()
            for line in watch.news():
                self._tell(line)
            time.sleep(LOOK_EVERY_S)

    def _check_children(self) -> None:
        for child in self._children:
            if not child.is_running and not self._stop.is_made:
                raise NotReady(f"The {child.title} ended by itself with {child.ending}.")

    def _tell(self, line: str) -> None:
        """Print a line; where nobody can read it any more (a closed terminal, `| head`), stop."""
        try:
            self.say(line)
        except OSError:
            self._stop.make()


def _environment() -> dict[str, str]:
    """Return what a child needs to find the same project and the same settings from any folder."""
    project = str(Path(__file__).resolve().parent.parent.parent)
    paths = [project, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
    }
