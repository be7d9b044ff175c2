"""Listener: waits for PostgreSQL's notifications on a connection of its own."""

from __future__ import annotations

import psycopg
from django.db import connections
from django.db.utils import DatabaseError, InterfaceError

from taskhub import conf
from taskhub.engines.wakeups import LOOK, Kind, Waiter, Wake

CHANNEL = "taskhub"
_KINDS = {kind.value for kind in Kind}  # anybody may notify on a channel


class Listener(Waiter):
    """One autocommit connection that has said LISTEN. When it is lost, the waiter looks instead and reconnects."""

    def __init__(self, alias: str) -> None:
        super().__init__(alias)
        self._connection = connections.create_connection(alias)
        self._connection.inc_thread_sharing()
        self._is_listening = False
        self._retry_pause = 0.05

    def wait(self, timeout: float) -> list[Wake]:
        try:
            if not self._is_listening:
                self._listen()
                return [LOOK]  # whatever was said before nobody heard
            driver = self._connection.connection
            news = _read(driver)
            if not news and not self.sleep(timeout, driver.fileno()):
                news = _read(driver)
            return news
        except (DatabaseError, InterfaceError, psycopg.Error, OSError):
            return self._lost(timeout)

    def close(self) -> None:
        self._connection.close()
        super().close()

    def _listen(self) -> None:
        self._connection.close()
        with self._connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        self._is_listening = True
        self._retry_pause = 0.05

    def _lost(self, timeout: float) -> list[Wake]:
        self._is_listening = False
        self._retry_pause = min(2.0, self._retry_pause * 2)
        return (
            [] if self.sleep(min(timeout, self._retry_pause, conf.get().poll_interval)) else [LOOK]
        )


def _read(driver) -> list[Wake]:  # type: ignore[no-untyped-def]
    """Take the notifications that have arrived off a psycopg connection, without waiting."""
    driver.pgconn.consume_input()
    news = []
    while notification := driver.pgconn.notifies():
        kind, _, queue = notification.extra.decode().partition(" ")
        news.append(Wake(Kind(kind), queue) if kind in _KINDS else LOOK)
    return news
