"""Make the site ready for its first visitor: a free port, the tables, a login."""

import socket

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connections

from taskhub import monitor, schedules
from taskhub.demo.tasks.reports import write_report
from taskhub.demo.tasks.small import find_primes
from taskhub.demo.tasks.waiting import SLOW_TAG

LOGIN = "demo"


class NotReady(Exception):
    """The demo cannot start; the message says what to do."""


def check_port(host: str, port: int) -> None:
    """Bind the address and let it go again.

    Raises:
        NotReady: the port is taken, or the address is not one of this machine.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        raise NotReady(
            f"{host!r} is not an address of this machine. Choose another with --host."
        ) from None
    except PermissionError:
        raise NotReady(
            f"Port {port} is reserved for the system. Choose one above 1023 with --port."
        ) from None
    except OSError as error:
        raise NotReady(
            f"Port {port} on {host} cannot be used: {error.strerror}. "
            f"Choose another with --port, as in: manage.py demo --port {port + 1}"
        ) from None


def check_is_for_show() -> None:
    """Refuse a site that is in earnest: everybody knows the password of the superuser that the demo makes.

    Raises:
        NotReady: the site has users, and none of them is the demo's.
    """
    users = get_user_model()._default_manager
    connection = connections[users.db]
    if users.model._meta.db_table not in connection.introspection.table_names():
        return
    if users.exists() and not users.filter(username=LOGIN).exists():
        raise NotReady(
            "This site has users of its own, and the demo would make a superuser with a password that everybody "
            "knows. Run the demo on a database of its own (TASKHUB_DATABASE_URL or TASKHUB_VAR)."
        )


def migrate() -> None:
    """Create or update the tables of every database that the settings name, without questions."""
    for alias in connections:
        call_command("migrate", database=alias, interactive=False, verbosity=0)


def cancel_slow_tasks() -> None:
    """Cancel the slow tasks of earlier runs: two of them would keep both processes for minutes."""
    monitor.cancel_by_tag(SLOW_TAG, "left over from an earlier run of the demo")


def make_schedules() -> None:
    """Add a nightly report, and something small every two minutes; what a visitor has disabled stays so."""
    schedules.add_cron("demo: nightly report", write_report, "0 3 * * *", overlap="skip")
    primes = find_primes.s(below=5_000)
    schedules.add_periodic("demo: primes", primes, 120, misfire="skip", overlap="skip")


def make_login() -> str:
    """Create the superuser `demo` if there is none, and return how to log in."""
    users = get_user_model()._default_manager
    user = users.filter(username=LOGIN).first()
    if user is None:
        user = users.create_superuser(username=LOGIN, email="demo@example.com", password=LOGIN)
    return f"user {LOGIN}, password {LOGIN if user.check_password(LOGIN) else 'as you changed it'}"
