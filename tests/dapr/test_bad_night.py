"""The questions of a bad night: each happens to the real shop, and the documented command has the answer."""

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from shop_client import PIZZASHOP, ShopClient, eventually
from up_process import OPEN, UpProcess

from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.processes import process_trees
from pizzashop.local.project import Project

PAGE = (Path(__file__).parents[2] / "docs/how-to/look-into-a-problem.md").read_text()
# The questions of the table, each with the commands that its answer names.
ANSWERS = {
    question: re.findall(r"`pizzashop ([^`]+)`", answer)
    for question, answer in re.findall(r"^\| ([^|]+\?) \| (.+) \|$", PAGE, re.MULTILINE)
}
PUBLISH = "http://127.0.0.1:3502/v1.0/publish/pizzapubsub/orders"
FAILING = "fails"


class Night:
    """A real shop, and the documented commands on it."""

    def __init__(self, up: UpProcess) -> None:
        self.up = up

    def answers(self, question: str, order_id: str = "123") -> str:
        """Return what the commands that answer a question print."""
        assert ANSWERS[question]
        return "\n".join(self._run(command.replace("123", order_id)) for command in ANSWERS[question])

    def _run(self, command: str) -> str:
        words = [PIZZASHOP, *command.split()]
        result = subprocess.run(words, env=self.up.env, cwd=self.up.cwd, capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stderr
        return result.stdout


@pytest.fixture(scope="module")
def night(project: Project, dapr: Dapr, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    assert dapr, "Dapr is built before a test waits for it"
    up = UpProcess(project, tmp_path_factory.mktemp("night") / "state")
    up.env |= {"PIZZASHOP_FAIL": f"cooking_baking:{FAILING}"}
    up.start()
    try:
        up.read_until(OPEN)
        yield Night(up)
    finally:
        up.kill()


def test_what_happened_to_an_order(night: Night, client: ShopClient) -> None:
    order_id = client.place_order()
    client.decide(order_id, approved=True)
    client.wait_for_status(order_id, "delivered")
    found = night.answers("What happened to order 123?", order_id)
    assert re.search(r"delivered", found)
    assert re.search(r"kitchen +info +cooking_baking", found)
    assert re.search(r"delivery +info +delivery_on_the_way", found)


def test_who_cancelled_an_order(night: Night, client: ShopClient) -> None:
    order_id = client.place_order()
    client.wait_for_status(order_id, "pending_validation")
    command = [PIZZASHOP, "cancel", order_id, "--yes", "--by", "kim", "--note", "the customer called"]
    subprocess.run(command, env=night.up.env, check=True, capture_output=True, timeout=60)
    client.wait_for_status(order_id, "cancelled")
    assert "cancelled by kim: the customer called" in night.answers("Who cancelled it, and why?", order_id)


def test_what_failed_and_why(night: Night, client: ShopClient) -> None:
    order_id = client.place_order(FAILING)
    client.wait_for_status(order_id, "failed")
    assert order_id in night.answers("What failed, and why?")
    assert re.search(r"error +.*cooking_baking", night.answers("Who cancelled it, and why?", order_id))


def test_what_waits_for_the_manager(night: Night, client: ShopClient) -> None:
    order_id = client.place_order()
    client.wait_for_status(order_id, "pending_validation")
    assert order_id in night.answers("What waits for the manager?")


def test_why_everything_is_slow(night: Night) -> None:
    question = "Why is everything slow?"
    assert "all answer, and so do their sidecars" in night.answers(question)
    kitchen = process_trees([night.up.find("serve --role kitchen").pid])
    for each in kitchen:
        each.send_signal(signal.SIGSTOP)
    try:
        found = night.answers(question)
    finally:
        for each in kitchen:
            each.send_signal(signal.SIGCONT)
    assert re.search(r"note +Roles +no answer from kitchen: their orders wait", found)
    assert re.search(r"Reads +role order reads an order in \d+ ms", found)


def test_what_was_lost_and_what_went_wrong(night: Night, client: ShopClient) -> None:
    question = "Did we lose anything?"
    found = night.answers(question)
    assert "none in flight is stuck" in found
    assert "none: every event was applied" in found
    order_id = client.place_order()
    client.wait_for_status(order_id, "pending_validation")
    event = {"order_id": order_id, "status": "a status of tomorrow", "attempt": 1}
    assert client.reply("POST", PUBLISH, event).status == 204
    eventually(lambda: "there are events that could not be applied" in night.answers(question), seconds=30)
    assert re.search(r"order +error +event kept as dead letter", night.answers("What went wrong tonight?"))


def test_every_question_has_a_test() -> None:
    # A minute would pass before an order is stuck: `tests/contract/test_stuck_orders.py` turns the clock instead.
    elsewhere = {"What is stuck, and why?": "test_stuck_orders", "What would a crash do?": "test_crash"}
    source = Path(__file__).read_text()
    assert [question for question in ANSWERS if f'"{question}"' not in source] == []
    assert elsewhere.keys() <= ANSWERS.keys()
