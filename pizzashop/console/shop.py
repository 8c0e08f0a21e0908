"""The HTTP client of a running shop: the calls that the commands make, and the shop's errors as exceptions."""

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from pydantic import ValidationError

from pizzashop import roles
from pizzashop.dapr.http import HttpClient, Reply
from pizzashop.domain.history import HistoryEntry
from pizzashop.domain.ids import parse_generated_id
from pizzashop.domain.record import OrderSnapshot
from pizzashop.domain.suspension import COMMAND_TIMEOUT_SECONDS
from pizzashop.domain.text import to_single_line
from pizzashop.errors import Conflict, InvalidRequest, NotAllowed, NotFound, ShopError, Unavailable
from pizzashop.presentation.boards import Board
from pizzashop.settings import bracket_ipv6, connectable_host

# The fields of `OrderRecord` that the API answers.
_RECORD_FIELDS = ("order_id", "status", "attempt", "paused", "error", "history")
_ERROR_OF_STATUS: Mapping[int, type[ShopError]] = {
    **dict.fromkeys((400, 413, 415), InvalidRequest),
    **dict.fromkeys((401, 403), NotAllowed),
    404: NotFound,
    409: Conflict,
    503: Unavailable,
}


class ShopNotRunning(Unavailable):
    """Nothing listens at the shop's address."""


