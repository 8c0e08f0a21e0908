"""The tutorial works: its commands are typed into real terminals, and each shows what the page says.

The test understands these parts of the page:

- A `console` block has commands. The number before the `$` is the terminal, and the lines below show its output.
- A `text` block is what a command shows that still runs in one of the terminals.
- A `diff` block changes the file that its first line names.
- "Press Ctrl-C in terminal 1" does so.

In output a number stands for any number, and `…` for anything.
"""

import codecs
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import psutil
import pytest
from shop_client import ShopClient, eventually
from up_process import IN_TERMINAL

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/tutorial.md").read_text()
PART = re.compile(r"^```(console|text|diff)\n(.*?)^```$|Press (Ctrl-C) in terminal (\d)", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(\d)\$ (.*)\n((?:(?!\d\$ ).*\n)*)", re.MULTILINE)
ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PROMPT = re.compile(r"\[exit (\d+)\] ")
PATIENCE_SECONDS = 60.0
REST_SECONDS = 5
USER = "ana"


class Terminal:
    """An interactive bash in a terminal of its own."""

    def __init__(self, directory: Path, env: dict[str, str]) -> None:
        self._fd, slave = pty.openpty()
        termios.tcsetwinsize(slave, (50, 120))
        attributes = termios.tcgetattr(slave)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        command = [*IN_TERMINAL, "/bin/bash", "--norc", "--noprofile", "--noediting", "-i"]
        streams = {"stdin": slave, "stdout": slave, "stderr": slave}
        self._bash = subprocess.Popen(command, cwd=directory, env=env, start_new_session=True, **streams)
        os.close(slave)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._output, self._position = "", 0
        self._typed = 0
        self._interrupted: set[int] = set()

    def type(self, command: str) -> None:
        """Type a command, once the one before has ended with exit code 0."""
        eventually(self.is_idle, seconds=PATIENCE_SECONDS)
        self.require_success()
        self._position = len(self._text())
        self._typed += 1
        os.write(self._fd, f"{command}\n".encode())

    def press_ctrl_c(self) -> None:
        """Interrupt the command, and wait for its end."""
        self._interrupted.add(self._typed)
        os.write(self._fd, b"\x03")
        eventually(self.is_idle, seconds=PATIENCE_SECONDS)

    def missing(self, lines: list[str]) -> str:
        """Return the first of these lines that the terminal does not show after those that were found last; else "".

        Without lines, the end of the command is missing until it has ended.
        """
        text, position = self._text(), self._position
        for line in lines:
            found = _pattern(line).search(text, position)
            if not found:
                return f"{line!r} in {text[self._position :]!r}"
            position = found.end()
        if not lines and not self.is_idle():
            return "the end of the command"
        self._position = position
        return ""

    def is_idle(self) -> bool:
        """Return whether the command that was typed last has ended."""
        return len(PROMPT.findall(self._text())) > self._typed

    def require_success(self) -> None:
        """Require exit code 0 of all commands that have ended, except those that were interrupted."""
        codes = PROMPT.findall(self._text())
        assert [code for number, code in enumerate(codes) if number not in self._interrupted and code != "0"] == [], (
            self._text()
        )

    def close(self) -> None:
        """End bash and all that it has started."""
        bash = psutil.Process(self._bash.pid)
        for process in [*bash.children(recursive=True), bash]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._bash.wait()
        os.close(self._fd)

    def _text(self) -> str:
        while select.select([self._fd], [], [], 0)[0]:
            self._output += self._decoder.decode(os.read(self._fd, 65536))
        return ESCAPE_SEQUENCE.sub("", self._output)


def _pattern(line: str) -> re.Pattern[str]:
    parts = [r"\s+".join(map(re.escape, part.split())) for part in line.strip().split("…")]
    return re.compile(re.sub(r"\d+", r"\\d+", ".*".join(parts)))


def _shown(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.strip() not in ("", "…")]


def _apply(diff: str, directory: Path) -> None:
    first, _, changes = diff.partition("\n")
    path = directory / first.removeprefix("--- ")
    for change in changes.split("…\n"):
        lines = change.splitlines()
        before = "\n".join(line[1:] for line in lines if line[0] in " -")
        after = "\n".join(line[1:] for line in lines if line[0] in " +")
        text = path.read_text()
        assert text.count(f"{before}\n") == 1, f"{before!r} is not in {path.name}, or not once"
        path.write_text(text.replace(before, after))


class Reader:
    """A reader who does what the page says, in a copy of the project."""

    def __init__(self, directory: Path, env: dict[str, str]) -> None:
        self._directory, self._env = directory, env
        self._terminals: dict[str, Terminal] = {}

    def follow(self, part: re.Match[str]) -> None:
        """Do one part of the page."""
        kind, content, _, interrupted = part.groups()
        if interrupted:
            self._terminal(interrupted).press_ctrl_c()
        elif kind == "diff":
            _apply(content, self._directory)
        elif kind == "text":
            self._wait(list(self._terminals.values()), _shown(content))
        else:
            for number, command, output in COMMAND.findall(content):
                terminal = self._terminal(number)
                terminal.type(command)
                self._wait([terminal], _shown(output))

    def close(self) -> None:
        """End whatever still runs."""
        for terminal in self._terminals.values():
            terminal.close()

    def require_success(self) -> None:
        """Require exit code 0 of every command."""
        for terminal in self._terminals.values():
            terminal.require_success()

    def _terminal(self, number: str) -> Terminal:
        if number not in self._terminals:
            self._terminals[number] = Terminal(self._directory, self._env)
        return self._terminals[number]

    def _wait(self, terminals: list[Terminal], lines: list[str]) -> None:
        """Wait until one of the terminals shows the lines."""
        eventually(
            lambda: [each.missing(lines) for each in terminals], lambda found: "" in found, seconds=PATIENCE_SECONDS
        )


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    copy = tmp_path / "pizzashop"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "tests", "docs", "__pycache__"))
    _link_environment(copy / ".venv")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PIZZASHOP_"))}
    env |= {"PYTHONPATH": str(copy), "PS1": "[exit $?] ", "TERM": "xterm", "LC_ALL": "C.UTF-8", "LOGNAME": USER}
    env |= {"PIZZASHOP_STATE_DIR": str(tmp_path / "state"), "PIZZASHOP_PACE": "0.2"}
    if cache := os.environ.get("PIZZASHOP_CACHE_DIR"):
        env["PIZZASHOP_CACHE_DIR"] = cache
    made = Reader(copy, env)
    yield made
    made.close()


def _link_environment(venv: Path) -> None:
    venv.mkdir()
    for entry in Path(sys.prefix).iterdir():
        if entry.name not in (".installed", ".installed-test"):
            (venv / entry.name).symlink_to(entry)
    # `make` installs nothing: the real environment belongs to the real project.
    (venv / ".installed").touch()


def _rest_seconds(client: ShopClient, order_id: str) -> float:
    times = {entry["status"]: datetime.fromisoformat(entry["at"]) for entry in client.record(order_id)["history"]}
    return (times["delivery_finding_driver"] - times["approved"]).total_seconds()


# With these fixtures the ports are free, and Dapr need not be built.
@pytest.mark.usefixtures("project", "dapr")
@pytest.mark.skipif(not shutil.which("lsof"), reason="the tutorial finds the kitchen with lsof")
def test_the_tutorial_works_from_top_to_bottom(reader: Reader, client: ShopClient) -> None:
    *parts, close = PART.finditer(PAGE)
    for part in parts:
        reader.follow(part)
    assert _rest_seconds(client, "fourth") < REST_SECONDS <= _rest_seconds(client, "fifth")
    reader.follow(close)
    reader.require_success()
