"""The shop's answers that are errors, as errors of our own: one sentence each."""

from collections.abc import Mapping
from typing import Any

from pizzashop.console.text import clean
from pizzashop.domain.errors import Conflict, Invalid, NotAllowed, NotFound, ShopError, Unavailable

_ERRORS: Mapping[int, type[ShopError]] = {
    400: Invalid,
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: Invalid,
    415: Invalid,
    503: Unavailable,
}


class Closed(Unavailable):
    """Nothing listens where the shop should; `door` says where."""

    def __init__(self, door: str) -> None:
        super().__init__(f"The shop is not open: nothing answers on {door}. Open it with `make up` or `pizzashop up`.")


def error_from(status: int, answer: Any, door: str) -> ShopError:
    """The error that an answer with this HTTP status stands for; `answer` is its JSON, or None."""
    problem = answer if isinstance(answer, dict) else {}
    detail = problem.get("detail") or problem.get("error") or problem.get("title")
    if not isinstance(detail, str):
        return ShopError(f"What answers on {door} is not the shop (HTTP {status}).")
    if status == 401:
        detail = f"{detail.rstrip('.')}: put your token into PIZZASHOP_STAFF_TOKEN."
    return _ERRORS.get(status, ShopError)(_sentence(detail, problem.get("errors")))


def _sentence(detail: str, errors: Any) -> str:
    fields = [each for each in errors or () if isinstance(each, dict)] if isinstance(errors, list) else []
    missing = [f"{each.get('field')}: {each.get('message')}" for each in fields]
    # The detail often names the fields already.
    more = "; ".join(each for each in missing if each not in detail)
    said = f"{detail.rstrip('.')}: {more}" if more else detail
    return clean(said) if said[-1:] in ".!?" else f"{clean(said)}."
