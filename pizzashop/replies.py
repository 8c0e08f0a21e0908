"""What a sidecar's reply means: a role's answer, its refusal raised again here, or a fault."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pizzashop.domain.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from pizzashop.wire import Reply

REFUSALS: Mapping[int, Callable[..., Refused]] = {404: NotFound, 409: Conflict}
STANDARD = frozenset({"type", "title", "status", "detail", "error", "errors"})


def expect_done(reply: Reply) -> None:
    """Raise Unavailable where Dapr itself has not done what it was asked."""
    if reply.status >= 300:
        raise fault(reply)


def fault(reply: Reply) -> Unavailable:
    """What to raise where Dapr itself has not done what it was asked."""
    return Unavailable(f"Dapr could not do it just now: {reply.status} {_start(reply)}")


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
    raise Invalid(detail, problem.get("errors", ()))


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


def _start(reply: Reply) -> str:
    return reply.body[:300].decode(errors="replace")
