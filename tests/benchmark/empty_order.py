"""An empty order: a workflow with the requests of an order, which the roles answer at once and without any work.

It shows what five roles behind sidecars cost. What it costs less than an order is what the shop's own code does: the
record, the stages, their claims and their events.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from dapr.ext.workflow import DaprWorkflowClient, DaprWorkflowContext, WorkflowActivityContext, WorkflowRuntime

from pizzashop.dapr.async_http import AsyncHttpClient
from pizzashop.dapr.http import HttpClient, Reply
from pizzashop.roles import DELIVERY, KITCHEN, ORDER, STOREFRONT, WORKFLOW

# The roles that the steps of an order call: to take it in, to cook, to ask the manager, and to deliver and end it.
ROLES_OF_STEPS = ((STOREFRONT,), (KITCHEN,), (ORDER,), (DELIVERY, ORDER))
REQUEST_SECONDS = 10.0


class EmptyOrders:
    """Starts empty orders, which call the roles through the sidecar at `http_port`."""

    def __init__(self, http_port: int) -> None:
        self._url = f"http://127.0.0.1:{http_port}/healthz"
        self._http, self._async_http = HttpClient(), AsyncHttpClient()
        self._loop: asyncio.AbstractEventLoop | None = None

    def register(self, runtime: WorkflowRuntime) -> None:
        """Register the workflow and its activity."""

        async def run_step(_: WorkflowActivityContext, step: dict[str, Any]) -> None:
            self._loop = asyncio.get_running_loop()
            for app_id in step["app_ids"]:
                headers = {"dapr-app-id": app_id}
                _require_ok(await self._async_http.request("GET", self._url, REQUEST_SECONDS, headers=headers))
            if step["seconds"]:
                await asyncio.sleep(step["seconds"])

        def run_steps(ctx: DaprWorkflowContext, steps: list[dict[str, Any]]) -> Any:
            *before, last = steps
            for step in before:
                yield ctx.call_activity(run_step, input=step)
            yield ctx.wait_for_external_event("go")
            yield ctx.call_activity(run_step, input=last)

        runtime.register_activity(run_step, name="run_empty_step")
        runtime.register_workflow(run_steps, name="empty_order")
        self._workflow = run_steps

    def start(self, client: DaprWorkflowClient, step_seconds: Sequence[float]) -> str:
        """Start one and decide on it, each with a request to `workflow` and one to `order`. Return its instance id."""
        instance = f"empty-{uuid4().hex}"
        steps = [
            {"app_ids": [role.app_id for role in roles], "seconds": seconds}
            for roles, seconds in zip(ROLES_OF_STEPS, step_seconds, strict=True)
        ]
        self._request_command()
        client.schedule_new_workflow(self._workflow, input=steps, instance_id=instance)
        self._request_command()
        client.raise_workflow_event(instance, "go", data={"approved": True})
        return instance

    def close(self) -> None:
        """Close the connections; the worker must still run."""
        self._http.close()
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._async_http.close(), self._loop).result(REQUEST_SECONDS)

    def _request_command(self) -> None:
        role_url = f"http://127.0.0.1:{WORKFLOW.port}/healthz"
        _require_ok(self._http.request("GET", role_url, REQUEST_SECONDS))
        headers = {"dapr-app-id": ORDER.app_id}
        _require_ok(self._http.request("GET", self._url, REQUEST_SECONDS, headers=headers))


def _require_ok(reply: Reply) -> None:
    if reply.status != 200:
        raise RuntimeError(f"A role answered {reply.status}")
