"""The commands that talk to a running shop."""

import click

from pizzashop.console.deciding import approve, reject, remake
from pizzashop.console.demo import demo
from pizzashop.console.events import events
from pizzashop.console.looking import list_orders, status, watch
from pizzashop.console.placing import order
from pizzashop.console.staff import staff
from pizzashop.console.steering import cancel, pause, resume

COMMANDS: tuple[click.Command, ...] = (
    order,
    watch,
    status,
    list_orders,
    approve,
    reject,
    remake,
    pause,
    resume,
    cancel,
    events,
    demo,
    staff,
)
