"""The workflow engine behind a sidecar's gRPC port; each call is told twice without harm."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol

from dapr.conf import settings as dapr_settings
from dapr.ext.workflow import DaprWorkflowClient
from dapr.ext.workflow._durabletask.internal import shared
from tenacity import RetryCallState, Retrying, stop_after_delay, wait_random_exponential

from pizzashop.errors import Conflict, NotFound, Unavailable
from pizzashop.workflow.pizza_workflow import DECISION_EVENT, NAME
from pizzashop.workflow.sdk import CALL_SECONDS, AlreadyExists, EngineStub, Stalled, call_engine


class Engine(Protocol):
    """What the views need of the engine. Every method raises Unavailable where it cannot be reached or does not act."""

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

    def wake(self, order_id: str) -> None:
        """Have the workflow take a turn, with whatever it has been told, and wait until it has."""

    def terminate(self, order_id: str) -> None:
        """End the workflow, and wait until it has. One that is stalled takes no turn any more: it is forgotten."""

    def forget(self, order_id: str) -> None:
        """Have the engine forget a workflow that does not act, whatever state it is in."""

    def is_too_large(self, order_id: str) -> bool:
        """Whether the workflow is stalled for its size: no other release, and no waiting, brings it on."""

    def purge(self, order_id: str) -> None:
        """Forget a workflow that has ended (one that is not known is as good); raises Conflict where it has not."""

    def close(self) -> None:
        """Give the connection back."""


SETTLE_SECONDS = 5.0
CHANNEL_OPTIONS = {
    # By default gRPC looks whether the sidecar is back after one second, and after two minutes in a long outage.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2000,
    # The sidecar is on this machine: gRPC would call it through the proxy that `http_proxy` names.
    "grpc.enable_http_proxy": 0,
}
WAKE_EVENT = "Woken"
"""An event that no workflow waits for: it takes a turn for it all the same."""
REASONS = {
    "version": "The order waits for a version of the workflow that no process runs just now: "
    "start the release that has it",
    "size": "The order's workflow has grown too large for the engine (daprd's max-body-size): the shop restarts it",
    None: "The workflow engine holds this order's workflow still: ask again in a moment",
}


class DaprEngine:
    """The real one, behind the sidecar's gRPC port."""

    def __init__(self, grpc_port: int) -> None:
        # The SDK reads its time-out from here alone; its default is a minute.
        dapr_settings.DAPR_API_TIMEOUT_SECONDS = CALL_SECONDS  # type: ignore[attr-defined]
        # Nor does it take options for its channels, but for those that it gives to all of them.
        options = dict(shared.DEFAULT_GRPC_KEEPALIVE_OPTIONS) | CHANNEL_OPTIONS
        shared.DEFAULT_GRPC_KEEPALIVE_OPTIONS = tuple(options.items())
        self._client = DaprWorkflowClient(host="127.0.0.1", port=str(grpc_port))
        self._stub = EngineStub(grpc_port)

    def schedule(self, order_id: str, plan: dict[str, Any]) -> None:
        """Start the order's workflow."""
        with self._why_stalled(order_id):
            try:
                call_engine(lambda: self._client.schedule_new_workflow(NAME, input=plan, instance_id=_id(order_id)))
            except AlreadyExists:
                return

    def status(self, order_id: str) -> str | None:
        """The runtime status, in capitals."""
        return self._state(order_id)[0]

    def decide(self, order_id: str, decision: dict[str, Any]) -> None:
        """Tell the workflow the manager's decision."""
        with self._why_stalled(order_id):
            call_engine(lambda: self._client.raise_workflow_event(_id(order_id), DECISION_EVENT, data=decision))

    def pause(self, order_id: str) -> None:
        """Suspend the workflow."""
        # Whoever steers looks first (domain/steering.py says why).
        if self._required_status(order_id) in ("RUNNING", "PENDING"):
            call_engine(lambda: self._client.pause_workflow(_id(order_id)))
            self._settle(order_id, lambda status: status not in ("RUNNING", "PENDING"))

    def resume(self, order_id: str) -> None:
        """Let the workflow go on."""
        if self._required_status(order_id) == "SUSPENDED":
            call_engine(lambda: self._client.resume_workflow(_id(order_id)))
            self._settle(order_id, lambda status: status != "SUSPENDED")

    def wake(self, order_id: str) -> None:
        """Have the workflow take a turn."""
        before = self._state(order_id)
        with self._why_stalled(order_id):
            call_engine(lambda: self._client.raise_workflow_event(_id(order_id), WAKE_EVENT))
        _wait_for(lambda: self._state(order_id) != before)

    def terminate(self, order_id: str) -> None:
        """End the workflow."""
        try:
            call_engine(lambda: self._client.terminate_workflow(_id(order_id)))
            self._settle(order_id, lambda status: status not in ("RUNNING", "SUSPENDED", "PENDING"))
            is_stalled = self.status(order_id) == "STALLED"
        except NotFound:
            return
        except Stalled:
            is_stalled = True
        if is_stalled:
            self.forget(order_id)

    def forget(self, order_id: str) -> None:
        """Have the engine forget a workflow, whatever state it is in."""
        self._stub.forget(_id(order_id))

    def is_too_large(self, order_id: str) -> bool:
        """Whether the workflow is stalled for its size."""
        return self._stub.stall(_id(order_id)) == "size"

    def purge(self, order_id: str) -> None:
        """Forget a workflow that has ended."""
        try:
            call_engine(lambda: self._client.purge_workflow(_id(order_id)))
        except NotFound:
            return
        except Stalled:
            raise Conflict("The order's workflow has not ended") from None

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()
        self._stub.close()

    def _state(self, order_id: str) -> tuple[str | None, object]:
        """The runtime status, and when the workflow last took a turn."""
        state = call_engine(lambda: self._client.get_workflow_state(_id(order_id), fetch_payloads=False))
        return (state.runtime_status.name, state.last_updated_at) if state else (None, None)

    def _required_status(self, order_id: str) -> str:
        status = self.status(order_id)
        if status is None:
            raise Unavailable("The order's workflow has not begun yet: ask again in a moment")
        if status == "STALLED":
            raise Unavailable(REASONS[self._stub.stall(_id(order_id))])
        return status

    @contextmanager
    def _why_stalled(self, order_id: str) -> Iterator[None]:
        """Say why the engine holds a workflow still, where it does."""
        try:
            yield
        except Stalled:
            try:
                reason = REASONS[self._stub.stall(_id(order_id))]
            except NotFound:
                reason = REASONS[None]
            raise Unavailable(reason) from None

    def _settle(self, order_id: str, settled: Callable[[str | None], bool]) -> None:
        """The engine answers before it has acted: wait until its state says so too."""
        _wait_for(lambda: settled(self.status(order_id)))


def _wait_for(is_so: Callable[[], bool]) -> None:
    Retrying(
        retry=lambda call: not (call.outcome and call.outcome.result()),
        wait=wait_random_exponential(multiplier=0.005, max=0.2),
        stop=stop_after_delay(SETTLE_SECONDS),
        retry_error_callback=_not_settled,
    )(is_so)


def _not_settled(_: RetryCallState) -> NoReturn:
    raise Unavailable("The workflow engine has not acted on it yet: ask again in a moment")


def _id(order_id: str) -> str:
    return f"pizza-order-{order_id}"
