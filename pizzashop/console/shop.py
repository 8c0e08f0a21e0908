"""The running shop as an operator uses it: each call of its contract that the commands need."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pizzashop import roles
from pizzashop.console.client import Client
from pizzashop.console.output import one_line_text
from pizzashop.domain.history import Entry
from pizzashop.domain.ids import own_id
from pizzashop.domain.lifecycle import FINAL
from pizzashop.errors import NotFound, ShopError
from pizzashop.settings import bracket_ipv6, connectable_host


class Record(BaseModel):
    """What the commands need of a record; `raw` is all of it, as it came."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    order_id: str
    pizza_type: str = "pizza"
    size: str = ""
    customer: Any = None
    status: str
    attempt: int = 1
    paused: bool = False
    error: str | None = None
    history: tuple[Entry, ...] = ()
    raw: dict[str, Any] = Field(default_factory=dict, exclude=True, repr=False)

    @classmethod
    def parse(cls, answer: Any) -> Self:
        """Read an answer; raises ShopError where it is no record."""
        try:
            return cls.model_validate(answer | {"raw": answer} if isinstance(answer, dict) else answer)
        except ValidationError:
            raise ShopError("The answer is not an order of this shop.") from None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to the order."""
        return self.status in FINAL

    @property
    def pizza(self) -> str:
        """What was ordered: `pepperoni, large`."""
        return one_line_text(", ".join(each for each in (self.pizza_type, self.size) if each))

    def last(self, status: str) -> Entry | None:
        """The last entry with this status."""
        return next((entry for entry in reversed(self.history) if entry.status == status), None)

    def decision_of(self, attempt: int) -> Entry | None:
        """The manager's decision on this attempt, if there is one."""
        decisions = (entry for entry in self.history if entry.kind == "decision" and entry.attempt == attempt)
        return next(decisions, None)


class Shop:
    """The roles `order` and `workflow`, at their addresses."""

    def __init__(self, client: Client, order_url: str, workflow_url: str) -> None:
        self._client = client
        self.order_url = order_url
        self.workflow_url = workflow_url

    @classmethod
    def beside(cls, client: Client, host: str) -> Self:
        """The shop whose roles listen on `host` of this machine, each on its own port."""
        name = bracket_ipv6(connectable_host(host))
        return cls(client, f"http://{name}:{roles.ORDER.port}", f"http://{name}:{roles.WORKFLOW.port}")

    def place(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Place an order; the answer names its workflow."""
        return _object(self._client.post(f"{self.workflow_url}/start-order", order))

    def record(self, order_id: str) -> Record:
        """The order's record, with its history."""
        with _about(order_id):
            return Record.parse(self._client.get(f"{self.order_url}/order/{order_id}"))

    def id_of(self, spelled: str) -> str:
        """The id of an order from how somebody wrote it: as it stands, or else the shop's own that it spells."""
        own = own_id(spelled)
        if own is None or own == spelled:
            return spelled
        try:
            return self.record(spelled).order_id
        except NotFound:
            return own

    def records(self, query: Mapping[str, str]) -> dict[str, Any]:
        """A page of orders, newest first, and where the next one begins."""
        return _object(self._client.get(f"{self.order_url}/orders", query))

    def runtime_status(self, order_id: str) -> str:
        """What the workflow engine says of the order: RUNNING, COMPLETED, …"""
        return str(self._client.get(f"{self.workflow_url}/get-status/{order_id}"))

    def decide(self, decision: Mapping[str, Any]) -> dict[str, Any]:
        """Send the manager's decision."""
        with _about(decision["order_id"]):
            return _object(self._client.post(f"{self.workflow_url}/validate-pizza", decision))

    def steer(self, action: str, command: Mapping[str, Any]) -> dict[str, Any]:
        """Pause, resume or cancel (`action`) an order."""
        with _about(command["order_id"]):
            return _object(self._client.post(f"{self.workflow_url}/{action}-order", command))

    def kept_events(self, query: Mapping[str, str]) -> dict[str, Any]:
        """A page of the events kept aside, newest first, and where the next one begins."""
        return _object(self._client.get(f"{self.order_url}/events", query))

    def kept_event(self, event_id: str) -> dict[str, Any]:
        """One of them, as it came."""
        with _about(event_id, "kept event"):
            return _object(self._client.get(f"{self.order_url}/events/{event_id}"))

    def replay(self, event_id: str) -> dict[str, Any]:
        """Apply one of them anew; the answer says whether that went well."""
        with _about(event_id, "kept event"):
            return _object(self._client.post(f"{self.order_url}/events/{event_id}/replay", {}))

    def replay_all(self) -> list[dict[str, Any]]:
        """Apply all of them anew; what became of each."""
        rows: list[dict[str, Any]] = []
        asked: dict[str, Any] = {}
        while True:
            page = _object(self._client.post(f"{self.order_url}/events/replay", asked))
            rows += page["events"]
            if not page["next"]:
                return rows
            asked = {"after": page["next"]}

    def drop(self, event_id: str) -> None:
        """Forget one of them."""
        self._client.delete(f"{self.order_url}/events/{event_id}")

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()


@contextmanager
def _about(one: str, what: str = "order") -> Iterator[None]:
    try:
        yield
    except NotFound:
        raise NotFound(f"There is no {what} {one}.") from None


def _object(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise ShopError("The answer does not come from the shop.")
    return answer
