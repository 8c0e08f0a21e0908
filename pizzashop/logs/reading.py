"""Read the log files of all parts of a shop on this machine, whatever their formats, in order of time.

    for line in read_log_lines(state_dir / "logs", order_id="123"): ...

A part is a process of `pizzashop up`, such as `kitchen`, `sidecar-kitchen` or `scheduler`; its log has the same name.
"""

import ast
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Self

from pizzashop.domain.text import to_single_line
from pizzashop.errors import ShopError
from pizzashop.logs import CONTEXT_FIELDS

# The name of a log ends in this suffix, for an earlier process of the part with a number behind it, 1 for the latest.
LOG_SUFFIX = ".log"
EARLIER_LOGS = 4
# The levels of log lines, the lowest first.
LEVELS = ("debug", "info", "warning", "error")
_LEVELS_WITH_FEW_LINES = LEVELS[2:]
# Without an order, only so much of the end of each file is read.
_TAIL_BYTES = 64 * 1024
# In the text of a line a shorter id, such as 7, may mean something else. It counts only after the word `order`.
_MIN_DISTINCT_ID = 6

# The break before a line that begins with a time, in any of the formats.
_TIMED_LINE_BREAK = re.compile(r'\n(?=\d{4}[-/]\d\d|\d+:[A-Z] |time=|\{")')
_CONTEXT = re.compile(rf"(?: (?:{'|'.join(CONTEXT_FIELDS)})=\S+)*\Z")
_SHOP_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d) \S+ +([A-Z]+) +(.*)")
_DAPR_LINE = re.compile(r'time="([^"]+)" level=(\w+) msg=("(?:[^"\\]|\\.)*"|\S*)')
_VALKEY_LINE = re.compile(r"\d+:[A-Z] (\d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3}) ([.*#-]) (.*)")
_POSTGRESQL_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (\w+) \[\d+\] ([A-Z]+): +(.*)")
_GO_LINE = re.compile(r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)(?:\.\d+)? (.*)")
_LEVEL_BY_WORD = {
    **{".": "debug", "-": "debug", "*": "info", "#": "warning"},
    **{"debug": "debug", "warn": "warning", "warning": "warning"},
    **dict.fromkeys(("error", "critical", "fatal", "panic"), "error"),
}


@dataclass(frozen=True)
class LogLine:
    """One message of one part. `text` has no control characters, except the line ends of a traceback."""

    at: datetime
    part: str
    level: str
    text: str
    order: str | None = None
    attempt: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        content: dict[str, Any] = {
            "at": self.at.astimezone(UTC).isoformat(timespec="milliseconds"),
            "part": self.part,
            "level": self.level,
            "order": self.order,
            "attempt": self.attempt,
            "text": self.text,
        }
        return {name: value for name, value in content.items() if value is not None}


def read_log_lines(
    directory: Path, order_id: str = "", parts: Collection[str] = (), min_level: str = LEVELS[0]
) -> list[LogLine]:
    """Return all lines that concern an order, or without an order the last lines of each part, in order of time.

    `parts` are the names of the parts to read; without any, all are read. Lines below `min_level` are left out. From
    level `warning` on, whole logs are read, because few lines are left.
    """
    with LogReader(directory, order_id, parts, min_level) as reader:
        return reader.read()


