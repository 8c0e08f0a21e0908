"""What one process has open while it serves its roles: the HTTP client, the sidecars, the engine, the worker."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from flask import Flask, current_app, jsonify
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from pizzashop.auth import guard, origin
from pizzashop.auth.authentication import Authenticator
from pizzashop.auth.people import PUBLIC
from pizzashop.dapr.client import SidecarClient
from pizzashop.dapr.http import HttpClient
from pizzashop.errors import Unavailable
from pizzashop.roles import DELIVERY, KITCHEN, ORDER, STOREFRONT, WORKFLOW, Role
from pizzashop.server.admission import AdmissionControl, Environ, StartResponse
from pizzashop.server.openapi import document
from pizzashop.settings import Settings
from pizzashop.web import problems
from pizzashop.web.dependencies import ConcurrencyLimit, Dependencies
from pizzashop.web.routes import Routes

if TYPE_CHECKING:
    from pizzashop.pages.watching import LiveStates
    from pizzashop.workflow.background import Background


class Health(BaseModel):
    """The process serves this role."""

    status: Literal["ok"]
    role: str


class Document(BaseModel):
    """This document."""

    openapi: str


def create_app(
    role: Role, settings: Settings, dependencies: Dependencies, authenticator: Authenticator, **more: object
) -> Flask:
    """Make the Flask application of one role; `more` is what its `wire` takes besides."""
    app = Flask("pizzashop", static_folder=None)
    app.url_map.merge_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    # A process loads the roles that it serves, and no other.
    _wiring(role)(app, settings, dependencies, **more)
    problems.register_error_handlers(app)
    app.register_blueprint(_common_routes(role, dependencies.limit).blueprint)
    origin.register_origin_check(app, settings)
    guard.register_guard(app, role, authenticator, lambda: dependencies.clock().timestamp())
    return app


def _wiring(role: Role) -> Callable[..., None]:
    """Return the function that gives an application the routes of a role."""
    if role is ORDER:
        from pizzashop.order import routes as order

        return order.wire
    if role is STOREFRONT:
        from pizzashop.pages import routes as pages

        return pages.wire
    if role is KITCHEN:
        from pizzashop.steps import kitchen

        return kitchen.wire
    if role is DELIVERY:
        from pizzashop.steps import delivery

        return delivery.wire
    from pizzashop.workflow import routes as workflow

    return workflow.wire


def _common_routes(role: Role, limit: ConcurrencyLimit) -> Routes:
    """Return the routes that every role has."""
    routes = Routes("common")

    @routes.get("/healthz", PUBLIC, response=Health)
    def health() -> ResponseReturnValue:
        """Whether this process serves the role, and is not about to stop."""
        if limit.stopping.is_set():
            raise Unavailable("This process is stopping")
        return jsonify(status="ok", role=role.name)

    @routes.get("/openapi.json", PUBLIC, response=Document)
    def openapi() -> ResponseReturnValue:
        """What this role takes and answers, as an OpenAPI document."""
        return jsonify(document(current_app, role))

    return routes


SPARE_SHARE = 4
"""One thread in so many is kept from steps, for what must always be answered."""


class RunningRoles:
    """Open once it is made; `stop` takes no more work, `close` gives all back."""

    def __init__(self, roles: Mapping[int, Role], settings: Settings) -> None:
        self._settings = settings
        self._alone = len(roles) == 1
        self._http = HttpClient()
        places = settings.threads - settings.threads // SPARE_SHARE
        self._gate = ConcurrencyLimit(places)
        self._door = Authenticator.of(settings)
        self._admission = AdmissionControl(self._serve, places, self._door.may_be_sidecar)
        self._at_work: Background | None = None
        self._watch: LiveStates | None = None
        self._apps = {str(port): self._app(role) for port, role in roles.items()}

    def wsgi(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Hand a request, if there is room for it, to the role on whose port it came in."""
        return self._admission(environ, start_response)

    def stop(self) -> None:
        """Take no more work: steps that run are given back, the workflow worker disconnects. Returns at once."""
        self._gate.stopping.set()
        if self._watch is not None:
            self._watch.stop()
        if self._at_work is not None:
            self._at_work.stop()

    def close(self) -> None:
        """Give everything back."""
        self.stop()
        if self._at_work is not None:
            self._at_work.close()
        self._http.close()

    def _serve(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return self._apps[environ["SERVER_PORT"]](environ, start_response)

    def _app(self, role: Role) -> Flask:
        # Dapr tells a process the ports of its own sidecar; one that serves several roles has several.
        told = self._settings if self._alone else None
        http_port = (told and told.dapr_http_port) or role.dapr_http_port
        grpc_port = (told and told.dapr_grpc_port) or role.dapr_grpc_port
        sidecar = SidecarClient(self._http, http_port, self._settings.dapr_api_token)
        dependencies = Dependencies(sidecar, self._gate)
        own = self._open_engine(sidecar, grpc_port) if role is WORKFLOW else {}
        app = create_app(role, self._settings, dependencies, self._door, **own)
        if role is STOREFRONT:
            self._watch = app.extensions["watch"]
        return app

    def _open_engine(self, sidecar: SidecarClient, grpc_port: int) -> dict[str, object]:
        # Only where it is needed: the workflow SDK and gRPC are a third of a process.
        from pizzashop.workflow.background import Background

        self._at_work = Background(sidecar, grpc_port, self._settings)
        at_work = self._at_work
        return {"engine": at_work.engine, "in_hand": at_work.in_hand, "contents": at_work.contents}
