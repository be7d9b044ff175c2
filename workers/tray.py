"""The tray: claims that lie ready for a child. Taking one off decides who has it, also between processes."""

from __future__ import annotations

import array
import fcntl
import os
import select
import struct
import termios

_TOKEN = struct.Struct("qq")
Token = tuple[int, int]  # (task id, claim number)
TRAY_HOLDS = 4000  # tokens at a time; the pipe has room for some more
END: Token = (0, 0)  # nothing more will come


class Tray:
    """A pipe of tokens, made before the fork.

    The kernel gives each token to one reader: to the child that runs it, or to maintenance, which takes back what
    would wait behind a task that holds the interpreter.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._poll = select.poll()
        self._poll.register(self._read, select.POLLIN)

    def put(self, tokens: list[Token]) -> None:
        """Add tokens, in their order. A token is written whole or not at all. Put no more on it than it holds."""
        packed = b"".join(_TOKEN.pack(*token) for token in tokens)
        for start in range(0, len(packed), _PAGE):
            os.write(self._write, packed[start : start + _PAGE])

    def take(self) -> Token | None:
        """Take the first token off, or None where there is none."""
        try:
            return _TOKEN.unpack(os.read(self._read, 16))
        except BlockingIOError:
            return None

    def take_all(self) -> list[Token]:
        """Take all tokens off; END is not among them."""
        tokens = []
        while (token := self.take()) is not None:
            if token != END:
                tokens.append(token)
        return tokens

    def wait(self) -> None:
        """Wait until there may be a token."""
        self._poll.poll()

    def __len__(self) -> int:
        size = array.array("i", [0])
        fcntl.ioctl(self._read, termios.FIONREAD, size)
        return size[0] // _TOKEN.size

    def close(self) -> None:
        """Close the pipe; nobody may put or take any more."""
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """Return the descriptor that is readable when there is a token, for an event loop."""
        return self._read


_PAGE = select.PIPE_BUF // _TOKEN.size * _TOKEN.size  # so much is written in one piece
