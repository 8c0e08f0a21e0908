"""A gunicorn worker that gives a request to a thread only after the whole request has arrived.

One loop accepts connections and collects requests; threads run the application. A slow client, half a request, or a
connection that the client does not close costs a connection but no thread, and each such wait has a total time limit.
So a thread is always free for health checks, events and calls of other roles. `gunicorn -k
pizzashop.server.request_worker.RequestWorker` works too.
"""

import os
import selectors
import socket
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from io import BytesIO
from queue import SimpleQueue
from typing import Any, cast

from gunicorn.http import RequestParser, wsgi
from gunicorn.http.errors import NoMoreData
from gunicorn.workers.base import Worker

from pizzashop.dapr.http import is_silent
from pizzashop.server.request_buffer import BufferedRequest, ProblemSocket, RequestBuffer, problem_bytes

HEAD_SECONDS = 10.0
"""How long a client may take to connect and send the head of a request, in total."""
BODY_SECONDS = 20.0
"""How long it may take to send the body after that, in total."""
SEND_SECONDS = 10.0
"""How long it may take to receive one piece of an answer."""
CLOSING_SECONDS = 5.0
"""How long to read and discard after the last answer, until the client closes the connection (RFC 9112, 9.6)."""
CLOSING_BYTES = 16 * 1024 * 1024
"""The most bytes to discard meanwhile; after that the connection is closed at once."""
STOPPING_SECONDS = 2.0
"""How long a worker that is to stop keeps connections without a request."""
NEXT_SECONDS = 0.005
"""How long a thread that has answered waits for the next request on the same connection."""
SWEEP_SECONDS = 0.5
SEND_BUFFER_BYTES = 256 * 1024
"""An answer of this size leaves the thread at once, however slowly the client reads."""
MAX_UNFINISHED_BYTES = 192 * 1024 * 1024
"""Memory for requests that are not all there. Beyond it the largest of them is dropped."""
RECEIVE_BYTES = 64 * 1024


