"""A network that a test can break: a proxy between a process and its database, on loopback."""

import socket
import threading
from contextlib import suppress


class Proxy:
    """Forwards a port of its own to a server's, until told otherwise. Its threads end with `close`."""

    def __init__(self, host: str, port: int) -> None:
        self._server = host, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._links: list[_Link] = []
        self._is_cut = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Break all connections, and new ones at once, until `restore`."""
        with self._lock:
            self._is_cut = True
            links, self._links = self._links, []
        for link in links:
            link.close()

    def restore(self) -> None:
        """Let new connections through again."""
        with self._lock:
            self._is_cut = False

    def swallow(self) -> int:
        """Let nothing more through on the connections that exist, without closing them; return how many.

        New connections pass.
        """
        with self._lock:
            links = [link for link in self._links if link.is_open]
        for link in links:
            link.is_swallowed = True
        return len(links)

    def close(self) -> None:
        self.cut()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._server)
            except OSError:
                near.close()
                continue
            link = _Link(near, far)
            with self._lock:
                over = [one for one in self._links if not one.is_open]
                (over if self._is_cut else self._links).append(link)
                self._links = [one for one in self._links if one not in over]
            for one in over:
                one.close()


class _Link:
    """One connection: two sockets, and a thread for each direction."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self._sockets = near, far
        self.is_swallowed = False
        self._threads = [
            threading.Thread(target=self._pump, args=pair, daemon=True)
            for pair in ((near, far), (far, near))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def is_open(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        self._hang_up()
        for thread in self._threads:
            thread.join()
        for one in self._sockets:
            one.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if not self.is_swallowed:
                    sink.sendall(data)
        self._hang_up()

    def _hang_up(self) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
