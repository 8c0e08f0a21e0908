"""The workflow engine, as the shop uses it; `dapr_engine` has the real one."""

from typing import Any, Protocol


class Engine(Protocol):
    """What the views need of the engine. Every method raises Unavailable where it cannot be reached."""

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

    def terminate(self, order_id: str) -> None:
        """End the workflow, and wait until it has."""

    def purge(self, order_id: str) -> None:
        """Forget a workflow that has ended (one that is not known is as good); raises Conflict where it has not."""

    def close(self) -> None:
        """Give the connection back."""
