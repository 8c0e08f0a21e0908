"""What is left of a request's body is read, and not without end."""

import io
import socket

from pizzashop.draining import CHUNK_BYTES, MOST_BYTES, drain


class Endless(io.RawIOBase):
    """A client that never stops sending."""

    sent = 0

    def read(self, size: int = -1) -> bytes:
        self.sent += size
        return b"x" * size


class Silent(io.RawIOBase):
    """A client that says how much it will send, and sends no more of it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def read(self, size: int = -1) -> bytes:
        return self._sock.recv(size)


def test_all_of_it_is_read() -> None:
    body = io.BytesIO(b"x" * 3 * CHUNK_BYTES)
    drain({"wsgi.input": body})
    assert body.read() == b""


def test_there_is_an_end_to_it() -> None:
    body = Endless()
    drain({"wsgi.input": body})
    assert body.sent == MOST_BYTES


def test_a_client_that_sends_nothing_is_not_waited_for() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0.01)
        drain({"wsgi.input": Silent(ours), "gunicorn.socket": Hasty(ours)})


class Hasty:
    """A socket whose patience is a hundredth of what is asked for."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def gettimeout(self) -> float | None:
        return self._sock.gettimeout()

    def settimeout(self, seconds: float | None) -> None:
        self._sock.settimeout(seconds and seconds / 100)
