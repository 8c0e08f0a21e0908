"""The operator's desk: the shop that the commands talk to, and the terminal that they talk in."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

from pizzashop.console.client import Client
from pizzashop.console.shop import Shop
from pizzashop.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Desk:
    """What each command is handed: `interval` and `patience` are a watch's, in seconds."""

    shop: Shop
    asks: bool = field(default_factory=lambda: sys.stdin.isatty())
    interval: float = 0.25
    patience: float = 120.0

    @cached_property
    def console(self) -> "Console":
        """The terminal, or what stands in its place."""
        from rich.console import Console

        # What goes into a file or a pipe has no width of its own; rich would break its lines at 80.
        return Console(highlight=False, width=None if sys.stdout.isatty() else 160)


def pass_desk(command: Callable[Concatenate[Desk, P], T]) -> Callable[P, T]:
    """Hand the desk to a command: the one in the context, or one for the shop on this machine."""

    @click.pass_context
    @wraps(command)
    def with_desk(ctx: click.Context, /, *args: P.args, **kwargs: P.kwargs) -> T:
        desk = ctx.find_object(Desk) or _desk(Settings.from_env())
        ctx.call_on_close(desk.shop.close)
        return command(desk, *args, **kwargs)

    return with_desk


def _desk(settings: Settings) -> Desk:
    return Desk(Shop.beside(Client(token=settings.staff_token), settings.host))
