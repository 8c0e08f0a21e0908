"""What the application of role `workflow` is made of."""

from flask import Flask

from pizzashop.parts import Parts
from pizzashop.settings import Settings
from pizzashop.workflow import views
from pizzashop.workflow.contents import Contents
from pizzashop.workflow.engine import Engine
from pizzashop.workflow.in_hand import InHand
from pizzashop.workflow.office import Office


def wire(app: Flask, settings: Settings, parts: Parts, engine: Engine, in_hand: InHand, contents: Contents) -> None:
    """Give the application its routes, and what they work with: the engine, and the count of orders in hand."""
    app.register_blueprint(views.blueprint)
    app.extensions["office"] = Office(parts.sidecar, engine, settings, contents)
    app.extensions["in_hand"] = in_hand
