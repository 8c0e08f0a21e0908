"""Commands as their own processes, with unusual streams, terminals and locales."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import Result
from example_records import delivered, record_at
from fake_shop import FakeShop
from up_process import IN_TERMINAL

SCRIPT = """
import sys
from pizzashop.cli import main
from pizzashop.console.command import CommandContext
from pizzashop.console.shop import ShopApi
url = sys.argv.pop(1)
is_interactive = bool(sys.stdin and sys.stdin.isatty())
with ShopApi(url, url) as shop:
    main(obj=CommandContext(shop, is_interactive, poll_seconds=0), prog_name="pizzashop")
"""
LOCALES_WITHOUT_UTF8 = {
    "ascii": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "posix": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii:strict"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
}
# This name has letters of many kinds.
NAME = "José 漢字 👩‍🍳"
# Runs a command in this process.
RunCommand = Callable[..., Result]
StartCommand = Callable[..., "subprocess.Popen[bytes]"]


@contextmanager
def open_processes(shop: FakeShop, state_dir: Path) -> Iterator[StartCommand]:
    """Yield a function that starts a command for `shop`; kill what still runs at the end of the block."""
    processes: list[subprocess.Popen[bytes]] = []
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PIZZASHOP_", "PYTHON", "LC_"))}

    def start(
        *words: str | bytes, wrapper: Sequence[str] = (), env: Mapping[str, str | bytes] | None = None, **streams: Any
    ) -> Any:
        command = [*wrapper, sys.executable, "-c", SCRIPT, shop.url, *words]
        environment = {**clean, "PIZZASHOP_STATE_DIR": str(state_dir), **(env or {})}
        pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE) | {"stdin": subprocess.DEVNULL}
        processes.append(subprocess.Popen(command, env=environment, **pipes | streams))
        return processes[-1]

    try:
        yield start
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def add_example_orders(shop: FakeShop) -> None:
    """Add the orders 1 and 22, and the answers to the commands for order 1, whose customer is `NAME`."""
    order = {**delivered(), "order_id": "1", "customer": {"name": NAME}, "pizza_type": "Müsli ✓"}
    shop.records["1"] = [order]
    shop.answers["/orders"] = {"orders": [order, record_at("cooked", order_id="22")], "next": None}
    shop.answers["/get-status/1"] = "COMPLETED"
    shop.answers["/validate-pizza"] = {"order_id": "1", "validation_status": "approved"}


def wait_for(process: "subprocess.Popen[bytes]") -> tuple[int, bytes, str]:
    """Wait for the end of a process; return its exit code, its output and its errors."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out, (err or b"").decode()


@contextmanager
def pipe_without_reader() -> Iterator[int]:
    """Yield the writing end of a pipe whose reading end is closed."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


class Terminal:
    """A command that runs in its own terminal."""

    def __init__(self, start: StartCommand, *words: str, **streams: Any) -> None:
        self._fd, command_fd = pty.openpty()
        self.shown = ""
        every_stream = dict.fromkeys(("stdin", "stdout", "stderr"), command_fd)
        self.process = start(*words, wrapper=IN_TERMINAL, start_new_session=True, **every_stream | streams)
        os.close(command_fd)

    def type(self, text: str | bytes, after: str) -> None:
        """Wait until the terminal shows `after`, then type a line."""
        while after not in self.shown:
            self.shown += os.read(self._fd, 1024).decode(errors="replace")
        self.shown = self.shown.partition(after)[2]
        typed = text.encode() if isinstance(text, str) else text
        os.write(self._fd, typed + b"\n")

    def wait(self) -> int:
        """Read until the command ends; return its exit code."""
        try:
            while part := os.read(self._fd, 1024):
                self.shown += part.decode(errors="replace")
        except OSError:
            # The terminal of a process that has ended cannot be read.
            pass
        os.close(self._fd)
        return self.process.wait(timeout=60)
