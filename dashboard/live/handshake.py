"""Handshake: who opens a socket, and from where. A socket reads the session; it never writes to it."""

from __future__ import annotations

import io
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.utils.http import is_same_domain

from dashboard.live.closing import Close, Refusal
from dashboard.live.topics import Audience
from dashboard.permissions import Permission, has


def request_of(scope: dict[str, Any]) -> ASGIRequest:
    """Return a websocket's scope as the request that a page of the same site would have got."""
    scheme = "https" if scope.get("scheme") in ("wss", "https") else "http"
    return ASGIRequest({**scope, "type": "http", "method": "GET", "scheme": scheme}, io.BytesIO())


def is_from_here(request: HttpRequest) -> bool:
    """Tell whether the page that opens the socket is of this site, by the rule that Django has for forms.

    Browsers let any page of the world open a socket with our cookies: only this check stands between.
    """
    origin = request.META.get("HTTP_ORIGIN", "")
    try:
        own = f"{request.scheme}://{request.get_host()}"
    except DisallowedHost:
        return False
    return origin == own or any(_matches(origin, one) for one in settings.CSRF_TRUSTED_ORIGINS)


def _matches(origin: str, trusted: str) -> bool:
    if "*" not in trusted:
        return origin == trusted
    given, pattern = urlsplit(origin), urlsplit(trusted)
    return given.scheme == pattern.scheme and is_same_domain(
        given.netloc, pattern.netloc.lstrip("*")
    )


def audience_of(request: ASGIRequest) -> Audience:
    """Read the login anew and return what it may see.

    Raises:
        Refusal: nobody is signed in (any more), or not somebody who may see the dashboard.
    """
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    store = import_module(settings.SESSION_ENGINE).SessionStore(key)
    request.session = _Glance(store.load() if key else {})  # type: ignore[assignment]
    user = get_user(request)
    if not (user.is_authenticated and user.is_active):
        raise Refusal(Close.SIGNED_OUT, "You are not signed in.")
    if not (user.is_staff and has(user, Permission.VIEW_DASHBOARD)):
        raise Refusal(Close.FORBIDDEN, f"Your account lacks {Permission.VIEW_DASHBOARD}.")
    return Audience.of(user, request.script_name or "")


class _Glance(dict[str, Any]):
    """The content of a session, for reading: what would change the stored one is left to the next request."""

    def flush(self) -> None:
        self.clear()

    def cycle_key(self) -> None:
        pass
