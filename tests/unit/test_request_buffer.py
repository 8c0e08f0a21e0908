"""Where one request ends and the next begins, whatever parts its bytes arrive in."""

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


def take_requests(buffer: RequestBuffer) -> list[bytes]:
    """Take out every request that has arrived completely."""
    requests = []
    while (request := buffer.next_request()) is not None:
        assert not request.is_truncated
        requests.append(request.content)
    return requests


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_requests_are_complete_and_in_order_whatever_parts_they_arrive_in(size: int) -> None:
    stream, buffer, requests = GET + POST + b"\r\n" + CHUNKED + GET, RequestBuffer(), []
    for at in range(0, len(stream), size):
        buffer.feed(stream[at : at + size])
        requests += take_requests(buffer)
    assert requests == [GET, POST, CHUNKED, GET]
    assert not buffer


@pytest.mark.parametrize("request_bytes", [GET, POST, CHUNKED])
def test_no_request_is_complete_before_its_last_byte(request_bytes: bytes) -> None:
    buffer = RequestBuffer()
    buffer.feed(request_bytes[:-1])
    assert take_requests(buffer) == []


CHUNKS = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "error_status"),
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
def test_an_endless_or_too_large_request_is_refused_before_it_is_complete(
    sent: bytes, error_status: HTTPStatus | None
) -> None:
    buffer = RequestBuffer()
    buffer.feed(sent)
    assert buffer.next_request() == (sent, True, error_status)
    assert not buffer


def test_the_start_of_a_bulk_of_events_that_is_too_large_is_passed_on() -> None:
    """The sidecar delivers a bulk without an answer again and again, so the first events must be answered."""
    head = b"POST /orders-sub HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"
    buffer, part = RequestBuffer(), b"x" * 1024 * 1024
    buffer.feed(head)
    while (request := buffer.next_request()) is None:
        assert len(buffer) <= len(head) + MAX_BODY_BYTES
        buffer.feed(part)
    assert request.is_truncated
    assert request.error_status is None
    assert request.content.startswith(head + part)
    assert len(request.content) >= len(head) + MAX_BODY_BYTES


def test_the_largest_body_that_a_route_accepts_fits_into_the_buffer() -> None:
    assert MAX_BODY_BYTES > MAX_BULK_BYTES


def test_a_client_that_expects_it_gets_one_100_continue() -> None:
    buffer = RequestBuffer()
    buffer.feed(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert take_requests(buffer) == []
    assert [buffer.wants_continue(), buffer.wants_continue()] == [True, False]
    buffer.feed(b"hello")
    assert len(take_requests(buffer)) == 1
