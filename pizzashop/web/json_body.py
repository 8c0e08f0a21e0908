"""The body of a request: its type, size and JSON, checked before anything looks inside."""

from math import inf
from typing import Any

from flask import request
from pydantic_core import from_json
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from pizzashop.errors import InvalidRequest

MAX_BYTES = 64 * 1024
MAX_BYTES_INSIDE = 1024 * 1024
"""An order grows as it travels from role to role: what came in at the limit must still get through."""
MAX_DEPTH = 32


def read_json(max_bytes: int = MAX_BYTES) -> Any:
    """The request's JSON; raises InvalidRequest, UnsupportedMediaType (415) or RequestEntityTooLarge (413)."""
    content = parse(read_raw(max_bytes))
    check(content)
    return content


def read_json_inside() -> Any:
    """As `read_json`, for what other roles send: with their header it may be larger."""
    return read_json(MAX_BYTES_INSIDE if request.headers.get("Dapr-Caller-App-Id") else MAX_BYTES)


def read_raw(max_bytes: int) -> bytes:
    """The body, of the right type and size; raises InvalidRequest where there is none."""
    _require_json()
    # One byte more, since a chunked body that is longer is cut there and says nothing.
    request.max_content_length = max_bytes + 1
    raw = request.get_data()
    if len(raw) > max_bytes:
        raise RequestEntityTooLarge
    return raw


def read_start(max_bytes: int) -> tuple[bytes, bool]:
    """At most `max_bytes` of the body, and whether that is all of it."""
    _require_json()
    request.max_content_length = None
    raw = bytearray()
    while len(raw) < max_bytes and (piece := request.stream.read(max_bytes - len(raw))):
        raw += piece
    size = request.content_length
    # The server passes on no more of a body that is too large: what is missing is no fault of the client's.
    is_whole = size <= max_bytes if size is not None else not request.stream.read(1)
    return bytes(raw), is_whole


def _require_json() -> None:
    if request.content_length is None and not request.headers.get("Transfer-Encoding"):
        raise _invalid("The request needs a JSON body")
    if not (request.mimetype == "application/json" or request.mimetype.endswith("+json")):
        raise UnsupportedMediaType("The body must be application/json")


def parse(raw: bytes) -> Any:
    """Parse JSON as strictly as RFC 8259 reads: UTF-8, no NaN, no lone surrogates."""
    try:
        return from_json(raw, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        raise _invalid(f"The body is not JSON: {error}") from None


def check(content: Any, max_depth: int = MAX_DEPTH) -> None:
    """Raise InvalidRequest where JSON is nested deeper than `max_depth`, or has a number that Python cannot hold."""
    level, depth = [content], 0
    while level:
        # 1e999 is read as infinity, which no JSON can say again.
        if inf in level or -inf in level:
            raise _invalid("The body has a number that is too large")
        inner = [each for each in level if isinstance(each, (dict, list))]
        depth += bool(inner)
        if depth > max_depth:
            raise _invalid(f"The body is nested deeper than {max_depth}")
        level = [child for each in inner for child in (each.values() if isinstance(each, dict) else each)]


def _invalid(message: str) -> InvalidRequest:
    return InvalidRequest(message, [{"field": "", "message": message}])
