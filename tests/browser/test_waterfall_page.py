"""The waterfall on the manager's page of an order, in a browser: on a phone, without JavaScript, with hostile texts."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fakes.jaeger import FakeJaeger, span, trace
from fakes.shop import FakeShop
from in_process import serve
from person import PHONE, NewPerson
from playwright.sync_api import expect

from pizzashop.domain.history import epoch_seconds

HOSTILE = "<img src=x onerror=alert(1)>‮" + "x" * 300


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The page of an order with spans and log lines, some of them hostile."""
    (tmp_path / "logs").mkdir()
    line = "2026-11-26 12:00:00.000+00:00 kitchen    ERROR   The oven is cold order=123 attempt=1\n"
    (tmp_path / "logs" / "kitchen.log").write_text(line)
    with FakeJaeger().serving() as jaeger:
        shop = FakeShop(traces_url=jaeger.url, state_dir=tmp_path)
        # In a thread of its own: the browser's loop runs in this one, and the fake engine starts others.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(shop.place_and_run).result()
        began = epoch_seconds(shop.record()["history"][0]["at"])
        mine = {"pizzashop__order_id": "123"}
        below = [span(f"{HOSTILE} {n}", began, n, "root", **mine) for n in range(1, 9)]
        jaeger.body = {"data": [trace(span("root", began, 9, **mine), *below)]}
        with serve(shop) as at:
            yield f"{at}/manager/orders/123"


def test_the_waterfall_fits_a_phone_and_hides_what_is_not_wanted(person: NewPerson, address: str) -> None:
    manager = person(viewport=PHONE, java_script_enabled=False)
    manager.page.goto(address)
    spans, lines = manager.page.locator(".history .span"), manager.page.locator(".history .log")
    expect(spans).to_have_count(9)
    expect(lines).to_have_count(1)
    manager.page.get_by_label("9 spans of 1 trace").uncheck()
    expect(spans.first).to_be_hidden()
    expect(lines.first).to_be_visible()
    manager.page.get_by_label("1 log line").uncheck()
    expect(lines.first).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_waterfall_is_accessible_and_no_wider_than_the_page(person: NewPerson, address: str, scheme: str) -> None:
    manager = person(viewport=PHONE, color_scheme=scheme)
    manager.page.goto(address)
    width = manager.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    assert manager.accessibility_violations() == []
