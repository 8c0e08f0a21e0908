"""Standard input, output and error, as every command uses them.

- The reader of the output has gone (`| head`, a closed terminal): the command ends quietly, with exit code 141.
- The output cannot be written (a full disk): the command says so in one sentence, and ends with exit code 1.
- The encoding of the output lacks a character: something in ASCII stands in its place, as wide as the character.
- A stream is closed at the start: the null device replaces it. A stream is non-blocking: a write waits until it fits.

A command whose work matters more than its output goes on without it: see `ignore_output_errors`.
"""

import codecs
import errno
import io
import json
import os
import select
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pizzashop.domain.text import one_line
from pizzashop.errors import ShopError


def one_line_text(text: object) -> str:
    """What someone else wrote, on one line and without control characters, which a terminal would obey."""
    return one_line(text)


ASCII = "pizzashop_ascii"
"""ASCII under a name of its own: click writes UTF-8 into a stream whose encoding is called ASCII."""
DEGRADE = "pizzashop_degrade"
"""The error handler of `codecs` that replaces what an encoding lacks."""
_MARKS = {"✓": "+", "●": "*", "○": "o", "↺": "<", "✗": "x", "·": "|", "…": "~", "→": ">"}
_GONE = (errno.EPIPE, errno.ECONNRESET)


class OutputFailed(ShopError):
    """Standard output cannot be written."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"The output cannot be written: {error.strerror}.")


class ReaderGone(ShopError):
    """Nobody reads standard output any more: there is no one to be told."""

    exit_code = 128 + 13  # as if SIGPIPE had ended the process


class Output(io.FileIO):
    """The descriptor `fd` for writing.

    Raises its first error, unless it is `tolerant`. After that it drops what cannot be written, and raises nothing.
    """

    def __init__(self, fd: int) -> None:
        super().__init__(fd, "w", closefd=False)
        # Standard error has no place left to say what is wrong with it.
        self.tolerant = fd == 2
        self.error: OutputFailed | ReaderGone | None = None
        self._is_terminal = os.isatty(fd)

    def write(self, data: Any, /) -> int:
        """Write all of it; returns its length, also where it was dropped."""
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while left:
                count = super().write(left)
                if count is None:
                    select.select((), (self.fileno(),), ())
                left = left[count or 0 :]
        except OSError as error:
            is_first, self.error = self.error is None, self.error or self._meaning(error)
            if is_first and not self.tolerant:
                raise self.error from None
        return size

    def _meaning(self, error: OSError) -> OutputFailed | ReaderGone:
        hung_up = error.errno == errno.EIO and self._is_terminal
        return ReaderGone() if error.errno in _GONE or hung_up else OutputFailed(error)


def install() -> None:
    """Replace the standard streams of this process; a stream that a test has put in their place stays."""
    codecs.unregister(_find_ascii)  # called again, it would be there twice
    codecs.register(_find_ascii)
    codecs.register_error(DEGRADE, degrade)
    opened = _open_missing()
    for fd, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if fd in opened or _descriptor(stream) == fd:
            setattr(sys, name, _writing(fd, stream))
    if 0 in opened:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
    elif _descriptor(sys.stdin) == 0 and isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")


@contextmanager
def ignore_output_errors() -> Iterator[None]:
    """Go on, within the block, where the output cannot be written: what cannot be written is dropped."""
    output = _output()
    if output is None:
        yield
        return
    before, output.tolerant = output.tolerant, True
    try:
        yield
    finally:
        output.tolerant = before


def raise_output_error() -> None:
    """Raise OutputFailed where output was dropped, unless its reader had gone."""
    output = _output()
    if output is not None and isinstance(output.error, OutputFailed):
        raise output.error


def json_text(document: Any) -> str:
    """A document as JSON on one line, whole in any encoding."""
    is_unicode = (getattr(sys.stdout, "encoding", None) or "").lower().startswith("utf")
    return json.dumps(document, ensure_ascii=not is_unicode)


def degrade(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that an encoding lacks by ASCII, each as wide as the character."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_in_ascii, error.object[error.start : error.end])), error.end


def _in_ascii(character: str) -> str:
    if character in _MARKS:
        return _MARKS[character]
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return ""
    letter = unicodedata.normalize("NFD", character)[0]
    if letter.isascii():
        return letter
    return "??" if unicodedata.east_asian_width(character) in "WF" else "?"


def _find_ascii(name: str) -> codecs.CodecInfo | None:
    if name != ASCII:
        return None
    found = codecs.lookup("ascii")
    return codecs.CodecInfo(
        found.encode,
        found.decode,
        found.streamreader,
        found.streamwriter,
        found.incrementalencoder,
        found.incrementaldecoder,
        name=ASCII,
    )


def _open_missing() -> list[int]:
    opened = []
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            # The lowest number that is free: this one.
            opened.append(os.open(os.devnull, os.O_RDWR))
            os.set_inheritable(fd, True)
    return opened


def _writing(fd: int, stream: Any) -> io.TextIOWrapper:
    encoding = getattr(stream, "encoding", "utf-8")
    if codecs.lookup(encoding).name == "ascii":
        encoding = ASCII
    by_line = fd == 2 or getattr(stream, "line_buffering", False) or getattr(stream, "write_through", False)
    # No buffer between the two: a signal handler may write while a write is under way.
    return io.TextIOWrapper(Output(fd), encoding, DEGRADE, line_buffering=by_line)


def _output() -> Output | None:
    output = getattr(sys.stdout, "buffer", None)
    return output if isinstance(output, Output) else None


def _descriptor(stream: Any) -> int | None:
    try:
        return int(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None
