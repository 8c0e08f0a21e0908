"""Measure the requests of a role, and answer `GET /metrics`."""

import time

from flask import Flask, Response, g, request
from flask.typing import ResponseReturnValue
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from pizzashop.auth.people import COLLECTOR, INTERNAL, MANAGER
from pizzashop.metrics import RoleMetrics
from pizzashop.web.routes import Routes

# The label of a request that no route serves, and that of any method which no route has.
_UNKNOWN_ROUTE, _OTHER_METHOD = "unknown", "other"
_METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS"})


def measure_requests(app: Flask, metrics: RoleMetrics) -> None:
    """Count and time each request. Call it before other checks are registered: they may answer the request."""

    @app.before_request
    def begin() -> None:
        g.began_at = time.perf_counter()
        metrics.requests_in_flight.inc()

    @app.after_request
    def observe(response: Response) -> Response:
        rule, status = request.url_rule, response.status_code
        route = rule.rule if rule is not None else _UNKNOWN_ROUTE
        method = request.method if request.method in _METHODS else _OTHER_METHOD
        metrics.requests(route, method, f"{status // 100}xx").observe(time.perf_counter() - g.began_at)
        if status == 503:
            metrics.requests_refused.inc()
        return response

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        metrics.requests_in_flight.dec()


def make_metrics_routes(metrics: RoleMetrics) -> Routes:
    """Return the route of the metrics."""
    routes = Routes("metrics")

    @routes.get("/metrics", COLLECTOR, MANAGER, INTERNAL, internal=True)
    def show() -> ResponseReturnValue:
        """Return the metrics of this role in the text format of Prometheus."""
        return Response(generate_latest(metrics.registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)

    return routes
