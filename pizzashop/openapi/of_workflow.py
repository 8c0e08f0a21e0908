"""What the steps and role `workflow` answer, as models."""

from typing import Literal

from pydantic import BaseModel, RootModel


class StepDone(BaseModel):
    """The order as it was sent, with the status that the step ended with, and `error` where it failed."""

    order_id: str
    status: str
    error: str | None = None


class Started(BaseModel):
    """The order is accepted, and its workflow runs or has run."""

    order_id: str
    workflow_instance_id: str
    status: Literal["started"]


class Decided(BaseModel):
    """The decision stands."""

    order_id: str
    validation_status: Literal["approved", "rejected"]


class Steered(BaseModel):
    """It is so now."""

    order_id: str
    status: Literal["paused", "resumed", "cancelled"]


class RuntimeStatus(
    RootModel[Literal["RUNNING", "COMPLETED", "SUSPENDED", "TERMINATED", "FAILED", "PENDING", "STALLED"]]
):
    """What the engine says of the order's workflow."""
