"""The history of a workflow as the engine has it: the SDK's client has no call for it."""

import grpc
from dapr.ext.workflow._durabletask.internal import protos as pb
from dapr.ext.workflow._durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub

from pizzashop.roles import WORKFLOW


def read_history(order_id: str) -> pb.GetInstanceHistoryResponse:
    """Return the history of an order's workflow."""
    with grpc.insecure_channel(f"127.0.0.1:{WORKFLOW.dapr_grpc_port}") as channel:
        request = pb.GetInstanceHistoryRequest(instanceId=f"pizza-order-{order_id}")
        return TaskHubSidecarServiceStub(channel).GetInstanceHistory(request, timeout=5)


def count_finished_activities(order_id: str) -> int:
    """Return how many activities of an order's workflow have finished, by the turns that are over."""
    return sum(event.HasField("taskCompleted") for event in read_history(order_id).events)
