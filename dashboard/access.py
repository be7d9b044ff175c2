"""Access: who gets an answer. Every view of the dashboard stands behind this one decorator."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.views.decorators.csrf import csrf_protect

from dashboard.pages import problem
from dashboard.permissions import Permission, has
from dashboard.policy import protect

View = Callable[..., HttpResponseBase]


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
            refusal = _refuse(request, permission, methods)
            if refusal is not None:
                return protect(refusal)
            try:
                return protect(checked(request, *args, **kwargs))
            except Http404 as error:
                return protect(problem(request, 404, "There is no such page", str(error)))

        return guarded

    return decorate


actions_only = ("POST",)


def _refuse(
    request: HttpRequest, permission: Permission, methods: tuple[str, ...]
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
            "This is for the people who run the site",
            "Your account is not a staff account.",
        )
    for needed in (Permission.VIEW_DASHBOARD, permission):
        if not has(user, needed):
            text = f"Your account lacks the permission {needed}. Somebody who manages accounts can grant it."
            return problem(request, 403, "You may not do this", text)
    if request.method not in methods:
        response = problem(
            request, 405, "This address takes no such request", "Use the buttons of the pages."
        )
        response.headers["Allow"] = ", ".join(methods)
        return response
    return None
