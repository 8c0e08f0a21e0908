"""The bare engine: a workflow with four empty activities and one event, like an order's, with its own sidecar."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import psutil
from dapr.ext.workflow import DaprWorkflowClient, DaprWorkflowContext, WorkflowActivityContext, WorkflowRuntime
from empty_order import EmptyOrders

from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.ports import http_ok
from pizzashop.local.processes import Process
from pizzashop.local.programs import daprd_command, role_environment
from pizzashop.local.project import App, Project
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
WARM_UP_WORKFLOWS = 16
RUSH_THREADS = 32
# As many as the shop's worker takes; by default the SDK runs a hundred at a time.
MAX_ACTIVITIES = 4096
# The pauses between two reads of a workflow grow as those of the load between two reads of an order.
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.05, 0.5

# Starts a workflow, and returns its instance id.
Start = Callable[[], str]


def do_nothing(_: WorkflowActivityContext, value: Any) -> Any:
    """Do nothing for `seconds` of the input, and return the input."""
    if value["seconds"]:
        time.sleep(value["seconds"])
    return value


def bare_workflow(ctx: DaprWorkflowContext, value: Any) -> Any:
    """Run three activities, wait for an event, and run one more activity."""
    for _ in range(3):
        value = yield ctx.call_activity(do_nothing, input=value)
    yield ctx.wait_for_external_event("go")
    return (yield ctx.call_activity(do_nothing, input=value))


async def wait_for_step(_: WorkflowActivityContext, seconds: float) -> None:
    """Wait as long as a step takes. A coroutine: each of hundreds of workflows would keep a thread."""
    await asyncio.sleep(seconds)


def bare_workflow_at_pace(ctx: DaprWorkflowContext, step_seconds: list[float]) -> Any:
    """Run four activities that last as long as the steps of an order, the last one after an event."""
    *before, last = step_seconds
    for seconds in before:
        yield ctx.call_activity(wait_for_step, input=seconds)
    yield ctx.wait_for_external_event("go")
    yield ctx.call_activity(wait_for_step, input=last)


class BareEngine:
    """Runs bare workflows and empty orders, and measures them; this process is their worker."""

    def __init__(self, sidecar: Process) -> None:
        self._sidecar = sidecar
        port = str(PORTS["daprGRPCPort"])
        self._runtime = WorkflowRuntime(
            host="127.0.0.1",
            port=port,
            maximum_thread_pool_workers=64,
            maximum_concurrent_activity_work_items=MAX_ACTIVITIES,
        )
        # The SDK marks a function that it registers and refuses it again, and each row creates a new engine.
        self._runtime.register_workflow(lambda ctx, value: bare_workflow(ctx, value), name=bare_workflow.__name__)
        self._runtime.register_workflow(
            lambda ctx, value: bare_workflow_at_pace(ctx, value), name=bare_workflow_at_pace.__name__
        )

        async def wait(ctx: WorkflowActivityContext, seconds: float) -> None:
            await wait_for_step(ctx, seconds)

        self._runtime.register_activity(wait, name=wait_for_step.__name__)
        self._runtime.register_activity(lambda ctx, value: do_nothing(ctx, value), name=do_nothing.__name__)
        self._empty_orders = EmptyOrders(PORTS["daprHTTPPort"])
        self._empty_orders.register(self._runtime)
        self._client = DaprWorkflowClient(host="127.0.0.1", port=port)

    def start(self) -> None:
        """Connect, and run some workflows that are not measured."""
        # The client logs each failed read, although it is tried again.
        logging.getLogger("DaprWorkflowClient").setLevel("CRITICAL")
        self._runtime.start()
        for start in (self.start_workflow, self.start_empty_order):
            self.run(WARM_UP_WORKFLOWS, WARM_UP_WORKFLOWS, start=start)

    def close(self) -> None:
        """Disconnect."""
        self._client.close()
        self._empty_orders.close()
        self._runtime.shutdown()

    def cpu_seconds(self) -> float:
        """Return the CPU seconds that the sidecar and this process have used so far."""
        return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in (self._sidecar.pid, None))

    def start_workflow(self, step_seconds: float = 0) -> str:
        """Start a bare workflow whose activities last so long, on threads; return its instance id."""
        instance = f"bare-{uuid4().hex}"
        return self._start(bare_workflow, instance, {"order_id": instance, "seconds": step_seconds})

    def start_workflow_at_pace(self, step_seconds: Sequence[float]) -> str:
        """Start a bare workflow whose activities last as long as the steps of an order; return its instance id."""
        return self._start(bare_workflow_at_pace, f"bare-{uuid4().hex}", list(step_seconds))

    def start_empty_order(self, step_seconds: Sequence[float] = (0, 0, 0, 0)) -> str:
        """Start an empty order whose steps last so long; return its instance id."""
        return self._empty_orders.start(self._client, step_seconds)

    def run(
        self, count: int, at_once: int, first_pause: float = FIRST_PAUSE_SECONDS, start: Start | None = None
    ) -> tuple[float, list[float]]:
        """Run `count` workflows, `at_once` at the same time; return the seconds of all together, and of each."""
        began = time.perf_counter()
        with ThreadPoolExecutor(at_once) as pool:
            seconds = list(pool.map(lambda _: self._run_one(first_pause, start or self.start_workflow), range(count)))
        return time.perf_counter() - began, seconds

    def run_at_rate(self, rate: float, seconds: float, start: Start, workflow_seconds: float) -> None:
        """Start workflows at a steady rate; wait `workflow_seconds` after the last, and then until all are done."""
        began, count = time.monotonic(), round(rate * seconds)
        instances = []
        for number in range(count):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            instances.append(start())
        self._wait_for_all(instances, time.monotonic() + workflow_seconds)

    def run_rush(self, count: int, step_seconds: Sequence[float]) -> float:
        """Start bare workflows at once, and return the seconds until all are done."""
        began = time.monotonic()
        with ThreadPoolExecutor(RUSH_THREADS) as pool:
            instances = list(pool.map(lambda _: self.start_workflow_at_pace(step_seconds), range(count)))
        self._wait_for_all(instances, began + sum(step_seconds))
        return time.monotonic() - began

    def _start(self, workflow: Any, instance: str, value: object) -> str:
        self._client.schedule_new_workflow(workflow, input=value, instance_id=instance)
        self._client.raise_workflow_event(instance, "go", data={"approved": True})
        return instance

    def _wait_for_all(self, instances: list[str], earliest: float) -> None:
        time.sleep(max(0.0, earliest - time.monotonic()))
        for instance in instances:
            while not self._is_done(instance):
                time.sleep(0.25)

    def _run_one(self, pause: float, start: Start) -> float:
        began = time.perf_counter()
        growth = 1.5 if pause >= FIRST_PAUSE_SECONDS else 1.2
        instance = start()
        while True:
            time.sleep(pause)
            pause = min(pause * growth, MAX_PAUSE_SECONDS)
            if self._is_done(instance):
                return time.perf_counter() - began

    def _is_done(self, instance: str) -> bool:
        try:
            state = self._client.get_workflow_state(instance, fetch_payloads=False)
        except grpc.RpcError:
            # Under load some reads of the engine fail.
            return False
        if state is not None and state.runtime_status.name == "FAILED":
            raise RuntimeError(f"the bare workflow {instance} failed")
        return state is not None and state.runtime_status.name == "COMPLETED"


@contextmanager
def open_bare_engine(state_dir: Path, project: Project, dapr: Dapr) -> Iterator[BareEngine]:
    """Start the bare engine on the services of an open shop, with its own sidecar."""
    resources = state_dir / "bare"
    resources.mkdir(parents=True, exist_ok=True)
    (resources / "store.yaml").write_text(STORE)
    app = App(APP_ID, PORTS, (), {})
    daprd = daprd_command(dapr, replace(project, resources=resources), app)
    process = Process(APP_ID, daprd, state_dir / "logs" / "bare.log", role_environment())
    process.start()
    try:
        wait_until(lambda: http_ok(PORTS["daprHTTPPort"], "/v1.0/healthz"), "the bare sidecar")
        with closing(BareEngine(process)) as bare:
            bare.start()
            yield bare
    finally:
        process.stop(3)
