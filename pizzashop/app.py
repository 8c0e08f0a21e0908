"""A role as a Flask application: its routes, its errors, its health. No I/O, no threads, no environment."""

from importlib import import_module

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue

from pizzashop import problems
from pizzashop.access import guard, origin
from pizzashop.domain.errors import Unavailable
from pizzashop.openapi import routes as openapi
from pizzashop.parts import Parts
from pizzashop.roles import Role
from pizzashop.settings import Settings


def create_app(role: Role, settings: Settings, parts: Parts, **own: object) -> Flask:
    """The application of one role; `own` is what its `wiring` takes besides."""
    app = Flask("pizzashop", static_folder=None)
    app.url_map.merge_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    # A process loads the roles that it serves, and no other.
    import_module(f"pizzashop.{role.name}.wiring").wire(app, settings, parts, **own)
    problems.register(app)
    _answer_health(app, role, parts)
    openapi.register(app, role)
    origin.register(app, settings)
    guard.register(app, role, parts.door, lambda: parts.clock().timestamp())
    return app


def _answer_health(app: Flask, role: Role, parts: Parts) -> None:
    @app.get("/healthz")
    def health() -> ResponseReturnValue:
        """Whether this process serves the role, and is not about to stop."""
        if parts.gate.stopping.is_set():
            raise Unavailable("This process is stopping")
        return jsonify(status="ok", role=role.name)
