"""The worker: registers the workflow and its activities with the sidecar, and runs them."""

import logging
import socket
import threading
from collections.abc import Callable
from typing import Any

from dapr.ext.workflow import DaprWorkflowContext, WorkflowRuntime

from pizzashop.workflow import sdk
from pizzashop.workflow.activities import Activities, Activity
from pizzashop.workflow.capacity import Capacity
from pizzashop.workflow.pizza_workflow import NAME, Steps, pizza_workflow
from pizzashop.workflow.pizza_workflow_v1 import pizza_workflow_v1

VERSIONS: dict[str, Callable[[DaprWorkflowContext, dict[str, Any]], Steps]] = {
    "v1": pizza_workflow_v1,
    "v2": pizza_workflow,
}
"""Every version that an order in flight may have begun with (docs/how-to/change-the-workflow.md)."""
LATEST = "v2"
AT_ONCE = 4096
"""Activities under way at a time: each only waits, and costs a few kilobytes."""
READY_SECONDS = 30.0
SIDECAR_POLL_SECONDS = 0.05

log = logging.getLogger(__name__)


class Worker:
    """Runs the workflow and its activities on threads of its own, from `start` to `stop`."""

    def __init__(self, grpc_port: int, activities: Activities, in_hand: Capacity) -> None:
        self._runtime = WorkflowRuntime(
            host="127.0.0.1",
            port=str(grpc_port),
            maximum_concurrent_activity_work_items=AT_ONCE,
            worker_ready_timeout=READY_SECONDS,
        )
        register(self._runtime, activities, in_hand)
        self._sidecar = ("127.0.0.1", grpc_port)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="workflow-worker", daemon=True)
        self.ready = threading.Event()

    def start(self) -> None:
        """Connect in the background: the sidecar may come up after the application."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more work and disconnect."""
        self._stopping.set()
        self._runtime.shutdown()

    def _run(self) -> None:
        if not self._wait_for_sidecar():
            return
        try:
            self._runtime.start()
        except RuntimeError as error:
            log.error("the workflow worker did not start: %s", error)
            return
        self.ready.set()
        log.info("workflow worker ready")

    def _wait_for_sidecar(self) -> bool:
        """Wait until the sidecar listens; answers False where the worker is stopped before.

        The SDK waits for seconds after its first failed connection, and orders with it.
        """
        while not self._stopping.is_set():
            try:
                socket.create_connection(self._sidecar, timeout=1).close()
            except OSError:
                self._stopping.wait(SIDECAR_POLL_SECONDS)
            else:
                return True
        return False


def register(runtime: WorkflowRuntime, activities: Activities, in_hand: Capacity) -> None:
    """Make the story known, in each of its versions, and the activities, which `in_hand` counts."""
    sdk.patch_suspension()
    for version in VERSIONS:
        is_latest = version == LATEST
        runtime.register_versioned_workflow(_versioned(version), name=NAME, version_name=version, is_latest=is_latest)
    for activity in activities.all():
        runtime.register_activity(_counted(activity, activities, in_hand), name=activity.__name__)


def _versioned(version: str) -> Callable[[DaprWorkflowContext, dict[str, Any]], Steps]:
    # The SDK marks what it registers, once in a process; wrapped here, the originals stay plain functions.
    def versioned(ctx: DaprWorkflowContext, plan: dict[str, Any]) -> Steps:
        return VERSIONS[version](ctx, plan)

    return versioned


def _counted(activity: Activity, activities: Activities, in_hand: Capacity) -> Activity:
    async def run(ctx: Any, content: dict[str, Any]) -> dict[str, Any]:
        order = content.get("order", content)
        with in_hand.under_way(order["order_id"]):
            async with activities.heartbeat(order):
                return await activity(ctx, content)

    return run
