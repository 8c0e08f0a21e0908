"""The live view of an order on a terminal: one picture that changes."""

from typing import Self

from rich.console import Console
from rich.live import Live

from pizzashop.console.frame import frame
from pizzashop.console.record import Record
from pizzashop.domain.times import counting


class LiveView:
    """Draws the order again at each look at it; the last picture stays."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)
        self._record: Record | None = None

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._live.stop()

    def show(self, record: Record) -> None:
        """Draw the order as it is now."""
        self._record = record
        self._live.update(frame(record), refresh=True)

    def lost(self, seconds: float) -> None:
        """Say quietly that the shop has not answered for so long."""
        if self._record:
            # What is over within a second is not worth a line that comes and goes.
            trouble = f"no answer from the shop for {counting(seconds)}, trying again" if seconds >= 1 else ""
            self._live.update(frame(self._record, trouble), refresh=True)
