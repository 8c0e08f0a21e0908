"""The bare engine: a workflow of four empty activities and one event, as an order has, behind a sidecar of its own."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import psutil
from dapr.ext.workflow import DaprWorkflowClient, DaprWorkflowContext, WorkflowActivityContext, WorkflowRuntime

from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.ports import http_ok
from pizzashop.local.processes import Process
from pizzashop.local.project import App, Project
from pizzashop.local.services import daprd_command, role_environment
from pizzashop.local.shutdown import wait_until

APP_ID = "bare"
PORTS = {"daprHTTPPort": 3591, "daprGRPCPort": 3592, "daprInternalGRPCPort": 3593, "metricsPort": 3594}
STORE = """
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: barestore
spec:
  type: state.redis
  version: v1
  metadata:
    - {name: redisHost, value: "localhost:6379"}
    - {name: actorStateStore, value: "true"}
"""
WARM = 16
FIRST_SECONDS, GROWTH, LONGEST_SECONDS = 0.05, 1.5, 0.5
"""When a workflow is asked for first, and how the pauses grow: as for an order."""


def nothing(_: WorkflowActivityContext, value: Any) -> Any:
    """Do nothing, for as many seconds as it is told to."""
    if value["seconds"]:
        time.sleep(value["seconds"])
    return value


def bare_workflow(ctx: DaprWorkflowContext, value: Any) -> Any:
    """Three steps, an event, and one step more."""
    for _ in range(3):
        value = yield ctx.call_activity(nothing, input=value)
    yield ctx.wait_for_external_event("go")
    return (yield ctx.call_activity(nothing, input=value))


class Bare:
    """Runs bare workflows; answers the seconds that each took."""

    def __init__(self, sidecar: Process) -> None:
        self._sidecar = sidecar
        port = str(PORTS["daprGRPCPort"])
        self._runtime = WorkflowRuntime(host="127.0.0.1", port=port, maximum_thread_pool_workers=64)
        # The SDK marks what it registers, once in a process, and a run of several rows makes several of these.
        self._runtime.register_workflow(lambda ctx, value: bare_workflow(ctx, value), name=bare_workflow.__name__)
        self._runtime.register_activity(lambda ctx, value: nothing(ctx, value), name=nothing.__name__)
        self._client = DaprWorkflowClient(host="127.0.0.1", port=port)

    def start(self) -> None:
        """Connect, and run a few that are not counted."""
        # It tells of each read that fails and is asked again.
        logging.getLogger("DaprWorkflowClient").setLevel("CRITICAL")
        self._runtime.start()
        self.run(WARM, WARM)

    def close(self) -> None:
        """Disconnect."""
        self._client.close()
        self._runtime.shutdown()

    def cpu_seconds(self) -> float:
        """CPU seconds that its sidecar has used so far, and this process: the worker, and who asks."""
        return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in (self._sidecar.pid, None))

    def run(
        self, count: int, at_once: int, first_pause: float = FIRST_SECONDS, step_seconds: float = 0
    ) -> tuple[float, list[float]]:
        """Run so many, so many at a time, each step for so long: the seconds of all together, and of each."""
        began = time.perf_counter()
        with ThreadPoolExecutor(at_once) as pool:
            each = list(pool.map(lambda _: self._one(first_pause, step_seconds), range(count)))
        return time.perf_counter() - began, each

    def _one(self, pause: float, step_seconds: float) -> float:
        began, instance, growth = time.perf_counter(), f"bare-{uuid4().hex}", GROWTH if pause >= FIRST_SECONDS else 1.2
        order = {"order_id": instance, "seconds": step_seconds}
        self._client.schedule_new_workflow(bare_workflow, input=order, instance_id=instance)
        self._client.raise_workflow_event(instance, "go", data={"approved": True})
        while True:
            time.sleep(pause)
            pause = min(pause * growth, LONGEST_SECONDS)
            if self._is_done(instance):
                return time.perf_counter() - began

    def _is_done(self, instance: str) -> bool:
        try:
            state = self._client.get_workflow_state(instance, fetch_payloads=False)
        except grpc.RpcError:
            return False  # under load the engine's reads fail now and then
        if state is not None and state.runtime_status.name == "FAILED":
            raise RuntimeError(f"the bare workflow {instance} failed")
        return state is not None and state.runtime_status.name == "COMPLETED"


@contextmanager
def beside(state_dir: Path, project: Project, dapr: Dapr) -> Iterator[Bare]:
    """The bare engine, on the services that run: a daprd of its own, and its worker in this process."""
    resources = state_dir / "bare"
    resources.mkdir(parents=True, exist_ok=True)
    (resources / "store.yaml").write_text(STORE)
    app = App(APP_ID, PORTS, (), {})
    daprd = daprd_command(dapr, replace(project, resources=resources), app)
    process = Process(APP_ID, daprd, state_dir / "logs" / "bare.log", role_environment())
    process.start()
    try:
        wait_until(lambda: http_ok(PORTS["daprHTTPPort"], "/v1.0/healthz"), "the bare sidecar")
        with closing(Bare(process)) as bare:
            bare.start()
            yield bare
    finally:
        process.stop(3)
