"""The workflow engine behind a sidecar's gRPC port; each call is told twice without harm."""

from collections.abc import Callable
from typing import Any, NoReturn

from dapr.conf import settings as dapr_settings
from dapr.ext.workflow import DaprWorkflowClient
from dapr.ext.workflow._durabletask.internal import shared
from tenacity import RetryCallState, Retrying, stop_after_delay, wait_random_exponential

from pizzashop.domain.errors import NotFound, Unavailable
from pizzashop.workflow.engine_call import CALL_SECONDS, STALLED, AlreadyThere, call
from pizzashop.workflow.pizza_workflow import DECIDED, NAME

SETTLE_SECONDS = 5.0
CHANNEL_OPTIONS = {
    # After a long outage gRPC would look only every two minutes whether the sidecar is back.
    "grpc.max_reconnect_backoff_ms": 2000,
    # The sidecar is on this machine: gRPC would call it through the proxy that `http_proxy` names.
    "grpc.enable_http_proxy": 0,
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

    def schedule(self, order_id: str, plan: dict[str, Any]) -> None:
        """Start the order's workflow."""
        try:
            call(lambda: self._client.schedule_new_workflow(NAME, input=plan, instance_id=_id(order_id)))
        except AlreadyThere:
            return

    def status(self, order_id: str) -> str | None:
        """The runtime status, in capitals."""
        state = call(lambda: self._client.get_workflow_state(_id(order_id), fetch_payloads=False))
        return state.runtime_status.name if state else None

    def decide(self, order_id: str, decision: dict[str, Any]) -> None:
        """Tell the workflow the manager's decision."""
        call(lambda: self._client.raise_workflow_event(_id(order_id), DECIDED, data=decision))

    def pause(self, order_id: str) -> None:
        """Suspend the workflow."""
        # Whoever steers looks first (domain/steering.py says why).
        if self._required_status(order_id) in ("RUNNING", "PENDING"):
            call(lambda: self._client.pause_workflow(_id(order_id)))
            self._settle(order_id, lambda status: status not in ("RUNNING", "PENDING"))

    def resume(self, order_id: str) -> None:
        """Let the workflow go on."""
        if self._required_status(order_id) == "SUSPENDED":
            call(lambda: self._client.resume_workflow(_id(order_id)))
            self._settle(order_id, lambda status: status != "SUSPENDED")

    def terminate(self, order_id: str) -> None:
        """End the workflow."""
        try:
            call(lambda: self._client.terminate_workflow(_id(order_id)))
        except NotFound:
            return
        self._settle(order_id, lambda status: status not in ("RUNNING", "SUSPENDED", "PENDING"))

    def purge(self, order_id: str) -> None:
        """Forget a workflow that has ended."""
        try:
            call(lambda: self._client.purge_workflow(_id(order_id)))
        except NotFound:
            return

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    def _required_status(self, order_id: str) -> str:
        status = self.status(order_id)
        if status is None:
            raise Unavailable("The order's workflow has not begun yet: ask again in a moment")
        if status == "STALLED":
            raise Unavailable(STALLED)
        return status

    def _settle(self, order_id: str, settled: Callable[[str | None], bool]) -> None:
        """The engine answers before it has acted: wait until its state says so too."""
        retrying = Retrying(
            retry=lambda call: not settled(call.outcome.result() if call.outcome else None),
            wait=wait_random_exponential(multiplier=0.005, max=0.2),
            stop=stop_after_delay(SETTLE_SECONDS),
            retry_error_callback=_not_settled,
        )
        retrying(self.status, order_id)


def _not_settled(_: RetryCallState) -> NoReturn:
    raise Unavailable("The workflow engine has not acted on it yet: ask again in a moment")


def _id(order_id: str) -> str:
    return f"pizza-order-{order_id}"
