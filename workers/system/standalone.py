"""Standalone: Django is set up on one SQLite file, for a script that has no site."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import django
from django.conf import settings

from taskhub.errors import TaskhubError

_set_up_for: Path | None = None


def set_up(path: str | os.PathLike[str], taskhub: Mapping[str, Any]) -> None:
    """Configure Django for a queue in the file `path` and bring its tables up to date. `taskhub`: as settings.TASKHUB.

    The file and what stands in it outlive the process. Once in a process, or again with the same arguments.

    Raises:
        TaskhubError: settings are configured already, by a site or for another file; or `path` is no file.
    """
    global _set_up_for
    file = _file(path)
    if _set_up_for is not None:
        if (file, dict(taskhub)) != (_set_up_for, settings.TASKHUB):
            raise TaskhubError(
                f"TaskSystem.standalone({str(path)!r}): this process is set up for {str(_set_up_for)!r} with "
                f"settings={settings.TASKHUB!r}, and Django is set up once. Use a process for each."
            )
        return
    if settings.configured:
        raise TaskhubError(
            f"TaskSystem.standalone({str(path)!r}): Django is configured already"
            f"{_by_whom()}. In a site use TaskSystem(), which takes the site's database."
        )
    settings.configure(**_settings(file, dict(taskhub)))
    django.setup()
    _set_up_for = file
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)


def _file(path: str | os.PathLike[str]) -> Path:
    text = os.fspath(path)
    file = Path(text).absolute()
    if not text or text.startswith((":", "file:")) or file.is_dir():
        raise TaskhubError(
            f"TaskSystem.standalone({text!r}): expected the path of a file, new or made by this function. A "
            "database in memory has one connection, and each thread needs its own."
        )
    if not file.parent.is_dir():
        raise TaskhubError(
            f"TaskSystem.standalone({text!r}): there is no folder {str(file.parent)!r}."
        )
    return file


def _by_whom() -> str:
    name = os.environ.get("DJANGO_SETTINGS_MODULE")
    return f" (DJANGO_SETTINGS_MODULE={name})" if name else ""


def _settings(file: Path, taskhub: dict[str, Any]) -> dict[str, Any]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(50),  # nothing that outlives the process is signed
        "DATABASES": {
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(file),
                "OPTIONS": {
                    "transaction_mode": "IMMEDIATE",
                    "timeout": 20,
                    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
                },
            }
        },
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "INSTALLED_APPS": [
            *(["django_tasks"] if django.VERSION < (6, 0) else []),
            "taskhub",
            "workers",
        ],
        "TASKS": {"default": {"BACKEND": "taskhub.backend.TaskHubBackend", "QUEUES": []}},
        "TASKHUB": taskhub,
        "USE_TZ": True,
        "TIME_ZONE": "UTC",
    }
