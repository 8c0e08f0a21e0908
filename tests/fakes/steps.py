"""The contract of every step, whichever role does it."""

from typing import Any, ClassVar

import pytest
from werkzeug.test import TestResponse

from fakes.problems import assert_problem
from fakes.shop import ORDER_123, FakeShop
from pizzashop.roles import ORDER, Role


class StepContract:
    """The tests of a step. The test class of each role inherits them and names its step."""

    role: ClassVar[Role]
    path: ClassVar[str]
    statuses: ClassVar[tuple[str, ...]]
    answer: ClassVar[str]
    fails_at: ClassVar[str]
    failed: ClassVar[str]

    def post(self, shop: FakeShop, **more: Any) -> TestResponse:
        return shop.client(self.role).post(self.path, json={**ORDER_123, **more})

    def test_the_answer_is_the_order_with_its_new_status(self, shop: FakeShop) -> None:
        answer = self.post(shop, extra=["kept"])
        assert (answer.status_code, answer.json) == (200, {**ORDER_123, "extra": ["kept"], "status": self.answer})

    def test_each_stage_is_published_once_with_the_whole_order(self, shop: FakeShop) -> None:
        self.post(shop, extra=["kept"])
        events = shop.sidecar.published
        assert tuple(event["status"] for event in events) == self.statuses
        assert all({**ORDER_123, "extra": ["kept"]}.items() <= event.items() for event in events)
        assert {event["attempt"] for event in events} == {1}

    def test_each_execution_has_a_run_of_its_own(self, shop: FakeShop) -> None:
        self.post(shop)
        self.post(shop, order_id="456")
        runs = [event["run"] for event in shop.sidecar.published]
        assert all(isinstance(run, str) and run for run in runs)
        assert len(set(runs)) == 2
        assert len(set(runs[: len(self.statuses)])) == 1

    def test_the_step_is_done_for_the_attempt_of_the_request(self, shop: FakeShop) -> None:
        assert self.post(shop, attempt=3).json["attempt"] == 3
        assert {event["attempt"] for event in shop.sidecar.published} == {3}

    def test_an_order_that_was_never_accepted_gets_no_record(self, shop: FakeShop) -> None:
        shop.sidecar.delivers_events = True
        self.post(shop)
        assert_problem(shop.client(ORDER).get("/order/123"), 404)
        assert shop.client(ORDER).get("/orders").json["orders"] == []

    def test_an_order_may_be_sent_as_it_was_read(self, shop: FakeShop) -> None:
        sent = {"status": "accepted", "paused": False, "version": 1, "error": "x", "run": "y"}
        answer = self.post(shop, **sent)
        assert (answer.status_code, answer.json["status"]) == (200, self.answer)

    def test_the_fault_setting_makes_a_stage_fail(self) -> None:
        shop = FakeShop(fail=f"{self.fails_at}:bad-")
        answer = self.post(shop, order_id="bad-1")
        assert (answer.status_code, answer.json["status"]) == (200, self.failed)
        assert self.fails_at in answer.json["error"]
        last = self.statuses.index(self.fails_at)
        assert [event["status"] for event in shop.sidecar.published] == list(self.statuses[: last + 1])
        assert self.post(shop, order_id="good-1").json["status"] == self.answer

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("order_id", "a/b"),
            ("order_id", None),
            ("pizza_type", ""),
            ("size", 1),
            ("customer", "John"),
            ("attempt", 0),
            ("attempt", "1"),
        ],
    )
    def test_the_error_names_the_invalid_field(self, shop: FakeShop, field: str, value: Any) -> None:
        answer = self.post(shop, **{field: value})
        assert_problem(answer, 400)
        assert [each["field"] for each in answer.json["errors"]] == [field]
        assert not shop.sidecar.published

    def test_a_finished_order_is_refused(self, shop: FakeShop) -> None:
        shop.place_and_run()
        shop.decide(approved=False)
        published = len(shop.sidecar.published)
        assert_problem(self.post(shop), 409)
        assert len(shop.sidecar.published) == published

    def test_a_stopping_process_begins_no_step(self, shop: FakeShop) -> None:
        shop.limit.stopping.set()
        assert_problem(self.post(shop), 503)
        assert not shop.sidecar.published

    def test_beyond_the_limit_a_step_is_refused(self, shop: FakeShop) -> None:
        for _ in range(8):
            shop.limit.__enter__()
        assert_problem(self.post(shop), 503)
        assert shop.client(self.role).get("/healthz").status_code == 200
