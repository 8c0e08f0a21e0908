"""The HTTP client of a running shop: the calls that the commands make, and the shop's errors as exceptions."""

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pizzashop import roles
from pizzashop.domain.history import HistoryEntry, find_decision
from pizzashop.domain.ids import parse_generated_id
from pizzashop.domain.lifecycle import FINAL
from pizzashop.domain.suspension import SUSPENSION_LEASE_SECONDS
from pizzashop.domain.text import to_single_line
from pizzashop.errors import Conflict, InvalidRequest, NotAllowed, NotFound, ShopError, Unavailable
from pizzashop.settings import bracket_ipv6, connectable_host

if TYPE_CHECKING:
    from aiohttp import ClientSession

ROLE_CONNECT_SECONDS = 2.0
# How long a command waits for an answer: a pause may wait for the lease of another command, then for the engine.
READ_SECONDS = SUSPENSION_LEASE_SECONDS + 6.0
_ERROR_OF_STATUS: Mapping[int, type[ShopError]] = {
    **dict.fromkeys((400, 413, 415), InvalidRequest),
    **dict.fromkeys((401, 403), NotAllowed),
    404: NotFound,
    409: Conflict,
    503: Unavailable,
}


class ShopNotRunning(Unavailable):
    """Nothing listens at the shop's address."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"The shop is not open: nothing answers on {address}. Open it with `make up` or `pizzashop up`."
        )


class OrderRecord(BaseModel):
    """The fields of an order's record that the commands use; `raw` is the whole JSON object."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    order_id: str
    pizza_type: str = "pizza"
    size: str = ""
    customer: Any = None
    status: str
    attempt: int = 1
    paused: bool = False
    error: str | None = None
    history: tuple[HistoryEntry, ...] = ()
    raw: dict[str, Any] = Field(default_factory=dict, exclude=True, repr=False)

    @classmethod
    def parse(cls, content: Any) -> Self:
        """Read parsed JSON; raise ShopError if it is not a record."""
        try:
            return cls.model_validate(content | {"raw": content} if isinstance(content, dict) else content)
        except ValidationError:
            raise ShopError("The answer is not an order of this shop.") from None

    @property
    def has_ended(self) -> bool:
        """Whether the order is delivered, failed or cancelled."""
        return self.status in FINAL

    @property
    def pizza(self) -> str:
        """The pizza and its size on one line: `pepperoni, large`."""
        return to_single_line(", ".join(text for text in (self.pizza_type, self.size) if text))

    def last_entry(self, status: str) -> HistoryEntry | None:
        """Return the last history entry with this status."""
        return next((entry for entry in reversed(self.history) if entry.status == status), None)

    def decision_of(self, attempt: int) -> HistoryEntry | None:
        """Return the manager's decision on this attempt."""
        return find_decision(self.history, attempt)


