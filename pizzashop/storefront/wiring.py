"""What the application of role `storefront` is made of."""

from flask import Flask

from pizzashop.means import Means
from pizzashop.parts import Parts
from pizzashop.settings import Settings
from pizzashop.storefront import pages, views
from pizzashop.storefront.watching import Watch


def wire(app: Flask, settings: Settings, parts: Parts) -> None:
    """Give the application its routes and pages, and what they work with."""
    app.register_blueprint(views.blueprint)
    app.register_blueprint(pages.blueprint)
    app.extensions["means"] = Means(parts.sidecar, parts.gate, settings.pace, settings.fail)
    app.extensions["settings"] = settings
    app.extensions["watch"] = Watch(parts.sidecar, settings.watchers)
