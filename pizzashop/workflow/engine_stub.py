"""Two calls to the engine that the SDK's client (1.18.3) does not have: why a workflow is stalled, and to forget one
whatever state it is in."""

from typing import Literal

import grpc
from dapr.conf import settings as dapr_settings
from dapr.ext.workflow._durabletask.internal import protos as pb
from dapr.ext.workflow._durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub

from pizzashop.domain.errors import NotFound
from pizzashop.workflow.engine_call import CALL_SECONDS, call

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
        events = call(lambda: self._stub.GetInstanceHistory(request, **self._options)).events
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
            call(lambda: self._stub.PurgeInstances(request, **self._options))
        except NotFound:
            return

    def close(self) -> None:
        """Give the connection back."""
        self._channel.close()
