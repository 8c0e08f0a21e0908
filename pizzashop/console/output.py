"""Protect the standard streams, so that every command handles their failures in the same way.

- The reader of the output has gone (`| head`, a closed terminal): the command ends quietly with exit code 141.
- The output cannot be written (a full disk): the command prints one sentence and ends with exit code 1.
- The output's encoding lacks a character: an ASCII replacement of the same width is written.
- A stream is closed at the start: the null device replaces it.
- A stream is non-blocking: a write waits until all data fits.

A command whose work matters more than its output continues without output: see `ignore_output_errors`.
"""

import codecs
import errno
import io
import os
import select
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pizzashop.errors import ShopError

# This is ASCII under another name: click writes UTF-8 into a stream whose encoding is called ASCII.
_ASCII_ENCODING = "pizzashop_ascii"
# `codecs` knows `replace_unencodable` under this name.
_ERROR_HANDLER = "pizzashop_replace"
_ASCII_SYMBOLS = {"✓": "+", "●": "*", "○": "o", "↺": "<", "✗": "x", "·": "|", "…": "~", "→": ">"}
_READER_GONE = (errno.EPIPE, errno.ECONNRESET)


class OutputFailed(ShopError):
    """Standard output cannot be written."""


class OutputClosed(ShopError):
    """The reader of standard output has gone, so no message is printed."""

    # A process that SIGPIPE ends has this exit code.
    exit_code = 128 + 13


class ProtectedOutput(io.FileIO):
    """The file descriptor `fd` for writing.

    Raise its first error, unless it is `tolerant`. After the first error drop all data that cannot be written.
    """

    def __init__(self, fd: int) -> None:
        super().__init__(fd, "w", closefd=False)
        # An error of standard error cannot be shown anywhere.
        self.tolerant = fd == 2
        self.error: OutputFailed | OutputClosed | None = None
        self._is_terminal = os.isatty(fd)

    def write(self, data: Any, /) -> int:
        """Write all of the data, or drop it; return its length in bytes in both cases."""
        remaining = memoryview(data).cast("B")
        size = len(remaining)
        try:
            while remaining:
                count = super().write(remaining)
                if count is None:
                    select.select((), (self.fileno(),), ())
                remaining = remaining[count or 0 :]
        except OSError as error:
            if self.error is None:
                terminal_closed = error.errno == errno.EIO and self._is_terminal
                reader_gone = error.errno in _READER_GONE or terminal_closed
                failure = OutputFailed(f"The output cannot be written: {error.strerror}.")
                self.error = OutputClosed() if reader_gone else failure
                if not self.tolerant:
                    raise self.error from None
        return size


def protect_standard_streams() -> None:
    """Replace the standard streams of this process; a stream that a test has replaced stays."""
    # Without this, a second call would register the function twice.
    codecs.unregister(_find_ascii)
    codecs.register(_find_ascii)
    codecs.register_error(_ERROR_HANDLER, replace_unencodable)
    opened = _open_closed_descriptors()
    for fd, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if fd in opened or _descriptor(stream) == fd:
            setattr(sys, name, _protected_stream(fd, stream))
    if 0 in opened:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
    elif _descriptor(sys.stdin) == 0 and isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")


@contextmanager
def ignore_output_errors() -> Iterator[None]:
    """Within the block, drop output that cannot be written instead of raising an error."""
    output = _protected_stdout()
    if output is None:
        yield
        return
    before, output.tolerant = output.tolerant, True
    try:
        yield
    finally:
        output.tolerant = before


def raise_output_error() -> None:
    """Raise OutputFailed if output was dropped, but not if its reader had gone."""
    output = _protected_stdout()
    if output is not None and isinstance(output.error, OutputFailed):
        raise output.error


def replace_unencodable(error: UnicodeError) -> tuple[str, int]:
    """Return ASCII for the characters that an encoding lacks, each as wide as its character (a `codecs` handler)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_ascii_replacement, error.object[error.start : error.end])), error.end


def _ascii_replacement(character: str) -> str:
    if character in _ASCII_SYMBOLS:
        return _ASCII_SYMBOLS[character]
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return ""
    letter = unicodedata.normalize("NFD", character)[0]
    if letter.isascii():
        return letter
    return "??" if unicodedata.east_asian_width(character) in "WF" else "?"


def _find_ascii(name: str) -> codecs.CodecInfo | None:
    if name != _ASCII_ENCODING:
        return None
    codec = codecs.lookup("ascii")
    encoder, decoder = codec.incrementalencoder, codec.incrementaldecoder
    return codecs.CodecInfo(*codec, incrementalencoder=encoder, incrementaldecoder=decoder, name=name)


def _open_closed_descriptors() -> list[int]:
    opened = []
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            # `open` returns the lowest free number, which is this one.
            opened.append(os.open(os.devnull, os.O_RDWR))
            os.set_inheritable(fd, True)
    return opened


def _protected_stream(fd: int, stream: Any) -> io.TextIOWrapper:
    encoding = getattr(stream, "encoding", "utf-8")
    if codecs.lookup(encoding).name == "ascii":
        encoding = _ASCII_ENCODING
    by_line = fd == 2 or getattr(stream, "line_buffering", False) or getattr(stream, "write_through", False)
    # There is no buffer between the two: a signal handler may write in the middle of a write.
    return io.TextIOWrapper(ProtectedOutput(fd), encoding, _ERROR_HANDLER, line_buffering=by_line)


def _protected_stdout() -> ProtectedOutput | None:
    output = getattr(sys.stdout, "buffer", None)
    return output if isinstance(output, ProtectedOutput) else None


def _descriptor(stream: Any) -> int | None:
    try:
        return int(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None
