"""Fixtures for tests that break the database server, or the way to it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connections

from taskhub.engines import news
from tests.processes import ROOT, environment
from tests.proxy import Proxy
from tests.services import Postgres
from tests.settings import SCRATCH

TEMPLATE = "fresh"


class OwnServer:
    """A PostgreSQL that a test may restart and reconfigure, with one database that is as migrate left it."""

    def __init__(self, service: Postgres) -> None:
        self._service = service
        self.name = "test"

    @property
    def env(self) -> dict[str, str]:
        """What leads a process to this server (`tests.processes.environment` knows the database)."""
        return {Postgres.variable: self._service.url}

    def restart(self, stop_signal: signal.Signals) -> None:
        self._service.restart(stop_signal)

    def execute(self, *statements: str) -> None:
        """Execute statements as an administrator, each on its own."""
        with psycopg.connect(self._service.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def cut_sessions(self) -> None:
        """End all sessions of the test's database."""
        with psycopg.connect(self._service.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [self.name],
            )

    def refuse_writes(self) -> None:
        """Make all transactions read-only, as those of a standby are, until `accept_writes`."""
        self.execute(
            "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"
        )

    def accept_writes(self) -> None:
        self.execute("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")

    def renew(self) -> None:
        """Make the database again, with empty tables and without a statistic."""
        self.drop()
        self.execute(f"CREATE DATABASE {self.name} TEMPLATE {TEMPLATE}")

    def drop(self) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")


@pytest.fixture(scope="session")
def spare_postgres() -> Iterator[Postgres]:
    """A server beside that of the suite, started once, with a migrated database to copy."""
    directory = SCRATCH / "spare"
    directory.mkdir()
    for path in (SCRATCH, directory):
        path.chmod(0o711)  # the account that the server runs under must get through
    with closing(Postgres(directory)) as service:
        service.start()
        OwnServer(service).execute(f"CREATE DATABASE {TEMPLATE}")
        names = {Postgres.variable: service.url, "TASKHUB_TEST_DATABASE_NAME": TEMPLATE}
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--run-syncdb", "--verbosity=0"],
            cwd=ROOT,
            env={**environment(), **names},
            check=True,
        )
        yield service


@pytest.fixture
def own_server(transactional_db: None, spare_postgres: Postgres) -> Iterator[OwnServer]:
    """A server of the test's own; Django's `default` is on it as long as the test runs.

    Pass its `env` to the processes that are to see it too.
    """
    server = OwnServer(spare_postgres)
    server.renew()
    with default_at(spare_postgres.port, server.name):
        yield server
        server.accept_writes()


@contextmanager
def default_at(port: int, name: str) -> Iterator[None]:
    """Lead Django's `default`, in all threads, to another database of this machine."""
    settings = connections.settings["default"]
    there = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "NAME": name,
        "USER": "postgres",
        "PASSWORD": "",
    }
    kept = {key: settings[key] for key in there}
    _leave()
    settings.update(there)
    try:
        yield
    finally:
        _leave()
        settings.update(kept)


def _leave() -> None:
    news.close_all()
    connections.close_all()


class Detour(Proxy):
    """A way to the suite's PostgreSQL that a test can break."""

    def __init__(self) -> None:
        settings = connections["default"].settings_dict
        super().__init__(settings["HOST"], int(settings["PORT"]))

    @property
    def env(self) -> dict[str, str]:
        """What leads a process this way."""
        address = urlsplit(os.environ[Postgres.variable])
        account, at, _ = address.netloc.rpartition("@")
        here = address._replace(netloc=f"{account}{at}127.0.0.1:{self.port}")
        return {Postgres.variable: here.geturl()}


@pytest.fixture
def detour(transactional_db: None) -> Iterator[Detour]:
    with closing(Detour()) as detour:
        yield detour
