"""A role as a Flask application: its routes, its errors, its health. No I/O, no threads, no environment."""

from dataclasses import dataclass, field

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue

from pizzashop import problems
from pizzashop.access import guard, origin
from pizzashop.access.door import Door
from pizzashop.delivery import views as delivery
from pizzashop.domain.errors import Unavailable
from pizzashop.kitchen import views as kitchen
from pizzashop.means import Gate, Means
from pizzashop.openapi import routes as openapi
from pizzashop.order import changes, commands, events, expired, search, steering, today, unsettled, waiting
from pizzashop.order import views as order
from pizzashop.order.aside import Aside
from pizzashop.order.housekeeping import Clock, Housekeeping, utc_now
from pizzashop.order.inbox import Inbox
from pizzashop.order.listing import Listing
from pizzashop.order.records import Records
from pizzashop.order.rows import Rows
from pizzashop.roles import DELIVERY, KITCHEN, ORDER, STOREFRONT, WORKFLOW, Role
from pizzashop.settings import Settings
from pizzashop.sidecar import Sidecar
from pizzashop.storefront import pages
from pizzashop.storefront import views as storefront
from pizzashop.storefront.watching import Watch
from pizzashop.workflow import views as workflow
from pizzashop.workflow.engine import Engine
from pizzashop.workflow.in_hand import InHand
from pizzashop.workflow.office import Office

BLUEPRINTS = {
    ORDER: (
        order.blueprint,
        commands.blueprint,
        unsettled.blueprint,
        steering.blueprint,
        waiting.blueprint,
        expired.blueprint,
        events.blueprint,
        today.blueprint,
        changes.blueprint,
        search.blueprint,
    ),
    STOREFRONT: (storefront.blueprint, pages.blueprint),
    KITCHEN: (kitchen.blueprint,),
    DELIVERY: (delivery.blueprint,),
    WORKFLOW: (workflow.blueprint,),
}


@dataclass(frozen=True)
class Parts:
    """What an application is given to work with: `engine` and `in_hand` for `workflow`, `watch` for `storefront`."""

    sidecar: Sidecar
    gate: Gate
    engine: Engine | None = None
    in_hand: InHand | None = None
    clock: Clock = utc_now
    watch: Watch | None = None
    door: Door = field(default_factory=Door)


def create_app(role: Role, settings: Settings, parts: Parts) -> Flask:
    """The application of one role."""
    app = Flask("pizzashop", static_folder=None)
    app.url_map.merge_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    for blueprint in BLUEPRINTS[role]:
        app.register_blueprint(blueprint)
    app.extensions.update(_extensions(role, settings, parts))
    problems.register(app)
    _answer_health(app, role, parts)
    openapi.register(app, role)
    origin.register(app, settings)
    guard.register(app, role, parts.door, lambda: parts.clock().timestamp())
    return app


def _extensions(role: Role, settings: Settings, parts: Parts) -> dict[str, object]:
    if role is ORDER:
        records, aside = Records(parts.sidecar), Aside(parts.sidecar)
        return {
            "records": records,
            "listing": Listing(records),
            "rows": Rows(records, settings.pace),
            "inbox": Inbox(records, aside),
            "aside": aside,
            "clock": parts.clock,
            "housekeeping": Housekeeping(records, settings.retention, parts.clock),
        }
    if role is WORKFLOW:
        assert parts.engine is not None
        in_hand = parts.in_hand or InHand(settings.threads)
        return {"office": Office(parts.sidecar, parts.engine, settings), "in_hand": in_hand}
    means = Means(parts.sidecar, parts.gate, settings.pace, settings.fail)
    watch = parts.watch or Watch(parts.sidecar, settings.watchers)
    return {"means": means, "settings": settings, "watch": watch}


def _answer_health(app: Flask, role: Role, parts: Parts) -> None:
    @app.get("/healthz")
    def health() -> ResponseReturnValue:
        """Whether this process serves the role, and is not about to stop."""
        if parts.gate.stopping.is_set():
            raise Unavailable("This process is stopping")
        return jsonify(status="ok", role=role.name)
