"""Where one request ends and the next begins, however its bytes come in."""

from http import HTTPStatus

import pytest

from pizzashop.order.routes import MAX_BULK_BYTES
from pizzashop.server.request_buffer import MAX_BODY_BYTES, MAX_CHUNK_LINE_BYTES, MAX_HEAD_BYTES, RequestBuffer

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;note=a\r\nhello\r\n4\r\n\r\n\r\n\r\n0\r\nX-Trailer: yes\r\n\r\n"
)


def taken(buffer: RequestBuffer) -> list[bytes]:
    """Every request that is there."""
    found = []
    while (framed := buffer.take()) is not None:
        assert not framed.cut
        found.append(framed.content)
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_requests_come_out_whole_and_in_order_whatever_pieces_they_come_in(size: int) -> None:
    stream, buffer, found = GET + POST + b"\r\n" + CHUNKED + GET, RequestBuffer(), []
    for at in range(0, len(stream), size):
        buffer.feed(stream[at : at + size])
        found += taken(buffer)
    assert found == [GET, POST, CHUNKED, GET]
    assert not buffer


@pytest.mark.parametrize("request_bytes", [GET, POST, CHUNKED])
def test_no_request_comes_out_before_its_last_byte(request_bytes: bytes) -> None:
    buffer = RequestBuffer()
    buffer.feed(request_bytes[:-1])
    assert taken(buffer) == []


CHUNKS = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "refusal"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", HTTPStatus.BAD_REQUEST),
        (b"GET /" + b"x" * MAX_HEAD_BYTES, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
        (CHUNKS + b"no size\r\n", HTTPStatus.BAD_REQUEST),
        (CHUNKS + b"5;" + b"x" * MAX_CHUNK_LINE_BYTES, HTTPStatus.BAD_REQUEST),
        (CHUNKS + b"fffffff\r\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", None),
    ],
    ids=["TLS hello", "endless head", "no chunk size", "endless chunk line", "large chunk", "large length"],
)
def test_what_has_no_end_or_is_too_large_is_not_waited_for(sent: bytes, refusal: HTTPStatus | None) -> None:
    buffer = RequestBuffer()
    buffer.feed(sent)
    assert buffer.take() == (sent, True, refusal)
    assert not buffer


def test_of_events_that_are_too_large_the_beginning_comes_out() -> None:
    """The sidecar delivers again, without end, what has no answer: so some of it must be answered."""
    head = b"POST /orders-sub HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"
    buffer, piece = RequestBuffer(), b"x" * 1024 * 1024
    buffer.feed(head)
    while (framed := buffer.take()) is None:
        assert len(buffer) <= len(head) + MAX_BODY_BYTES
        buffer.feed(piece)
    assert framed.cut
    assert framed.refusal is None
    assert framed.content.startswith(head + piece)
    assert len(framed.content) >= len(head) + MAX_BODY_BYTES


def test_what_the_largest_route_takes_is_collected() -> None:
    assert MAX_BODY_BYTES > MAX_BULK_BYTES


def test_a_client_is_asked_for_its_body_once() -> None:
    buffer = RequestBuffer()
    buffer.feed(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert taken(buffer) == []
    assert [buffer.wants_continue(), buffer.wants_continue()] == [True, False]
    buffer.feed(b"hello")
    assert len(taken(buffer)) == 1
