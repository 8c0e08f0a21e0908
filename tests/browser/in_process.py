"""A shop within the test's process, for what its pages look like and do: real HTTP, no sidecar, no streams."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from fakes.shop import FakeShop
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from pizzashop.roles import STOREFRONT

Answer = Iterable[bytes]
Way = Callable[[dict[str, Any], Callable[[], Answer]], Answer | None]
"""What becomes of a request on its way: it is answered (None: with nothing, 204), or `arrives()` and is answered so."""


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def served(shop: FakeShop, way: Way = lambda _, arrives: arrives()) -> Iterator[str]:
    """Serve the storefront of `shop` on a port of its own; answers its address. Pages stay as they are loaded."""
    storefront = shop.sidecar.apps[STOREFRONT]

    def app(environ: dict[str, Any], start: Any) -> Answer:
        if environ["PATH_INFO"].startswith("/live/"):
            streams = "event-stream" in environ.get("HTTP_ACCEPT", "")
            return Response(status=503 if streams else 304, headers={"Retry-After": "600"})(environ, start)
        answer = way(environ, lambda: storefront(environ, start))
        return Response(status=204)(environ, start) if answer is None else answer

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
