"""A sidecar's HTTP port: it keeps what it was asked, and answers what it was told to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """One request that came in."""

    method: str
    path: str
    headers: dict[str, str]
    content: Any


class FakeDaprd:
    """Answers every request with the next of `answers`: (status, content, headers)."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[Asked] = []
        self.connections = 0
        self.answers: list[tuple[int, bytes, dict[str, str]]] = []

    def will_answer(self, status: int, content: Any = None, **headers: str) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.answers.append((status, body, {name.replace("_", "-"): value for name, value in headers.items()}))


@contextmanager
def open_daprd() -> Iterator[FakeDaprd]:
    """Listen on a free port of this machine until the end of the `with`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5  # a connection that is kept alive ends with the client, or now

        def setup(self) -> None:
            super().setup()
            daprd.connections += 1

        def answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
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
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield daprd
    server.shutdown()
    thread.join()
    server.server_close()
