"""A client of a running shop: the calls of the contract, waiting for a condition, and reading the topic."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import uuid4

from valkey import Valkey

from pizzashop.dapr.http import HttpClient, Reply
from pizzashop.local.shop import Shop

ORDERS = "http://127.0.0.1:8001"
PIZZASHOP = str(Path(sys.executable).parent / "pizzashop")
KITCHEN = "http://127.0.0.1:8003"
WORKFLOW = "http://127.0.0.1:8005"
JOHN = {"name": "John Doe", "address": "123 Main St", "phone": "555-0123"}

FaultTable = Callable[[tuple[object, ...]], None]
OpenShop = Callable[..., AbstractContextManager[Shop]]
T = TypeVar("T")


def eventually(ask: Callable[[], T], is_good: Callable[[T], bool] = bool, *, seconds: float = 20.0) -> T:
    """Ask until the answer is good, and return it. Fails with the last answer when the time is over."""
    deadline = time.monotonic() + seconds
    while not is_good(answer := ask()):
        assert time.monotonic() < deadline, f"not so after {seconds} s: {answer}"
        time.sleep(0.02)
    return answer


def new_order(prefix: str = "t") -> dict[str, Any]:
    """Return an order with a new id."""
    order_id = f"{prefix}-{uuid4().hex[:10]}"
    return {"order_id": order_id, "pizza_type": "pepperoni", "size": "large", "customer": JOHN}


class ShopClient:
    """The calls of the contract. Each returns the status and the JSON of the reply."""

    def __init__(self, timeout_seconds: float = 60.0) -> None:
        self._http, self._timeout_seconds = HttpClient(), timeout_seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def reply(self, method: str, url: str, content: Any = None, **headers: str) -> Reply:
        """Send any request, and return the whole reply."""
        options: dict[str, Any] = {"headers": headers}
        if content is not None:
            options = {"data": json.dumps(content), "headers": {"Content-Type": "application/json", **headers}}
        return self._http.request(method, url, self._timeout_seconds, **options)

    def call(self, method: str, url: str, content: Any = None, **headers: str) -> tuple[int, Any]:
        """Send any request, and return the status and JSON of the reply."""
        reply = self.reply(method, url, content, **headers)
        return reply.status, json.loads(reply.body) if reply.body else None

    def post_utf8(self, url: str, content: Any) -> int:
        """POST without escaping letters, which would make the body longer. Return the status."""
        body, headers = json.dumps(content, ensure_ascii=False), {"Content-Type": "application/json"}
        return self._http.request("POST", url, 60.0, data=body, headers=headers).status

    def start(self, order: dict[str, Any]) -> tuple[int, Any]:
        """POST /start-order."""
        return self.call("POST", f"{WORKFLOW}/start-order", order)

    def place_order(self, prefix: str = "t") -> str:
        """Start a new order, again after each 503 as a client should, and return its id."""
        order = new_order(prefix)
        status, answer = eventually(lambda: self.start(order), lambda reply: reply[0] != 503, seconds=60)
        assert status == 200, answer
        order_id: str = order["order_id"]
        return order_id

    def decide(self, order_id: str, **decision: Any) -> tuple[int, Any]:
        """POST /validate-pizza."""
        return self.call("POST", f"{WORKFLOW}/validate-pizza", {"order_id": order_id, **decision})

    def command(self, word: str, order_id: str) -> tuple[int, Any]:
        """POST /pause-order, /resume-order or /cancel-order."""
        return self.call("POST", f"{WORKFLOW}/{word}-order", {"order_id": order_id})

    def workflow_status(self, order_id: str) -> Any:
        """GET /get-status: the status of the workflow, or the HTTP status of an error."""
        status, answer = self.call("GET", f"{WORKFLOW}/get-status/{order_id}")
        return answer if status == 200 else status

    def record(self, order_id: str) -> dict[str, Any]:
        """GET /order/<id>: the order, {} when there is none."""
        status, answer = self.call("GET", f"{ORDERS}/order/{order_id}")
        return answer if status == 200 else {}

    def wait_for_status(self, order_id: str, status: str, *, attempt: int = 1, seconds: float = 30.0) -> dict[str, Any]:
        """Wait until the order has this status in this attempt, and return the order."""
        return eventually(
            lambda: self.record(order_id),
            lambda record: (record.get("status"), record.get("attempt")) == (status, attempt),
            seconds=seconds,
        )


def stages(record: dict[str, Any], attempt: int | None = None) -> list[str]:
    """Return the statuses of an order's stages, oldest first."""
    entries = [entry for entry in record["history"] if entry["kind"] == "stage"]
    return [entry["status"] for entry in entries if attempt in (None, entry["attempt"])]


def count_published_stages(order_id: str) -> Counter[tuple[int, str]]:
    """Count how often each stage of each attempt of an order is in the Redis stream."""
    with Valkey(port=6379) as server:
        events = [json.loads(fields[b"data"])["data"] for _, fields in server.xrange("orders")]
    return Counter((event["attempt"], event["status"]) for event in events if event["order_id"] == order_id)


def pizzashop(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    return subprocess.run([PIZZASHOP, *words], capture_output=True, text=True, timeout=60, check=False)
