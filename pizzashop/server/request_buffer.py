"""Collect the bytes of HTTP/1.1 requests on one connection until a whole request has arrived.

This module reads only the framing (RFC 9112, section 6): where the head ends, and where the body ends. Later gunicorn's
parser decides whether the request is valid.
"""

import re
from http import HTTPStatus
from typing import NamedTuple

MAX_HEAD_BYTES = 64 * 1024
# One byte more than the largest body that any route accepts: so the route can see that a body is too large.
MAX_BODY_BYTES = 64 * 1024 * 1024 + 1
MAX_CHUNK_LINE_BYTES = 4096

_HEAD_END = b"\r\n\r\n"
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding[ \t]*:[^\r\n]*chunked", re.IGNORECASE)
_EXPECT_CONTINUE = re.compile(rb"\r\nexpect[ \t]*:[ \t]*100-continue", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?", re.DOTALL)
# The only route that uses the start of a body that is too large: it reads the first events in it.
_EVENTS_ROUTE = re.compile(rb"POST /orders-sub[ ?]")
# The bytes that an HTTP request can begin with. A TLS handshake, for example, begins with another one.
_FIRST_BYTES = frozenset(range(0x21, 0x7F)) | set(b"\r\n")


class BufferedRequest(NamedTuple):
    """The bytes of one request.

    If `is_truncated`, the rest of the request has not been read: the connection has to be closed after the answer.
    `error_status` is set if no parser could read the request.
    """

    content: bytes
    is_truncated: bool = False
    error_status: HTTPStatus | None = None


class RequestBuffer:
    """The bytes of one connection that have arrived and have not been taken out as a request."""

    # How far the bytes have been scanned: in a head to any byte, in a chunked body to the beginning of a chunk.
    _scanned: int
    # Where the body begins; 0 until the whole head has arrived.
    _body_start: int
    # Where the body ends; 0 until that is known.
    _body_end: int
    _is_chunked: bool
    _is_in_trailer: bool
    _expects_continue: bool
    # Whether the start of a body that is too large is of use to the application.
    _accepts_truncated: bool
    _error_status: HTTPStatus | None

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._begin_request()

    def __len__(self) -> int:
        return len(self._bytes)

    @property
    def is_in_body(self) -> bool:
        """Whether the head of the next request has arrived, and its body has not."""
        return self._body_start > 0

    def feed(self, data: bytes) -> None:
        """Add bytes that have arrived."""
        self._bytes += data

    def wants_continue(self) -> bool:
        """Return whether the client waits for `100 Continue` before it sends the body; True once for each request."""
        wants_continue, self._expects_continue = self._expects_continue, False
        return wants_continue

    def next_request(self) -> BufferedRequest | None:
        """Take the next request out of the buffer; return None if it has not arrived completely."""
        # Some clients send an extra line end after a body.
        while not self._body_start and self._bytes.startswith(b"\r\n"):
            del self._bytes[:2]
            self._scanned = 0
        if not self._bytes:
            return None
        if not self._body_start and (invalid := self._read_head()) is not None:
            return invalid
        if not self._body_start:
            return None
        if self._is_chunked:
            self._read_chunks()
        if self._error_status:
            return self._truncate(self._error_status)
        if self._body_end - self._body_start > MAX_BODY_BYTES:
            is_full = len(self._bytes) - self._body_start >= MAX_BODY_BYTES
            return None if self._accepts_truncated and not is_full else self._truncate(None)
        if not self._body_end or len(self._bytes) < self._body_end:
            return None
        content = bytes(self._bytes[: self._body_end])
        del self._bytes[: self._body_end]
        self._begin_request()
        return BufferedRequest(content)

    def _begin_request(self) -> None:
        self._scanned = self._body_start = self._body_end = 0
        self._is_chunked = self._is_in_trailer = self._expects_continue = self._accepts_truncated = False
        self._error_status = None

    def _read_head(self) -> BufferedRequest | None:
        """Find the end of the head and how the body is framed; return a request if the head is invalid."""
        head_end = self._bytes.find(_HEAD_END, max(0, self._scanned - len(_HEAD_END)))
        if head_end < 0:
            self._scanned = len(self._bytes)
            if self._bytes[0] not in _FIRST_BYTES:
                return self._truncate(HTTPStatus.BAD_REQUEST)
            is_too_large = self._scanned > MAX_HEAD_BYTES
            return self._truncate(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE) if is_too_large else None
        self._scanned = self._body_start = head_end + len(_HEAD_END)
        head = bytes(self._bytes[: self._body_start])
        self._accepts_truncated = _EVENTS_ROUTE.match(head) is not None
        self._is_chunked = _CHUNKED.search(head) is not None
        content_length = _CONTENT_LENGTH.search(head)
        if not self._is_chunked:
            self._body_end = self._body_start + (int(content_length[1]) if content_length else 0)
        self._expects_continue = _EXPECT_CONTINUE.search(head) is not None
        return None

    def _read_chunks(self) -> None:
        """Scan the chunks that have arrived completely."""
        while not self._body_end and (line_end := self._bytes.find(b"\r\n", self._scanned)) >= 0:
            line, chunk_end = bytes(self._bytes[self._scanned : line_end]), line_end + 2
            if self._is_in_trailer:
                self._body_end = 0 if line else chunk_end
            elif (size := _CHUNK_SIZE.fullmatch(line)) is None:
                self._error_status = HTTPStatus.BAD_REQUEST
                return
            elif int(size[1], 16) == 0:
                self._is_in_trailer = True
            else:
                chunk_end += int(size[1], 16) + 2
            if chunk_end - self._body_start > MAX_BODY_BYTES:
                self._error_status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            if chunk_end > len(self._bytes):
                return
            self._scanned = chunk_end
        if not self._body_end and len(self._bytes) - self._scanned > MAX_CHUNK_LINE_BYTES:
            self._error_status = HTTPStatus.BAD_REQUEST

    def _truncate(self, error_status: HTTPStatus | None) -> BufferedRequest:
        content = bytes(self._bytes)
        self._bytes.clear()
        self._begin_request()
        return BufferedRequest(content, True, error_status)
