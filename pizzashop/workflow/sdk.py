"""Everything that needs private parts of the workflow SDK (dapr-ext-workflow 1.18). No other module uses them.

Each part has the reason, so that it can go when the SDK no longer needs it.
"""

import logging
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Literal, NamedTuple, TypeVar

import grpc
from dapr.conf import settings as dapr_settings
from dapr.ext.workflow import DaprWorkflowClient
from dapr.ext.workflow._durabletask import worker
from dapr.ext.workflow._durabletask.internal import protos as pb
from dapr.ext.workflow._durabletask.internal import shared
from dapr.ext.workflow._durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub

from pizzashop import tracing
from pizzashop.dapr.retries import retry
from pizzashop.dapr.stores import explain_store_error
from pizzashop.errors import Conflict, NotFound, Unavailable

_SDK_VERSION = "1.18."
_CALL_SECONDS = 5
_CHANNEL_OPTIONS = {
    # By default gRPC tries to reconnect after one second, and in a long outage only every two minutes.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2000,
    # The sidecar is on this machine: gRPC would call it through the proxy that `http_proxy` names.
    "grpc.enable_http_proxy": 0,
}
# The events that report actions of the workflow itself, or that suspend, resume and terminate it.
_NEVER_HELD_BACK = frozenset({
    "taskScheduled",
    "timerCreated",
    "childWorkflowInstanceCreated",
    "eventSent",
    "executionSuspended",
    "executionResumed",
    "executionTerminated",
})  # fmt: skip

StallReason = Literal["version", "size"]
T = TypeVar("T")

log = logging.getLogger(__name__)


def prepare_sdk() -> None:
    """Change the SDK where it has no settings. Call this before the first use of the SDK; it may be called again."""
    installed = version("dapr-ext-workflow")
    if not installed.startswith(_SDK_VERSION):
        raise RuntimeError(f"pizzashop.workflow.sdk knows dapr-ext-workflow {_SDK_VERSION}x, and not {installed}")
    # The SDK's client has no argument for its time-out, which is a minute by default.
    dapr_settings.DAPR_API_TIMEOUT_SECONDS = _CALL_SECONDS  # type: ignore[attr-defined]
    # Neither client nor worker has an argument for gRPC options (dapr/python-sdk#740): after an outage of the sidecar
    # they reconnect late.
    options = dict(shared.DEFAULT_GRPC_KEEPALIVE_OPTIONS) | _CHANNEL_OPTIONS
    shared.DEFAULT_GRPC_KEEPALIVE_OPTIONS = tuple(options.items())
    # For a suspended workflow the worker holds back even the engine's reports of scheduled activities and timers. So a
    # workflow that is suspended in that turn schedules it again at every turn, and fails with a non-determinism error
    # when it is resumed. One that is suspended twice never goes on.
    worker._is_suspendable = _is_held_back


def _is_held_back(event: Any) -> bool:
    return event.WhichOneof("eventType") not in _NEVER_HELD_BACK


def open_client(grpc_port: int) -> DaprWorkflowClient:
    """Return the SDK's client of the engine. If this process traces, each call carries the context of the present span.

    The client takes no interceptors. The instrumentation of gRPC, which the SDK switches on if it is installed, would
    also make a span of the worker's connection, which never ends.
    """
    client = DaprWorkflowClient(host="127.0.0.1", port=str(grpc_port))
    if tracing.is_on():
        inner = client._DaprWorkflowClient__obj  # type: ignore[attr-defined]
        inner._channel = grpc.intercept_channel(inner._channel, _TraceContextInterceptor())
        inner._stub = TaskHubSidecarServiceStub(inner._channel)
    return client


class _CallDetails(NamedTuple):
    """The fields of `grpc.ClientCallDetails`, which is an interface without an implementation."""

    method: Any
    timeout: Any
    metadata: Any
    credentials: Any
    wait_for_ready: Any
    compression: Any


