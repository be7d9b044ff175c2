"""Access: who gets an answer. Every view of the dashboard stands behind this one decorator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_protect

from dashboard.pages import problem
from dashboard.permissions import Permission, lacks, refusal
from dashboard.policy import protect
from taskhub.engines import get_engine
from taskhub.engines.deadline import TooSlow

PATIENCE = 2.0  # seconds that one statement of a page may take
View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class Guard:
    """What a view asks for; it is the attribute `guard` of each view, for those who ask without calling it."""

    permission: Permission
    methods: tuple[str, ...]


def operators_only(
    permission: Permission = Permission.VIEW_DASHBOARD,
    *,
    methods: tuple[str, ...] = ("GET", "HEAD"),
) -> Callable[[View], View]:
    """Let active staff with `view_dashboard` and `permission` through, with one of `methods`.

    Who is not signed in is sent to settings.LOGIN_URL; others get 403, 404 or 405 as a page that says why.
    """

    def decorate(view: View) -> View:
        checked = csrf_protect(view)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            refused = _refuse(request, permission, methods, str(kwargs.get("queue", "")))
            if refused is not None:
                return protect(refused)
            try:
                if request.method == "POST":
                    return protect(checked(request, *args, **kwargs))
                with get_engine().deadline(PATIENCE):
                    return protect(checked(request, *args, **kwargs))
            except TooSlow as error:
                text = _too_slow(error.seconds)
                return protect(problem(request, 503, gettext("That took too long"), text))
            except Http404 as error:
                return protect(problem(request, 404, gettext("There is no such page"), str(error)))
            except Refused as error:
                return protect(problem(request, 403, gettext("You may not do this"), f"{error}."))

        guarded.guard = Guard(permission, methods)  # type: ignore[attr-defined]
        return guarded

    return decorate


actions_only = ("POST",)


class Refused(Exception):
    """The person may do this, but not here."""


def require(request: HttpRequest, permission: Permission, queue: str) -> None:
    """Ask again once a view knows which queue it is about.

    Raises:
        Refused: answered as a page that says why.
    """
    if why := refusal(request.user, permission, queue):
        raise Refused(why)


def _refuse(
    request: HttpRequest, permission: Permission, methods: tuple[str, ...], queue: str
) -> HttpResponse | None:
    user = request.user
    if not (user.is_authenticated and user.is_active):
        # After signing in nobody wants to land on an address that takes POST only.
        target = request.get_full_path() if "GET" in methods else resolve_url("dashboard:overview")
        return redirect_to_login(target, resolve_url(settings.LOGIN_URL))
    if not getattr(user, "is_staff", False):
        return problem(
            request,
            403,
            gettext("This is for the people who run the site"),
            gettext("Your account is not a staff account."),
        )
    for needed in (Permission.VIEW_DASHBOARD, permission):
        if why := refusal(user, needed, queue):
            grant = gettext("Somebody who manages accounts can grant it.")
            hint = f" {grant}" if lacks(user, needed) else ""
            return problem(request, 403, gettext("You may not do this"), f"{why}.{hint}")
    if request.method not in methods:
        response = problem(
            request,
            405,
            gettext("This address takes no such request"),
            gettext("Use the buttons of the pages."),
        )
        response.headers["Allow"] = ", ".join(methods)
        return response
    return None


def _too_slow(seconds: float) -> str:
    return gettext(
        "The database was stopped after %(n)s seconds. Narrow it: name a state, a queue or a task, "
        "or look less far back (since:2h)."
    ) % {"n": f"{seconds:g}"}
