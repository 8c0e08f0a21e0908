"""What a sidecar's HTTP reply means: a result, another role's refusal, or a service that is unavailable.

The sidecar in memory of the tests uses these functions too.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pizzashop.dapr.http import Reply
from pizzashop.dapr.stores import explain_store_error
from pizzashop.errors import Conflict, InvalidRequest, NotFound, Refused, Unavailable

_REFUSAL_OF_STATUS: Mapping[int, Callable[..., Refused]] = {404: NotFound, 409: Conflict}
# A role answers these to callers that it does not know (401, 403) or that call too often (429). Between roles the cause
# is a wrong token in the configuration, or a busy moment: a retry may help.
_UNAVAILABLE_STATUSES = (401, 403, 429)
# How much of a reply an error quotes.
_EXCERPT_BYTES = 500
_STANDARD_FIELDS = frozenset({"type", "title", "status", "detail", "error", "errors"})


def read_answer(reply: Reply) -> Any:
    """Return the JSON that another role answered; raise Refused if it refused, and Unavailable for any other error."""
    if reply.status < 300:
        return _json_content(reply)
    is_problem = reply.headers.get("content-type", "").startswith("application/problem+json")
    problem = json_object(reply) if is_problem else None
    if problem is None:
        raise Unavailable(f"A role cannot be reached: {reply.status} {_excerpt(reply)}")
    detail = str(problem.get("detail", ""))
    if reply.status >= 500 or reply.status in _UNAVAILABLE_STATUSES:
        raise Unavailable(detail)
    if reply.status in _REFUSAL_OF_STATUS:
        extra = {name: value for name, value in problem.items() if name not in _STANDARD_FIELDS}
        raise _REFUSAL_OF_STATUS[reply.status](detail, **extra)
    raise InvalidRequest(detail, problem.get("errors", ()))


def raise_for_status(reply: Reply) -> None:
    """Raise Unavailable if Dapr itself did not do what it was asked."""
    if reply.status >= 300:
        raise unavailable_error(reply)


def unavailable_error(reply: Reply) -> Unavailable:
    """Return the error for a reply with which Dapr itself reports a failure."""
    excerpt = _excerpt(reply)
    return Unavailable(explain_store_error(excerpt) or f"Dapr failed: {reply.status} {excerpt}")


def error_message(reply: Reply) -> str:
    """Return the message with which Dapr itself reports a failure; "" if there is none."""
    return str((json_object(reply) or {}).get("message", ""))


def json_object(reply: Reply) -> dict[str, Any] | None:
    """Return the JSON object in the body of a reply; None if the body is something else."""
    try:
        content = json.loads(reply.body)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _json_content(reply: Reply) -> Any:
    try:
        return json.loads(reply.body)
    except ValueError:
        # When a role is killed while it answers, its sidecar passes on the part that it has received.
        # The error does not quote the body: it may contain a customer's name and address, and errors are logged.
        raise Unavailable(f"A role gave half an answer, {len(reply.body)} bytes") from None


def _excerpt(reply: Reply) -> str:
    return reply.body[:_EXCERPT_BYTES].decode(errors="replace")
