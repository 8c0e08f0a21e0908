"""What the application of role `order` is made of."""

from flask import Flask

from pizzashop.order import (
    changes,
    commands,
    content,
    events,
    expired,
    search,
    steering,
    today,
    unsettled,
    views,
    waiting,
)
from pizzashop.order.dead_letters import DeadLetters
from pizzashop.order.housekeeping import Housekeeping
from pizzashop.order.inbox import Inbox
from pizzashop.order.listing import Listing
from pizzashop.order.records import Records
from pizzashop.order.rows import Rows
from pizzashop.parts import Parts
from pizzashop.settings import Settings


def wire(app: Flask, settings: Settings, parts: Parts) -> None:
    """Give the application its routes, and what they work with."""
    for each in (views, commands, content, unsettled, steering, waiting, expired, events, today, changes, search):
        app.register_blueprint(each.blueprint)
    records = Records(parts.sidecar)
    dead_letters = DeadLetters(parts.sidecar, records)
    app.extensions["records"] = records
    app.extensions["listing"] = Listing(records)
    app.extensions["rows"] = Rows(records, settings.pace)
    app.extensions["inbox"] = Inbox(records, dead_letters)
    app.extensions["dead_letters"] = dead_letters
    app.extensions["clock"] = parts.clock
    app.extensions["housekeeping"] = Housekeeping(records, settings.retention, parts.clock)
