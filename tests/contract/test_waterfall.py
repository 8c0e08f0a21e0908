"""The waterfall on the manager's page of an order: its record, its spans and its log lines on one axis of time."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.jaeger import FakeJaeger, span, trace
from fakes.shop import FakeShop

from pizzashop.domain.history import epoch_seconds
from pizzashop.roles import STOREFRONT

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
MINE = {"pizzashop__order_id": "123"}


@pytest.fixture
def jaeger() -> Iterator[FakeJaeger]:
    with FakeJaeger().serving() as running:
        yield running


@pytest.fixture
def observed(jaeger: FakeJaeger, tmp_path: Path) -> FakeShop:
    """A shop with telemetry in which the sample order waits for the manager."""
    shop = FakeShop(traces_url=jaeger.url, state_dir=tmp_path)
    shop.place_and_run()
    return shop


def page_of(shop: FakeShop, path: str = "/manager/orders/123") -> str:
    answer = shop.client(STOREFRONT).get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 200, answer.text
    return answer.text


def rows(html: str) -> list[tuple[str, str]]:
    """Return the kind and the text of each row, in their order."""
    found = re.findall(r'<li class="(record|span|log)[^"]*">.*?<span class="what">(.*?)</span>\s*<svg', html, re.DOTALL)
    return [(kind, re.sub(r"<[^>]*>", "", text).strip()) for kind, text in found]


def accepted_at(shop: FakeShop) -> float:
    return epoch_seconds(shop.record()["history"][0]["at"])


def test_without_telemetry_the_page_shows_what_the_record_has(shop: FakeShop) -> None:
    shop.place_and_run()
    shop.decide(approved=False, remake=True, note="too dark", by="ana")
    html = page_of(shop)
    texts = [text for _, text in rows(html)]
    assert {kind for kind, _ in rows(html)} == {"record"}
    assert len(texts) == len(shop.record()["history"])
    assert any("too dark" in text for text in texts)
    assert "spans" not in html


def test_spans_stand_between_the_entries_of_the_record_while_the_order_waits(
    jaeger: FakeJaeger, observed: FakeShop
) -> None:
    began = accepted_at(observed)
    request = span("POST /start-order", began - 0.1, 0.2, **MINE)
    late = span("cook", began + 60, 3, "POST /start-order")
    jaeger.body = {"data": [trace(late, request)]}
    found = rows(page_of(observed))
    assert found[0] == ("span", "POST /start-order pizza-workflow")
    assert found[-1] == ("span", "cook pizza-workflow")
    assert {kind for kind, _ in found[1:-1]} == {"record"}
    assert jaeger.queries[-1]["service"] == "pizza-workflow"
    assert json.loads(jaeger.queries[-1]["tags"])["pizzashop.order_id"] == "123"


def test_a_span_says_how_long_it_lasted_and_whether_it_failed(jaeger: FakeJaeger, observed: FakeShop) -> None:
    failed = {**span("cook", accepted_at(observed), 0.25, **MINE)}
    failed["tags"].append({"key": "error", "type": "bool", "value": True})
    jaeger.body = {"data": [trace(failed)]}
    html = page_of(observed)
    assert ("span", "failed cook pizza-workflow") in rows(html)
    assert "250 ms" in html


def test_the_log_lines_of_the_order_stand_between_them(observed: FakeShop, tmp_path: Path) -> None:
    line = "2026-11-26 12:00:00.000+00:00 kitchen    WARNING The oven is cold{} order={} attempt=1\n"
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "kitchen.log").write_text(line.format("", "123") + line.format(" again", "other"))
    assert [text for kind, text in rows(page_of(observed)) if kind == "log"] == ["warning The oven is cold kitchen"]


def test_a_span_of_another_order_in_the_same_trace_is_left_out(jaeger: FakeJaeger, observed: FakeShop) -> None:
    began = accepted_at(observed)
    client = span("client", began, 1)
    mine = span("mine", began, 1, "client", **MINE)
    other = span("other", began, 1, "client", pizzashop__order_id="456")
    below_other = span("below other", began, 1, "other")
    jaeger.body = {"data": [trace(client, mine, other, below_other)]}
    assert [text.split()[0] for kind, text in rows(page_of(observed)) if kind == "span"] == ["client", "mine"]


@pytest.mark.parametrize("body", [b"<html>", b'{"data": null}', b'{"data": [{"spans": [{}], "processes": {}}]}'])
def test_a_store_that_answers_otherwise_leaves_the_record_and_says_so(
    jaeger: FakeJaeger, observed: FakeShop, body: bytes
) -> None:
    jaeger.body = body
    html = page_of(observed)
    assert "The spans cannot be shown" in html
    assert "does not answer as Jaeger does" in html
    assert {kind for kind, _ in rows(html)} == {"record"}


def test_a_store_that_is_away_leaves_the_record_and_says_so(tmp_path: Path) -> None:
    shop = FakeShop(traces_url="http://127.0.0.1:9", state_dir=tmp_path)
    shop.place_and_run()
    assert "The spans cannot be shown: http://127.0.0.1:9 does not answer." in page_of(shop)


def test_a_hostile_name_of_a_span_is_only_text(jaeger: FakeJaeger, observed: FakeShop) -> None:
    jaeger.body = {"data": [trace(span(HOSTILE, accepted_at(observed), 1, **MINE), service=HOSTILE)]}
    html = page_of(observed)
    assert "<script>alert" not in html
    assert "<img" not in html


def test_a_page_shows_the_longest_of_many_spans(jaeger: FakeJaeger, observed: FakeShop) -> None:
    began = accepted_at(observed)
    many: list[dict[str, Any]] = [span(f"short {n}", began, 0.2, **MINE) for n in range(300)]
    jaeger.body = {"data": [trace(*many, span("long", began, 5, **MINE))]}
    html = page_of(observed)
    shown = [text for kind, text in rows(html) if kind == "span"]
    assert (len(shown), "long pizza-workflow" in shown) == (50, True)
    assert "251 shorter spans" in html


def test_a_call_of_some_milliseconds_is_shown_only_if_it_failed(jaeger: FakeJaeger, observed: FakeShop) -> None:
    began = accepted_at(observed)
    failed = {**span("failed claim", began, 0.005, **MINE)}
    failed["tags"].append({"key": "error", "type": "bool", "value": True})
    jaeger.body = {"data": [trace(span("claim", began, 0.005, **MINE), failed, span("cook", began, 13, **MINE))]}
    html = page_of(observed)
    assert [text.split(" pizza-")[0] for kind, text in rows(html) if kind == "span"] == ["failed failed claim", "cook"]
    assert "1 shorter span is not shown" in html


def test_parents_in_a_circle_do_no_harm(jaeger: FakeJaeger, observed: FakeShop) -> None:
    began = accepted_at(observed)
    jaeger.body = {"data": [trace(span("one", began, 1, "two", **MINE), span("two", began, 1, "one"))]}
    assert {text.split()[0] for kind, text in rows(page_of(observed)) if kind == "span"} == {"one", "two"}


def test_the_customer_sees_no_spans(jaeger: FakeJaeger, observed: FakeShop) -> None:
    jaeger.body = {"data": [trace(span("cook", accepted_at(observed), 1, **MINE))]}
    page_of(observed, "/orders/123")
    assert jaeger.queries == []
