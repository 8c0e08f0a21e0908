"""Admission control: limit how many requests from outside a process serves at the same time."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from pizzashop.web.problems import problem_response

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

# Health checks and events are always served: a refused event would be delivered again and again.
_UNLIMITED_PATHS = ("/healthz", "/orders-sub")
# Dapr sets this header when another role calls. Such calls are for orders in flight, which come before new ones.
_CALLER_HEADER = "HTTP_DAPR_CALLER_APP_ID"


class AdmissionControl:
    """A WSGI application that serves at most `max_requests` requests from outside at the same time.

    It refuses the others with 503 and `Retry-After`. `may_be_sidecar` tells whether a request's token is that of the
    sidecar: a client that only sets the header of other roles is limited too.
    """

    def __init__(
        self, application: Application, max_requests: int, may_be_sidecar: Callable[[str], bool] = lambda _token: True
    ) -> None:
        self._application = application
        self._free = threading.Semaphore(max_requests)
        self._may_be_sidecar = may_be_sidecar

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] in _UNLIMITED_PATHS or self._is_from_role(environ):
            return self._application(environ, start_response)
        if not self._free.acquire(blocking=False):
            response = problem_response(503, "Too many requests at once: try again in a moment")
            return response(environ, start_response)
        try:
            return self._application(environ, start_response)
        finally:
            self._free.release()

    def _is_from_role(self, environ: Environ) -> bool:
        return _CALLER_HEADER in environ and self._may_be_sidecar(environ.get("HTTP_DAPR_API_TOKEN", ""))
