"""Role `workflow`: start an order, decide on it, ask for it, pause, resume and cancel it."""

from typing import Any

import pytest
from fakes.executors import LaterExecutor
from fakes.problems import assert_problem
from fakes.shop import ORDER_123, FakeShop, Post
from flask.testing import FlaskClient

from pizzashop.domain.lifecycle import COOK_STEP, DELIVER_STEP, HAPPY_PATH
from pizzashop.roles import ORDER, WORKFLOW
from pizzashop.workflow.capacity import StartQueue

STARTED = {"order_id": "123", "workflow_instance_id": "pizza-order-123", "status": "started"}
COMMANDS = ["/pause-order", "/resume-order", "/cancel-order"]


class TestStart:
    def test_it_is_started(self, shop: FakeShop, workflow: FlaskClient) -> None:
        answer = workflow.post("/start-order", json=ORDER_123)
        assert (answer.status_code, answer.json) == (200, STARTED)
        assert shop.record()["status"] == "accepted"
        assert ORDER_123.items() <= shop.record().items()
        assert shop.engine.scheduled == ["123"]

    def test_starting_it_again_while_it_runs_changes_nothing(self, shop: FakeShop, workflow: FlaskClient) -> None:
        shop.place()
        assert workflow.post("/start-order", json=ORDER_123).json == STARTED
        shop.engine.run()
        assert workflow.post("/start-order", json=ORDER_123).json == STARTED
        assert shop.engine.scheduled == ["123"]

    @pytest.mark.parametrize("approved", [True, False])
    @pytest.mark.parametrize("purged", [True, False])
    def test_starting_it_again_after_its_end_changes_nothing(
        self, shop: FakeShop, workflow: FlaskClient, approved: bool, purged: bool
    ) -> None:
        shop.place_and_run()
        shop.decide(approved=approved)
        if purged:
            shop.engine.purge("123")
        before = shop.record()
        assert workflow.post("/start-order", json=ORDER_123).json == STARTED
        assert shop.record() == before
        assert shop.engine.scheduled == ["123"]

    def test_a_cancelled_order_is_not_started_again(self, shop: FakeShop, workflow: FlaskClient, post: Post) -> None:
        shop.place()
        post("/cancel-order")
        assert workflow.post("/start-order", json=ORDER_123).json == STARTED
        assert shop.engine.scheduled == ["123"]

    @pytest.mark.parametrize("finished", [True, False])
    def test_other_content_is_a_conflict(self, shop: FakeShop, workflow: FlaskClient, finished: bool) -> None:
        shop.place_and_run()
        if finished:
            shop.decide(approved=True)
        assert_problem(workflow.post("/start-order", json={**ORDER_123, "size": "small"}), 409)
        assert shop.record()["size"] == "large"

    def test_an_existing_record_with_the_same_content_is_used(
        self, shop: FakeShop, order: FlaskClient, workflow: FlaskClient
    ) -> None:
        order.post("/order", json=ORDER_123)
        assert_problem(workflow.post("/start-order", json={**ORDER_123, "size": "small"}), 409)
        assert workflow.post("/start-order", json=ORDER_123).json == STARTED
        assert shop.engine.scheduled == ["123"]
        assert shop.history() == ["accepted"]

    def test_an_existing_record_is_used_also_after_a_step_was_run_by_hand(
        self, shop: FakeShop, order: FlaskClient, storefront: FlaskClient, workflow: FlaskClient
    ) -> None:
        order.post("/order", json=ORDER_123)
        storefront.post("/order", json=ORDER_123)
        workflow.post("/start-order", json=ORDER_123)
        assert shop.engine.scheduled == ["123"]

    def test_an_accepted_order_that_was_not_scheduled_is_scheduled_by_the_next_call(
        self, shop: FakeShop, workflow: FlaskClient
    ) -> None:
        shop.engine.is_down = True
        assert_problem(workflow.post("/start-order", json=ORDER_123), 503)
        shop.engine.is_down = False
        assert workflow.post("/start-order", json=ORDER_123).json == STARTED
        assert shop.engine.scheduled == ["123"]

    @pytest.mark.parametrize("name", ["status", "history", "attempt", "error", "version", "run", "uid"])
    def test_the_shops_own_names_are_refused(self, shop: FakeShop, workflow: FlaskClient, name: str) -> None:
        assert_problem(workflow.post("/start-order", json={**ORDER_123, name: None}), 400)
        assert not shop.sidecar.stored_keys()

    def test_other_fields_travel_with_the_order(self, shop: FakeShop, workflow: FlaskClient) -> None:
        workflow.post("/start-order", json={**ORDER_123, "extra": {"olives": 7}})
        shop.engine.run()
        assert all(event["extra"] == {"olives": 7} for event in shop.sidecar.published)


