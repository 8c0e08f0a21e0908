"""A gunicorn worker that passes a request to a thread only after the whole request has arrived.

One loop accepts connections and collects requests; threads run the application. A slow client, an incomplete request or
a connection that stays open costs a connection but no thread. Each such wait has a total time limit. So a thread is
always free for health checks, events and calls of other roles.

It uses gunicorn's public base class for workers: `gunicorn -k pizzashop.server.request_worker.RequestWorker` works too.
"""

import os
import selectors
import signal
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

from pizzashop.dapr.http import is_readable
from pizzashop.server.request_buffer import BufferedRequest, RequestBuffer
from pizzashop.web.problems import problem_bytes

# A client may take this long, in total, to send the head of a request after connecting.
HEAD_SECONDS = 10.0
# A client may take this long, in total, to send the body after the head.
BODY_SECONDS = 20.0
# A client may take this long to receive one part of an answer.
ANSWER_PART_SECONDS = 10.0
# After the last answer the worker reads and discards data until the client closes the connection, within these limits.
# Closing at once could destroy the answer on its way (RFC 9112, section 9.6).
LINGER_SECONDS = 5.0
LINGER_BYTES = 16 * 1024 * 1024
# A worker that is stopping closes connections without a request after this time.
STOPPING_IDLE_SECONDS = 2.0
# The arbiter kills a worker that has been stopping for `graceful_timeout`. This much of it is for what follows the last
# request.
CLOSE_SECONDS = 4.0
# A thread that has answered waits this long for the next request on the same connection.
NEXT_REQUEST_SECONDS = 0.005
LOOP_SECONDS = 0.5
# The system takes an answer up to this size from the thread at once, however slowly the client reads.
SEND_BUFFER_BYTES = 256 * 1024
# Memory for incomplete requests. Beyond it the worker closes the connection with the largest one.
MAX_INCOMPLETE_BYTES = 192 * 1024 * 1024
RECEIVE_BYTES = 64 * 1024


