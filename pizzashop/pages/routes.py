"""What the application of role `storefront` is made of."""

from flask import Blueprint, Flask

from pizzashop.pages import boards, customer, formats, live, manager, ordering, responses, sign_in, staff
from pizzashop.pages.watching import LiveStates
from pizzashop.settings import Settings
from pizzashop.steps import storefront
from pizzashop.steps.runner import StepContext
from pizzashop.web.dependencies import Dependencies

blueprint = Blueprint("pages", __name__, template_folder="templates")
for each in (responses, ordering, customer, boards, manager, live, sign_in):
    blueprint.register_blueprint(each.blueprint)
blueprint.register_blueprint(manager.actions_blueprint)

# The last of these comes first.
blueprint.after_app_request(responses.complete_response)
blueprint.after_app_request(responses.without_trailing_slash)
blueprint.app_context_processor(staff.for_templates)
blueprint.add_app_template_filter(formats.money)
blueprint.add_app_template_filter(customer.pieces)
for name, filter_ in formats.FILTERS.items():
    blueprint.add_app_template_filter(filter_, name)


def wire(app: Flask, settings: Settings, dependencies: Dependencies) -> None:
    """Give the application its routes and pages, and what they work with."""
    app.register_blueprint(storefront.blueprint)
    app.register_blueprint(blueprint)
    app.extensions["means"] = StepContext(dependencies.sidecar, dependencies.limit, settings.pace, settings.fail)
    app.extensions["settings"] = settings
    app.extensions["watch"] = LiveStates(dependencies.sidecar, settings.watchers)
