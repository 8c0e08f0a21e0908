"""How what a page watches stands, and whether that is news to the page."""

import re
from typing import NamedTuple

from pizzashop.domain.board import Board
from pizzashop.domain.history import now
from pizzashop.domain.record import Record

_VERSION = re.compile(r"[0-9]{1,9}")


class Shown(NamedTuple):
    """How an order or the board stands (None: not known yet), and its mark, which changes with it."""

    state: Record | Board | None = None
    mark: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing of it changes any more."""
        return isinstance(self.state, Record) and self.state.final

    def is_news(self, known: str) -> bool:
        """Whether it is not what a page shows, whose mark is `known`: a page may be ahead of what is known here."""
        if isinstance(self.state, Record) and _VERSION.fullmatch(known):
            return self.state.version > int(known)
        return self.state is not None and self.mark != known


NOTHING = Shown()


def version(state: Record | Board | None) -> int:
    """The version of an order; 0 where none is known."""
    return state.version if isinstance(state, Record) else 0


def versions(state: Record | Board | None) -> dict[str, int]:
    """Which orders a board shows, in which version."""
    return state.versions if isinstance(state, Board) else {}


def is_old(state: Record | Board | None) -> bool:
    """Whether the board is to be told in any case: it was not yet, or not all of it, or something became late since."""
    if not isinstance(state, Board) or not state.complete:
        return True
    moment = now()
    return any(row.late_at and state.at < row.late_at <= moment for row in state.orders)
