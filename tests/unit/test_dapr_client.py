"""The sidecar client: the requests that it sends to Dapr, and what the replies mean."""

import asyncio
import json
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from fakes.daprd import FakeDaprd, open_daprd
from fakes.sidecar import FakeSidecar
from flask import Flask

from pizzashop.dapr.client import SidecarClient, _encode_event
from pizzashop.dapr.http import HttpClient
from pizzashop.dapr.sidecar import EtagMismatch, Sidecar, StoredValue, Write
from pizzashop.errors import Conflict, InvalidRequest, NotFound, ShopError, Unavailable
from pizzashop.metrics import RoleMetrics
from pizzashop.roles import KITCHEN
from pizzashop.web.problems import problem_response

T = TypeVar("T")

PROBLEM = "application/problem+json"


@pytest.fixture
def daprd() -> Iterator[FakeDaprd]:
    with open_daprd() as daprd:
        yield daprd


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with HttpClient() as http:
        yield http


@pytest.fixture
def sidecar(daprd: FakeDaprd, http: HttpClient) -> SidecarClient:
    return SidecarClient(http, daprd.port)


def test_requests_to_the_sidecar_are_counted_by_their_result(daprd: FakeDaprd, http: HttpClient) -> None:
    metrics = RoleMetrics()
    sidecar = SidecarClient(http, daprd.port, metrics=metrics)

    def count(operation: str, result: str) -> float | None:
        labels = {"operation": operation, "result": result}
        return metrics.registry.get_sample_value("pizzashop_sidecar_requests_total", labels)

    daprd.will_answer(204)
    sidecar.load("order_1")
    daprd.will_answer(500, {"errorCode": "ERR_STATE_GET"})
    with pytest.raises(Unavailable):
        sidecar.load("order_1")
    daprd.will_answer(409, {"errorCode": "ERR_STATE_SAVE"})
    with pytest.raises(EtagMismatch):
        sidecar.save("order_1", "{}", "1")
    daprd.will_answer(404, problem(404), Content_Type=PROBLEM)
    with pytest.raises(NotFound):
        sidecar.invoke(KITCHEN, "GET", "/none")
    assert (count("load", "ok"), count("load", "failed")) == (1, 1)
    # A refusal is an answer.
    assert (count("save", "ok"), count("invoke", "ok"), count("invoke", "failed")) == (1, 1, 0)
    assert metrics.registry.get_sample_value("pizzashop_store_conflicts_total") == 1


