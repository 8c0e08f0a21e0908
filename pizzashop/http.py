"""HTTP for threads: pooled connections to a few servers, and one error for whatever keeps an answer away.

A request is sent once. Whether it may be sent again is for the caller to know: a connection that the server closed
meanwhile is noticed before it is used, and one that it closes just then is Unavailable like any other.
"""

import socket
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Self

from pizzashop.domain.errors import Unavailable
from pizzashop.wire import CONNECT_SECONDS, IDLE_SECONDS, READ_SECONDS, Address, Answers, Reply, is_silent, request

RECEIVE_BYTES = 65536


class HttpClient:
    """Close it at the end, or use it in a `with`. For any number of threads."""

    def __init__(self) -> None:
        # The one that was used last is taken first, so that the others can grow old. Deques are safe among threads.
        self._idle: dict[Address, deque[tuple[socket.socket, float]]] = defaultdict(deque)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(
        self, method: str, url: str, seconds: float = READ_SECONDS, *, data: str = "", headers: Mapping[str, str] = {}
    ) -> Reply:
        """Send a request and wait for the answer, at most `seconds` for each part; raises Unavailable."""
        return self.requests(method, [(url, data)], seconds, headers=headers)[0]

    def requests(
        self,
        method: str,
        sent: Sequence[tuple[str, str]],
        seconds: float = READ_SECONDS,
        *,
        headers: Mapping[str, str] = {},
    ) -> list[Reply]:
        """Send requests (URL and data) to one server, one behind the other, which sees to one after another.

        Answers as many replies as came, in the same order; raises Unavailable where none did.
        """
        made = [request(method, url, data, headers) for url, data in sent]
        address = made[0][0]
        try:
            sock = self._take(address)
            answers = _exchange(sock, [message for _, message in made], seconds)
        except (OSError, Unavailable) as error:
            raise Unavailable(f"No answer from {sent[0][0]}: {error or type(error).__name__}") from error
        if answers.reusable and len(answers.replies) == len(made):
            self._idle[address].append((sock, time.monotonic()))
        else:
            sock.close()
        return answers.replies[: len(made)]

    def close(self) -> None:
        """Close the connections."""
        for idle in self._idle.values():
            while idle:
                idle.pop()[0].close()

    def _take(self, address: Address) -> socket.socket:
        idle = self._idle[address]
        while idle:
            try:
                sock, since = idle.pop()
            except IndexError:  # another thread was quicker
                break
            if time.monotonic() - since < IDLE_SECONDS and is_silent(sock.fileno()):
                return sock
            sock.close()
        sock = socket.create_connection(address, CONNECT_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


def _exchange(sock: socket.socket, messages: Sequence[bytes], seconds: float) -> Answers:
    answers = Answers(len(messages))
    try:
        sock.settimeout(seconds)
        sock.sendall(b"".join(messages))
        while not answers.done:
            answers.feed(sock.recv(RECEIVE_BYTES))
    except (OSError, Unavailable):
        if not answers.replies:
            sock.close()
            raise
    except BaseException:
        # Half an answer may still come: nobody else may take it for theirs.
        sock.close()
        raise
    return answers
