"""What the application of role `delivery` is made of."""

from flask import Flask

from pizzashop.delivery import views
from pizzashop.means import Means
from pizzashop.parts import Parts
from pizzashop.settings import Settings


def wire(app: Flask, settings: Settings, parts: Parts) -> None:
    """Give the application its routes, and what they work with."""
    app.register_blueprint(views.blueprint)
    app.extensions["means"] = Means(parts.sidecar, parts.gate, settings.pace, settings.fail)