class TestTheWholeWay:
    def test_an_approved_order_is_delivered(self, shop: FakeShop) -> None:
        shop.place_and_run()
        assert shop.record()["status"] == "pending_validation"
        shop.decide(approved=True)
        assert shop.engine.called == ["order_pizza", "cook_pizza", "validate_pizza", "deliver_pizza"]
        result = shop.engine.instances["123"].result
        delivered = result.pop("delivery_result")
        assert result == {"order_id": "123", "status": "completed", "final_status": "delivered"}
        assert {**ORDER_123, "status": "delivered"}.items() <= delivered.items()
        assert "error" not in shop.record()

    def test_all_16_statuses_are_on_the_topic_once(self, shop: FakeShop) -> None:
        shop.place_and_run()
        shop.decide(approved=True)
        assert [event["status"] for event in shop.sidecar.published] == list(HAPPY_PATH[1:])

    def test_the_state_store_has_the_pending_validation(self, shop: FakeShop) -> None:
        shop.place_and_run()
        value = shop.sidecar.load("validation_123").value
        assert value == b'{"order_id": "123", "status": "pending_validation"}'

    def test_a_rejected_order_fails(self, shop: FakeShop) -> None:
        shop.place_and_run()
        shop.decide(approved=False)
        error = "Pizza validation failed - need to remake"
        assert shop.engine.instances["123"].result == {"order_id": "123", "status": "failed", "error": error}
        assert (shop.record()["status"], shop.record()["error"]) == ("failed", error)

    def test_a_remade_pizza_is_cooked_again(self, shop: FakeShop) -> None:
        shop.place_and_run()
        shop.decide(approved=False, remake=True)
        assert (shop.record()["status"], shop.record()["attempt"]) == ("pending_validation", 2)
        shop.decide(approved=True)
        cooked = [(e["status"], e["attempt"]) for e in shop.record()["history"] if e["status"] == "cooked"]
        assert cooked == [("cooked", 1), ("cooked", 2)]
        assert shop.record()["status"] == "delivered"

    def test_a_pizza_is_remade_twice_at_most(self, shop: FakeShop) -> None:
        shop.place_and_run()
        for _ in range(3):
            shop.decide(approved=False, remake=True)
        assert shop.record()["attempt"] == 3
        assert (shop.record()["status"], shop.record()["error"]) == (
            "failed",
            "Pizza validation failed - remade too often",
        )

    @pytest.mark.parametrize(
        ("stage", "error"),
        [
            ("processing", "Order failed: "),
            ("cooking_baking", "Cooking failed: "),
            ("delivery_arriving", "Delivery failed: "),
        ],
    )
    def test_a_step_that_fails_fails_the_order(self, stage: str, error: str) -> None:
        shop = FakeShop(fail=f"{stage}:1")
        shop.place_and_run()
        if stage.startswith("delivery"):
            shop.decide(approved=True)
        result = shop.engine.instances["123"].result
        assert result["status"] == "failed"
        assert result["error"].startswith(error)
        assert (shop.record()["status"], shop.record()["error"]) == ("failed", result["error"])

    def test_an_order_is_delivered_even_if_no_event_arrives(self, shop: FakeShop, workflow: FlaskClient) -> None:
        workflow.post("/start-order", json=ORDER_123)
        shop.engine.run()
        assert shop.record()["status"] == "pending_validation"
        shop.decide(approved=False, remake=True)
        assert (shop.record()["status"], shop.record()["attempt"]) == ("pending_validation", 2)
        shop.decide(approved=True)
        of_attempt_2 = [entry["status"] for entry in shop.record()["history"] if entry["attempt"] == 2]
        cooked = [*COOK_STEP.published_statuses, "pending_validation"]
        assert of_attempt_2 == [*cooked, "approved", *DELIVER_STEP.published_statuses]

    def test_late_events_change_nothing(self, shop: FakeShop, workflow: FlaskClient) -> None:
        workflow.post("/start-order", json=ORDER_123)
        shop.engine.run()
        shop.decide(approved=True)
        assert shop.record()["status"] == "delivered"
        before = shop.history()
        shop.sidecar.deliver(*reversed(shop.sidecar.published))
        assert shop.history() == before