class Connection:
    """A client's connection. It belongs to the loop or to one thread; `deadline` applies while the loop has it."""

    def __init__(self, sock: socket.socket, client: Any, server: Any) -> None:
        sock.settimeout(SEND_SECONDS)
        self.sock, self.client, self.server = sock, client, server
        self.buffer = RequestBuffer()
        self.deadline = time.monotonic() + HEAD_SECONDS
        self.answered = self.closing = self.reusable = False
        self.ignored = 0

    def receive(self) -> bool:
        """Read what is there, without a wait; False at the end of the connection."""
        try:
            piece = os.read(self.sock.fileno(), RECEIVE_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if self.closing:
            self.ignored += len(piece)
            return bool(piece) and self.ignored < CLOSING_BYTES
        self.buffer.feed(piece)
        return bool(piece)


class RequestWorker(Worker):
    """Settings of gunicorn's that count here: `threads`, `worker_connections`, `keepalive`, `graceful_timeout`."""

    def init_process(self) -> None:
        """Prepare the loop and its threads, then run."""
        self._selector = selectors.DefaultSelector()
        self._threads = ThreadPoolExecutor(self.cfg.threads, thread_name_prefix="request")
        self._returned: SimpleQueue[Connection] = SimpleQueue()
        self._woken = self._accepting = False
        self._unfinished: dict[Connection, None] = {}  # oldest first, as `_idle`
        self._idle: dict[Connection, None] = {}
        self._count = 0
        self._next_sweep = 0.0
        super().init_process()

    def run(self) -> None:
        """Accept and collect until told to stop; then finish what is under way, within `graceful_timeout`."""
        for listener in self.sockets:
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)  # connections inherit it
        self._selector.register(self.PIPE[0], selectors.EVENT_READ)
        self._accept_more(True)
        while self.alive and self.has_parent():
            self._turn()
        self._accept_more(False)
        for listener in self.sockets:
            listener.close()
        end = time.monotonic() + self.cfg.graceful_timeout
        self._limit_waits(STOPPING_SECONDS)
        while self._count and time.monotonic() < end:
            self._turn()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def has_parent(self) -> bool:
        """Whether the arbiter that started this worker still runs."""
        return self.ppid == os.getppid()

    def _turn(self) -> None:
        self.notify()
        for key, _ in self._selector.select(SWEEP_SECONDS):
            if isinstance(key.data, Connection):
                self._read(key.data)
            elif key.data is not None:
                self._accept(key.data)
            else:
                with suppress(BlockingIOError):
                    os.read(self.PIPE[0], 4096)
                self._woken = False  # after the read, which would take the byte of a thread that wrote in between
        while not self._returned.empty():
            self._take_back(self._returned.get())
        self._sweep()

    def _accept_more(self, wanted: bool) -> None:
        if wanted == self._accepting:
            return
        self._accepting = wanted
        for listener in self.sockets:
            if wanted:
                self._selector.register(listener, selectors.EVENT_READ, listener)
            else:
                self._selector.unregister(listener)

    def _accept(self, listener: socket.socket) -> None:
        if self._count >= self.cfg.worker_connections and not self._evict():
            self._accept_more(False)  # every connection has a thread: the next one waits for one of them
            return
        try:
            sock, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:  # no file left, for one
            self.log.warning("A connection was not accepted: %s", error)
            if not self._evict():
                self._accept_more(False)
            return
        connection = Connection(sock, client, sock.getsockname())
        self._count += 1
        self._wait(connection)

    def _evict(self) -> bool:
        """Close the connection that has waited longest, an unfinished request first; False where none waits."""
        for waiting in (self._unfinished, self._idle):
            for connection in waiting:
                self._drop(connection)
                return True
        return False

    def _wait(self, connection: Connection) -> None:
        is_idle = connection.answered and not connection.buffer and not connection.closing
        (self._idle if is_idle else self._unfinished)[connection] = None
        self._selector.register(connection.sock, selectors.EVENT_READ, connection)

    def _stop_waiting(self, connection: Connection) -> None:
        self._idle.pop(connection, None)
        self._unfinished.pop(connection, None)
        self._selector.unregister(connection.sock)

    def _read(self, connection: Connection) -> None:
        if connection not in self._idle and connection not in self._unfinished:
            return  # evicted in this turn
        was_in_body = connection.buffer.in_body
        if not connection.receive():
            self._drop(connection)
            return
        if connection.closing:
            return
        framed = connection.buffer.take()
        if framed is not None:
            self._stop_waiting(connection)
            self._threads.submit(self._serve, connection, framed)
            return
        if connection in self._idle:
            del self._idle[connection]
            self._unfinished[connection] = None
            connection.deadline = time.monotonic() + HEAD_SECONDS
        if connection.buffer.in_body and not was_in_body:
            connection.deadline = time.monotonic() + BODY_SECONDS
        if connection.buffer.wants_continue():
            _send_now(connection.sock, b"HTTP/1.1 100 Continue\r\n\r\n")

    def _take_back(self, connection: Connection) -> None:
        if connection.reusable:
            seconds = HEAD_SECONDS if connection.buffer else self.cfg.keepalive
            if connection.buffer.in_body:
                seconds = BODY_SECONDS
            connection.deadline = time.monotonic() + (seconds if self.alive else min(seconds, STOPPING_SECONDS))
            self._wait(connection)
        else:
            self._close_gently(connection)
        self._accept_more(self.alive)

    def _close_gently(self, connection: Connection) -> None:
        """Say that nothing follows, and read on: a close with unread bytes would take the answer from the client."""
        connection.closing = True
        connection.deadline = time.monotonic() + CLOSING_SECONDS
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._forget(connection)
            return
        self._wait(connection)

    def _drop(self, connection: Connection) -> None:
        self._stop_waiting(connection)
        self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        connection.sock.close()
        self._count -= 1

    def _sweep(self) -> None:
        moment = time.monotonic()
        if moment < self._next_sweep:
            return
        self._next_sweep = moment + SWEEP_SECONDS
        for connection in [each for each in (*self._idle, *self._unfinished) if each.deadline <= moment]:
            if connection.buffer and not connection.closing:
                _send_now(connection.sock, problem_bytes(408, "The request did not arrive in time"))
                self._stop_waiting(connection)
                self._close_gently(connection)
            else:
                self._drop(connection)
        while sum(len(each.buffer) for each in self._unfinished) > MAX_UNFINISHED_BYTES:
            self._drop(max(self._unfinished, key=lambda each: len(each.buffer)))

    def _limit_waits(self, seconds: float) -> None:
        latest = time.monotonic() + seconds
        for connection in (*self._idle, *self._unfinished):
            if not connection.buffer:
                connection.deadline = min(connection.deadline, latest)

    def _serve(self, connection: Connection, framed: BufferedRequest | None) -> None:
        """Answer in a thread, then give the connection back to the loop."""
        try:
            connection.reusable = False
            while framed is not None and self._answer(connection, framed):
                connection.answered = True
                framed = connection.buffer.take()
                if framed is None and not is_silent(connection.sock.fileno(), NEXT_SECONDS):
                    if not connection.receive():
                        return
                    framed = connection.buffer.take()
                connection.reusable = framed is None
        except Exception:
            connection.reusable = False
            self.log.exception("The connection is closed, because of a defect in the server")
        finally:
            self._give_back(connection)

    def _give_back(self, connection: Connection) -> None:
        self._returned.put(connection)
        if not self._woken:
            self._woken = True
            with suppress(BlockingIOError):
                os.write(self.PIPE[1], b".")

    def _answer(self, connection: Connection, framed: BufferedRequest) -> bool:
        """Have the application answer one request; whether the connection can be used again."""
        request = response = None
        sock = connection.sock
        if framed.refusal:
            _refuse(sock, framed.refusal)
            return False
        try:
            request = next(RequestParser(self.cfg, iter([framed.content]), connection.client))
            response, environ = wsgi.create(request, sock, connection.client, connection.server, self.cfg)
            environ["wsgi.multithread"] = True
            if request.body is not None and not framed.cut:
                # Read now, a malformed body is the client's fault (400), and not one of the application.
                environ["wsgi.input"] = BytesIO(request.body.read())
            self.nr += 1
            if self.nr >= self.max_requests:
                self.alive = False
            if framed.cut or not self.alive:
                response.force_close()
            _send(response, self.wsgi(environ, response.start_response))  # type: ignore[arg-type]
            return not response.should_close()
        except NoMoreData:  # the parser sees no end where the buffer saw one: this is no HTTP
            _refuse(sock, HTTPStatus.BAD_REQUEST)
        except (OSError, StopIteration) as error:
            self.log.debug("A client went away: %s", error)
        except Exception as error:
            if response is not None and response.headers_sent:
                self.log.exception("An answer broke off")
            else:
                self.handle_error(request, cast(socket.socket, ProblemSocket(sock)), connection.client, error)
        return False


def _send(response: wsgi.Response, body: Iterable[bytes]) -> None:
    try:
        for piece in body:
            response.write(piece)
        response.close()
    finally:
        if hasattr(body, "close"):
            body.close()


def _refuse(sock: socket.socket, status: HTTPStatus) -> None:
    _send_now(sock, problem_bytes(status, f"The request cannot be read: {status.phrase}"))


def _send_now(sock: socket.socket, message: bytes) -> None:
    """Send what fits into the buffer of the system, without a wait."""
    with suppress(OSError):
        os.write(sock.fileno(), message)
