"""Read the body of a request: check its type and size, parse its JSON, and check the limits of the JSON."""

from math import inf
from typing import Any

from flask import request
from pydantic_core import from_json
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from pizzashop.errors import InvalidRequest
from pizzashop.web.request_context import note_order

MAX_JSON_BYTES = 64 * 1024
# Roles add to an order as they pass it on. An order that was accepted at the limit above must still get through.
MAX_INTERNAL_JSON_BYTES = 1024 * 1024
MAX_JSON_DEPTH = 32


def read_json(max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Return the request's JSON.

    Raise InvalidRequest (400), RequestEntityTooLarge (413) or UnsupportedMediaType (415) if the body is not acceptable.
    """
    _require_json_body()
    # Werkzeug silently cuts a chunked body at its limit: the extra byte shows that the body is longer.
    request.max_content_length = max_bytes + 1
    raw = request.get_data()
    if len(raw) > max_bytes:
        raise RequestEntityTooLarge
    content = parse_json(raw)
    check_json_limits(content)
    note_order(content)
    return content


def read_internal_json() -> Any:
    """Return the request's JSON as `read_json` does; it may be larger if it has the header of another role's call."""
    return read_json(MAX_INTERNAL_JSON_BYTES if request.headers.get("Dapr-Caller-App-Id") else MAX_JSON_BYTES)


def read_body_start(max_bytes: int) -> tuple[bytes, bool]:
    """Return the first `max_bytes` of the body, and whether that is the whole body."""
    _require_json_body()
    request.max_content_length = None
    raw = bytearray()
    while len(raw) < max_bytes and (piece := request.stream.read(max_bytes - len(raw))):
        raw += piece
    declared_bytes = request.content_length
    # The server cuts off a body that is too large, so fewer bytes than declared can arrive.
    is_whole = declared_bytes <= max_bytes if declared_bytes is not None else not request.stream.read(1)
    return bytes(raw), is_whole


def parse_json(raw: bytes) -> Any:
    """Parse JSON strictly by RFC 8259 (UTF-8, no NaN, no lone surrogates); raise InvalidRequest if it is invalid."""
    try:
        return from_json(raw, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        raise _invalid_body(f"The body is not JSON: {error}") from None


def check_json_limits(content: Any, max_depth: int = MAX_JSON_DEPTH) -> None:
    """Raise InvalidRequest if parsed JSON is nested deeper than `max_depth`, or contains a number that is too large."""
    level, depth = [content], 0
    while level:
        # Python parses 1e999 as infinity, which JSON cannot express.
        if inf in level or -inf in level:
            raise _invalid_body("The body has a number that is too large")
        containers = [value for value in level if isinstance(value, (dict, list))]
        depth += bool(containers)
        if depth > max_depth:
            raise _invalid_body(f"The body is nested deeper than {max_depth}")
        level = [child for each in containers for child in (each.values() if isinstance(each, dict) else each)]


def _require_json_body() -> None:
    if request.content_length is None and not request.headers.get("Transfer-Encoding"):
        raise _invalid_body("The request needs a JSON body")
    if not (request.mimetype == "application/json" or request.mimetype.endswith("+json")):
        raise UnsupportedMediaType("The body must be application/json")


def _invalid_body(message: str) -> InvalidRequest:
    return InvalidRequest(message, [{"field": "", "message": message}])
