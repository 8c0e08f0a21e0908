"""What a sidecar's reply means: a role's answer, its refusal raised again here, or a fault."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from pizzashop.dapr.http import Reply
from pizzashop.errors import Conflict, InvalidRequest, NotFound, Refused, Unavailable

REFUSALS: Mapping[int, Callable[..., Refused]] = {404: NotFound, 409: Conflict}
_REASONS = {
    "OOM": "it is out of memory",
    "MISCONF": "it cannot write to its disk",
    "READONLY": "it is a replica, and takes no writes",
    "NOREPLICAS": "too few of its replicas are there",
    "NOPERM": "its user may not do that",
    "LOADING": "it still reads its data from disk",
}
"""What the codes mean with which Redis and Valkey begin an error."""
_CODE = re.compile(rf"\b({'|'.join(_REASONS)}) ")
_MISMATCH = re.compile(r"failed to (set key|delete)\b")
"""What the script in Redis says where an ETag does not hold."""
STANDARD = frozenset({"type", "title", "status", "detail", "error", "errors"})


def expect_done(reply: Reply) -> None:
    """Raise Unavailable where Dapr itself has not done what it was asked."""
    if reply.status >= 300:
        raise fault(reply)


def fault(reply: Reply) -> Unavailable:
    """What to raise where Dapr itself has not done what it was asked."""
    reason = explain_store_error(_start(reply)) or f"Dapr could not do it just now: {reply.status} {_start(reply)}"
    return Unavailable(reason)


def store_fault(reply: Reply) -> Unavailable | None:
    """What to raise where a conditional write failed for another reason than its ETag; None where that did not hold.

    A sidecar answers 409 in both cases.
    """
    for line in _message(reply).splitlines():
        _, told, error = line.rpartition("error from state store: ")
        if told and not _MISMATCH.search(error):
            return Unavailable(explain_store_error(error) or f"The store cannot do it just now: {error}")
    return None


def explain_store_error(error: str) -> str:
    """Say why the store refuses, where this text has an error of Redis in it that has a name; empty otherwise."""
    found = _CODE.search(error)
    if found is None:
        return ""
    reason = "its disk is full" if "No space left" in error else _REASONS[found[1]]
    return f"The store cannot do it just now: {reason}"


def answer(reply: Reply) -> Any:
    """What a role said: its JSON; raises its refusal as that role said it, and Unavailable for anything else."""
    if reply.status < 300:
        return _content(reply)
    problem = _problem(reply)
    if problem is None:
        raise Unavailable(f"A role cannot be reached just now: {reply.status} {_start(reply)}")
    detail = str(problem.get("detail", ""))
    # A role that does not know its sidecar was set up wrongly, for as long as it takes somebody to see to it.
    if reply.status >= 500 or reply.status in (401, 403, 429):
        raise Unavailable(detail)
    if reply.status in REFUSALS:
        extra = {name: value for name, value in problem.items() if name not in STANDARD}
        raise REFUSALS[reply.status](detail, **extra)
    raise InvalidRequest(detail, problem.get("errors", ()))


def _content(reply: Reply) -> Any:
    try:
        return json.loads(reply.body)
    except ValueError:
        # A role that is killed while it answers: its sidecar passes on as much as it has got.
        # What it was about is nobody's business who reads a log.
        raise Unavailable(f"A role gave half an answer, {len(reply.body)} bytes") from None


def _problem(reply: Reply) -> dict[str, Any] | None:
    if not reply.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        content = json.loads(reply.body)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _message(reply: Reply) -> str:
    try:
        content = json.loads(reply.body)
    except ValueError:
        return ""
    return str(content.get("message", "")) if isinstance(content, dict) else ""


def _start(reply: Reply) -> str:
    return reply.body[:300].decode(errors="replace")
