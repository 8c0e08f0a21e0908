"""The workflow engine, as the views use it: every call has a time-out, and what passes by itself is tried again."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import grpc
from dapr.conf import settings as dapr_settings
from dapr.ext.workflow import DaprWorkflowClient
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from pizzashop.domain.errors import Conflict, NotFound, Unavailable
from pizzashop.workflow.pizza_workflow import DECIDED, NAME

CALL_SECONDS = 5
SETTLE_SECONDS = 5.0

T = TypeVar("T")


class Engine(Protocol):
    """What the views need of the engine. Every method raises Unavailable where it cannot be reached."""

    def schedule(self, order_id: str, plan: dict[str, Any]) -> None:
        """Start the order's workflow; where it runs already, nothing happens."""

    def status(self, order_id: str) -> str | None:
        """The runtime status, in capitals; None where the engine knows no such workflow."""

    def decide(self, order_id: str, decision: dict[str, Any]) -> None:
        """Tell the workflow the manager's decision."""

    def pause(self, order_id: str) -> None:
        """Suspend the workflow after the step at hand, and wait until it is."""

    def resume(self, order_id: str) -> None:
        """Let the workflow go on, and wait until it does."""

    def terminate(self, order_id: str) -> None:
        """End the workflow, and wait until it has."""

    def purge(self, order_id: str) -> None:
        """Forget a workflow that has ended (one that is not known is as good); raises Conflict where it has not."""

    def close(self) -> None:
        """Give the connection back."""


class DaprEngine:
    """The real one, behind the sidecar's gRPC port."""

    def __init__(self, grpc_port: int) -> None:
        # The SDK reads its time-out from here alone; its default is a minute.
        dapr_settings.DAPR_API_TIMEOUT_SECONDS = CALL_SECONDS  # type: ignore[attr-defined]
        self._client = DaprWorkflowClient(host="127.0.0.1", port=str(grpc_port))

    def schedule(self, order_id: str, plan: dict[str, Any]) -> None:
        """Start the order's workflow."""
        try:
            self._call(lambda: self._client.schedule_new_workflow(NAME, input=plan, instance_id=_id(order_id)))
        except AlreadyThere:
            return

    def status(self, order_id: str) -> str | None:
        """The runtime status, in capitals."""
        state = self._call(lambda: self._client.get_workflow_state(_id(order_id), fetch_payloads=False))
        return state.runtime_status.name if state else None

    def decide(self, order_id: str, decision: dict[str, Any]) -> None:
        """Tell the workflow the manager's decision."""
        self._call(lambda: self._client.raise_workflow_event(_id(order_id), DECIDED, data=decision))

    def pause(self, order_id: str) -> None:
        """Suspend the workflow."""
        # Whoever steers looks first (domain/steering.py says why).
        if self._required_status(order_id) in ("RUNNING", "PENDING"):
            self._call(lambda: self._client.pause_workflow(_id(order_id)))
            self._settle(order_id, lambda status: status not in ("RUNNING", "PENDING"))

    def resume(self, order_id: str) -> None:
        """Let the workflow go on."""
        if self._required_status(order_id) == "SUSPENDED":
            self._call(lambda: self._client.resume_workflow(_id(order_id)))
            self._settle(order_id, lambda status: status != "SUSPENDED")

    def terminate(self, order_id: str) -> None:
        """End the workflow."""
        try:
            self._call(lambda: self._client.terminate_workflow(_id(order_id)))
        except NotFound:
            return
        self._settle(order_id, lambda status: status not in ("RUNNING", "SUSPENDED", "PENDING"))

    def purge(self, order_id: str) -> None:
        """Forget a workflow that has ended."""
        try:
            self._call(lambda: self._client.purge_workflow(_id(order_id)))
        except NotFound:
            return

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    def _required_status(self, order_id: str) -> str:
        status = self.status(order_id)
        if status is None:
            raise Unavailable("The order's workflow has not begun yet: ask again in a moment")
        return status

    def _settle(self, order_id: str, settled: Callable[[str | None], bool]) -> None:
        """The engine answers before it has acted: wait until its state says so too."""
        retrying = Retrying(
            retry=lambda call: not settled(call.outcome.result() if call.outcome else None),
            wait=wait_random_exponential(multiplier=0.005, max=0.2),
            stop=stop_after_delay(SETTLE_SECONDS),
            retry_error_callback=lambda _: None,
        )
        retrying(self.status, order_id)

    def _call(self, call: Callable[[], T]) -> T:
        retrying = Retrying(
            retry=retry_if_exception(_passes),
            wait=wait_random_exponential(multiplier=0.02, max=0.5),
            stop=stop_after_delay(CALL_SECONDS),
            reraise=True,
        )
        try:
            return retrying(call)
        except grpc.RpcError as error:
            raise _said(error) from error


class AlreadyThere(Exception):
    """A workflow of this id runs already."""


def _id(order_id: str) -> str:
    return f"pizza-order-{order_id}"


def _passes(error: BaseException) -> bool:
    """Whether the engine may well answer the next time: its reads fail now and then while it writes."""
    return isinstance(error, grpc.RpcError) and "transient" in _details(error)


def _said(error: grpc.RpcError) -> Exception:
    code = error.code() if isinstance(error, grpc.Call) else None
    details = _details(error)
    if code is grpc.StatusCode.ALREADY_EXISTS or "already exists" in details:
        return AlreadyThere()
    if code is grpc.StatusCode.NOT_FOUND or "no such instance" in details:
        return NotFound("The workflow engine does not know this order")
    if "not yet completed" in details:
        return Conflict("The order's workflow has not ended")
    return Unavailable(f"The workflow engine does not answer: {code.name if code else ''} {details}")


def _details(error: grpc.RpcError) -> str:
    return (error.details() or "") if isinstance(error, grpc.Call) else str(error)
