"""The HTTP API of a sidecar: it records the requests, and gives the answers that a test prepares."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from running_server import running


class Asked(NamedTuple):
    """A request that was received."""

    method: str
    path: str
    headers: dict[str, str]
    content: Any


class FakeDaprd:
    """Answers each request with the next of `answers`: (status, body, headers). It names `store` as its state store."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.store = {"name": "pizzastatestore", "type": "state.redis", "version": "v1"}
        self.workers = 0
        self.asked: list[Asked] = []
        self.connections = 0
        self.answers: list[tuple[int, bytes, dict[str, str]]] = []

    def will_answer(self, status: int, content: Any = None, **headers: str) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.answers.append((status, body, {name.replace("_", "-"): value for name, value in headers.items()}))


@contextmanager
def open_daprd() -> Iterator[FakeDaprd]:
    """Listen on a free port until the end of the `with` block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Close a connection that the client keeps open without a request.
        timeout = 5

        def setup(self) -> None:
            super().setup()
            daprd.connections += 1

        def answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if self.path == "/v1.0/metadata":
                # Without a worker, Dapr leaves the number out.
                workers = {"connectedWorkers": daprd.workers} if daprd.workers else {}
                metadata = {"components": [daprd.store], "workflows": workers}
                status, body, more = 200, json.dumps(metadata).encode(), dict[str, str]()
            else:
                daprd.asked.append(Asked(self.command, self.path, headers, json.loads(raw) if raw else None))
                status, body, more = daprd.answers.pop(0)
            self.send_response(status)
            for name, value in {**more, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    daprd = FakeDaprd(server.server_port)
    with running(server):
        yield daprd
