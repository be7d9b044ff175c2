"""A pooler as a client sees it: it stands between client and server, and makes up the process id that it tells."""

import socket
import struct
import threading
from collections.abc import Callable

# The protocol's BackendKeyData: a type, the length of the rest, the process id and a secret.
_KEY_DATA = b"K" + struct.pack("!I", 12)


class Pooler:
    """Passes one connection on to a server. Like PgBouncer, it does not say which process serves it."""

    def __init__(self, host: str, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=((host, port),), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait until the client has gone; it must have closed its connection."""
        self._thread.join(10)
        self._listener.close()

    def _serve(self, server: tuple[str, int]) -> None:
        client, _ = self._listener.accept()
        with client, socket.create_connection(server) as upstream:
            back = threading.Thread(target=_pass_on, args=(upstream, client, _with_another_pid))
            back.start()
            _pass_on(client, upstream, bytes)
            back.join()


def _pass_on(
    source: socket.socket, target: socket.socket, change: Callable[[bytes], bytes]
) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(change(data))
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one side has gone


def _with_another_pid(data: bytes) -> bytes:
    at = data.find(_KEY_DATA)
    if at < 0:
        return data
    at += len(_KEY_DATA)
    return data[:at] + struct.pack("!I", 1) + data[at + 4 :]
