"""The workflow engine behind the sidecar's gRPC port. Every call may be repeated."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from pizzashop.dapr.retries import retry
from pizzashop.errors import Conflict, NotFound, Unavailable
from pizzashop.workflow.pizza_workflow import DECISION_EVENT, WORKFLOW_NAME
from pizzashop.workflow.sdk import AlreadyExists, EngineStub, Stalled, call_engine, open_client, prepare_sdk

T = TypeVar("T")

# How long to wait until the engine has acted: it answers before.
ENGINE_ACT_SECONDS = 5.0
# An event that no workflow waits for: the engine runs a turn of the workflow all the same.
_WAKE_EVENT = "Woken"
STALL_TEXTS = {
    "version": "The order waits for a version of the workflow that no process runs just now: "
    "start the release that has it",
    "size": "The order's workflow has grown too large for the engine (daprd's max-body-size): the shop restarts it",
    None: "The workflow engine has stalled this order's workflow: ask again in a moment",
}


class DaprEngine:
    """The engine. Every method raises Unavailable when it cannot be reached or does not act."""

    def __init__(self, grpc_port: int, act_seconds: float = ENGINE_ACT_SECONDS) -> None:
        prepare_sdk()
        self._client = open_client(grpc_port)
        self._stub = EngineStub(grpc_port)
        self._act_seconds = act_seconds

    def schedule(self, order_id: str, start: dict[str, Any]) -> None:
        """Start the order's workflow, unless it runs already."""

        def schedule(instance_id: str) -> str:
            return self._client.schedule_new_workflow(WORKFLOW_NAME, input=start, instance_id=instance_id)

        with self._explain_stall(order_id), suppress(AlreadyExists):
            self._call(order_id, schedule)

    def status(self, order_id: str) -> str | None:
        """Return the runtime status, in capitals, None when the engine has no such workflow."""
        return self._state(order_id)[0]

    def decide(self, order_id: str, decision: dict[str, Any]) -> None:
        """Raise the manager's decision for the workflow."""
        self._raise_event(order_id, DECISION_EVENT, decision)

    def pause(self, order_id: str) -> None:
        """Suspend the workflow after its present step, and wait until it is suspended."""
        # One that is suspended twice may never go on (domain/suspension.py), so look first.
        if self._active_status(order_id) in ("RUNNING", "PENDING"):
            self._call(order_id, self._client.pause_workflow)
            self._wait_until(lambda: self.status(order_id) not in ("RUNNING", "PENDING"))

    def resume(self, order_id: str) -> None:
        """Resume the workflow, and wait until it runs."""
        # One that is resumed while it runs can fail, so look first.
        if self._active_status(order_id) == "SUSPENDED":
            self._call(order_id, self._client.resume_workflow)
            self._wait_until(lambda: self.status(order_id) != "SUSPENDED")

    def wake(self, order_id: str) -> None:
        """Make the engine run a turn of the workflow, and wait until it has."""
        before = self._state(order_id)
        self._raise_event(order_id, _WAKE_EVENT)
        self._wait_until(lambda: self._state(order_id) != before)

    def terminate(self, order_id: str) -> None:
        """Terminate the workflow, and wait until it has ended. A stalled one runs no turn any more: purge it."""
        try:
            self._call(order_id, self._client.terminate_workflow)
            self._wait_until(lambda: self.status(order_id) not in ("RUNNING", "SUSPENDED", "PENDING"))
            is_stalled = self.status(order_id) == "STALLED"
        except NotFound:
            return
        except Stalled:
            is_stalled = True
        if is_stalled:
            self._stub.force_purge(_instance_id(order_id))

    def is_too_large(self, order_id: str) -> bool:
        """Return whether the workflow is stalled for its size: then no other release can run it either."""
        return self._stub.stall_reason(_instance_id(order_id)) == "size"

    def purge(self, order_id: str) -> None:
        """Purge a workflow that has ended, if there is one. Raise Conflict when it has not ended."""
        try:
            self._call(order_id, self._client.purge_workflow)
        except NotFound:
            return
        except Stalled:
            raise Conflict("The order's workflow has not ended") from None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._stub.close()

    def _state(self, order_id: str) -> tuple[str | None, object]:
        """Return the runtime status, and the time of the last turn."""
        state = self._call(order_id, partial(self._client.get_workflow_state, fetch_payloads=False))
        return (state.runtime_status.name, state.last_updated_at) if state else (None, None)

    def _active_status(self, order_id: str) -> str:
        status = self.status(order_id)
        if status is None:
            raise Unavailable("The order's workflow has not begun yet: ask again in a moment")
        if status == "STALLED":
            raise Unavailable(STALL_TEXTS[self._stub.stall_reason(_instance_id(order_id))])
        return status

    def _raise_event(self, order_id: str, event: str, data: Any = None) -> None:
        with self._explain_stall(order_id):
            self._call(order_id, partial(self._client.raise_workflow_event, event_name=event, data=data))

    def _call(self, order_id: str, call: Callable[[str], T]) -> T:
        """Return the result of `call`, which takes the id of the order's workflow instance."""
        return call_engine(lambda: call(_instance_id(order_id)), order_id)

    @contextmanager
    def _explain_stall(self, order_id: str) -> Iterator[None]:
        """Raise Unavailable with the reason, when the engine has stalled the workflow."""
        try:
            yield
        except Stalled:
            try:
                text = STALL_TEXTS[self._stub.stall_reason(_instance_id(order_id))]
            except NotFound:
                text = STALL_TEXTS[None]
            raise Unavailable(text) from None

    def _wait_until(self, is_done: Callable[[], bool]) -> None:
        def check() -> None:
            if not is_done():
                raise _NotActed("The workflow engine has not acted on it yet: ask again in a moment")

        retry(check, on=_NotActed, max_pause=0.2, seconds=self._act_seconds)


class _NotActed(Unavailable):
    """The engine has answered, and not acted yet."""


def _instance_id(order_id: str) -> str:
    return f"pizza-order-{order_id}"
