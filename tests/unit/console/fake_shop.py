"""A shop that answers as the contract says, over real HTTP, with what a test has laid out for it."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Answer = tuple[int, Any]
NOT_FOUND = "Order not found"


def problem(status: int, detail: str, **extra: Any) -> Answer:
    """An error as the contract has it."""
    return status, {"type": "about:blank", "status": status, "detail": detail, "error": detail, **extra}


def interrupt() -> None:
    """Ctrl-C in the terminal that watches."""
    os.kill(os.getpid(), signal.SIGINT)


class FakeShop:
    """`films` shows each order picture by picture, the last one for ever; `answers` is for everything else.

    A picture may also be an answer (status, body), None (the connection is dropped) or a callable, which is
    called before the next picture is shown. A body of bytes is sent as it is.
    """

    def __init__(self) -> None:
        self.films: dict[str, list[Any]] = {}
        self.answers: dict[str, Any] = {}
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.url = ""

    def answer(self, path: str, query: dict[str, str], body: dict[str, Any]) -> Any:
        """What comes back for a call."""
        if path.startswith("/order/"):
            return self._picture(path.removeprefix("/order/"))
        self.sent.append((path, body or query))
        if path == "/start-order":
            return self.answers.get(path, started(body["order_id"]))
        return self.answers.get(path, problem(404, NOT_FOUND))

    def _picture(self, order_id: str) -> Any:
        film = self.films.get(order_id)
        if not film:
            return problem(404, NOT_FOUND)
        picture = film.pop(0) if len(film) > 1 else film[0]
        if callable(picture):
            picture()
            return self._picture(order_id)
        return picture


def started(order_id: str) -> dict[str, str]:
    """The answer to a new order."""
    return {"order_id": order_id, "workflow_instance_id": f"pizza-order-{order_id}", "status": "started"}


@contextmanager
def open_shop() -> Iterator[FakeShop]:
    """A fake shop on a port of its own, for as long as the block lasts."""
    shop = FakeShop()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(shop))
    server.daemon_threads = True
    shop.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


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
            self.end_headers()
            with suppress(ConnectionError):  # whoever asked has gone
                self.wfile.write(content)

        def log_message(self, *_args: object) -> None:
            """Nothing."""

        do_GET = do_POST = do_DELETE = _serve

    return Handler
