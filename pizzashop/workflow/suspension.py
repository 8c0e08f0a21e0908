"""A defect of the SDK's worker (1.18.3) mended: what a suspended workflow must hear of all the same.

While a workflow is suspended the worker puts aside all that happens to it until it is resumed. It puts aside too much:
also the engine's notes that an activity or a timer was started. Suspended in the very turn in which it starts one, a
workflow then starts it again at every turn, and fails for that when it is resumed. A second suspension is put aside as
well, and suspends it anew at the resume, without end.
"""

from typing import Any

from dapr.ext.workflow._durabletask import worker

NOTES = frozenset({"taskScheduled", "timerCreated", "childWorkflowInstanceCreated", "eventSent"})
"""What the engine notes of the workflow's own doings."""
SWITCHES = frozenset({"executionSuspended", "executionResumed", "executionTerminated"})


def mend() -> None:
    """Have the worker put aside only what a suspended workflow is to hear of later."""
    if not hasattr(worker, "_is_suspendable"):
        raise RuntimeError("This version of dapr-ext-workflow is not the one that pizzashop.workflow.suspension mends")
    worker._is_suspendable = _is_for_later


def _is_for_later(event: Any) -> bool:
    return event.WhichOneof("eventType") not in NOTES | SWITCHES