class ClientConnection:
    """A client's connection. Either the loop or one thread owns it; `deadline` applies while the loop owns it."""

    def __init__(self, sock: socket.socket, client: Any, server: Any) -> None:
        sock.settimeout(ANSWER_PART_SECONDS)
        self.sock, self.client, self.server = sock, client, server
        self.buffer = RequestBuffer()
        self.deadline = time.monotonic() + HEAD_SECONDS
        self.has_answered = False
        # Set by the thread: whether another request may follow.
        self.is_reusable = False
        # The last answer was sent, and the rest of the client's data is discarded.
        self.is_lingering = False
        self._discarded_bytes = 0

    def receive(self) -> bool:
        """Read the data that has arrived, without waiting; return False if the connection has ended."""
        try:
            data = os.read(self.sock.fileno(), RECEIVE_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if self.is_lingering:
            self._discarded_bytes += len(data)
            return bool(data) and self._discarded_bytes < LINGER_BYTES
        self.buffer.feed(data)
        return bool(data)


class RequestWorker(Worker):
    """The worker. It obeys gunicorn's `threads`, `worker_connections`, `keepalive` and `graceful_timeout`."""

    def init_process(self) -> None:
        """Prepare the loop and its threads, then run."""
        self._selector = selectors.DefaultSelector()
        self._threads = ThreadPoolExecutor(self.cfg.threads, thread_name_prefix="request")
        # The connections that threads have answered. A byte in the pipe wakes the loop, which takes them back.
        self._returned: SimpleQueue[ClientConnection] = SimpleQueue()
        self._is_woken = self._is_accepting = False
        # The connections that the loop watches, the longest unchanged first: without, and with a part of a request.
        self._idle: dict[ClientConnection, None] = {}
        self._incomplete: dict[ClientConnection, None] = {}
        self._connection_count = 0
        self._next_check = 0.0
        super().init_process()

    def run(self) -> None:
        """Serve until the worker is told to stop, or its arbiter has died; then finish the requests in flight."""
        for listener in self.sockets:
            listener.setblocking(False)
            # Accepted connections inherit the size.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._selector.register(self.PIPE[0], selectors.EVENT_READ)
        self._set_accepting(True)
        while self.alive:
            self._run_loop_once()
            if self.ppid != os.getppid():
                self.log.warning("The arbiter has died: the worker stops, so that its ports are free")
                self.handle_exit(signal.SIGTERM, None)
        self._set_accepting(False)
        for listener in self.sockets:
            listener.close()
        now = time.monotonic()
        for connection in (*self._idle, *self._incomplete):
            if not connection.buffer:
                connection.deadline = min(connection.deadline, now + STOPPING_IDLE_SECONDS)
        end = now + self.cfg.graceful_timeout - CLOSE_SECONDS
        while self._connection_count and time.monotonic() < end:
            self._run_loop_once()
        self._threads.shutdown(wait=False, cancel_futures=True)

    # The methods from here to `_close` run in the loop.

    def _run_loop_once(self) -> None:
        self.notify()
        for key, _ in self._selector.select(LOOP_SECONDS):
            if isinstance(key.data, ClientConnection):
                self._receive(key.data)
            elif key.data is not None:
                self._accept(key.data)
            else:
                with suppress(BlockingIOError):
                    os.read(self.PIPE[0], 4096)
                # Only now: the read would take the byte of a thread that wrote in between.
                self._is_woken = False
        while not self._returned.empty():
            self._take_back(self._returned.get())
        self._enforce_limits()

    def _set_accepting(self, is_accepting: bool) -> None:
        if is_accepting == self._is_accepting:
            return
        self._is_accepting = is_accepting
        for listener in self.sockets:
            if is_accepting:
                self._selector.register(listener, selectors.EVENT_READ, listener)
            else:
                self._selector.unregister(listener)

    def _accept(self, listener: socket.socket) -> None:
        if self._connection_count >= self.cfg.worker_connections and not self._evict_one():
            # Threads use all connections: accept again when one of them has answered.
            self._set_accepting(False)
            return
        try:
            sock, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            # The process has too many open files, for example.
            self.log.warning("A connection was not accepted: %s", error)
            if not self._evict_one():
                self._set_accepting(False)
            return
        self._connection_count += 1
        self._watch(ClientConnection(sock, client, sock.getsockname()))

    def _evict_one(self) -> bool:
        """Close the watched connection that has waited longest, preferably an incomplete request; False if none."""
        for watched in (self._incomplete, self._idle):
            for connection in watched:
                self._drop(connection)
                return True
        return False

    def _watch(self, connection: ClientConnection) -> None:
        is_idle = connection.has_answered and not connection.buffer and not connection.is_lingering
        (self._idle if is_idle else self._incomplete)[connection] = None
        self._selector.register(connection.sock, selectors.EVENT_READ, connection)

    def _unwatch(self, connection: ClientConnection) -> None:
        self._idle.pop(connection, None)
        self._incomplete.pop(connection, None)
        self._selector.unregister(connection.sock)

    def _receive(self, connection: ClientConnection) -> None:
        if connection not in self._idle and connection not in self._incomplete:
            # It was evicted in this turn of the loop.
            return
        was_in_body = connection.buffer.is_in_body
        if not connection.receive():
            self._drop(connection)
            return
        if connection.is_lingering:
            return
        request = connection.buffer.next_request()
        if request is not None:
            self._unwatch(connection)
            self._threads.submit(self._serve, connection, request)
            return
        if connection in self._idle:
            del self._idle[connection]
            self._incomplete[connection] = None
            connection.deadline = time.monotonic() + HEAD_SECONDS
        if connection.buffer.is_in_body and not was_in_body:
            connection.deadline = time.monotonic() + BODY_SECONDS
        if connection.buffer.wants_continue():
            _send_without_waiting(connection.sock, b"HTTP/1.1 100 Continue\r\n\r\n")

    def _take_back(self, connection: ClientConnection) -> None:
        """Watch a connection that a thread has answered, or close it."""
        if connection.is_reusable:
            seconds = HEAD_SECONDS if connection.buffer else self.cfg.keepalive
            if connection.buffer.is_in_body:
                seconds = BODY_SECONDS
            connection.deadline = time.monotonic() + (seconds if self.alive else min(seconds, STOPPING_IDLE_SECONDS))
            self._watch(connection)
        else:
            self._linger(connection)
        self._set_accepting(self.alive)

    def _enforce_limits(self) -> None:
        """Close connections past their deadline, and those of large incomplete requests while memory is short."""
        now = time.monotonic()
        if now < self._next_check:
            return
        self._next_check = now + LOOP_SECONDS
        for connection in [each for each in (*self._idle, *self._incomplete) if each.deadline <= now]:
            if connection.buffer and not connection.is_lingering:
                _send_without_waiting(connection.sock, problem_bytes(408, "The request did not arrive in time"))
                self._unwatch(connection)
                self._linger(connection)
            else:
                self._drop(connection)
        while sum(len(each.buffer) for each in self._incomplete) > MAX_INCOMPLETE_BYTES:
            self._drop(max(self._incomplete, key=lambda each: len(each.buffer)))

    def _linger(self, connection: ClientConnection) -> None:
        """Tell the client that no answer follows, then discard what it sends until it closes the connection."""
        connection.is_lingering = True
        connection.deadline = time.monotonic() + LINGER_SECONDS
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(connection)
            return
        self._watch(connection)

    def _drop(self, connection: ClientConnection) -> None:
        self._unwatch(connection)
        self._close(connection)

    def _close(self, connection: ClientConnection) -> None:
        connection.sock.close()
        self._connection_count -= 1

    # The methods from here on run in a thread.

    def _serve(self, connection: ClientConnection, request: BufferedRequest | None) -> None:
        """Answer the requests that have arrived, then give the connection back to the loop."""
        try:
            connection.is_reusable = False
            while request is not None and self._answer(connection, request):
                connection.has_answered = True
                request = connection.buffer.next_request()
                if request is None and is_readable(connection.sock.fileno(), NEXT_REQUEST_SECONDS):
                    if not connection.receive():
                        return
                    request = connection.buffer.next_request()
                connection.is_reusable = request is None
        except Exception:
            connection.is_reusable = False
            self.log.exception("The connection is closed, because of a defect in the server")
        finally:
            self._give_back(connection)

    def _give_back(self, connection: ClientConnection) -> None:
        self._returned.put(connection)
        if not self._is_woken:
            self._is_woken = True
            with suppress(BlockingIOError):
                os.write(self.PIPE[1], b".")

    def _answer(self, connection: ClientConnection, buffered: BufferedRequest) -> bool:
        """Have the application answer one request; return whether the connection can be used again."""
        request = response = None
        sock, answer_socket = connection.sock, _AnswerSocket(connection.sock)
        if buffered.error_status:
            _refuse(sock, buffered.error_status)
            return False
        try:
            request = next(RequestParser(self.cfg, iter([buffered.content]), connection.client))
            response, environ = wsgi.create(
                request, cast(socket.socket, answer_socket), connection.client, connection.server, self.cfg
            )
            environ["wsgi.multithread"] = True
            if request.body is not None and not buffered.is_truncated:
                # Parse the body now, so that a malformed one is answered with 400, and not as an application's error.
                environ["wsgi.input"] = BytesIO(request.body.read())
            self.nr += 1
            if self.nr >= self.max_requests:
                self.alive = False
            if buffered.is_truncated or not self.alive:
                response.force_close()
            _send(response, self.wsgi(environ, response.start_response))  # type: ignore[arg-type]
            answer_socket.flush()
            return not response.should_close()
        except NoMoreData:
            # The buffer saw the end of a request where the parser sees none, so this is not HTTP.
            _refuse(sock, HTTPStatus.BAD_REQUEST)
        except (OSError, StopIteration) as error:
            self.log.debug("The client closed the connection: %s", error)
        except Exception as error:
            if answer_socket.has_sent:
                self.log.exception("The answer is incomplete, because the application failed")
            else:
                client_socket = cast(socket.socket, _JsonErrorSocket(sock))
                self.handle_error(request, client_socket, connection.client, error)
        return False


class _AnswerSocket:
    """A wrapper of a socket that sends the head of an answer together with the first part of the body."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        # The head until it is sent, then empty.
        self._head: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendall(self, data: bytes) -> None:
        """Send a part of the answer; keep the first part, which is the head, for the next call."""
        if self._head is None:
            self._head = data
        else:
            self._sock.sendall(self._head + data)
            self._head = b""

    @property
    def has_sent(self) -> bool:
        """Whether a part of the answer was sent."""
        return self._head == b""

    def flush(self) -> None:
        """Send the head of an answer without a body."""
        if self._head:
            self._sock.sendall(self._head)
            self._head = b""


class _JsonErrorSocket:
    """A wrapper of a socket that sends the HTML error pages of gunicorn as problems in JSON."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendall(self, page: bytes) -> None:
        """Send a problem with the status of the page."""
        status = HTTPStatus(int(page.split(b" ", 2)[1]))
        self._sock.sendall(problem_bytes(status, f"The request cannot be read: {status.phrase}"))


def _send(response: wsgi.Response, body: Iterable[bytes]) -> None:
    try:
        for part in body:
            response.write(part)
        response.close()
    finally:
        if hasattr(body, "close"):
            body.close()


def _refuse(sock: socket.socket, status: HTTPStatus) -> None:
    _send_without_waiting(sock, problem_bytes(status, f"The request cannot be read: {status.phrase}"))


def _send_without_waiting(sock: socket.socket, message: bytes) -> None:
    """Send the part of a message that fits into the send buffer of the system."""
    with suppress(OSError):
        os.write(sock.fileno(), message)
