"""The claims of many runs share a request to role `order`, and each run gets its own answer."""

import threading
from typing import Any

import pytest
from fakes.shop import ORDER_123, FakeShop

from pizzashop.domain.claims import Claim, ClaimAnswer
from pizzashop.errors import NotFound, Unavailable
from pizzashop.roles import ORDER
from pizzashop.steps.lease import ClaimSender, claim_window

WINDOW_SECONDS = 1.0


@pytest.fixture
def shop() -> FakeShop:
    shop = FakeShop()
    for order_id in ("1", "2"):
        shop.place(order_id=order_id)
    return shop


def claim(order_id: str, run: str = "run", **more: Any) -> Claim:
    return Claim(order_id=order_id, step="order", attempt=1, run=run, **more)


def send_together(sender: ClaimSender, *claims: Claim) -> list[ClaimAnswer | str]:
    """Send claims on threads that begin together. Return the answers, or the texts of the errors."""
    answers: list[ClaimAnswer | str] = [""] * len(claims)

    def send(number: int) -> None:
        try:
            answers[number] = sender.send(claims[number])
        except Unavailable as error:
            answers[number] = str(error)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(len(claims))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def results(answers: list[ClaimAnswer | str]) -> list[str]:
    return [answer if isinstance(answer, str) else answer.result for answer in answers]


def test_claims_of_several_orders_share_a_request(shop: FakeShop) -> None:
    shop.sidecar.invoked.clear()
    answers = send_together(ClaimSender(shop.sidecar, WINDOW_SECONDS), claim("1"), claim("2"), claim("none"))
    assert results(answers) == ["granted", "granted", "unknown"]
    assert shop.sidecar.invoked == [(ORDER, "/claims")]


def test_of_two_runs_of_one_order_only_one_gets_the_lease(shop: FakeShop) -> None:
    sender = ClaimSender(shop.sidecar, WINDOW_SECONDS)
    assert sorted(results(send_together(sender, claim("1", "first"), claim("1", "second")))) == ["granted", "taken"]


def test_a_record_that_cannot_be_read_holds_up_only_its_own_order(shop: FakeShop) -> None:
    stored = shop.sidecar.load("order_2")
    shop.sidecar.save("order_2", "{", stored.etag)
    (good, bad) = results(send_together(ClaimSender(shop.sidecar, WINDOW_SECONDS), claim("1"), claim("2")))
    assert good == "granted"
    assert "The record of order 2 cannot be read" in bad


def test_a_role_that_refuses_all_claims_fails_no_order() -> None:
    class OtherRelease:
        def invoke(self, *_: Any) -> Any:
            raise NotFound("The requested URL was not found")

    with pytest.raises(Unavailable, match="refuses claims"):
        ClaimSender(OtherRelease()).send(claim(ORDER_123["order_id"]))  # type: ignore[arg-type]


@pytest.mark.parametrize(("pace", "seconds"), [(0, 0), (0.1, 0.025), (1, 0.25), (10, 0.25)])
def test_a_claim_waits_for_others_by_the_pace(pace: float, seconds: float) -> None:
    assert claim_window(pace) == pytest.approx(seconds)
