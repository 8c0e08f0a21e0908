"""Role `delivery`: delivers a pizza."""

from fakes.steps import StepContract

from pizzashop.roles import DELIVERY


class TestDeliver(StepContract):
    role, path = DELIVERY, "/deliver"
    statuses = (
        "delivery_finding_driver",
        "delivery_driver_assigned",
        "delivery_picked_up",
        "delivery_on_the_way",
        "delivery_arriving",
        "delivery_at_location",
        "delivered",
    )
    answer = "delivered"
    fails_at, failed = "delivery_on_the_way", "delivery_failed"
