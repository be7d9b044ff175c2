"""A client of the live sockets, as small as a browser's: on a real server, with a real websocket."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from django.test import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

LIVE, VISIT = "/taskhub/live/", "/taskhub/live/task/"


class LiveClient:
    """One websocket; `watch` asks, `frame` hears, `closing` says with what code the server ended it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def watch(self, **what: Any) -> None:
        self.say(type="watch", **what)

    def frame(self, timeout: float = 20.0, *, ack: bool = True) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(self.socket.recv(timeout))
        if ack:
            self.say(type="ack", n=frame["n"])
        return frame

    def frame_with(self, what: str, timeout: float = 20.0) -> Any:
        """Take frames until one has this key, and return what it has there."""
        while True:
            frame = self.frame(timeout)
            if what in frame:
                return frame[what]

    def is_silent(self, seconds: float) -> bool:
        try:
            self.socket.recv(seconds)
        except TimeoutError:
            return True
        return False

    def closing(self, timeout: float = 20.0) -> int:
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                self.socket.recv(timeout)
        received = closed.value.rcvd
        assert received is not None, "the connection was lost, not closed"
        return received.code


@contextmanager
def opened(
    site: str,
    client: Client | None = None,
    *,
    path: str = LIVE,
    origin: str | None = "",
    headers: Mapping[str, str] | None = None,
) -> Iterator[LiveClient]:
    """Open a socket as a page of the site would, with the login of `client`."""
    cookie = client.cookies.get("sessionid") if client else None
    sent = {"Cookie": f"sessionid={cookie.value}"} if cookie else {}
    address = site.replace("http://", "ws://") + path
    whence: Any = site if origin == "" else origin
    with connect(address, origin=whence, additional_headers={**sent, **(headers or {})}) as socket:
        yield LiveClient(socket)