class TestDecide:
    @pytest.mark.parametrize(
        ("decision", "verdict"),
        [
            ({"approved": True}, "approved"),
            ({"approved": False}, "rejected"),
            ({"approved": False, "remake": True}, "rejected"),
        ],
    )
    def test_it_is_answered(self, shop: FakeShop, post: Post, decision: dict[str, Any], verdict: str) -> None:
        shop.place_and_run()
        answer = post("/validate-pizza", **decision)
        assert (answer.status_code, answer.json) == (200, {"order_id": "123", "validation_status": verdict})

    def test_the_first_decision_counts(self, shop: FakeShop, post: Post) -> None:
        shop.place_and_run()
        assert post("/validate-pizza", approved=True).status_code == 200
        assert post("/validate-pizza", approved=True).status_code == 200
        assert_problem(post("/validate-pizza", approved=False), 409)
        assert_problem(post("/validate-pizza", approved=False, remake=True), 409)
        assert shop.history().count("approved") == 1
        shop.engine.run()
        assert shop.record()["status"] == "delivered"

    def test_a_rejection_is_not_a_remake(self, shop: FakeShop, post: Post) -> None:
        shop.place_and_run()
        post("/validate-pizza", approved=False, remake=True)
        assert_problem(post("/validate-pizza", approved=False), 409)

    @pytest.mark.parametrize("approved", [True, False])
    def test_it_counts_after_the_end_too(self, shop: FakeShop, post: Post, approved: bool) -> None:
        shop.place_and_run()
        shop.decide(approved=approved)
        assert post("/validate-pizza", approved=approved).status_code == 200
        assert_problem(post("/validate-pizza", approved=not approved), 409)

    def test_a_decision_before_the_pizza_is_cooked_is_kept(self, shop: FakeShop, post: Post) -> None:
        shop.place()
        assert post("/validate-pizza", approved=True).status_code == 200
        shop.engine.run()
        assert shop.record()["status"] == "delivered"

    def test_it_counts_for_its_attempt_alone(self, shop: FakeShop, post: Post) -> None:
        shop.place_and_run()
        post("/validate-pizza", approved=False, remake=True)
        post("/validate-pizza", approved=False, remake=True)
        shop.engine.run()
        assert (shop.record()["status"], shop.record()["attempt"]) == ("pending_validation", 2)

    def test_it_may_name_its_attempt(self, shop: FakeShop, post: Post) -> None:
        shop.place_and_run()
        assert_problem(post("/validate-pizza", approved=True, attempt=2), 409)
        shop.decide(approved=False, remake=True, attempt=1)
        assert_problem(post("/validate-pizza", approved=True, attempt=1), 409)
        assert post("/validate-pizza", approved=False, remake=True, attempt=1).status_code == 200
        shop.decide(approved=True, attempt=2)
        assert shop.record()["status"] == "delivered"

    def test_a_decision_raised_directly_in_the_engine_counts_and_is_recorded(self, shop: FakeShop) -> None:
        shop.place_and_run()
        shop.engine.raise_event("123", {"approved": True})
        shop.engine.run()
        assert shop.record()["status"] == "delivered"
        (decision,) = [e for e in shop.record()["history"] if e["kind"] == "decision"]
        assert (decision["status"], decision["attempt"]) == ("approved", 1)

    def test_its_author_and_note_are_recorded_too(self, shop: FakeShop) -> None:
        shop.place_and_run()
        shop.engine.raise_event("123", {"approved": False, "by": "ana", "note": "x" * 600})
        shop.engine.run()
        (decision,) = [e for e in shop.record()["history"] if e["kind"] == "decision"]
        assert (decision["status"], decision["by"], decision["note"]) == ("rejected", "ana", "x" * 500)

    @pytest.mark.parametrize("nonsense", [7, None, [], {"a": 1}, "", True])
    def test_an_invalid_author_or_note_is_ignored(self, shop: FakeShop, nonsense: Any) -> None:
        shop.place_and_run()
        shop.engine.raise_event("123", {"approved": True, "by": nonsense, "note": nonsense})
        shop.engine.run()
        assert shop.record()["status"] == "delivered"
        (decision,) = [e for e in shop.record()["history"] if e["kind"] == "decision"]
        assert decision.keys() == {"kind", "status", "attempt", "at"}

    def test_a_lone_surrogate_in_its_note_does_no_harm(self, shop: FakeShop) -> None:
        shop.place_and_run()
        shop.engine.raise_event("123", {"approved": True, "note": "\ud800"})
        shop.engine.run()
        assert shop.record()["status"] == "delivered"

    def test_an_event_that_only_claims_to_be_recorded_delivers_no_pizza(self, shop: FakeShop) -> None:
        shop.place_and_run()
        uid = shop.sidecar.invoke(ORDER, "GET", "/order/123/summary")["uid"]
        shop.engine.raise_event("123", {"approved": True, "recorded": True, "attempt": 1, "uid": uid})
        shop.engine.run()
        assert shop.record()["error"] == "Delivery failed: Order 123 is closed: attempt 1 was not approved"
        assert "delivery_finding_driver" not in shop.history()

    def test_raised_directly_it_counts_for_an_attempt_whose_events_have_not_arrived(self, shop: FakeShop) -> None:
        shop.place_and_run()
        shop.sidecar.delivers_events = False
        shop.decide(approved=False, remake=True)
        shop.engine.raise_event("123", {"approved": True})
        shop.engine.run()
        assert shop.record()["status"] == "delivered"

    def test_a_decision_of_the_shop_counts_against_one_raised_directly(self, shop: FakeShop, post: Post) -> None:
        shop.place()
        post("/validate-pizza", approved=True)
        shop.engine.instances["123"].events.insert(0, {"approved": False})
        shop.engine.run()
        assert shop.record()["status"] == "delivered"

    @pytest.mark.parametrize("event", [None, "yes", [], {}, {"approved": "true"}, {"approved": 1}, {"approve": True}])
    def test_an_invalid_event_is_ignored(self, shop: FakeShop, event: Any) -> None:
        shop.place_and_run()
        shop.engine.raise_event("123", event)
        shop.engine.run()
        assert shop.record()["status"] == "pending_validation"
        shop.decide(approved=True)
        assert shop.record()["status"] == "delivered"

    @pytest.mark.parametrize(
        "decision",
        [
            {},
            {"approved": "true"},
            {"approved": 1},
            {"approved": None},
            {"approved": True, "remake": True},
            {"approved": False, "remake": 1},
            {"approved": True, "attempt": 0},
            {"approved": True, "attempt": "1"},
            {"approved": True, "by": 1},
            {"approved": True, "note": []},
        ],
    )
    def test_an_invalid_decision_is_refused(self, shop: FakeShop, post: Post, decision: dict[str, Any]) -> None:
        shop.place_and_run()
        assert_problem(post("/validate-pizza", **decision), 400)
        assert shop.record()["status"] == "pending_validation"

    def test_while_the_engine_is_away_a_decision_is_recorded_and_can_be_sent_again(
        self, shop: FakeShop, post: Post
    ) -> None:
        shop.place_and_run()
        shop.engine.is_down = True
        assert_problem(post("/validate-pizza", approved=True), 503)
        shop.engine.is_down = False
        shop.decide(approved=True)
        assert shop.record()["status"] == "delivered"

    def test_a_decision_on_an_order_that_waits_for_its_start_is_raised_after_that(self, shop: FakeShop) -> None:
        executor = LaterExecutor()
        # Role `workflow` of the fake shop takes the queue when it is first used.
        shop.sidecar.apps.clear()
        shop.starts = StartQueue(executor, 8, answer_wait_seconds=0)
        workflow = shop.client(WORKFLOW)
        assert workflow.post("/start-order", json=ORDER_123).json == STARTED
        decision = {"order_id": "123", "approved": True}
        assert workflow.post("/validate-pizza", json=decision).status_code == 200
        assert workflow.get("/get-status/123").json == "PENDING"
        assert shop.engine.scheduled == []
        executor.run(1)
        shop.engine.run()
        assert shop.record()["status"] == "delivered", shop.history()


