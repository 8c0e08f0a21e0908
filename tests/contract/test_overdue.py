"""A missing decision: the order becomes overdue, and fails if a deadline is set."""

import asyncio
from datetime import timedelta

import pytest
from fakes.problems import assert_problem
from fakes.shop import FakeShop, Post
from flask.testing import FlaskClient

from pizzashop.workflow.activities import Activities


@pytest.fixture
def waiting(shop: FakeShop) -> FakeShop:
    """A shop with an order before the manager, at most a deadline of a minute."""
    shop.place_and_run()
    return shop


class TestOverdue:
    def test_after_the_reminder_it_is_overdue(self, waiting: FakeShop) -> None:
        assert "overdue" not in waiting.record()
        waiting.clock_offset = timedelta(seconds=301)
        waiting.engine.time_out()
        record = waiting.record()
        assert (record["overdue"], record["status"]) == (True, "pending_validation")
        last = record["history"][-1]
        assert (last["kind"], last["status"], last["by"]) == ("action", "overdue", "the clock")

    def test_a_timer_that_fires_too_early_changes_nothing(self, waiting: FakeShop) -> None:
        before = waiting.record()
        waiting.engine.time_out()
        assert waiting.record() == before

    def test_once_decided_on_it_is_not_overdue_any_more(self, waiting: FakeShop) -> None:
        waiting.clock_offset = timedelta(seconds=301)
        waiting.engine.time_out()
        waiting.decide(approved=True)
        record = waiting.record()
        assert (record["status"], "overdue" in record) == ("delivered", False)
        assert "overdue" in waiting.history()


class TestDeadline:
    @pytest.fixture
    def shop(self) -> FakeShop:
        return FakeShop(validation_deadline=60)

    def test_after_the_deadline_the_order_fails(self, waiting: FakeShop, post: Post) -> None:
        waiting.clock_offset = timedelta(seconds=61)
        waiting.engine.time_out()
        error = "Pizza validation failed - no decision within 60 s"
        assert (waiting.record()["status"], waiting.record()["error"]) == ("failed", error)
        assert waiting.engine.instances["123"].result == {"order_id": "123", "status": "failed", "error": error}
        assert_problem(post("/validate-pizza", approved=True), 409)

    def test_a_decision_that_the_engine_does_not_know_yet_counts(self, waiting: FakeShop, post: Post) -> None:
        waiting.clock_offset = timedelta(seconds=61)
        assert post("/validate-pizza", approved=True).status_code == 200
        waiting.engine.instances["123"].events.clear()
        waiting.engine.time_out()
        assert waiting.record()["status"] == "delivered"

    def test_time_that_it_is_paused_does_not_count(self, waiting: FakeShop, post: Post) -> None:
        post("/pause-order")
        waiting.clock_offset = timedelta(hours=1)
        waiting.engine.resume("123")
        waiting.engine.time_out()
        assert waiting.record()["status"] == "pending_validation"


class TestDecisionState:
    """What the workflow asks the record for."""

    PATH = "/order/123/decision-state"

    def test_an_order_that_waits_without_limits_has_no_state(self, order: FlaskClient, waiting: FakeShop) -> None:
        state = order.post(self.PATH, json={"attempt": 1}).json
        assert state == {"decision": None, "failed": None, "seconds": None}
        assert waiting.record()["status"] == "pending_validation"

    @pytest.mark.usefixtures("waiting")
    def test_an_unknown_order_and_another_one_with_its_id_are_not_found(self, order: FlaskClient) -> None:
        assert_problem(order.post("/order/none/decision-state", json={"attempt": 1}), 404)
        assert_problem(order.post(self.PATH, json={"attempt": 1, "uid": "another"}), 404)
        assert_problem(order.post(self.PATH, json={"attempt": 0}), 400)

    def test_while_an_order_is_being_cancelled_its_workflow_waits_to_be_terminated(
        self, order: FlaskClient, waiting: FakeShop, post: Post
    ) -> None:
        waiting.engine.is_down = True
        assert_problem(post("/cancel-order"), 503)
        assert_problem(order.post(self.PATH, json={"attempt": 1}), 503)

    def test_the_workflow_of_a_deleted_order_ends(self, shop: FakeShop) -> None:
        query = {"order": {"order_id": "none", "attempt": 1}, "reminder": 1.0, "deadline": None}
        remind = Activities(shop.sidecar, 0, shop.contents).remind_manager
        assert asyncio.run(remind(None, query)) == {"failed": "the order was deleted"}  # type: ignore[arg-type]
