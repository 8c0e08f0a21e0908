"""What may be done to an order from outside: first the record decides, then the engine is told."""

from contextlib import suppress
from typing import Any

from pizzashop.domain.errors import NotFound
from pizzashop.domain.order import CANCELLED, FINAL
from pizzashop.domain.requests import ORDER_ID_FORM, Decision, OrderRef
from pizzashop.domain.seal import prints
from pizzashop.roles import ORDER
from pizzashop.settings import Settings
from pizzashop.sidecar import Sidecar
from pizzashop.workflow.engine import Engine
from pizzashop.workflow.steering import steering, wait_for_turn
from pizzashop.workflow.summary import Summary, summary

AT_WORK = ("RUNNING", "PENDING", "SUSPENDED", "STALLED")
"""While the engine says this of a workflow, its order has not been deleted."""


class Office:
    """Every command is written to the record first; told to the engine again, it does no harm."""

    def __init__(self, sidecar: Sidecar, engine: Engine, settings: Settings) -> None:
        self._sidecar, self._engine, self._settings = sidecar, engine, settings

    def start(self, order_id: str, order: dict[str, Any]) -> None:
        """Accept the order and schedule its workflow, unless that has begun already."""
        record = self._ask(order_id, "accept", order)
        if record["start"]:
            plan = self._plan({**order, "attempt": 1, "uid": record["uid"]}, record["secret"])
            self._engine.schedule(order_id, plan)

    def decide(self, decision: Decision) -> None:
        """Record the manager's decision, then wake the workflow with it."""
        asked = decision.model_dump(exclude_none=True)
        record = self._ask(decision.order_id, "decide", asked)
        if record["status"] not in FINAL:
            attempt = record["decision"]["attempt"]
            event = {**asked, "attempt": attempt, "uid": record["uid"], "seal": record["seal"]}
            # Between accept and schedule the engine does not know it yet: the sweep tells it again.
            with suppress(NotFound):
                self._engine.decide(decision.order_id, event)

    def runtime_status(self, order_id: str) -> str:
        """What the engine says of the order's workflow; after a purge, what the record says that it was."""
        if ORDER_ID_FORM.fullmatch(order_id) is None:
            raise NotFound("Order not found")
        status = self._engine.status(order_id)
        return status if status in AT_WORK else self._status_by_record(order_id, status)

    def pause(self, asked: OrderRef) -> None:
        """Suspend the workflow after the step at hand."""
        with steering(self._sidecar, asked.order_id) as run:
            self._engine.pause(asked.order_id)
            self._command("pause", asked, run=run)

    def resume(self, asked: OrderRef) -> None:
        """Let the workflow go on."""
        with steering(self._sidecar, asked.order_id) as run:
            self._engine.resume(asked.order_id)
            self._command("resume", asked, run=run)

    def steer_as_recorded(self, order_id: str) -> None:
        """Bring the engine in line with the record, after who steered last has died before he was done."""
        with steering(self._sidecar, order_id):
            if summary(self._sidecar, order_id)["paused"]:
                self._engine.pause(order_id)
            else:
                self._engine.resume(order_id)

    def cancel(self, asked: OrderRef) -> None:
        """Cancel: from the first write on the order can end only so, whatever dies meanwhile."""
        record = self._command("cancel", asked)
        if record["status"] != CANCELLED:
            if wait_for_turn(self._sidecar, asked.order_id)["uid"] != record["uid"]:
                return  # it was cancelled by another, and deleted: what has its id now is not to end
            self._engine.terminate(asked.order_id)
            self._ask(asked.order_id, "end", {"status": CANCELLED, "uid": record["uid"]})

    def _plan(self, order: dict[str, Any], secret: str) -> dict[str, Any]:
        # What is set holds for an order from its start to its end: the story is told again and again by it.
        return {
            "order": order,
            "max_remakes": self._settings.max_remakes,
            "reminder": self._settings.validation_reminder,
            "deadline": self._settings.validation_deadline,
            "seals": prints(secret, self._settings.max_remakes + 1),
        }

    def _command(self, word: str, asked: OrderRef, **more: str) -> Summary:
        return self._ask(asked.order_id, word, {**asked.model_dump(exclude_none=True), **more})

    def _status_by_record(self, order_id: str, status: str | None) -> str:
        """What holds of an order that the engine has done with: it may be gone, or another may have its id."""
        record = summary(self._sidecar, order_id)
        if not record["wanted"]:
            raise NotFound("The order has no workflow: it was never started")
        if record["status"] == CANCELLED:
            return "TERMINATED"  # also where its workflow began only after that, and ended at once
        if record["status"] in FINAL:
            return status or "COMPLETED"
        return (status if record["begun"] else None) or "PENDING"

    def _ask(self, order_id: str, what: str, content: Any) -> Summary:
        answer: Summary = self._sidecar.invoke(ORDER, "POST", f"/order/{order_id}/{what}", content)
        return answer
