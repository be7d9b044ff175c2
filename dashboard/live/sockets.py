"""Sockets: that of an operator, who has a login, and that of a visitor, who has a token."""

from __future__ import annotations

import time

from channels.db import database_sync_to_async
from django.core.handlers.asgi import ASGIRequest

from dashboard.live.asking import topics_of
from dashboard.live.closing import Close, Refusal
from dashboard.live.handshake import audience_of
from dashboard.live.messages import Watch
from dashboard.live.socket import Socket
from dashboard.live.topics import Audience, Topic
from dashboard.visits.tokens import Grant, visit_of


class OperatorSocket(Socket):
    """Shows the dashboard's pages to somebody who is signed in."""

    audience: Audience

    async def enter(self, request: ASGIRequest) -> None:
        self.audience = await database_sync_to_async(audience_of)(request)

    async def topics_of(self, watch: Watch) -> frozenset[Topic]:
        return topics_of(watch, self.audience)


class VisitorSocket(Socket):
    """Shows one task to whom the site has given a token."""

    grant: Grant | None = None

    async def enter(self, request: ASGIRequest) -> None:
        if self.grant is not None and self.grant.expires_at < time.time():
            raise Refusal(Close.SIGNED_OUT, "The token has expired.")

    async def topics_of(self, watch: Watch) -> frozenset[Topic]:
        if watch != Watch(token=watch.token):
            raise Refusal(Close.FORBIDDEN, "A visitor watches one task, by its token.")
        self.grant = visit_of(watch.token)
        return frozenset([self.grant.topic])
