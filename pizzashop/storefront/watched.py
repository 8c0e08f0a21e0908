"""The things that pages of this process watch, and what role `order` is to be asked about them."""

import threading
import time
from dataclasses import dataclass
from typing import Any

from pizzashop.storefront.shown import NOTHING, Shown, is_old, version, versions

BOARD = "the board"
"""What the boards watch, in the place of an order's id."""
KEPT_SECONDS = 30.0
"""How long it is asked for what a page has asked for once: the next time it is answered from memory."""


@dataclass
class Thing:
    """An order, or the board, and who watches it."""

    changed: threading.Condition
    shown: Shown = NOTHING
    gone: bool = False
    users: int = 0
    until: float = 0.0

    def tells(self, known: str) -> bool:
        """Whether it is another state than the one with the mark `known`, or none will follow."""
        return self.shown.is_over or self.shown.is_news(known)

    def keep(self) -> None:
        """Somebody has asked for it just now."""
        self.until = time.monotonic() + KEPT_SECONDS


class Things(dict[str, Thing]):
    """All of them, by the order's id, or `BOARD`."""

    def forget(self) -> None:
        """Leave out what nobody watches that is gone, or that nobody has asked for lately."""
        moment = time.monotonic()
        for what in [w for w, thing in self.items() if not thing.users and (thing.gone or thing.until <= moment)]:
            del self[what]

    def question(self) -> dict[str, Any]:
        """What role `order` is asked: the states that are known, of which it tells those that have changed."""
        orders = {what: version(thing.shown.state) for what, thing in self.items() if what != BOARD}
        board = self.get(BOARD)
        if board is None:
            return {"orders": orders}
        return {"orders": orders, "board": versions(board.shown.state), "anew": is_old(board.shown.state)}
