"""A shop in the process of the test: its pages over real HTTP, without a sidecar and without streams."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from fakes.shop import FakeShop
from running_server import running
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from pizzashop.roles import STOREFRONT

Answer = Iterable[bytes]
# Handles a request: `forward()` lets the shop answer it; None answers 204, without content.
Handler = Callable[[dict[str, Any], Callable[[], Answer]], Answer | None]


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Log nothing."""


@contextmanager
def serve(shop: FakeShop, handle: Handler = lambda _, forward: forward()) -> Iterator[str]:
    """Serve the storefront of `shop`, and yield its address. Pages do not change after they are loaded."""
    storefront = shop.sidecar.apps[STOREFRONT]

    def app(environ: dict[str, Any], start: Any) -> Answer:
        if environ["PATH_INFO"].startswith("/live/"):
            streams = "event-stream" in environ.get("HTTP_ACCEPT", "")
            return Response(status=503 if streams else 304, headers={"Retry-After": "600"})(environ, start)
        answer = handle(environ, lambda: storefront(environ, start))
        return Response(status=204)(environ, start) if answer is None else answer

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    server.daemon_threads = True  # type: ignore[attr-defined]
    with running(server):
        yield f"http://127.0.0.1:{server.server_port}"
