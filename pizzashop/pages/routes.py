"""The pages of role `storefront`: every page under one blueprint, with what the pages depend on."""

import threading

from flask import Blueprint

from pizzashop.auth.authentication import Authenticator
from pizzashop.dapr.sidecar import Sidecar
from pizzashop.domain.history import Clock
from pizzashop.pages.backend import Backend
from pizzashop.pages.crash import make_crash_routes
from pizzashop.pages.customer import make_customer_routes
from pizzashop.pages.live import make_live_routes
from pizzashop.pages.live_states import LiveStates
from pizzashop.pages.order_form import make_order_form_routes
from pizzashop.pages.rendering import register_template_helpers
from pizzashop.pages.responses import make_static_routes
from pizzashop.pages.sign_in import make_sign_in_routes
from pizzashop.pages.staff import make_board_routes, make_manager_routes
from pizzashop.pages.telemetry import Telemetry
from pizzashop.settings import Settings


def make_pages(
    settings: Settings, sidecar: Sidecar, authenticator: Authenticator, clock: Clock, stopping: threading.Event
) -> Blueprint:
    """Return the pages; their streams end once `stopping` is set."""
    backend = Backend(sidecar)
    telemetry = Telemetry(settings.traces_url, settings.state_dir.expanduser() / "logs")
    live_states = LiveStates(backend, settings.watchers, stopping)
    pages = Blueprint("pages", __name__, template_folder="templates")
    register_template_helpers(pages, settings.currency, authenticator)
    for routes in (
        make_static_routes(),
        make_order_form_routes(backend),
        make_customer_routes(backend, settings.pace),
        make_board_routes(backend),
        make_manager_routes(backend, telemetry),
        make_live_routes(live_states, backend, telemetry, settings.pace),
        make_crash_routes(settings, backend, live_states, stopping),
        make_sign_in_routes(authenticator, clock),
    ):
        pages.register_blueprint(routes.blueprint)
    return pages
