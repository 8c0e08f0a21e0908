"""The roles of one process as a WSGI application, with everything that they need open.

Only the worker imports this module, never gunicorn's arbiter: the arbiter stays small, and neither threads nor gRPC
exist before the fork.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask
from prometheus_client import ProcessCollector

from pizzashop import tracing
from pizzashop.auth.authentication import Authenticator
from pizzashop.dapr.client import SidecarClient
from pizzashop.dapr.http import HttpClient
from pizzashop.metrics import RoleMetrics
from pizzashop.roles import WORKFLOW, Role
from pizzashop.server.app import create_app
from pizzashop.settings import Settings
from pizzashop.steps.lease import publish_window
from pizzashop.steps.runner import StepLimit
from pizzashop.web.problems import problem_response

if TYPE_CHECKING:
    from pizzashop.workflow.background import Background

# These paths are served at any load. A refused event would be delivered again and again, and metrics matter most then.
_UNLIMITED_PATHS = ("/healthz", "/orders-sub", "/metrics")
# Dapr sets this header when another role calls. Such calls are for orders in flight, which come before new ones.
_CALLER_HEADER = "HTTP_DAPR_CALLER_APP_ID"


class RunningRoles:
    """The roles of one process, with everything that they need open: applications, sidecars, workflow worker."""

    def __init__(self, role_by_port: Mapping[int, Role], settings: Settings) -> None:
        self._settings = settings
        self._has_one_role = len(role_by_port) == 1
        tracing.start("+".join(role.app_id for role in role_by_port.values()))
        self._http = HttpClient()
        max_requests = settings.max_steps
        self._limit = StepLimit(max_requests)
        self._authenticator = Authenticator.from_settings(settings)
        self._background: Background | None = None
        self._metrics_by_port = {str(port): RoleMetrics(role=role.name) for port, role in role_by_port.items()}
        # The memory and CPU time of the process: the first of its roles reports them.
        ProcessCollector(registry=next(iter(self._metrics_by_port.values())).registry)
        self._app_by_port = {
            str(port): self._create_app(role, self._metrics_by_port[str(port)]) for port, role in role_by_port.items()
        }
        self.wsgi = AdmissionControl(
            self._dispatch, max_requests, self._authenticator.may_be_sidecar, self._count_refusal
        )

    def stop(self) -> None:
        """Begin no new work: steps release their leases, streams end, the worker disconnects. Return at once."""
        self._limit.stopping.set()
        if self._background is not None:
            self._background.stop()

    def close(self) -> None:
        """Stop, wait for background work to end, and release everything."""
        self.stop()
        if self._background is not None:
            self._background.close()
        self._http.close()
        tracing.stop()

    def _dispatch(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._app_by_port[environ["SERVER_PORT"]](environ, start_response)

    def _count_refusal(self, environ: WSGIEnvironment) -> None:
        self._metrics_by_port[environ["SERVER_PORT"]].requests_refused.inc()

    def _create_app(self, role: Role, metrics: RoleMetrics) -> Flask:
        # Dapr's variables name the ports of one sidecar. A process with several roles has several sidecars, which
        # listen on the usual ports of their roles.
        dapr_settings = self._settings if self._has_one_role else None
        http_port = (dapr_settings and dapr_settings.dapr_http_port) or role.dapr_http_port
        grpc_port = (dapr_settings and dapr_settings.dapr_grpc_port) or role.dapr_grpc_port
        token, window = self._settings.dapr_api_token, publish_window(self._settings.pace)
        sidecar = SidecarClient(self._http, http_port, token, publish_window=window, metrics=metrics)
        create = partial(create_app, role, self._settings, sidecar, self._limit, self._authenticator, metrics=metrics)
        if role is not WORKFLOW:
            return create()
        # Import it only for this role: the workflow SDK and gRPC take a third of the memory of a process.
        from pizzashop.workflow.background import Background

        self._background = Background(sidecar, grpc_port, self._settings, metrics)
        return create(commands=self._background.commands)


class AdmissionControl:
    """A WSGI application that serves at most `max_requests` requests from outside at the same time.

    It refuses the others with 503 and `Retry-After`. `may_be_sidecar` tells whether a request's token is that of the
    sidecar: a client that only sets the header of other roles is limited too. `note_refusal` is called at each refusal.
    """

    def __init__(
        self,
        application: WSGIApplication,
        max_requests: int,
        may_be_sidecar: Callable[[str], bool],
        note_refusal: Callable[[WSGIEnvironment], None] = lambda _: None,
    ) -> None:
        self._application, self._note_refusal = application, note_refusal
        self._free = threading.Semaphore(max_requests)
        self._may_be_sidecar = may_be_sidecar

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] in _UNLIMITED_PATHS or self._is_from_role(environ):
            return self._application(environ, start_response)
        if not self._free.acquire(blocking=False):
            self._note_refusal(environ)
            response = problem_response(503, "Too many requests at once: try again in a moment")
            return response(environ, start_response)
        try:
            return self._application(environ, start_response)
        finally:
            self._free.release()

    def _is_from_role(self, environ: WSGIEnvironment) -> bool:
        return _CALLER_HEADER in environ and self._may_be_sidecar(environ.get("HTTP_DAPR_API_TOKEN", ""))