def in_loop(sidecar: SidecarClient, call: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine, run in an event loop of its own."""

    async def call_and_close() -> T:
        try:
            return await call
        finally:
            await sidecar.async_http.close()

    return asyncio.run(call_and_close())


def problem(status: int, **more: Any) -> dict[str, Any]:
    return {"type": "about:blank", "title": "x", "status": status, "detail": "because", "error": "because", **more}


EVENT = {"order_id": "1"}


def encoded(order_id: str = "1", **more: str) -> Any:
    return _encode_event({"order_id": order_id, **more})


def test_an_event_is_published_on_the_topic(daprd: FakeDaprd, sidecar: SidecarClient) -> None:
    daprd.will_answer(204)
    assert sidecar.publish([{"order_id": "123"}]) == 1
    daprd.will_answer(204)
    in_loop(sidecar, sidecar.apublish({"order_id": "123"}))
    for asked in daprd.asked:
        assert asked[:2] == ("POST", "/v1.0/publish/pizzapubsub/orders?metadata.partitionKey=123")
        assert (asked.headers["content-type"], asked.content) == ("application/json", {"order_id": "123"})


class TestSeveralEvents:
    def test_are_published_in_one_bulk(self, daprd: FakeDaprd, sidecar: SidecarClient) -> None:
        daprd.will_answer(204)
        assert sidecar._publish_batch([[encoded("1")], [encoded("2")]]) == [1, 1]
        (asked,) = daprd.asked
        assert asked[:2] == ("POST", "/v1.0-alpha1/publish/bulk/pizzapubsub/orders")
        assert asked.content == [
            {"entryId": each, "event": {"order_id": order_id}, "contentType": "application/json"}
            | {"metadata": {"partitionKey": order_id}}
            for each, order_id in (("0", "1"), ("1", "2"))
        ]

    def test_of_one_order_count_as_published_up_to_the_first_failure(
        self, daprd: FakeDaprd, sidecar: SidecarClient
    ) -> None:
        daprd.will_answer(500, {"failedEntries": [{"entryId": "2", "error": "full"}], "errorCode": "X"})
        assert sidecar.publish([EVENT] * 4) == 2

    def test_of_one_order_raise_the_error_of_the_first_if_it_failed(
        self, daprd: FakeDaprd, sidecar: SidecarClient
    ) -> None:
        daprd.will_answer(500, {"failedEntries": [{"entryId": "0", "error": "full"}], "errorCode": "X"})
        with pytest.raises(Unavailable, match="full"):
            sidecar.publish([EVENT, EVENT])

    def test_fail_separately(self, daprd: FakeDaprd, sidecar: SidecarClient) -> None:
        daprd.will_answer(500, {"failedEntries": [{"entryId": "1", "error": "full"}], "errorCode": "X"})
        first, second, third = sidecar._publish_batch([[encoded()]] * 3)
        assert (first, third) == (1, 1)
        assert isinstance(second, Unavailable)

    def test_of_several_orders_count_for_each_order(self, daprd: FakeDaprd, sidecar: SidecarClient) -> None:
        daprd.will_answer(500, {"failedEntries": [{"entryId": "4", "error": "full"}], "errorCode": "X"})
        assert sidecar._publish_batch([[encoded()] * 3] * 2) == [3, 1]

    @pytest.mark.parametrize("content", [{"errorCode": "X"}, [], "no"])
    def test_all_fail_if_the_reply_does_not_name_the_failed_ones(
        self, daprd: FakeDaprd, sidecar: SidecarClient, content: Any
    ) -> None:
        daprd.will_answer(500, content)
        assert all(isinstance(each, Unavailable) for each in sidecar._publish_batch([[encoded()]] * 2))

    def test_are_split_into_requests_of_limited_size(self, daprd: FakeDaprd, sidecar: SidecarClient) -> None:
        large = encoded(note=700_000 * "x")
        daprd.will_answer(204)
        daprd.will_answer(204)
        assert sidecar._publish_batch([[large], [encoded()], [large]]) == [1, 1, 1]
        assert [isinstance(asked.content, list) for asked in daprd.asked] == [True, False]


def test_a_role_is_invoked_by_its_app_id(daprd: FakeDaprd, sidecar: SidecarClient) -> None:
    daprd.will_answer(200, {"status": "cooked"})
    assert sidecar.invoke(KITCHEN, "POST", "/cook", {"order_id": "123"}) == {"status": "cooked"}
    daprd.will_answer(200, {"status": "cooked"})
    assert in_loop(sidecar, sidecar.ainvoke(KITCHEN, "/cook", {"order_id": "123"}, 5)) == {"status": "cooked"}
    for asked in daprd.asked:
        assert asked[:2] == ("POST", "/cook")
        assert (asked.headers["dapr-app-id"], asked.content) == ("pizza-kitchen", {"order_id": "123"})


def test_requests_carry_the_api_token(daprd: FakeDaprd, http: HttpClient) -> None:
    daprd.will_answer(204)
    SidecarClient(http, daprd.port, "secret").publish([EVENT])
    assert daprd.asked[0].headers["dapr-api-token"] == "secret"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, InvalidRequest), (404, NotFound), (409, Conflict), (413, InvalidRequest), (415, InvalidRequest)],
)
def test_a_refusal_of_another_role_is_raised_again(
    daprd: FakeDaprd, sidecar: SidecarClient, status: int, kind: type[ShopError]
) -> None:
    daprd.will_answer(status, problem(status), Content_Type=PROBLEM)
    with pytest.raises(kind, match="because"):
        sidecar.invoke(KITCHEN, "POST", "/cook", {})


def test_a_refusal_keeps_its_further_fields(daprd: FakeDaprd, sidecar: SidecarClient) -> None:
    daprd.will_answer(409, problem(409, decision="approved"), Content_Type=PROBLEM)
    with pytest.raises(Conflict) as refused:
        sidecar.invoke(KITCHEN, "POST", "/cook", {})
    assert refused.value.extra == {"decision": "approved"}
    errors = [{"field": "size", "message": "too long"}]
    daprd.will_answer(400, problem(400, errors=errors), Content_Type=PROBLEM)
    with pytest.raises(InvalidRequest) as wrong:
        sidecar.invoke(KITCHEN, "POST", "/cook", {})
    assert wrong.value.extra == {"errors": errors}


@pytest.mark.parametrize(
    ("status", "content_type"),
    [(500, PROBLEM), (503, PROBLEM), (429, PROBLEM), (500, "text/plain"), (403, "x/y")],
)
def test_any_other_error_of_a_role_is_unavailable(
    daprd: FakeDaprd, sidecar: SidecarClient, status: int, content_type: str
) -> None:
    daprd.will_answer(status, problem(status), Content_Type=content_type)
    with pytest.raises(Unavailable):
        sidecar.invoke(KITCHEN, "POST", "/cook", {})


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 413, 415, 429, 500, 503])
def test_the_fake_sidecar_of_the_tests_reads_answers_as_the_client_does(
    daprd: FakeDaprd, sidecar: SidecarClient, status: int
) -> None:
    kitchen, fake = Flask("kitchen"), FakeSidecar()
    kitchen.post("/cook")(lambda: problem_response(status, "because", decision="approved"))
    fake.apps[KITCHEN] = kitchen
    daprd.will_answer(status, problem(status, decision="approved"), Content_Type=PROBLEM)
    assert outcome_of_cook(fake) == outcome_of_cook(sidecar)


def outcome_of_cook(sidecar: Sidecar) -> tuple[object, ...]:
    """Return the status of the answer, or the error with its text and its further fields."""
    try:
        return (sidecar.invoke(KITCHEN, "POST", "/cook", {})["status"],)
    except ShopError as error:
        return type(error), str(error), getattr(error, "extra", None)


def test_every_call_is_unavailable_if_the_sidecar_does_not_listen(http: HttpClient) -> None:
    with open_daprd() as daprd:
        sidecar = SidecarClient(http, daprd.port)
    for call in (
        lambda: sidecar.publish([EVENT]),
        lambda: sidecar.invoke(KITCHEN, "GET", "/"),
        lambda: sidecar.load("key"),
        lambda: sidecar.load_many(["key"]),
        lambda: sidecar.save("key", "1", ""),
        lambda: in_loop(sidecar, sidecar.aput("key", "1")),
        lambda: in_loop(sidecar, sidecar.apublish(EVENT)),
        lambda: in_loop(sidecar, sidecar.ainvoke(KITCHEN, "/cook", {}, 1)),
    ):
        with pytest.raises(Unavailable):
            call()


class TestState:
    def test_a_value_is_written_as_a_string_inside_json(self, daprd: FakeDaprd, sidecar: SidecarClient) -> None:
        """The sidecar parses numbers as floats: otherwise large ones would come back changed."""
        daprd.will_answer(204)
        value = json.dumps({"big": 2**80, "text": 'né "quoted" 🍕'})
        sidecar.save("order_1", value, "7")
        asked = daprd.asked[0]
        assert asked[:2] == ("POST", "/v1.0/state/pizzastatestore")
        assert asked.content == [
            {"key": "order_1", "value": value, "etag": "7", "options": {"concurrency": "first-write"}}
        ]

    def test_a_value_is_read_with_its_etag(self, daprd: FakeDaprd, sidecar: SidecarClient) -> None:
        daprd.will_answer(200, '{"big": 1}', ETag="7")
        assert sidecar.load("order_1") == StoredValue(b'{"big": 1}', "7")
        assert daprd.asked[0][:2] == ("GET", "/v1.0/state/pizzastatestore/order_1")

    def test_an_absent_key_has_no_value_and_no_etag(self, daprd: FakeDaprd, sidecar: SidecarClient) -> None:
        daprd.will_answer(204)
        assert sidecar.load("order_1") == StoredValue(None, "")

    def test_a_first_write_succeeds_only_if_the_key_is_absent(self, daprd: FakeDaprd, sidecar: SidecarClient) -> None:
        daprd.will_answer(204)
        sidecar.save("order_1", "{}", "")
        assert (daprd.asked[0].content[0]["etag"], daprd.asked[0].content[0]["key"]) == ("0", "order_1")

    def test_a_write_after_another_one_raises_an_etag_mismatch(self, daprd: FakeDaprd, sidecar: SidecarClient) -> None:
        daprd.will_answer(409, {"errorCode": "ERR_STATE_SAVE"})
        with pytest.raises(EtagMismatch):
            sidecar.save("order_1", "{}", "7")

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            ("OOM command not allowed when used memory > 'maxmemory'. script: on @user_script:8.", "out of memory"),
            ("MISCONF Errors writing to the AOF file: No space left on device", "its disk is full"),
            ("MISCONF Valkey is configured to save RDB snapshots, but", "cannot write to its disk"),
            ("READONLY You can't write against a read only replica.", "a replica"),
            ("NOREPLICAS Not enough good replicas to write.", "too few of its replicas"),
            ("dial tcp 127.0.0.1:6379: connect: connection refused", "connection refused"),
        ],
    )
    def test_a_failure_of_the_store_is_explained_and_is_no_etag_mismatch(
        self, daprd: FakeDaprd, sidecar: SidecarClient, error: str, reason: str
    ) -> None:
        prefix = "possible etag mismatch. error from state store: "
        one = {"message": f"failed saving state in state store pizzastatestore: {prefix}{error}"}
        mismatch = f"{prefix}ERR user_script:14: failed to set key b script: on @user_script:14."
        two = {"message": f"failed saving state in state store pizzastatestore: {prefix}{mismatch}\n{prefix}{error}"}
        for content, call in (
            (one, lambda: sidecar.save("a", "1", "7")),
            (one, lambda: sidecar.delete("a", "7")),
            (two, lambda: sidecar.save_many([Write("a", "1", "7"), Write("b", "2", "7")])),
        ):
            daprd.will_answer(409, content)
            with pytest.raises(Unavailable, match=reason):
                call()

    def test_the_error_of_the_redis_script_is_an_etag_mismatch(self, daprd: FakeDaprd, sidecar: SidecarClient) -> None:
        error = "ERR user_script:14: failed to set key pizza-order||a script: on @user_script:14."
        daprd.will_answer(409, {"message": f"possible etag mismatch. error from state store: {error}"})
        with pytest.raises(EtagMismatch):
            sidecar.save("a", "1", "7")

    def test_a_store_with_random_etags_is_asked_in_its_dialect(self, daprd: FakeDaprd, sidecar: SidecarClient) -> None:
        daprd.store = {"name": "pizzastatestore", "type": "state.postgresql", "version": "v2"}
        message = "failed saving state in state store pizzastatestore: no item was updated"
        daprd.will_answer(500, {"errorCode": "ERR_STATE_SAVE", "message": message})
        with pytest.raises(EtagMismatch):
            sidecar.save("a", "1", "")
        (asked,) = daprd.asked
        assert asked.content == [
            {"key": "a", "value": "1", "etag": None, "options": {"concurrency": "first-write"}},
        ]

    def test_a_key_that_a_bulk_does_not_find_is_read_alone_where_that_is_not_certain(
        self, daprd: FakeDaprd, sidecar: SidecarClient
    ) -> None:
        daprd.store = {"name": "pizzastatestore", "type": "state.postgresql", "version": "v2"}
        daprd.will_answer(200, [{"key": "a", "data": "1", "etag": "x"}, {"key": "b"}, {"key": "c"}])
        daprd.will_answer(200, "2", ETag="y")
        daprd.will_answer(204)
        found = sidecar.load_many(["a", "b", "c"])
        assert found == [StoredValue(b"1", "x"), StoredValue(b"2", "y"), StoredValue(None, "")]

    def test_the_sidecar_is_asked_only_once_for_its_store(self, daprd: FakeDaprd, sidecar: SidecarClient) -> None:
        for etag in ("1", "2"):
            daprd.will_answer(204)
            sidecar.save("a", "1", etag)
            daprd.store = {}

    def test_several_values_are_written_in_one_request(self, daprd: FakeDaprd, sidecar: SidecarClient) -> None:
        daprd.will_answer(204)
        assert sidecar.save_many([Write("a", "1", ""), Write("b", "2", "7")]) == [True, True]
        (asked,) = daprd.asked
        assert [(each["key"], each["etag"]) for each in asked.content] == [("a", "0"), ("b", "7")]
        assert sidecar.save_many([]) == []

    def test_the_client_reads_which_of_several_writes_succeeded(self, daprd: FakeDaprd, sidecar: SidecarClient) -> None:
        daprd.will_answer(409, {"errorCode": "ERR_STATE_SAVE"})
        daprd.will_answer(200, [{"key": "a", "data": "1", "etag": "1"}, {"key": "b", "data": "9", "etag": "8"}])
        assert sidecar.save_many([Write("a", "1", ""), Write("b", "2", "7")]) == [True, False]

    def test_a_value_is_deleted_if_its_etag_still_matches(self, daprd: FakeDaprd, sidecar: SidecarClient) -> None:
        daprd.will_answer(204)
        sidecar.delete("order_1", "7")
        assert daprd.asked[0][:2] == ("DELETE", "/v1.0/state/pizzastatestore/order_1")
        assert daprd.asked[0].headers["if-match"] == "7"
        daprd.will_answer(409)
        daprd.will_answer(200, "{}", ETag="8")
        with pytest.raises(EtagMismatch):
            sidecar.delete("order_1", "7")

    def test_the_deletion_of_an_absent_key_succeeds_in_a_store_that_refuses_it(
        self, daprd: FakeDaprd, sidecar: SidecarClient
    ) -> None:
        daprd.will_answer(409)
        daprd.will_answer(204)
        sidecar.delete("order_1", "7")

    def test_a_value_is_deleted_unconditionally(self, daprd: FakeDaprd, sidecar: SidecarClient) -> None:
        daprd.will_answer(204)
        sidecar.delete("order_1")
        assert "if-match" not in daprd.asked[0].headers
        # The sidecar answers this for failures of the store too.
        daprd.will_answer(409)
        with pytest.raises(Unavailable):
            sidecar.delete("order_1")

    def test_a_failed_read_is_unavailable(self, daprd: FakeDaprd, sidecar: SidecarClient) -> None:
        daprd.will_answer(500, {"errorCode": "ERR_STATE_GET"})
        with pytest.raises(Unavailable):
            sidecar.load("order_1")

    def test_several_values_are_returned_in_the_order_of_the_keys(
        self, daprd: FakeDaprd, sidecar: SidecarClient
    ) -> None:
        daprd.will_answer(200, [{"key": "b", "data": "2"}, {"key": "c"}, {"key": "a", "data": "1"}])
        assert sidecar.load_many(["a", "b", "c"]) == [
            StoredValue(b"1", ""),
            StoredValue(b"2", ""),
            StoredValue(None, ""),
        ]
        assert daprd.asked[0].content["keys"] == ["a", "b", "c"]
        assert sidecar.load_many([]) == []

    def test_a_failed_read_of_one_of_several_values_is_unavailable(
        self, daprd: FakeDaprd, sidecar: SidecarClient
    ) -> None:
        daprd.will_answer(200, [{"key": "a", "data": "1"}, {"key": "b", "error": "timeout"}])
        with pytest.raises(Unavailable):
            sidecar.load_many(["a", "b"])

    def test_an_unconditional_write_is_plain_json(self, daprd: FakeDaprd, sidecar: SidecarClient) -> None:
        daprd.will_answer(204)
        in_loop(sidecar, sidecar.aput("validation_1", '{"order_id": "1"}'))
        assert daprd.asked[0].content == [{"key": "validation_1", "value": {"order_id": "1"}}]