class _TraceContextInterceptor(grpc.UnaryUnaryClientInterceptor):
    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        fields = {name: getattr(client_call_details, name, None) for name in _CallDetails._fields}
        fields["metadata"] = [*(fields["metadata"] or ()), *tracing.trace_headers().items()]
        return continuation(_CallDetails(**fields), request)


class AlreadyExists(Exception):
    """A workflow with this id runs already."""


class Stalled(Unavailable):
    """The engine has stalled the workflow: it does not run it as it is."""


class _Transient(Unavailable):
    """The engine has not acted, and may well act the next time."""


def call_engine(call: Callable[[], T], order_id: str = "") -> T:
    """Return the result of a call to the engine. Raise NotFound, Conflict, AlreadyExists, Stalled or Unavailable."""

    def attempt() -> T:
        try:
            return call()
        except grpc.RpcError as error:
            raise _convert_error(error, order_id) from error

    return retry(attempt, on=_Transient, max_pause=0.5, seconds=_CALL_SECONDS)


def _convert_error(error: grpc.RpcError, order_id: str) -> Exception:
    code, details = (error.code(), error.details() or "") if isinstance(error, grpc.Call) else (None, str(error))
    reason = _unavailable_reason(details)
    # Reads fail now and then while the engine writes, and a sidecar that starts accepts no connections yet.
    if "transient" in details or "failed to connect to all addresses" in details:
        return _Transient(reason)
    if code is grpc.StatusCode.ALREADY_EXISTS or "already exists" in details:
        return AlreadyExists()
    if code is grpc.StatusCode.NOT_FOUND or "no such instance" in details:
        return NotFound("The workflow engine does not know this order")
    if "not yet completed" in details:
        return Conflict("The order's workflow has not ended")
    if "actor is stalled" in details:
        return Stalled("The workflow engine has stalled this order's workflow")
    extra = {"order": order_id} if order_id else {}
    log.warning("the workflow engine failed: %s %s", code.name if code else "", details, extra=extra)
    return Unavailable(reason)


def _unavailable_reason(details: str) -> str:
    if "missing from state store" in details:
        # A store that ran out of memory causes this. `pizzashop up` removes such workflows when it starts.
        return "The workflow engine cannot read this order's workflow, of which the store has taken in only half"
    return explain_store_error(details) or "The workflow engine does not answer just now"


class EngineStub:
    """The calls to the engine that the SDK's client does not have: the history of a workflow, and a forced purge."""

    def __init__(self, grpc_port: int) -> None:
        # A stalled workflow may have a history of any size.
        options = [*_CHANNEL_OPTIONS.items(), ("grpc.max_receive_message_length", -1)]
        self._channel = grpc.insecure_channel(f"127.0.0.1:{grpc_port}", options=options)
        self._stub = TaskHubSidecarServiceStub(self._channel)
        token = dapr_settings.DAPR_API_TOKEN
        self._options = {"timeout": _CALL_SECONDS, "metadata": (("dapr-api-token", token),) if token else ()}

    def stall_reason(self, instance_id: str) -> StallReason | None:
        """Return why the workflow is stalled, None when it is not."""
        request = pb.GetInstanceHistoryRequest(instanceId=instance_id)
        events = call_engine(lambda: self._stub.GetInstanceHistory(request, **self._options)).events
        if not events or not events[-1].HasField("executionStalled"):
            return None
        return "size" if events[-1].executionStalled.reason == pb.PAYLOAD_SIZE_EXCEEDED else "version"

    def force_purge(self, instance_id: str) -> None:
        """Purge a workflow in any status. Idempotent: succeeds when there is none.

        Only for a workflow that the engine does not run: otherwise a part of its state would remain.
        """
        request = pb.PurgeInstancesRequest(instanceId=instance_id, recursive=True, force=True)
        try:
            call_engine(lambda: self._stub.PurgeInstances(request, **self._options))
        except NotFound:
            return

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()