class ShopBusy(Unavailable):
    """The shop refuses a request for now; a client may send it again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OrderRecord(OrderSnapshot):
    """An order as the API answers it; `order` is the whole JSON object."""

    uid: str = ""
    order_id: str
    status: str

    @classmethod
    def parse(cls, content: Any) -> Self:
        """Read parsed JSON; raise ShopError if it is not an order."""
        try:
            # The client may have sent fields with the names of others.
            fields = {name: content[name] for name in _RECORD_FIELDS if name in content}
            return cls(order=content, **fields)
        except (TypeError, ValidationError):
            raise ShopError("The answer is not an order of this shop.") from None

    @property
    def pizza(self) -> str:
        """The pizza and its size on one line: `pepperoni, large`."""
        texts = (self.order.get("pizza_type", "pizza"), self.order.get("size"))
        return to_single_line(", ".join(str(text) for text in texts if text))

    def last_entry(self, status: str) -> HistoryEntry | None:
        return next((entry for entry in reversed(self.history) if entry.status == status), None)


class ShopApi:
    """The HTTP API of the roles `order` and `workflow`; it connects at the first call.

    Each call returns the JSON of the response, or raises the error that the response or its absence means.
    """

    def __init__(
        self, order_url: str, workflow_url: str, *, token: str = "", read_seconds: float = COMMAND_TIMEOUT_SECONDS
    ) -> None:
        self.order_url, self.workflow_url = order_url, workflow_url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._read_seconds = read_seconds
        self._client = HttpClient()

    @classmethod
    def on_host(cls, host: str, *, token: str = "", read_seconds: float = COMMAND_TIMEOUT_SECONDS) -> Self:
        """Return the API of the shop whose roles listen on `host` of this machine, each on its own port."""
        name = bracket_ipv6(connectable_host(host))
        order_url, workflow_url = (f"http://{name}:{role.port}" for role in (roles.ORDER, roles.WORKFLOW))
        return cls(order_url, workflow_url, token=token, read_seconds=read_seconds)

    def place_order(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Place an order; return its id and the id of its workflow instance. Raise ShopBusy during a rush."""
        return self._post(f"{self.workflow_url}/start-order", order)

    def get_order(self, order_id: str) -> OrderRecord:
        """Return an order's record with its history."""
        return OrderRecord.parse(self._get(f"{self.order_url}/order/{order_id}", f"order {order_id}"))

    def resolve_id(self, text: str) -> str:
        """Return the id of the order that a user means: the text itself, or the shop's own id that it spells."""
        own = parse_generated_id(text)
        if own is None or own == text:
            return text
        try:
            return self.get_order(text).order_id
        except NotFound:
            return own

    def list_orders(self, *, limit: int, status: str | None = None, after: str | None = None) -> dict[str, Any]:
        """Return a page of `orders`, newest first, and `next`, the position of the next page."""
        return self._get(f"{self.order_url}/orders", limit=limit, status=status, after=after)

    def stuck_orders(self) -> list[str]:
        """Return the ids of the orders that made no progress for a minute or longer."""
        stuck: list[str] = self._get(f"{self.order_url}/unsettled")["stuck"]
        return stuck

    def load_board(self) -> Board:
        """Return every open order, as the boards show it."""
        return Board.model_validate(self._get(f"{self.order_url}/board"))

    def workflow_status(self, order_id: str) -> str:
        """Return the status of an order's workflow instance in the engine: RUNNING, COMPLETED and so on."""
        status: str = self._call("GET", f"{self.workflow_url}/get-status/{order_id}", expected=str)
        return status

    def send_decision(self, decision: Mapping[str, Any]) -> dict[str, Any]:
        return self._post(f"{self.workflow_url}/validate-pizza", decision, f"order {decision['order_id']}")

    def send_command(self, action: str, command: Mapping[str, Any]) -> dict[str, Any]:
        """Send the command `pause`, `resume` or `cancel` for an order."""
        return self._post(f"{self.workflow_url}/{action}-order", command, f"order {command['order_id']}")

    def list_dead_letters(self, *, limit: int, after: str | None = None) -> dict[str, Any]:
        """Return a page of `events` that could not be applied, newest first, and `next`."""
        return self._get(f"{self.order_url}/events", limit=limit, after=after)

    def get_dead_letter(self, event_id: str) -> dict[str, Any]:
        return self._get(f"{self.order_url}/events/{event_id}", f"dead letter {event_id}")

    def replay_dead_letter(self, event_id: str) -> dict[str, Any]:
        """Apply an event again; `replayed` in the answer says whether that succeeded."""
        return self._post(f"{self.order_url}/events/{event_id}/replay", {}, f"dead letter {event_id}")

    def replay_all_dead_letters(self) -> list[dict[str, Any]]:
        """Apply all events again; return the outcome of each."""
        outcomes: list[dict[str, Any]] = []
        request: dict[str, Any] = {}
        while True:
            page = self._post(f"{self.order_url}/events/replay", request)
            outcomes += page["events"]
            if not page["next"]:
                return outcomes
            request = {"after": page["next"]}

    def drop_dead_letter(self, event_id: str) -> None:
        self._call("DELETE", f"{self.order_url}/events/{event_id}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.close()

    def _get(self, url: str, subject: str = "", **query: object) -> dict[str, Any]:
        params = urlencode({name: value for name, value in query.items() if value})
        answer: dict[str, Any] = self._call("GET", f"{url}?{params}" if params else url, subject)
        return answer

    def _post(self, url: str, body: Mapping[str, Any], subject: str = "") -> dict[str, Any]:
        answer: dict[str, Any] = self._call("POST", url, subject, data=json.dumps(body))
        return answer

    def _call(self, method: str, url: str, subject: str = "", expected: type = dict, data: str = "") -> Any:
        """Return the JSON of a response, of the type `expected`. NotFound then names `subject`."""
        reply = self._request(method, url, data)
        try:
            answer = json.loads(reply.body)
        except ValueError:
            answer = None
        if reply.status >= 300:
            error = _error_from(reply.status, answer, _address(url))
            retry_after = reply.headers.get("retry-after", "")
            if isinstance(error, Unavailable) and retry_after.isdecimal():
                raise ShopBusy(str(error), float(retry_after))
            raise NotFound(f"There is no {subject}.") if subject and isinstance(error, NotFound) else error
        if not isinstance(answer, expected):
            raise ShopError(f"What answers on {_address(url)} is not the shop.")
        return answer

    def _request(self, method: str, url: str, data: str) -> Reply:
        headers = {**self._headers, "Content-Type": "application/json"} if data else self._headers
        try:
            return self._client.request(method, url, self._read_seconds, data=data, headers=headers)
        except Unavailable as error:
            address, cause = _address(url), error.__cause__
            if isinstance(cause, TimeoutError):
                raise Unavailable(f"The shop does not answer on {address}; it may be too busy.") from None
            if isinstance(cause, (ConnectionResetError, BrokenPipeError, HTTPException)):
                raise Unavailable(f"The connection to the shop on {address} was lost.") from None
            raise ShopNotRunning(
                f"The shop is not open: nothing answers on {address}. Open it with `make up` or `pizzashop up`."
            ) from None


def _error_from(status: int, answer: Any, address: str) -> ShopError:
    """Return the error that a response means: its HTTP status, and its parsed JSON or None."""
    problem = answer if isinstance(answer, dict) else {}
    detail = problem.get("detail") or problem.get("error") or problem.get("title")
    if not isinstance(detail, str):
        return ShopError(f"What answers on {address} is not the shop (HTTP {status}).")
    if status == 401:
        detail = f"{detail.rstrip('.')}: put your token into PIZZASHOP_STAFF_TOKEN."
    sentence = to_single_line(detail)
    return _ERROR_OF_STATUS.get(status, ShopError)(sentence if sentence[-1:] in ".!?" else f"{sentence}.")


def _address(url: str) -> str:
    return f"port {urlsplit(url).port}"
