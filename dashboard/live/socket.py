"""Socket: one tab's connection. It tells the latest there is, a frame at a time; `messages` has all that it hears."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, ClassVar

from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError, InterfaceError

from dashboard.live.closing import Close, Refusal
from dashboard.live.frames import frame
from dashboard.live.handshake import is_from_here, request_of
from dashboard.live.hub import Hub, get_hub
from dashboard.live.messages import WATCH_COSTS, Ack, Allowance, Watch, read
from dashboard.live.pulse import get_pulse
from dashboard.live.topics import Topic


class Socket(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Sends a frame, waits until it is acknowledged, sends what is new by then: it keeps no queue."""

    channel_layer_alias = None  # a host's channel layer is none of our business
    patience: ClassVar[float] = 10.0  # seconds in which a client says what it watches
    sign_of_life: ClassVar[float] = 15.0  # seconds after which a frame is sent that tells nothing
    stalled_after: ClassVar[float] = 60.0  # seconds without an acknowledgement
    check_every: ClassVar[float] = 60.0  # seconds between looks at the login

    async def enter(self, request: ASGIRequest) -> None:
        """Find out who this is.

        Raises:
            Refusal: nobody who may come in.
        """
        raise NotImplementedError

    async def topics_of(self, watch: Watch) -> frozenset[Topic]:
        """Return what somebody may watch of what they ask for.

        Raises:
            Refusal: they may not.
        """
        raise NotImplementedError

    # -- what the server calls ---------------------------------------------------------------------------------------

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle a message at once: Channels would first ask a thread to close old connections, for each ack."""
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        self._hub: Hub = get_hub()
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._allowance = Allowance()
        self._watch: Watch | None = None
        self._topics: frozenset[Topic] = frozenset()
        self._seen: dict[tuple[Topic, str], int] = {}
        self._sent, self._acknowledged, self._sent_at = 0, 0, time.monotonic()
        self._owes_frame = self._was_late = self._is_over = False
        self._parts: list[asyncio.Task[None]] = []
        self._request = request_of(self.scope)
        if not is_from_here(self._request):
            await self.close()  # before it is accepted: the handshake ends with 403
            return
        await self.accept()
        await self._guarded(self._begin())

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self._guarded(self._hear(text_data))

    async def disconnect(self, code: int) -> None:
        self._hub.leave(self)
        for part in self._parts:
            part.cancel()

    def poke(self) -> None:
        """Hear that there may be news; any thread may call this."""
        with suppress(RuntimeError):  # the loop is closed: so is the socket
            self._loop.call_soon_threadsafe(self._news.set)

    # -- what it does ------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        await self.enter(self._request)
        self._has_just_entered = True
        self._parts = [
            asyncio.ensure_future(self._guarded(part)) for part in (self._tell(), self._keep())
        ]

    async def _hear(self, text: str | None) -> None:
        if self._is_over:
            return
        self._allowance.spend()
        match read(text):
            case Ack(n):
                if n > self._sent:
                    raise Refusal(Close.MALFORMED, "That frame was never sent.")
                self._acknowledged = max(self._acknowledged, n)
                self._news.set()
            case Watch() as watch:
                self._allowance.spend(WATCH_COSTS)
                if not self._has_just_entered:
                    await self.enter(self._request)
                self._has_just_entered = False
                await self._watch_now(watch)

    async def _watch_now(self, watch: Watch) -> None:
        topics = await self.topics_of(watch)
        self._watch, self._topics = watch, topics
        self._seen = {key: n for key, n in self._seen.items() if key[0] in topics}
        self._hub.watch(self, topics)
        self._owes_frame = True
        self._news.set()
        get_pulse().nudge()

    async def _tell(self) -> None:
        """Send what is new, whenever there is news and the last frame has been acknowledged."""
        while True:
            await self._news.wait()
            self._news.clear()
            if self._watch is None or self._sent > self._acknowledged:
                continue  # both set the event when they end
            if self._hub.are_missing(self._topics):
                raise Refusal(Close.UNKNOWN, "There is no such page, or it is not a live one.")
            if self._hub.is_settled(self._topics) or self._hub.is_late:
                await self._send_news(self._watch.first)

    async def _send_news(self, first: int) -> None:
        parts = self._hub.unseen(self._topics, self._seen)
        if not parts and not self._owes_frame and self._was_late == self._hub.is_late:
            return
        self._seen |= {(topic, name): part.number for topic, name, part in parts}
        self._sent, self._sent_at, self._owes_frame = self._sent + 1, time.monotonic(), False
        self._was_late = self._hub.is_late
        told = frame(
            [(topic, name, part.content) for topic, name, part in parts],
            first=first,
            ahead=self._hub.ahead,
        )
        await self.send(
            json.dumps({"type": "news", "n": self._sent, "late": self._was_late, **told})
        )

    async def _keep(self) -> None:
        """Send a sign of life, look at the login again, and let nobody stay who does not listen."""
        await asyncio.sleep(self.patience)
        if self._watch is None:
            raise Refusal(Close.IDLE, "Nothing was asked for.")
        checked_at = time.monotonic()
        while True:
            if time.monotonic() - checked_at >= self.check_every:
                with suppress(DatabaseError, InterfaceError):  # nothing is shown then either
                    await self._check_again()
                    checked_at = time.monotonic()
            if (
                self._sent > self._acknowledged
                and time.monotonic() - self._sent_at > self.stalled_after
            ):
                raise Refusal(Close.IDLE, "What was sent is not acknowledged.")
            self._owes_frame = True
            self._news.set()
            await asyncio.sleep(self.sign_of_life)

    async def _check_again(self) -> None:
        """Look at the login, and go on with what it may see by now."""
        await self.enter(self._request)
        if self._watch is not None:
            await self._watch_now(self._watch)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Refusal as refusal:
            await self._end(refusal)
        except (DatabaseError, InterfaceError):
            await self._end(Refusal(Close.UNREADY, "The database does not answer."))

    async def _end(self, refusal: Refusal) -> None:
        if not self._is_over:
            self._is_over = True
            self._hub.leave(self)
            await self.close(code=int(refusal.code), reason=refusal.reason)