class TestStatus:
    def test_a_bare_json_string(self, shop: FakeShop, workflow: FlaskClient) -> None:
        shop.place()
        assert workflow.get("/get-status/123").json == "PENDING"
        shop.engine.run()
        assert workflow.get("/get-status/123").text.strip() == '"RUNNING"'

    @pytest.mark.parametrize("approved", [True, False])
    def test_after_a_purge_the_record_shows_it(self, shop: FakeShop, workflow: FlaskClient, approved: bool) -> None:
        shop.place_and_run()
        shop.decide(approved=approved)
        assert workflow.get("/get-status/123").json == "COMPLETED"
        shop.engine.purge("123")
        assert workflow.get("/get-status/123").json == "COMPLETED"

    def test_of_a_cancelled_order(self, shop: FakeShop, workflow: FlaskClient, post: Post) -> None:
        shop.place()
        post("/cancel-order")
        assert workflow.get("/get-status/123").json == "TERMINATED"
        shop.engine.purge("123")
        assert workflow.get("/get-status/123").json == "TERMINATED"

    def test_of_a_paused_order(self, shop: FakeShop, workflow: FlaskClient, post: Post) -> None:
        shop.place_and_run()
        post("/pause-order")
        assert workflow.get("/get-status/123").json == "SUSPENDED"

    def test_of_a_deleted_order(self, shop: FakeShop, order: FlaskClient, workflow: FlaskClient) -> None:
        shop.place_and_run()
        shop.decide(approved=False)
        order.delete("/order/123")
        assert_problem(workflow.get("/get-status/123"), 404)

    def test_of_another_order_with_the_same_id(self, shop: FakeShop, order: FlaskClient, workflow: FlaskClient) -> None:
        shop.place_and_run()
        shop.decide(approved=False)
        order.delete("/order/123")
        order.post("/order", json=ORDER_123)
        assert_problem(workflow.get("/get-status/123"), 404)
        shop.engine.is_down = True
        workflow.post("/start-order", json=ORDER_123)
        shop.engine.is_down = False
        assert workflow.get("/get-status/123").json == "PENDING"
        workflow.post("/start-order", json=ORDER_123)
        shop.engine.run()
        assert workflow.get("/get-status/123").json == "RUNNING"

    def test_of_an_order_that_was_cancelled_before_its_workflow_started(
        self, shop: FakeShop, workflow: FlaskClient, post: Post
    ) -> None:
        schedule = shop.engine.schedule

        def schedule_late(order_id: str, start: dict[str, Any]) -> None:
            post("/cancel-order")
            schedule(order_id, start)

        shop.engine.schedule = schedule_late  # type: ignore[method-assign]
        shop.place_and_run()
        assert shop.record()["status"] == "cancelled"
        assert workflow.get("/get-status/123").json == "TERMINATED"

    def test_of_a_workflow_that_somebody_terminated_directly(self, shop: FakeShop, workflow: FlaskClient) -> None:
        shop.place_and_run()
        shop.engine.terminate("123")
        assert workflow.get("/get-status/123").json == "TERMINATED"

    @pytest.mark.parametrize("order_id", ["456", "a.b", "0" * 65, "ü"])
    def test_of_an_unknown_order(self, workflow: FlaskClient, order_id: str) -> None:
        assert_problem(workflow.get(f"/get-status/{order_id}"), 404)