class ShopApi:
    """The HTTP API of the roles `order` and `workflow`; it connects at the first call.

    Each call returns the JSON of the response, or raises the error that the response or its absence means.
    """

    def __init__(
        self, order_url: str, workflow_url: str, *, token: str = "", read_seconds: float = READ_SECONDS
    ) -> None:
        self.order_url, self.workflow_url = order_url, workflow_url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._read_seconds = read_seconds
        self._runner: asyncio.Runner | None = None
        self._session: ClientSession | None = None

    @classmethod
    def on_host(cls, host: str, *, token: str = "", read_seconds: float = READ_SECONDS) -> Self:
        """Return the API of the shop whose roles listen on `host` of this machine, each on its own port."""
        name = bracket_ipv6(connectable_host(host))
        order_url, workflow_url = (f"http://{name}:{role.port}" for role in (roles.ORDER, roles.WORKFLOW))
        return cls(order_url, workflow_url, token=token, read_seconds=read_seconds)

    def place_order(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Place an order; return its id and the id of its workflow instance."""
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

    def workflow_status(self, order_id: str) -> str:
        """Return the status of an order's workflow instance in the engine: RUNNING, COMPLETED and so on."""
        status: str = self._call("GET", f"{self.workflow_url}/get-status/{order_id}", expected=str)
        return status

    def send_decision(self, decision: Mapping[str, Any]) -> dict[str, Any]:
        """Send the manager's decision on an order's pizza."""
        return self._post(f"{self.workflow_url}/validate-pizza", decision, f"order {decision['order_id']}")

    def send_command(self, action: str, command: Mapping[str, Any]) -> dict[str, Any]:
        """Send the command `pause`, `resume` or `cancel` for an order."""
        return self._post(f"{self.workflow_url}/{action}-order", command, f"order {command['order_id']}")

    def list_dead_letters(self, *, limit: int, after: str | None = None) -> dict[str, Any]:
        """Return a page of `events` that could not be applied, newest first, and `next`."""
        return self._get(f"{self.order_url}/events", limit=limit, after=after)

    def get_dead_letter(self, event_id: str) -> dict[str, Any]:
        """Return one event that could not be applied."""
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
        """Delete an event that could not be applied."""
        self._call("DELETE", f"{self.order_url}/events/{event_id}")

    def close(self) -> None:
        """Close the connections."""
        if self._runner:
            if self._session:
                self._runner.run(self._session.close())
            self._runner.close()
        self._runner = self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _get(self, url: str, subject: str = "", **query: object) -> dict[str, Any]:
        params = {name: str(value) for name, value in query.items() if value}
        answer: dict[str, Any] = self._call("GET", url, subject, params=params)
        return answer

    def _post(self, url: str, body: Mapping[str, Any], subject: str = "") -> dict[str, Any]:
        answer: dict[str, Any] = self._call("POST", url, subject, json=body)
        return answer

    def _call(self, method: str, url: str, subject: str = "", expected: type = dict, **content: Any) -> Any:
        """Return the JSON of a response, of the type `expected`. NotFound then names `subject`."""
        self._runner = self._runner or asyncio.Runner()
        status, body = self._runner.run(self._exchange(method, url, content))
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if status >= 300:
            error = _error_from(status, answer, _address(url))
            raise NotFound(f"There is no {subject}.") if subject and isinstance(error, NotFound) else error
        if not isinstance(answer, expected):
            raise ShopError(f"What answers on {_address(url)} is not the shop.")
        return answer

    async def _exchange(self, method: str, url: str, content: Mapping[str, Any]) -> tuple[int, bytes]:
        # This import takes longer than the rest of the command, and `--help` does not need it.
        import aiohttp

        self._session = self._session or aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, connect=ROLE_CONNECT_SECONDS, sock_read=self._read_seconds),
            headers=self._headers,
        )
        try:
            async with self._session.request(method, url, allow_redirects=False, **content) as response:
                return response.status, await response.read()
        except aiohttp.ClientConnectorError:
            raise ShopNotRunning(_address(url)) from None
        except TimeoutError:
            raise Unavailable(f"The shop does not answer on {_address(url)}; it may be too busy.") from None
        except aiohttp.ClientError:
            raise Unavailable(f"The connection to the shop on {_address(url)} was lost.") from None


def _error_from(status: int, answer: Any, address: str) -> ShopError:
    """Return the error that a response means: its HTTP status, and its parsed JSON or None."""
    problem = answer if isinstance(answer, dict) else {}
    detail = problem.get("detail") or problem.get("error") or problem.get("title")
    if not isinstance(detail, str):
        return ShopError(f"What answers on {address} is not the shop (HTTP {status}).")
    if status == 401:
        detail = f"{detail.rstrip('.')}: put your token into PIZZASHOP_STAFF_TOKEN."
    return _ERROR_OF_STATUS.get(status, ShopError)(_sentence(detail, problem.get("errors")))


def _sentence(detail: str, errors: Any) -> str:
    """Return the detail as one sentence, followed by the errors of fields that it does not contain itself."""
    fields = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    descriptions = [f"{error.get('field')}: {error.get('message')}" for error in fields]
    missing = "; ".join(text for text in descriptions if text not in detail)
    sentence = to_single_line(f"{detail.rstrip('.')}: {missing}" if missing else detail)
    return sentence if sentence[-1:] in ".!?" else f"{sentence}."


def _address(url: str) -> str:
    return f"port {urlsplit(url).port}"
