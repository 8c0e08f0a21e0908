"""What contradicts itself at the same moment: one of the two wins, and the record and the engine agree."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from shop_client import OpenShop, ShopClient, count_published_stages, eventually, new_order, stages

from pizzashop.domain.lifecycle import FINAL, HAPPY_PATH
from pizzashop.local.shop import Shop

pytestmark = pytest.mark.usefixtures("shop")

Answer = tuple[int, Any]


@pytest.fixture(scope="module")
def shop(open_shop: OpenShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("state"), pace=0) as opened:
        yield opened


def at_once(*calls: Callable[[], Answer]) -> list[Answer]:
    """Make the calls at the same time, and answer what each answered."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def agreed(client: ShopClient, order_id: str) -> str:
    """Wait until the order has ended; answers how, having checked that the engine says the same."""
    record = eventually(lambda: client.record(order_id), lambda record: record["status"] in FINAL)
    expected = "TERMINATED" if record["status"] == "cancelled" else "COMPLETED"
    eventually(lambda: client.workflow_status(order_id), lambda status: status == expected)
    ends = [entry["status"] for entry in record["history"] if entry["status"] in FINAL]
    assert ends[-1] == record["status"]
    assert max(count_published_stages(order_id).values(), default=1) == 1
    status: str = record["status"]
    return status


def test_fifty_identical_starts_are_one_order(client: ShopClient) -> None:
    order = new_order()
    answers = at_once(*[lambda: client.start(order)] * 50)
    assert {status for status, _ in answers} == {200}
    assert len({str(answer) for _, answer in answers}) == 1
    client.decide(order["order_id"], approved=True)
    assert stages(client.wait_for_status(order["order_id"], "delivered")) == list(HAPPY_PATH)
    assert agreed(client, order["order_id"]) == "delivered"


def test_of_twenty_approvals_and_twenty_rejections_the_first_stands(client: ShopClient) -> None:
    order_id = client.place_order()
    client.wait_for_status(order_id, "pending_validation")
    decisions = [True, False] * 20
    answers = at_once(*(lambda yes=yes: client.decide(order_id, approved=yes) for yes in decisions))
    verdicts = {
        yes: Counter(a[0] for a, each in zip(answers, decisions, strict=True) if each == yes) for yes in (True, False)
    }
    assert sorted(verdicts.values(), key=str) == [Counter({200: 20}), Counter({409: 20})]
    expected = "delivered" if verdicts[True][200] else "failed"
    assert agreed(client, order_id) == expected


@pytest.mark.parametrize("number", range(5))
def test_a_cancel_against_an_approval(client: ShopClient, number: int) -> None:
    order_id = client.place_order()
    if number % 2:
        client.wait_for_status(order_id, "pending_validation")
    cancelled, approved = at_once(
        lambda: client.command("cancel", order_id), lambda: client.decide(order_id, approved=True)
    )
    assert {cancelled[0], approved[0]} <= {200, 409}
    assert agreed(client, order_id) == ("cancelled" if cancelled[0] == 200 else "delivered")


@pytest.mark.parametrize("number", range(5))
def test_a_cancel_against_the_last_stages(client: ShopClient, number: int) -> None:
    order_id = client.place_order(f"last{number}")
    client.decide(order_id, approved=True)
    eventually(lambda: stages(client.record(order_id))[-1].startswith("deliver"))
    cancelled = client.command("cancel", order_id)[0]
    assert cancelled in (200, 409)
    assert agreed(client, order_id) == ("cancelled" if cancelled == 200 else "delivered")


def test_everything_at_once_ends_once(client: ShopClient) -> None:
    order_id = client.place_order()
    commands = [lambda word=word: client.command(word, order_id) for word in ("pause", "resume", "cancel") * 3]
    decisions = [lambda yes=yes: client.decide(order_id, approved=yes) for yes in (True, False, True)]
    answers = at_once(*commands, *decisions)
    assert {status for status, _ in answers} <= {200, 409}
    assert agreed(client, order_id) == "cancelled"
