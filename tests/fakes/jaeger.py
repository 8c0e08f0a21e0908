"""A server that answers one request of Jaeger's JSON API: the traces with a tag."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from running_server import running


def span(name: str, begin: float, seconds: float, parent: str = "", **tags: Any) -> dict[str, Any]:
    """Return a span as Jaeger writes it; its name is its id too. `begin` is in seconds since the epoch."""
    references = [{"refType": "CHILD_OF", "traceID": "t1", "spanID": parent}] if parent else []
    named = {key.replace("__", "."): value for key, value in tags.items()}
    return {
        "traceID": "t1",
        "spanID": name,
        "operationName": name,
        "references": references,
        "startTime": round(begin * 1e6),
        "duration": round(seconds * 1e6),
        "tags": [{"key": key, "type": "string", "value": value} for key, value in named.items()],
        "logs": [],
        "processID": "p1",
        "warnings": None,
    }


def trace(*spans: dict[str, Any], service: str = "pizza-workflow") -> dict[str, Any]:
    """Return a trace of one service."""
    return {"traceID": "t1", "spans": list(spans), "processes": {"p1": {"serviceName": service, "tags": []}}}


class FakeJaeger:
    """What the server has, with which status it answers, and the queries that it has received."""

    def __init__(self) -> None:
        self.body: Any = {"data": []}
        self.status = 200
        self.queries: list[dict[str, str]] = []
        self.url = ""

    @contextmanager
    def serving(self) -> Iterator["FakeJaeger"]:
        """Serve on a free port within the block."""
        jaeger = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                assert parts.path == "/api/traces"
                jaeger.queries.append({name: values[0] for name, values in parse_qs(parts.query).items()})
                body = jaeger.body if isinstance(jaeger.body, bytes) else json.dumps(jaeger.body).encode()
                self.send_response(jaeger.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        with running(server):
            yield self
