"""The body of a request: its type, size and JSON, checked before anything looks inside."""

from typing import Any

from flask import request
from pydantic_core import from_json
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from pizzashop.domain.errors import Invalid

MAX_BYTES = 64 * 1024
MAX_BYTES_INSIDE = 1024 * 1024
"""An order grows as it travels from role to role: what came in at the limit must still get through."""
MAX_DEPTH = 32


def read_json(max_bytes: int | None = None) -> Any:
    """The request's JSON; raises Invalid, UnsupportedMediaType (415) or RequestEntityTooLarge (413)."""
    if request.content_length is None and not request.headers.get("Transfer-Encoding"):
        raise Invalid("The request needs a JSON body")
    if not (request.mimetype == "application/json" or request.mimetype.endswith("+json")):
        raise UnsupportedMediaType("The body must be application/json")
    request.max_content_length = max_bytes or _limit()
    raw = request.get_data()
    if len(raw) > request.max_content_length:
        raise RequestEntityTooLarge
    return parse(raw)


def parse(raw: bytes) -> Any:
    """Parse JSON as strictly as RFC 8259 reads: UTF-8, no NaN, no lone surrogates, not nested too deep."""
    try:
        content = from_json(raw, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        raise Invalid(f"The body is not JSON: {error}") from None
    if _deeper_than(content, MAX_DEPTH):
        raise Invalid(f"The body is nested deeper than {MAX_DEPTH}")
    return content


def _limit() -> int:
    return MAX_BYTES_INSIDE if request.headers.get("Dapr-Caller-App-Id") else MAX_BYTES


def _deeper_than(content: Any, levels: int) -> bool:
    level = [content]
    for _ in range(levels + 1):
        level = [
            child
            for each in level
            if isinstance(each, (dict, list))
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True
