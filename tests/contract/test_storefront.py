"""Role `storefront`: takes an order in."""

from fakes.shop import FakeShop
from fakes.steps import StepContract

from pizzashop.roles import KITCHEN, ORDER, STOREFRONT


class TestOrder(StepContract):
    role, path = STOREFRONT, "/order"
    statuses = ("validating", "processing", "confirmed")
    answer = "confirmed"
    fails_at, failed = "processing", "order_failed"

    def test_it_calls_no_other_roles_step(self, shop: FakeShop) -> None:
        self.post(shop)
        assert {role for role, _ in shop.sidecar.invoked} == {ORDER}
        assert KITCHEN not in shop.sidecar.invoked
