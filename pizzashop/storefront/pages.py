"""Everything of the shop that people see: one blueprint that holds the others."""

from flask import Blueprint

from pizzashop.storefront import (
    assets,
    boards,
    doing,
    drawing,
    following,
    headers,
    live,
    ordering,
    orders,
    prices,
    signing,
    spelling,
    staff,
    wording,
)

blueprint = Blueprint("pages", __name__, template_folder="templates")
for each in (assets, ordering, following, boards, orders, doing, live, signing):
    blueprint.register_blueprint(each.blueprint)

# The last of these comes first.
blueprint.after_app_request(headers.complete)
blueprint.after_app_request(spelling.without_trailing_slash)
blueprint.app_context_processor(staff.for_templates)
blueprint.add_app_template_filter(prices.money)
blueprint.add_app_template_filter(drawing.pieces)
for name, filter_ in wording.FILTERS.items():
    blueprint.add_app_template_filter(filter_, name)
