"""ASGI: puts the dashboard's sockets beside a site's application; imports nothing of Django before it is set up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def with_live(application: Application) -> Application:
    """Return an ASGI application that answers the dashboard's websockets, wherever the URLs include it.

    All else goes to `application`: what `get_asgi_application()` returned, or a router of the site's own.
    """

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await application(scope, receive, send)
            return
        from django.core.handlers.asgi import ASGIHandler

        socket = _socket_of(scope)
        if socket is not None:
            await socket(scope, receive, send)
        elif isinstance(application, ASGIHandler):  # it knows no websockets, and would raise
            await send({"type": "websocket.close"})
        else:
            await application(scope, receive, send)

    return route


def _socket_of(scope: Scope) -> Application | None:
    from django.urls import Resolver404, resolve
    from django.utils.translation import get_language, get_language_from_path, override

    from dashboard.live.handshake import request_of
    from dashboard.live.sockets import OperatorSocket, VisitorSocket
    from dashboard.views.live import live
    from dashboard.views.visit import visit

    try:
        path = request_of(scope).path_info
        with override(get_language_from_path(path) or get_language()):  # of i18n_patterns()
            view = resolve(path).func
    except (Resolver404, UnicodeError):
        return None
    for known, socket in ((live, OperatorSocket), (visit, VisitorSocket)):
        if view is known:
            return socket.as_asgi()  # type: ignore[no-any-return]
    return None
