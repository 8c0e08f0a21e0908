"""Commands as processes of their own, with streams, terminals and locales that are not as one would wish."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from fake_shop import FakeShop
from running_up import IN_TERMINAL
from story import at, delivered

START = """
import sys
from pizzashop.cli import main
from pizzashop.console.client import Client
from pizzashop.console.session import Session
from pizzashop.console.shop import Shop
url = sys.argv.pop(1)
asks = bool(sys.stdin and sys.stdin.isatty())
main(obj=Session(Shop(Client(), url, url), asks=asks, interval=0), prog_name="pizzashop")
"""
NOT_UTF8 = {
    "ascii": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "posix": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii:strict"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
}
NAME = "José 漢字 👩‍🍳"
Command = Callable[..., "subprocess.Popen[bytes]"]


@contextmanager
def starting(shop: FakeShop, state_dir: str) -> Iterator[Command]:
    """Starts a command that talks to `shop`; it ends with the block at the latest."""
    started: list[subprocess.Popen[bytes]] = []
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("PIZZASHOP_", "PYTHON", "LC_"))}

    def start(
        *words: str | bytes, by: Sequence[str] = (), env: Mapping[str, str | bytes] | None = None, **streams: Any
    ) -> Any:
        command = [*by, sys.executable, "-c", START, shop.url, *words]
        known = {**ours, "PIZZASHOP_STATE_DIR": state_dir, **(env or {})}
        pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE) | {"stdin": subprocess.DEVNULL}
        started.append(subprocess.Popen(command, env=known, **pipes | streams))
        return started[-1]

    try:
        yield start
    finally:
        for each in started:
            each.kill()
            each.communicate()


def fill(shop: FakeShop) -> FakeShop:
    """Give the shop two orders; the customer of one has a name of many kinds of letters."""
    order = {**delivered(), "order_id": "1", "customer": {"name": NAME}, "pizza_type": "Müsli ✓"}
    shop.films["1"] = [order]
    shop.answers["/orders"] = {"orders": [order, at("cooked", order_id="22")], "next": None}
    shop.answers["/get-status/1"] = "COMPLETED"
    shop.answers["/validate-pizza"] = {"order_id": "1", "validation_status": "approved"}
    return shop


def said(process: "subprocess.Popen[bytes]") -> tuple[int, bytes, str]:
    """Wait for its end: the exit code, what it has put out, and what it has said on standard error."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out, (err or b"").decode()


@contextmanager
def no_reader() -> Iterator[int]:
    """The end of a pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, start: Command, *words: str, **streams: Any) -> None:
        self._ours, its = pty.openpty()
        self.shown = ""
        every = dict.fromkeys(("stdin", "stdout", "stderr"), its) | streams
        self.process = start(*words, by=IN_TERMINAL, start_new_session=True, **every)
        os.close(its)

    def type(self, text: str | bytes, after: str) -> None:
        """Read on until it shows `after`, then type a line."""
        while after not in self.shown:
            self.shown += os.read(self._ours, 1024).decode(errors="replace")
        self.shown = self.shown.partition(after)[2]
        typed = text.encode() if isinstance(text, str) else text
        os.write(self._ours, typed + b"\n")

    def end(self) -> int:
        """Read on to its end; returns the exit code."""
        try:
            while part := os.read(self._ours, 1024):
                self.shown += part.decode(errors="replace")
        except OSError:  # the terminal of a process that has ended
            pass
        os.close(self._ours)
        return self.process.wait(timeout=60)
