"""System checks: settings that would lose work or stop it, said before anything runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import django
from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, connections
from django.utils.module_loading import import_string

from taskhub import conf

if TYPE_CHECKING:
    from taskhub.backend import TaskHubBackend


@register("taskhub")
def check_settings(app_configs: Any = None, **kwargs: Any) -> Iterable[CheckMessage]:
    """Each unknown key and bad value of settings.TASKHUB, and what the queue needs of Django."""
    for problem in conf.problems(getattr(settings, "TASKHUB", {})):
        yield Error(problem, id="taskhub.E001")
    if not settings.USE_TZ:
        yield Error(
            "settings.USE_TZ is False.",
            hint="taskhub stores aware UTC times: set USE_TZ = True.",
            id="taskhub.E002",
        )
    yield from _check_order_of_apps()
    yield from _check_result_cache()
    if django.VERSION < (6, 0) and not apps.is_installed("django_tasks"):
        yield Warning(
            "django_tasks is not in INSTALLED_APPS.",
            hint="On Django 5.2 taskhub stands on the backport: add 'django_tasks' for its checks and logging.",
            id="taskhub.W001",
        )


def _check_result_cache() -> Iterable[CheckMessage]:
    given = getattr(settings, "TASKHUB", {})
    if not isinstance(given, dict) or given.get("RESULT_BACKEND") != "cache":
        return
    alias = given.get("RESULT_CACHE", "default")
    kind = settings.CACHES.get(alias, {}).get("BACKEND", "") if isinstance(alias, str) else ""
    if kind.endswith((".LocMemCache", ".DummyCache")):
        yield Warning(
            f"settings.TASKHUB['RESULT_CACHE'] is {alias!r}, a {kind.rpartition('.')[2]}: other processes do not see "
            "what a worker puts there.",
            hint="Name a cache that all processes share, such as Redis. This one is for tests in one process.",
            id="taskhub.W005",
        )  # fmt: skip


@register("taskhub")
def check_database(app_configs: Any = None, **kwargs: Any) -> Iterable[CheckMessage]:
    """The queue's database: its alias, its engine and, on SQLite, how it takes the write lock."""
    from taskhub.engines import get_engine, queue_alias

    alias = queue_alias()
    if alias not in connections:
        yield Error(
            f"The database routers send the app taskhub to {alias!r}, which settings.DATABASES does not have.",
            hint=f"Known aliases: {', '.join(connections)}. See settings.DATABASE_ROUTERS.", id="taskhub.E003",
        )  # fmt: skip
        return
    try:
        get_engine(alias)
    except (ImproperlyConfigured, ImportError, DatabaseError, InterfaceError) as error:
        yield Error(str(error), id="taskhub.E004")
        return
    if connections[alias].vendor == "sqlite":
        yield from _check_sqlite(alias)


def check_backend(backend: TaskHubBackend) -> Iterable[CheckMessage]:
    """The options that settings.TASKS gives our backend."""
    for key in backend.options:
        yield Error(
            f"settings.TASKS[{backend.alias!r}]['OPTIONS'] has {key!r}; this backend takes no options.",
            hint="The settings of taskhub are in settings.TASKHUB.", id="taskhub.E005",
        )  # fmt: skip


_SQLITE_OPTIONS = (
    '"OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, '
    '"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"}'
)


def _check_sqlite(alias: str) -> Iterable[CheckMessage]:
    options = connections[alias].settings_dict.get("OPTIONS", {})
    where = f"DATABASES[{alias!r}]['OPTIONS']"
    if str(options.get("transaction_mode", "")).upper() not in ("IMMEDIATE", "EXCLUSIVE"):
        yield Error(
            f"{where} lacks transaction_mode: IMMEDIATE. Transactions that read and then write fail at once "
            "when another process wrote in between ('database is locked', whatever the timeout).",
            hint=f"Paste into DATABASES[{alias!r}]: {_SQLITE_OPTIONS}", id="taskhub.E006",
        )  # fmt: skip
    if options.get("timeout", 5) < 20:
        yield Warning(
            f"{where}['timeout'] is {options.get('timeout', 5)} s; expected 20 or more: writers wait for each other.",
            hint=f"Paste into DATABASES[{alias!r}]: {_SQLITE_OPTIONS}", id="taskhub.W002",
        )  # fmt: skip
    if "wal" not in str(options.get("init_command", "")).lower():
        yield Warning(
            f"{where} does not switch to the write-ahead log: readers and the writer block each other.",
            hint=f"Paste into DATABASES[{alias!r}]: {_SQLITE_OPTIONS}", id="taskhub.W003",
        )  # fmt: skip


def _check_order_of_apps() -> Iterable[CheckMessage]:
    """Channels has a runworker command too, and the app that is listed first wins."""
    names = [config.name for config in apps.get_app_configs()]
    if (
        "channels" in names
        and "workers" in names
        and names.index("channels") < names.index("workers")
    ):
        yield Error(
            "'channels' stands before 'workers' in INSTALLED_APPS: `manage.py runworker` would be Channels' own.",
            hint="Move 'workers' before 'channels' (taskhub does not need 'channels' to be listed).",
            id="taskhub.E007",
        )  # fmt: skip
    for app, class_name in (("workers", "WorkersConfig"), ("dashboard", "DashboardConfig")):
        if app in names and not _is_ours(app, class_name):
            yield Error(
                f"The app {app!r} in INSTALLED_APPS is not taskhub's: this project has a package of that name.",
                hint="Run taskhub's pages as a site of their own on the same database; see 'beside' in the README.",
                id="taskhub.E008",
            )


def _is_ours(app: str, class_name: str) -> bool:
    try:
        import_string(f"{app}.apps.{class_name}")
    except ImportError:
        return False
    return True
