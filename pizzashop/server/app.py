"""The Flask application of one role: its routes, the routes of every role, the checks of requests, and error handling.

A request first passes the origin check (`auth/origin.py`) and the guard (`auth/guard.py`). Then the view of its route
reads the body and answers JSON or a page. Every error becomes a problem (`web/problems.py`).
"""

import threading
from typing import TYPE_CHECKING, Literal

from flask import Flask, current_app, jsonify
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from pizzashop.auth.authentication import Authenticator
from pizzashop.auth.guard import register_guard
from pizzashop.auth.origin import register_origin_check
from pizzashop.auth.people import PUBLIC
from pizzashop.dapr.sidecar import Sidecar
from pizzashop.domain.history import Clock, utc_now
from pizzashop.errors import Unavailable
from pizzashop.metrics import RoleMetrics
from pizzashop.roles import ORDER, STOREFRONT, WORKFLOW, Role
from pizzashop.server.measuring import make_metrics_routes, measure_requests
from pizzashop.server.openapi import openapi_document
from pizzashop.settings import Settings
from pizzashop.steps.lease import ClaimSender, claim_window
from pizzashop.steps.runner import StepContext, StepLimit
from pizzashop.web.problems import register_error_handlers
from pizzashop.web.request_context import register_request_context
from pizzashop.web.routes import Routes

if TYPE_CHECKING:
    from pizzashop.workflow.commands import OrderCommands


class Health(BaseModel):
    """The process serves this role."""

    status: Literal["ok"]
    role: str


class Document(BaseModel):
    """This document."""

    openapi: str


def create_app(
    role: Role,
    settings: Settings,
    sidecar: Sidecar,
    limit: StepLimit,
    authenticator: Authenticator,
    *,
    clock: Clock = utc_now,
    commands: "OrderCommands | None" = None,
    metrics: RoleMetrics | None = None,
) -> Flask:
    """Create the application of one role; only role `workflow` needs `commands`."""
    metrics = metrics or RoleMetrics(role=role.name)
    app = Flask("pizzashop", static_folder=None)
    app.url_map.merge_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    register_request_context(app)
    register_error_handlers(app)
    measure_requests(app, metrics)
    app.register_blueprint(make_metrics_routes(metrics).blueprint)
    app.register_blueprint(_make_common_routes(role, limit.stopping).blueprint)
    # Import only the package of this role: the others would take memory in each process.
    if role is ORDER:
        from pizzashop.order.routes import make_routes

        for routes in make_routes(settings, sidecar, clock, metrics):
            app.register_blueprint(routes.blueprint)
    elif role is WORKFLOW:
        from pizzashop.workflow.routes import make_workflow_routes

        assert commands is not None
        app.register_blueprint(make_workflow_routes(commands).blueprint)
    else:
        from pizzashop.steps.routes import make_step_routes

        claims = ClaimSender(sidecar, claim_window(settings.pace))
        context = StepContext(sidecar, claims, limit, settings.pace, settings.fail)
        app.register_blueprint(make_step_routes(role, context).blueprint)
    if role is STOREFRONT:
        from pizzashop.pages.routes import make_pages

        app.register_blueprint(make_pages(settings, sidecar, authenticator, clock, limit.stopping))
    register_origin_check(app, settings)
    register_guard(app, role, authenticator, clock)
    return app


def _make_common_routes(role: Role, stopping: threading.Event) -> Routes:
    routes = Routes("common")

    @routes.get("/healthz", PUBLIC, response=Health)
    def health() -> ResponseReturnValue:
        """Whether this process serves the role, and is not about to stop."""
        if stopping.is_set():
            raise Unavailable("This process is stopping")
        return jsonify(status="ok", role=role.name)

    @routes.get("/openapi.json", PUBLIC, response=Document)
    def openapi() -> ResponseReturnValue:
        """This role's requests and responses, as an OpenAPI document."""
        return jsonify(openapi_document(current_app, role))

    return routes
