"""AdmissionControl: how many requests a process serves at a time; what comes beyond is told at once to come again."""

import json
import threading
from collections.abc import Callable, Iterable
from typing import Any

from pizzashop.web.problems import RETRY_AFTER_SECONDS, content

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

ALWAYS = ("/healthz", "/orders-sub")
"""What says that the process lives, and what happened already: never turned away."""
FROM_INSIDE = "HTTP_DAPR_CALLER_APP_ID"
"""What other roles ask is for orders in flight, and comes before what is asked from outside."""


class AdmissionControl:
    """Serves at most `places` requests from outside at a time; answers the others with 503 and `Retry-After`.

    `knows` says whether a token is the sidecar's: where sidecars have one, anybody could claim to be another role.
    """

    def __init__(
        self, application: Application, places: int, knows: Callable[[str], bool] = lambda _token: True
    ) -> None:
        self._application = application
        self._places = threading.Semaphore(places)
        self._knows = knows

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] in ALWAYS or self._is_from_inside(environ):
            return self._application(environ, start_response)
        if not self._places.acquire(blocking=False):
            return _refused(start_response)
        try:
            return self._application(environ, start_response)
        finally:
            self._places.release()

    def _is_from_inside(self, environ: Environ) -> bool:
        return FROM_INSIDE in environ and self._knows(environ.get("HTTP_DAPR_API_TOKEN", ""))


def _refused(start_response: StartResponse) -> Iterable[bytes]:
    body = json.dumps(content(503, "Too many requests at once: ask again in a moment")).encode()
    headers = {
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        "Retry-After": str(RETRY_AFTER_SECONDS),
    }
    start_response("503 Service Unavailable", list(headers.items()))
    return [body]