class TestPauseAndResume:
    def test_each_command_may_be_repeated(self, shop: FakeShop, post: Post) -> None:
        shop.place_and_run()
        for path, status, paused in (("/pause-order", "paused", True), ("/resume-order", "resumed", False)):
            for _ in range(2):
                answer = post(path, by="ana", note="lunch")
                assert (answer.status_code, answer.json) == (200, {"order_id": "123", "status": status})
                assert shop.record()["paused"] is paused
        assert shop.history()[-2:] == ["paused", "resumed"]
        action = shop.record()["history"][-1]
        assert (action["kind"], action["by"], action["note"]) == ("action", "ana", "lunch")

    def test_a_decision_while_it_is_paused_is_kept(self, shop: FakeShop, post: Post) -> None:
        shop.place_and_run()
        post("/pause-order")
        shop.decide(approved=True)
        assert shop.record()["status"] == "pending_validation"
        post("/resume-order")
        shop.engine.run()
        assert shop.record()["status"] == "delivered"

    @pytest.mark.parametrize("command", ["pause", "resume"])
    @pytest.mark.parametrize("acts", [True, False])
    def test_if_the_engine_does_not_answer_the_reconciler_makes_it_do_what_the_record_says(
        self, shop: FakeShop, post: Post, command: str, acts: bool
    ) -> None:
        shop.place_and_run()
        before = {"pause": "RUNNING", "resume": "SUSPENDED"}[command]
        if before == "SUSPENDED":
            post("/pause-order")
        shop.engine.loses_answers, shop.engine.ignores_commands = True, not acts
        assert_problem(post(f"/{command}-order"), 503)
        shop.engine.loses_answers = shop.engine.ignores_commands = False
        assert shop.record()["paused"] is (before == "SUSPENDED")
        shop.reconcile()
        assert shop.engine.status("123") == before
        assert post(f"/{command}-order").status_code == 200, "it may be asked for again"

    def test_an_order_that_is_not_paused_can_be_resumed(self, shop: FakeShop, post: Post) -> None:
        shop.place_and_run()
        assert post("/resume-order").status_code == 200
        assert "resumed" not in shop.history()


