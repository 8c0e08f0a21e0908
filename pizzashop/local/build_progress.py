"""How far a build is: one line that changes in a terminal, a line now and then elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

_EVERY = 30.0


class BuildProgress:
    """Counts what is downloaded, then what is compiled."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._done, self._total, self._said, self._what = 0, 0, time.monotonic(), ""
        self._bar = Progress(
            TextColumn("  {task.description:<22}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, count="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, what: str, total: int = 0) -> None:
        """A new part of the work, of `total` pieces where that is known."""
        self._done, self._total, self._what = 0, total, what
        self._bar.reset(self._task, total=total or None, description=what, count="")
        if not self.console.is_terminal:
            self.console.print(f"  {what}{f': {total} packages' if total else ''}")

    def step(self, _: str = "") -> None:
        """One piece more."""
        self._done = min(self._done + 1, self._total) if self._total else self._done + 1
        count = f"{self._done} of {self._total} packages" if self._total else f"{self._done} modules"
        self._bar.update(self._task, completed=self._done if self._total else 0, count=count)
        if not self.console.is_terminal and time.monotonic() - self._said > _EVERY:
            self._said = time.monotonic()
            self.console.print(f"  {self._what}: {count}")