class LogReader:
    """Reads as `read_log_lines` does. Each further `read` returns only the new lines."""

    def __init__(
        self, directory: Path, order_id: str = "", parts: Collection[str] = (), min_level: str = LEVELS[0]
    ) -> None:
        self._directory, self._order_id, self._parts = directory, order_id, parts
        self._levels = LEVELS[LEVELS.index(min_level) :]
        self._tail_bytes = None if order_id or min_level in _LEVELS_WITH_FEW_LINES else _TAIL_BYTES
        self._mention = _mention_pattern(order_id) if order_id else None
        self._files: dict[str, _LogFile] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def part_names(self) -> list[str]:
        """Return the names of the parts that have a log."""
        return sorted(path.name.removesuffix(LOG_SUFFIX) for path in self._directory.glob(f"*{LOG_SUFFIX}"))

    def read(self) -> list[LogLine]:
        """Return the lines in order of time."""
        lines: list[LogLine] = []
        for part in self.part_names():
            if not self._parts or part in self._parts:
                if part not in self._files:
                    self._files[part] = _LogFile(self._directory / f"{part}{LOG_SUFFIX}", self._tail_bytes)
                for text, written_at in self._files[part].read_new():
                    lines += self._select(parse_lines(part, _keep_mentions(text, self._order_id), written_at))
        return sorted(lines, key=lambda line: line.at)

    def _select(self, lines: Iterable[LogLine]) -> Iterator[LogLine]:
        for line in lines:
            if line.level not in self._levels:
                continue
            if self._mention is None or line.order == self._order_id or self._mention.search(line.text):
                yield line


class _LogFile:
    """The log of one part. A restart of the part begins a new file, and renames the previous one."""

    def __init__(self, path: Path, tail_bytes: int | None) -> None:
        self._path, self._tail_bytes = path, tail_bytes
        self._file: IO[bytes] | None = None

    def read_new(self) -> Iterator[tuple[str, datetime]]:
        """Yield the text of each file that was not read before, the oldest first, with the time of its last write."""
        if self._file is None:
            yield from self._read_earlier()
        else:
            yield _read_rest(self._file)
        if (current := _open(self._path)) is None:
            return
        if self._file and os.path.sameopenfile(current.fileno(), self._file.fileno()):
            current.close()
            return
        self.close()
        self._file = current
        self._skip_to_tail(current)
        yield _read_rest(current)

    def close(self) -> None:
        if self._file:
            self._file.close()

    def _read_earlier(self) -> Iterator[tuple[str, datetime]]:
        for number in range(EARLIER_LOGS, 0, -1):
            if earlier := _open(self._path.with_name(f"{self._path.name}.{number}")):
                with earlier:
                    self._skip_to_tail(earlier)
                    yield _read_rest(earlier)

    def _skip_to_tail(self, file: IO[bytes]) -> None:
        size = os.fstat(file.fileno()).st_size
        if self._tail_bytes is not None and size > self._tail_bytes:
            file.seek(size - self._tail_bytes)
            file.readline()


def parse_lines(part: str, text: str, written_at: datetime) -> Iterator[LogLine]:
    """Yield the lines of a log. A line without a time, such as one of a traceback, belongs to the line before it.

    If there is none before it, it gets the time of the first line that has one, or else `written_at`.
    """
    current: LogLine | None = None
    untimed: list[str] = []
    # `splitlines` would also split at other characters, which a text from outside may contain.
    for raw in text.split("\n"):
        parsed = _parse_line(part, raw)
        if parsed is None:
            if raw.strip():
                untimed.append(to_single_line(raw.rstrip()))
            continue
        if current or untimed:
            yield _append_untimed(current or LogLine(parsed.at, part, "error", ""), untimed)
        current, untimed = parsed, []
    if current or untimed:
        yield _append_untimed(current or LogLine(written_at, part, "error", ""), untimed)


def _append_untimed(line: LogLine, untimed: list[str]) -> LogLine:
    return replace(line, text="\n".join(filter(None, (line.text, *untimed)))) if untimed else line