class TestCancel:
    @pytest.mark.parametrize("worked", [True, False])
    def test_a_cancelled_order_has_ended(self, shop: FakeShop, post: Post, worked: bool) -> None:
        shop.place()
        if worked:
            shop.engine.run()
        for _ in range(2):
            answer = post("/cancel-order", by="ana")
            assert (answer.status_code, answer.json) == (200, {"order_id": "123", "status": "cancelled"})
        record = shop.record()
        assert (record["status"], record["paused"]) == ("cancelled", False)
        assert (record["history"][-1]["status"], record["history"][-1]["by"]) == ("cancelled", "ana")
        assert shop.history().count("cancelled") == 1
        assert shop.engine.instances["123"].status == "TERMINATED"

    def test_a_paused_order_can_be_cancelled(self, shop: FakeShop, post: Post) -> None:
        shop.place_and_run()
        post("/pause-order")
        assert post("/cancel-order").status_code == 200
        assert (shop.record()["status"], shop.record()["paused"]) == ("cancelled", False)

    def test_no_step_begins_after_it(self, shop: FakeShop, post: Post, kitchen: FlaskClient) -> None:
        shop.place()
        post("/cancel-order")
        assert_problem(kitchen.post("/cook", json=ORDER_123), 409)

    def test_begun_while_the_engine_is_away_it_is_finished_by_the_next_call(self, shop: FakeShop, post: Post) -> None:
        shop.place_and_run()
        shop.engine.is_down = True
        assert_problem(post("/cancel-order"), 503)
        shop.engine.is_down = False
        assert_problem(post("/validate-pizza", approved=True), 409)
        assert post("/cancel-order").status_code == 200
        assert shop.record()["status"] == "cancelled"


class TestEveryCommand:
    @pytest.mark.parametrize("path", [*COMMANDS, "/validate-pizza"])
    def test_of_an_unknown_order(self, post: Post, path: str) -> None:
        assert_problem(post(path, approved=True), 404)

    @pytest.mark.parametrize("path", [*COMMANDS, "/validate-pizza"])
    def test_of_a_deleted_order(self, shop: FakeShop, order: FlaskClient, post: Post, path: str) -> None:
        shop.place_and_run()
        shop.decide(approved=False)
        order.delete("/order/123")
        assert_problem(post(path, approved=True), 404)

    @pytest.mark.parametrize("path", COMMANDS)
    @pytest.mark.parametrize("approved", [True, False])
    @pytest.mark.parametrize("purged", [True, False])
    def test_of_a_finished_order(self, shop: FakeShop, post: Post, path: str, approved: bool, purged: bool) -> None:
        shop.place_and_run()
        shop.decide(approved=approved)
        if purged:
            shop.engine.purge("123")
        before = shop.record()
        assert_problem(post(path), 409)
        assert shop.record() == before

    @pytest.mark.parametrize("path", ["/pause-order", "/resume-order", "/validate-pizza"])
    def test_of_a_cancelled_order(self, shop: FakeShop, post: Post, path: str) -> None:
        shop.place_and_run()
        post("/cancel-order")
        assert_problem(post(path, approved=True), 409)

    @pytest.mark.parametrize("path", COMMANDS)
    @pytest.mark.parametrize("invalid", [{"order_id": "a/b"}, {"order_id": 1}, {"order_id": None}, {"by": 1}])
    def test_each_invalid_field_is_named(self, post: Post, path: str, invalid: dict[str, Any]) -> None:
        answer = post(path, **invalid)
        assert_problem(answer, 400)
        assert [each["field"] for each in answer.json["errors"]] == list(invalid)
