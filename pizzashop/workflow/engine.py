"""The workflow engine, as the shop uses it; `dapr_engine` has the real one."""

from typing import Any, Protocol


class Engine(Protocol):
    """What the views need of the engine. Every method raises Unavailable where it cannot be reached or does not act."""

    def schedule(self, order_id: str, plan: dict[str, Any]) -> None:
        """Start the order's workflow; where it runs already, nothing happens."""

    def status(self, order_id: str) -> str | None:
        """The runtime status, in capitals; None where the engine knows no such workflow."""

    def decide(self, order_id: str, decision: dict[str, Any]) -> None:
        """Tell the workflow the manager's decision."""

    def pause(self, order_id: str) -> None:
        """Suspend the workflow after the step at hand, and wait until it is."""

    def resume(self, order_id: str) -> None:
        """Let the workflow go on, and wait until it does."""

    def wake(self, order_id: str) -> None:
        """Have the workflow take a turn, with whatever it has been told, and wait until it has."""

    def terminate(self, order_id: str) -> None:
        """End the workflow, and wait until it has. One that is stalled takes no turn any more: it is forgotten."""

    def forget(self, order_id: str) -> None:
        """Have the engine forget a workflow that does not act, whatever state it is in."""

    def is_too_large(self, order_id: str) -> bool:
        """Whether the workflow is stalled for its size: no other release, and no waiting, brings it on."""

    def purge(self, order_id: str) -> None:
        """Forget a workflow that has ended (one that is not known is as good); raises Conflict where it has not."""

    def close(self) -> None:
        """Give the connection back."""
