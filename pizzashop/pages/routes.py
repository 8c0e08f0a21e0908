"""What the application of role `storefront` is made of."""

from pathlib import Path

from flask import Flask

from pizzashop.pages import boards, customer, formats, live, manager, ordering, responses, sign_in, staff
from pizzashop.pages.watching import LiveStates
from pizzashop.settings import Settings
from pizzashop.steps import storefront
from pizzashop.steps.runner import StepContext
from pizzashop.web.dependencies import Dependencies
from pizzashop.web.routes import Routes

routes = Routes("pages", template_folder=str(Path(__file__).parent / "templates"))
for each in (responses, ordering, customer, boards, manager, live, sign_in):
    routes.blueprint.register_blueprint(each.routes.blueprint)
routes.blueprint.register_blueprint(manager.actions_routes.blueprint)

# The last of these comes first.
routes.blueprint.after_app_request(responses.complete_response)
routes.blueprint.after_app_request(responses.without_trailing_slash)
routes.blueprint.app_context_processor(staff.for_templates)
routes.blueprint.add_app_template_filter(formats.money)
routes.blueprint.add_app_template_filter(customer.pieces)
for name, filter_ in formats.FILTERS.items():
    routes.blueprint.add_app_template_filter(filter_, name)


def wire(app: Flask, settings: Settings, dependencies: Dependencies) -> None:
    """Give the application its routes and pages, and what they work with."""
    app.register_blueprint(storefront.routes.blueprint)
    app.register_blueprint(routes.blueprint)
    app.extensions["means"] = StepContext(dependencies.sidecar, dependencies.limit, settings.pace, settings.fail)
    app.extensions["settings"] = settings
    app.extensions["watch"] = LiveStates(dependencies.sidecar, settings.watchers)
