"""The worker: it runs the workflow and its activities for the engine."""

import logging
import socket
import threading
from collections.abc import Callable
from typing import Any

from dapr.ext.workflow import DaprWorkflowContext, WorkflowRuntime
from dapr.ext.workflow.logger.options import LoggerOptions

from pizzashop import tracing
from pizzashop.workflow.activities import Activities, Activity
from pizzashop.workflow.capacity import RunningActivities
from pizzashop.workflow.pizza_workflow import WORKFLOW_NAME, WorkflowGenerator, pizza_workflow
from pizzashop.workflow.pizza_workflow_v1 import pizza_workflow_v1
from pizzashop.workflow.sdk import prepare_sdk

# Every version with which an order in flight may have begun (docs/how-to/change-the-workflow.md).
WORKFLOW_VERSIONS: dict[str, Callable[[DaprWorkflowContext, dict[str, Any]], WorkflowGenerator]] = {
    "v1": pizza_workflow_v1,
    "v2": pizza_workflow,
}
LATEST_VERSION = "v2"
# Activities only wait, and cost a few kilobytes each.
_MAX_ACTIVITIES = 4096
_READY_SECONDS = 30.0
_SIDECAR_POLL_SECONDS = 0.05

log = logging.getLogger(__name__)


class Worker:
    """Runs on threads of its own, from `start` to `stop`."""

    def __init__(self, grpc_port: int, activities: Activities, running: RunningActivities) -> None:
        self._runtime = WorkflowRuntime(
            host="127.0.0.1",
            port=str(grpc_port),
            maximum_concurrent_activity_work_items=_MAX_ACTIVITIES,
            worker_ready_timeout=_READY_SECONDS,
            # Without this handler the SDK prints each of its lines a second time, in another format.
            logger_options=LoggerOptions(log_handler=logging.NullHandler()),
        )
        register_workflow(self._runtime, activities, running)
        self._sidecar_address = ("127.0.0.1", grpc_port)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="workflow-worker", daemon=True)
        self.is_ready = threading.Event()

    def start(self) -> None:
        """Connect in the background: the sidecar may start after the application."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more work, and disconnect."""
        self._stopping.set()
        self._runtime.shutdown()

    def _run(self) -> None:
        if not self._wait_for_sidecar():
            return
        try:
            self._runtime.start()
        except RuntimeError as error:
            log.error("the workflow worker could not start: %s", error)
            return
        self.is_ready.set()
        log.info("the workflow worker is ready")

    def _wait_for_sidecar(self) -> bool:
        """Wait until the sidecar listens. Return False when the worker is stopped before.

        After a failed connection the SDK waits for seconds, and so would all orders.
        """
        while not self._stopping.is_set():
            try:
                socket.create_connection(self._sidecar_address, timeout=1).close()
            except OSError:
                self._stopping.wait(_SIDECAR_POLL_SECONDS)
            else:
                return True
        return False


def register_workflow(runtime: WorkflowRuntime, activities: Activities, running: RunningActivities) -> None:
    """Register every version of the workflow, and the activities, which `running` counts."""
    prepare_sdk()
    for version in WORKFLOW_VERSIONS:
        runtime.register_versioned_workflow(
            _workflow(version), name=WORKFLOW_NAME, version_name=version, is_latest=version == LATEST_VERSION
        )
    for activity in activities.all():
        runtime.register_activity(_counted(activity, activities, running), name=activity.__name__)


def _workflow(version: str) -> Callable[[DaprWorkflowContext, dict[str, Any]], WorkflowGenerator]:
    # The SDK marks each function that it registers, and takes it once in a process: so it gets a new one each time.
    def workflow(ctx: DaprWorkflowContext, start: dict[str, Any]) -> WorkflowGenerator:
        return WORKFLOW_VERSIONS[version](ctx, start)

    return workflow


def _counted(activity: Activity, activities: Activities, running: RunningActivities) -> Activity:
    async def run(ctx: Any, content: dict[str, Any]) -> dict[str, Any]:
        order = content.get("order", content)
        # The SDK has made a span of the activity.
        tracing.describe_order(order["order_id"])
        with running.run(order["order_id"]):
            async with activities.heartbeat(order):
                return await activity(ctx, content)

    return run
