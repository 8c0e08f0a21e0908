"""Turn errors into HTTP responses: `application/problem+json` (RFC 9457), with the status from one table."""

import json
import logging
from http import HTTPStatus

from flask import Flask, Response
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException

from pizzashop.errors import (
    Conflict,
    CorruptData,
    InvalidRequest,
    NotAllowed,
    NotFound,
    Refused,
    ShopError,
    Unavailable,
)
from pizzashop.web.request_context import log_context

RETRY_AFTER_SECONDS = 1
_CONTENT_TYPE = "application/problem+json"

_HTTP_STATUS_OF: dict[type[ShopError], HTTPStatus] = {
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    NotAllowed: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    CorruptData: HTTPStatus.INTERNAL_SERVER_ERROR,
}

log = logging.getLogger(__name__)


class Problem(BaseModel):
    """The body of an error response (RFC 9457). `error` repeats `detail`, for clients of Dapr's workshop."""

    type: str
    title: str
    status: int
    detail: str
    error: str
    errors: list["FieldError"] | None = None


class FieldError(BaseModel):
    """A field that is invalid, and why."""

    field: str
    message: str


def http_status_of(error: ShopError) -> HTTPStatus:
    """Return the HTTP status for an error of the shop."""
    return next(_HTTP_STATUS_OF[base] for base in type(error).__mro__ if base in _HTTP_STATUS_OF)


def problem_response(status: int, detail: str, **extra: object) -> Response:
    """Return a problem as a response."""
    body = json.dumps(_problem_content(status, detail, **extra))
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return Response(body, status, headers, content_type=_CONTENT_TYPE)


def problem_bytes(status: int, detail: str) -> bytes:
    """Return a problem as the bytes of an HTTP response, after which the server closes the connection."""
    body = json.dumps(_problem_content(status, detail)).encode()
    head = f"HTTP/1.1 {int(status)} {HTTPStatus(status).phrase}\r\nConnection: close\r\n"
    head += f"Content-Type: {_CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def register_error_handlers(app: Flask) -> None:
    """Make the application answer every error with a problem."""
    for error_type in _HTTP_STATUS_OF:
        app.register_error_handler(error_type, _answer_shop_error)
    app.register_error_handler(HTTPException, _answer_http_exception)
    app.register_error_handler(Exception, _answer_unexpected_error)


def _problem_content(status: int, detail: str, **extra: object) -> dict[str, object]:
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": int(status), "detail": detail, "error": detail, **extra}


def _answer_shop_error(error: ShopError) -> Response:
    response = problem_response(
        http_status_of(error), str(error), **(error.extra if isinstance(error, Refused) else {})
    )
    if isinstance(error, Unavailable):
        log.warning("unavailable, the client may try again: %s", error, extra=log_context())
    if isinstance(error, CorruptData):
        log.error("%s", error, extra=log_context())
    return response


def _answer_http_exception(error: HTTPException) -> Response:
    status = error.code or 500
    response = problem_response(status, error.description or HTTPStatus(status).phrase)
    allowed_methods = getattr(error, "valid_methods", None)
    if allowed_methods:
        response.headers["Allow"] = ", ".join(sorted(allowed_methods))
    return response


def _answer_unexpected_error(error: Exception) -> Response:
    message = "answered 500: an unexpected error, which is a defect of the shop"
    log.error(message, exc_info=error, extra=log_context())
    return problem_response(500, "The shop made a mistake; its log says more")