def _parse_line(part: str, raw: str) -> LogLine | None:
    """Return a line in any format of the shop's programs; None if it has no time."""
    try:
        if match := _DAPR_LINE.match(raw):
            at = datetime.fromisoformat(match[1])
            return LogLine(at, part, _level(match[2]), to_single_line(_unquote(match[3])))
        if raw.startswith("{"):
            return _parse_json_line(part, raw)
        if match := _SHOP_LINE.match(raw):
            return _parse_shop_line(part, datetime.fromisoformat(match[1]), match[2], to_single_line(match[3]))
        if match := _VALKEY_LINE.match(raw):
            at = datetime.strptime(match[1], "%d %b %Y %H:%M:%S.%f").astimezone()
            return LogLine(at, part, _level(match[2]), to_single_line(match[3]))
        if match := _POSTGRESQL_LINE.match(raw):
            at = datetime.fromisoformat(match[1])
            at = at.replace(tzinfo=UTC) if match[2] in ("UTC", "GMT") else at.astimezone()
            return LogLine(at, part, _level(match[3]), to_single_line(match[4]))
        if match := _GO_LINE.match(raw):
            at = datetime.strptime(match[1], "%Y/%m/%d %H:%M:%S").astimezone()
            return LogLine(at, part, "info", to_single_line(match[2]))
    except ValueError:
        # The time is not valid, such as the 31st of February.
        return None
    return None


def _parse_shop_line(part: str, at: datetime, level: str, rest: str) -> LogLine:
    found = _CONTEXT.search(rest)
    context = dict(pair.split("=", 1) for pair in found[0].split()) if found else {}
    text = rest[: found.start()] if found else rest
    attempt = context.get("attempt", "")
    return LogLine(at, part, _level(level), text, context.get("order"), int(attempt) if attempt.isdecimal() else None)


def _parse_json_line(part: str, raw: str) -> LogLine | None:
    """Return a line of `JsonFormatter`, of Dapr with its option `log-as-json`, or of etcd; None for any other JSON."""
    content = json.loads(raw)
    at = content.get("at") or content.get("time") or content.get("ts")
    text = content.get("message", content.get("msg"))
    if not isinstance(at, str) or not isinstance(text, str):
        return None
    order, attempt = content.get("order"), content.get("attempt")
    lines = [text, *str(content.get("traceback") or "").split("\n")]
    return LogLine(
        _with_zone(datetime.fromisoformat(at)),
        part,
        _level(str(content.get("level"))),
        "\n".join(to_single_line(line) for line in lines if line),
        to_single_line(order) if isinstance(order, str) else None,
        attempt if isinstance(attempt, int) else None,
    )


def _with_zone(at: datetime) -> datetime:
    return at if at.tzinfo else at.astimezone()


def _level(word: str) -> str:
    return _LEVEL_BY_WORD.get(word.lower(), "info")


def _unquote(text: str) -> str:
    # Go quotes a text as Python does.
    with suppress(ValueError, SyntaxError):
        return str(ast.literal_eval(text)) if text.startswith('"') else text
    return text


def _keep_mentions(text: str, order_id: str) -> str:
    """Return the lines that contain the id, each with the lines without a time that belong to it.

    Without an id, return all lines. A log may have many megabytes, so it is filtered before it is parsed.
    """
    if not order_id:
        return text
    start = text.find(order_id)
    if start < 0:
        return ""
    while start > 0 and not _TIMED_LINE_BREAK.match(text, start):
        start = text.rfind("\n", 0, start)
    end = _TIMED_LINE_BREAK.search(text, text.rfind(order_id))
    blocks = _TIMED_LINE_BREAK.split(text[max(start, 0) : end.start() if end else None])
    return "\n".join(block for block in blocks if order_id in block)


def _mention_pattern(order_id: str) -> re.Pattern[str]:
    """Return the pattern of a text that mentions an order, by its id or by its workflow instance."""
    prefix = r"(?:pizza-order-|\border(?:s|-|[ =:\"']{1,2}))"
    optional = "?" if len(order_id) >= _MIN_DISTINCT_ID else ""
    return re.compile(rf"(?<![\w-]){prefix}{optional}{re.escape(order_id)}(?![\w-])")


def _open(path: Path) -> IO[bytes] | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ShopError(f"{path} cannot be read: {error.strerror}.") from None


def _read_rest(file: IO[bytes]) -> tuple[str, datetime]:
    text = file.read().decode(errors="replace")
    return text, datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
