"""A stream's socket: a browser that takes nothing any more is let go, and holds no thread for longer."""

import select
import socket
import time

SEND_SECONDS = 10.0


class Sending:
    """Sends for as long as somebody takes it within so many `seconds`; `sock` is None where none is known."""

    def __init__(self, sock: socket.socket | None, seconds: float = SEND_SECONDS) -> None:
        self._sock, self._seconds, self._began = sock, seconds, time.monotonic()
        if sock is not None:
            self._before = sock.gettimeout()
            sock.settimeout(seconds)

    def goes_on(self, seconds: float) -> bool:
        """Whether more can be sent, and the stream is not older than so many seconds."""
        if time.monotonic() - self._began > seconds:
            return False
        if self._sock is None or self._takes_more(self._sock):
            return True
        # What is left in the buffers never arrives: the end of the stream must not wait for it either.
        self._sock.shutdown(socket.SHUT_RDWR)
        return False

    def end(self) -> None:
        """The socket is as it was."""
        if self._sock is not None and self._sock.fileno() >= 0:
            self._sock.settimeout(self._before)

    def _takes_more(self, sock: socket.socket) -> bool:
        looked = select.poll()
        looked.register(sock, select.POLLOUT)
        found = looked.poll(self._seconds * 1000)
        return bool(found) and not found[0][1] & (select.POLLERR | select.POLLHUP | select.POLLNVAL)
