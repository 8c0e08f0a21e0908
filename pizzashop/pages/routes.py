"""The application of role `storefront`: its step, and the pages with what they depend on."""

from flask import Blueprint, Flask

from pizzashop.auth.authentication import Authenticator
from pizzashop.pages import boards, customer, live, manager, order_form, responses, sign_in
from pizzashop.pages.backend import Backend
from pizzashop.pages.live_states import LiveStates
from pizzashop.pages.rendering import register_template_helpers
from pizzashop.settings import Settings
from pizzashop.steps.routes import step_context, storefront_routes
from pizzashop.web.dependencies import Dependencies


def wire(app: Flask, settings: Settings, dependencies: Dependencies, authenticator: Authenticator) -> None:
    """Register the step of role `storefront` and the pages."""
    app.register_blueprint(storefront_routes(step_context(settings, dependencies)).blueprint)

    backend = Backend(dependencies.sidecar)
    live_states = LiveStates(backend, settings.watchers)
    # The process stops them when it stops.
    app.extensions["live_states"] = live_states

    pages = Blueprint("pages", __name__, template_folder="templates")
    register_template_helpers(pages, settings.currency, authenticator)
    for routes in (
        responses.make_routes(),
        order_form.make_routes(backend),
        customer.make_routes(backend, settings.pace),
        boards.make_routes(backend),
        manager.make_routes(backend),
        live.make_routes(live_states, backend, settings.pace),
        sign_in.make_routes(authenticator, dependencies.clock),
    ):
        pages.register_blueprint(routes.blueprint)
    app.register_blueprint(pages)
