"""A fake shop: an HTTP server that follows the contract, and answers with what a test has prepared."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from running_server import running

Answer = tuple[int, Any]
NOT_FOUND = "Order not found"


def problem(status: int, detail: str, **extra: Any) -> Answer:
    """Return an error as the contract defines it."""
    return status, {"type": "about:blank", "status": status, "detail": detail, "error": detail, **extra}


def interrupt() -> None:
    """Press Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


class FakeShop:
    """A shop without roles. `records` holds the answers for each order, in turn; the last one is repeated.

    `answers` holds the answers to all other requests by path. An answer is a JSON body, (status, body), or None,
    which drops the connection. A body of bytes is sent unchanged. A callable among the records is called, and the next
    record is the answer.
    """

    def __init__(self) -> None:
        self.records: dict[str, list[Any]] = {}
        self.answers: dict[str, Any] = {}
        # Each request but `GET /order/<id>`: its path, and its body or query.
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.url = ""
        # So many new orders are refused, each with this `Retry-After`.
        self.busy_times, self.retry_after = 0, "0"

    def answer(self, path: str, query: dict[str, str], body: dict[str, Any]) -> Any:
        """Return the answer to a request."""
        if path.startswith("/order/"):
            return self._next_record(path.removeprefix("/order/"))
        self.requests.append((path, body or query))
        if path == "/start-order":
            if self.busy_times:
                self.busy_times -= 1
                return problem(503, "Too many new orders at once")
            return self.answers.get(path, started(body["order_id"]))
        return self.answers.get(path, problem(404, NOT_FOUND))

    def _next_record(self, order_id: str) -> Any:
        records = self.records.get(order_id)
        if not records:
            return problem(404, NOT_FOUND)
        record = records.pop(0) if len(records) > 1 else records[0]
        if callable(record):
            record()
            return self._next_record(order_id)
        return record


def started(order_id: str) -> dict[str, str]:
    """Return the answer to a new order."""
    return {"order_id": order_id, "workflow_instance_id": f"pizza-order-{order_id}", "status": "started"}


@contextmanager
def open_shop() -> Iterator[FakeShop]:
    """Serve a fake shop on a free port within the block."""
    shop = FakeShop()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(shop))
    server.daemon_threads = True
    shop.url = f"http://127.0.0.1:{server.server_port}"
    with running(server):
        yield shop


def _handler(shop: FakeShop) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            url = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = shop.answer(url.path, dict(parse_qsl(url.query)), json.loads(content or "{}"))
            if answer is not None:
                status, body = answer if isinstance(answer, tuple) else (200, answer)
                self._reply(status, body if isinstance(body, bytes) else json.dumps(body).encode())

        def _reply(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if status == 503:
                self.send_header("Retry-After", shop.retry_after)
            self.end_headers()
            # The client may have closed the connection.
            with suppress(ConnectionError):
                self.wfile.write(content)

        def log_message(self, *_args: object) -> None:
            """Log nothing."""

        do_GET = do_POST = do_DELETE = _serve

    return Handler
