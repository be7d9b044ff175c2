"""Rendering: a page's regions and a list's lines, from the views and templates that make the page itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, QueryDict
from django.template.loader import render_to_string
from django.urls import Resolver404, ResolverMatch, resolve, set_script_prefix

from dashboard.live.closing import Close, Refusal
from dashboard.live.languages import speaking
from dashboard.live.regions import Recorder
from dashboard.live.topics import Audience, Page
from dashboard.permissions import APP_LABEL, Permission, Rights
from dashboard.rows import rows
from taskhub import monitor


class Reader:
    """Stands for all who hold the same permissions; a page made for it suits each of them, and names none."""

    pk = None
    is_authenticated = is_active = is_staff = True
    is_anonymous = is_superuser = False

    def __init__(self, audience: Audience) -> None:
        self._held = {f"{APP_LABEL}.{name}" for name in audience.permissions}

    def has_perm(self, name: str, obj: object = None) -> bool:
        return name in self._held

    def get_username(self) -> str:
        return ""


def reader_of(audience: Audience) -> Reader | AbstractBaseUser:
    """Return for whom a page is made: the person where it is made for one."""
    if not audience.person:
        return Reader(audience)
    found: AbstractBaseUser = get_user_model()._default_manager.get(pk=audience.person)
    return found


class Reading(HttpRequest):
    """A GET of a page by nobody in particular, which records the page's regions."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        path, _, query = page.path.partition("?")
        prefix = page.audience.prefix
        self.method, self.path_info, self.path = "GET", unquote(path), prefix + unquote(path)
        self.META = {
            "REQUEST_METHOD": "GET", "SCRIPT_NAME": prefix, "PATH_INFO": self.path_info,
            "QUERY_STRING": query, "SERVER_NAME": "localhost", "SERVER_PORT": "80",
        }  # fmt: skip
        self.GET = QueryDict(query)
        self.user = reader_of(page.audience)  # type: ignore[assignment]
        self.session: Any = {}
        self.regions = Recorder()


def find(path: str, language: str) -> ResolverMatch:
    """Return the view of the dashboard that answers a GET of `path`, which may begin with the language.

    Raises:
        Refusal: there is none.
    """
    try:
        with speaking(language):
            match = resolve(unquote(path.partition("?")[0]))
    except (Resolver404, UnicodeError):
        match = None
    guard = getattr(match.func, "guard", None) if match else None
    if match is None or guard is None or "GET" not in guard.methods:
        raise Refusal(Close.UNKNOWN, "There is no such page.")
    return match


def permission_of(match: ResolverMatch) -> Permission:
    """Return what a view asks for beside `view_dashboard`."""
    guard = match.func.guard  # type: ignore[attr-defined]
    return Permission(guard.permission)


def regions_of(page: Page) -> dict[str, str] | None:
    """Render a page and return its regions; None where its view has no such page (any more).

    Of a page that took too long this time there is nothing to tell.
    """
    set_script_prefix(page.audience.prefix)
    try:
        request, match = Reading(page), find(page.path, page.audience.language)
    except Refusal:
        return None
    request.resolver_match = match
    with speaking(page.audience.language):
        response = match.func(request, *match.args, **match.kwargs)
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        return {}
    return dict(request.regions) if response.status_code == 200 and request.regions else None


def lines_of(ids: Iterable[int], audience: Audience, now: datetime) -> dict[int, str]:
    """Render tasks as lines of the list; those that are gone are left out."""
    set_script_prefix(audience.prefix)
    with_payloads = audience.may(Permission.VIEW_PAYLOADS)
    tasks = monitor.tasks().filter(pk__in=list(ids)).select_related("progress").defer("options")
    if not with_payloads:
        tasks = tasks.defer("options", "args", "kwargs")
    around = {"now": now, "may": Rights.of(Reader(audience))}  # type: ignore[arg-type]
    with speaking(audience.language):
        return {
            row.task.pk: render_to_string(
                "dashboard/tasks/row.html", {**around, "row": row, "task": row.task}
            )
            for row in rows(list(tasks), now, with_payloads=with_payloads)
        }
