"""Collect the bytes of HTTP/1.1 requests on one connection, until a whole request is there.

Only the framing is read here (RFC 9112, section 6): where the head ends, and where the body ends. Whether a request
is valid is decided later, by gunicorn's parser.
"""

import json
import re
import socket
from http import HTTPStatus
from typing import Any, NamedTuple

from pizzashop.web.problems import content


def problem_bytes(status: int, detail: str) -> bytes:
    """A whole HTTP answer, after which the connection is closed."""
    phrase = HTTPStatus(status).phrase
    body = json.dumps(content(status, detail)).encode()
    head = f"HTTP/1.1 {int(status)} {phrase}\r\nConnection: close\r\n"
    head += f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class ProblemSocket:
    """A client's socket on which gunicorn's own errors, of requests that are no HTTP, read as the shop's do."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendall(self, page: bytes) -> None:
        """Send the problem that the page of HTML is about."""
        status = HTTPStatus(int(page.split(b" ", 2)[1]))
        self._sock.sendall(problem_bytes(status, f"The request cannot be read: {status.phrase}"))


MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024 + 1
"""One byte more than the largest body that any route takes, so that the route sees that a body is too large."""
MAX_CHUNK_LINE_BYTES = 4096

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding[ \t]*:[^\r\n]*chunked", re.IGNORECASE)
_CONTINUE = re.compile(rb"\r\nexpect[ \t]*:[ \t]*100-continue", re.IGNORECASE)
_EVENTS = re.compile(rb"POST /orders-sub[ ?]")
"""The one route that can use the start of a body that is too large: it reads the first events in it."""
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?", re.DOTALL)
_FIRST = frozenset(range(0x21, 0x7F)) | set(b"\r\n")


class BufferedRequest(NamedTuple):
    """The bytes of one request. `cut`: where the next one begins is unknown, so the connection cannot be used again.

    `refusal` is the status to answer where no parser could read it.
    """

    content: bytes
    cut: bool = False
    refusal: HTTPStatus | None = None


class RequestBuffer:
    """The bytes of one connection that no request has taken yet."""

    _at: int  # what was looked through: in the head a byte, in a chunked body the beginning of a chunk
    _body: int  # where the body begins; 0 while the head is not all there
    _end: int  # where the body ends; 0 while that is not known
    _chunked: bool
    _in_trailer: bool
    _expects: bool
    _keeps_start: bool  # hand on the start of a body that is too large, instead of nothing of it
    _refusal: HTTPStatus | None

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._begin()

    def __len__(self) -> int:
        return len(self._bytes)

    @property
    def in_body(self) -> bool:
        """Whether the head of the next request is there, and its body is not."""
        return self._body > 0

    def feed(self, piece: bytes) -> None:
        """Add bytes that have come in."""
        self._bytes += piece

    def wants_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the body; true once for each request."""
        wants, self._expects = self._expects, False
        return wants

    def take(self) -> BufferedRequest | None:
        """Take the next request out; None while it is not all there."""
        while not self._body and self._bytes.startswith(b"\r\n"):  # some clients send an extra CRLF after a body
            del self._bytes[:2]
            self._at = 0
        if not self._bytes:
            return None
        if not self._body and (cut := self._read_head()) is not None:
            return cut
        if not self._body:
            return None
        if self._chunked:
            self._read_chunks()
        if self._refusal:
            return self._cut(self._refusal)
        if self._end - self._body > MAX_BODY_BYTES:
            is_full = len(self._bytes) - self._body >= MAX_BODY_BYTES
            return None if self._keeps_start and not is_full else self._cut(None)
        if not self._end or len(self._bytes) < self._end:
            return None
        content = bytes(self._bytes[: self._end])
        del self._bytes[: self._end]
        self._begin()
        return BufferedRequest(content)

    def _begin(self) -> None:
        self._at = self._body = self._end = 0
        self._chunked = self._in_trailer = self._expects = self._keeps_start = False
        self._refusal = None

    def _read_head(self) -> BufferedRequest | None:
        found = self._bytes.find(_END, max(0, self._at - len(_END)))
        if found < 0:
            self._at = len(self._bytes)
            if self._bytes[0] not in _FIRST:
                return self._cut(HTTPStatus.BAD_REQUEST)
            return self._cut(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE) if self._at > MAX_HEAD_BYTES else None
        self._at = self._body = found + len(_END)
        head = bytes(self._bytes[: self._body])
        self._keeps_start = _EVENTS.match(head) is not None
        self._chunked = _CHUNKED.search(head) is not None
        length = _LENGTH.search(head)
        if not self._chunked:
            self._end = self._body + (int(length[1]) if length else 0)
        self._expects = _CONTINUE.search(head) is not None
        return None

    def _read_chunks(self) -> None:
        """Go from chunk to chunk, as far as they are there."""
        while not self._end and (line_end := self._bytes.find(b"\r\n", self._at)) >= 0:
            line, following = bytes(self._bytes[self._at : line_end]), line_end + 2
            if self._in_trailer:
                self._end = 0 if line else following
            elif (size := _CHUNK_SIZE.fullmatch(line)) is None:
                self._refusal = HTTPStatus.BAD_REQUEST
                return
            elif int(size[1], 16) == 0:
                self._in_trailer = True
            else:
                following += int(size[1], 16) + 2
            if following - self._body > MAX_BODY_BYTES:
                self._refusal = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            if following > len(self._bytes):
                return
            self._at = following
        if not self._end and len(self._bytes) - self._at > MAX_CHUNK_LINE_BYTES:
            self._refusal = HTTPStatus.BAD_REQUEST

    def _cut(self, refusal: HTTPStatus | None) -> BufferedRequest:
        content = bytes(self._bytes)
        self._bytes.clear()
        self._begin()
        return BufferedRequest(content, True, refusal)
