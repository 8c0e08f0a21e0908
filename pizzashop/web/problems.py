"""Errors as HTTP says them: `application/problem+json` (RFC 9457), from one table."""

import json
import logging
from http import HTTPStatus

from flask import Flask, Response
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException

from pizzashop.errors import CorruptData, Conflict, InvalidRequest, NotAllowed, NotFound, Refused, ShopError, Unavailable

RETRY_AFTER_SECONDS = 1

STATUS_OF: dict[type[ShopError], HTTPStatus] = {
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    NotAllowed: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    CorruptData: HTTPStatus.INTERNAL_SERVER_ERROR,
}

log = logging.getLogger(__name__)


class Problem(BaseModel):
    """An error, as RFC 9457 has it; `error` repeats `detail`."""

    type: str
    title: str
    status: int
    detail: str
    error: str
    errors: list["Fault"] | None = None


class Fault(BaseModel):
    """A field that is wrong, and why."""

    field: str
    message: str


def content(status: int, detail: str, **extra: object) -> dict[str, object]:
    """A problem as JSON; `error` repeats `detail`, for clients written for the workshop."""
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": int(status), "detail": detail, "error": detail, **extra}


def problem(status: int, detail: str, **extra: object) -> Response:
    """A problem as a response."""
    body = json.dumps(content(status, detail, **extra))
    return Response(body, status=status, content_type="application/problem+json")


def register_error_handlers(app: Flask) -> None:
    """Have the application answer every error in this form."""
    for kind in STATUS_OF:
        app.register_error_handler(kind, _said_by_the_shop)
    app.register_error_handler(HTTPException, _said_by_http)
    app.register_error_handler(Exception, _unforeseen)


def _said_by_the_shop(error: ShopError) -> Response:
    status = next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)
    response = problem(status, str(error), **(error.extra if isinstance(error, Refused) else {}))
    if isinstance(error, Unavailable):
        log.warning("unavailable: %s", error)
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if isinstance(error, CorruptData):
        log.error("%s", error)
    return response


def _said_by_http(error: HTTPException) -> Response:
    status = error.code or 500
    response = problem(status, error.description or HTTPStatus(status).phrase)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _unforeseen(error: Exception) -> Response:
    log.error("a defect of the shop", exc_info=error)
    return problem(500, "The shop made a mistake; its log says more")
