"""Two calls to the engine that the SDK's client (1.18.3) does not have: why a workflow is stalled, and to forget one
whatever state it is in."""

import logging
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import grpc
from dapr.conf import settings as dapr_settings
from dapr.ext.workflow._durabletask import worker
from dapr.ext.workflow._durabletask.internal import protos as pb
from dapr.ext.workflow._durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from pizzashop.dapr.replies import explain_store_error
from pizzashop.errors import Conflict, NotFound, Unavailable

CALL_SECONDS = 5
TRANSIENT = ("transient", "failed to connect to all addresses")

T = TypeVar("T")

log = logging.getLogger(__name__)


class AlreadyExists(Exception):
    """A workflow of this id runs already."""


class Stalled(Unavailable):
    """The engine holds the workflow still: it will not run it as it stands."""


def call_engine(what: Callable[[], T]) -> T:
    """Answer what the engine answers; raises NotFound, Conflict, AlreadyThere, Stalled or Unavailable."""
    retrying = Retrying(
        retry=retry_if_exception(_is_transient),
        wait=wait_random_exponential(multiplier=0.02, max=0.5),
        stop=stop_after_delay(CALL_SECONDS),
        reraise=True,
    )
    try:
        return retrying(what)
    except grpc.RpcError as error:
        raise _shop_error(error) from error


def _is_transient(error: BaseException) -> bool:
    """Whether the engine may well answer the next time, and has not acted this time.

    Its reads fail now and then while it writes; and a sidecar that starts takes no connections yet.
    """
    return isinstance(error, grpc.RpcError) and any(each in _details(error) for each in TRANSIENT)


def _shop_error(error: grpc.RpcError) -> Exception:
    code = error.code() if isinstance(error, grpc.Call) else None
    details = _details(error)
    if code is grpc.StatusCode.ALREADY_EXISTS or "already exists" in details:
        return AlreadyExists()
    if code is grpc.StatusCode.NOT_FOUND or "no such instance" in details:
        return NotFound("The workflow engine does not know this order")
    if "not yet completed" in details:
        return Conflict("The order's workflow has not ended")
    if "actor is stalled" in details:
        return Stalled("The workflow engine holds this order's workflow still")
    log.warning("the workflow engine: %s %s", code.name if code else "", details)
    return Unavailable(_reason(details) or "The workflow engine does not answer just now")


def _reason(details: str) -> str:
    if "missing from state store" in details:
        # Left by a store out of memory: `pizzashop up` has the engine forget it once there is memory again.
        return "The workflow engine cannot read this order's workflow, of which the store has taken in only half"
    return explain_store_error(details)


def _details(error: grpc.RpcError) -> str:
    return (error.details() or "") if isinstance(error, grpc.Call) else str(error)


NOTES = frozenset({"taskScheduled", "timerCreated", "childWorkflowInstanceCreated", "eventSent"})
"""What the engine notes of the workflow's own doings."""
SWITCHES = frozenset({"executionSuspended", "executionResumed", "executionTerminated"})


def patch_suspension() -> None:
    """Have the worker put aside only what a suspended workflow is to hear of later."""
    if not hasattr(worker, "_is_suspendable"):
        raise RuntimeError("This version of dapr-ext-workflow is not the one that pizzashop.workflow.sdk patches")
    worker._is_suspendable = _is_for_later


def _is_for_later(event: Any) -> bool:
    return event.WhichOneof("eventType") not in NOTES | SWITCHES


Stall = Literal["version", "size"]

OPTIONS = (
    ("grpc.max_receive_message_length", -1),  # a history that was stalled for its size is as large as may be
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.enable_http_proxy", 0),
)


class EngineStub:
    """Speaks the engine's protocol itself, on a channel of its own."""

    def __init__(self, grpc_port: int) -> None:
        self._channel = grpc.insecure_channel(f"127.0.0.1:{grpc_port}", options=OPTIONS)
        self._stub = TaskHubSidecarServiceStub(self._channel)
        token = dapr_settings.DAPR_API_TOKEN
        self._options = {"timeout": CALL_SECONDS, "metadata": (("dapr-api-token", token),) if token else ()}

    def stall(self, instance_id: str) -> Stall | None:
        """Answer why the workflow is stalled, None where it is not."""
        request = pb.GetInstanceHistoryRequest(instanceId=instance_id)
        events = call_engine(lambda: self._stub.GetInstanceHistory(request, **self._options)).events
        last = events[-1].executionStalled if events and events[-1].HasField("executionStalled") else None
        if last is None:
            return None
        return "size" if last.reason == pb.PAYLOAD_SIZE_EXCEEDED else "version"

    def forget(self, instance_id: str) -> None:
        """Have the engine forget a workflow past its own state machine; idempotent.

        Only for one that the engine does not run: what it writes at the same moment would be left half.
        """
        request = pb.PurgeInstancesRequest(instanceId=instance_id, recursive=True, force=True)
        try:
            call_engine(lambda: self._stub.PurgeInstances(request, **self._options))
        except NotFound:
            return

    def close(self) -> None:
        """Give the connection back."""
        self._channel.close()
