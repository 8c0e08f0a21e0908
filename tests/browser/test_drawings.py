"""The drawings and the layout, measured: the parts of a scene, rows, forced colours."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import chromium
import pytest
from fakes.shop import ORDER_123, FakeShop, stage
from in_process import serve
from person import NewPerson, Person
from playwright.sync_api import Browser

from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.roles import ORDER, WORKFLOW

LONG = {"name": "x" * 200, "address": "y" * 200, "phone": "1-800-PIZZA"}
# A status for each scene with a pizza, and by how many of the scene's 360 units the pizza is right of the middle.
SCENES = {"cooking_making_dough": 0, "cooking_baking": 0, "cooking_quality_check": 0, "pending_validation": -20}
SCENES |= {"delivery_finding_driver": 0, "delivered": 0}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A shop with an order in every scene, and with the longest texts that are taken."""
    # In a thread of its own: the browser's loop runs in this one, and the fake engine starts others.
    with ThreadPoolExecutor(1) as pool:
        shop = pool.submit(filled).result()
    with serve(shop) as at:
        yield at


def filled() -> FakeShop:
    shop = FakeShop(pace=1)
    for status in SCENES:
        place(shop, status, status, ORDER_123["customer"])
    place(shop, "Z" * 64, "pending_validation", LONG)
    place(shop, "Y" * 64, "cooking_baking", LONG)
    place(shop, "X" * 64, "delivery_on_the_way", LONG)
    return shop


def place(shop: FakeShop, order_id: str, status: str, customer: Any) -> None:
    content = {**ORDER_123, "order_id": order_id, "customer": customer}
    shop.sidecar.delivers_at_once = True
    assert shop.client(WORKFLOW).post("/start-order", json=content).status_code == 200
    if status == "delivered":
        shop.engine.run(order_id)
        shop.decide(approved=True, order_id=order_id)
    for each in HAPPY_PATH[1 : HAPPY_PATH.index(status) + 1]:
        shop.client(ORDER).post("/orders-sub", json={"data": stage(each) | content})


def box(someone: Person, part: str) -> dict[str, float]:
    """Where a part of the page is, in pixels."""
    return someone.page.locator(part).first.evaluate("each => each.getBoundingClientRect().toJSON()")  # type: ignore[no-any-return]


@pytest.mark.parametrize(("status", "right"), SCENES.items())
def test_the_pizza_is_at_its_place_in_the_scene(person: NewPerson, address: str, status: str, right: int) -> None:
    someone = person()
    someone.page.goto(f"{address}/orders/{status}")
    scene, pizza = box(someone, ".scene"), box(someone, ".scene .crust")
    unit = box(someone, ".scene .floor")["width"] / 340
    middle = (scene["left"] + scene["right"]) / 2
    assert ((pizza["left"] + pizza["right"]) / 2 - middle) / unit == pytest.approx(right, abs=3)
    for part in someone.page.locator(".scene svg *:not(symbol *)").all():
        drawn = part.evaluate("each => each.getBoundingClientRect().toJSON()")
        assert drawn["top"] >= scene["top"]
        assert drawn["bottom"] <= scene["bottom"]
        assert drawn["left"] >= scene["left"]
        assert drawn["right"] <= scene["right"]


def test_the_names_in_a_row_of_the_menu_are_at_one_height(person: NewPerson, address: str) -> None:
    someone = person()
    someone.page.goto(address)
    tops = someone.page.locator(".dish").evaluate_all(
        "all => all.map(e => [e.getBoundingClientRect().top, e.querySelector('.what').getBoundingClientRect().top])"
    )
    assert len({round(card) for card, _ in tops}) > 1
    for row in {round(card) for card, _ in tops}:
        assert len({round(name) for card, name in tops if round(card) == row}) == 1


def test_a_long_name_takes_one_line_of_a_row(person: NewPerson, address: str) -> None:
    someone = person()
    for path in ("/manager", "/manager/orders"):
        someone.page.goto(address + path)
        heights = someone.page.locator("bdi.clip").evaluate_all("all => all.map(e => e.getBoundingClientRect().height)")
        assert heights
        assert max(heights) < 30


def test_no_page_is_wider_than_a_window_with_a_scroll_bar(browser: Browser, address: str) -> None:
    wide = []
    shown = {"executable_path": chromium.find_browser(), "ignore_default_args": ["--hide-scrollbars"]}
    with browser.browser_type.launch(**shown) as with_bars:
        page = with_bars.new_page(viewport={"width": 390, "height": 844})
        ids = ("Z" * 64, "Y" * 64, "delivered")
        paths = ["/", "/kitchen", "/manager", "/delivery", "/manager/orders"]
        for path in [*paths, *(f"{where}/{each}" for where in ("/orders", "/manager/orders") for each in ids)]:
            page.goto(address + path)
            page.locator("details").evaluate_all("all => all.forEach(each => each.open = true)")
            width, there = page.evaluate(
                "[document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]"
            )
            wide += [(path, width, there)] if width > there else []
    assert wide == []


LINES = "each => ['borderTopStyle', 'borderBottomWidth', 'borderBottomColor'].map(name => getComputedStyle(each)[name])"


def test_with_forced_colours_borders_show_what_colours_show(person: NewPerson, address: str) -> None:
    someone = person(forced_colors="active")
    someone.page.goto(address)
    someone.page.get_by_role("radio", name="Pepperoni, large").check(force=True)
    chosen, other = (
        someone.page.locator(f"{each} + span").first for each in (".size :checked", ".size :not(:checked)")
    )
    assert chosen.evaluate(LINES) != other.evaluate(LINES)
    someone.page.locator("#order").click()
    wrong = someone.page.locator("[aria-invalid]").first
    assert wrong.evaluate(LINES) != someone.page.locator("[name=text], .input, .button").first.evaluate(LINES)
    someone.page.goto(f"{address}/manager")
    here, elsewhere = (
        someone.page.locator(f".top nav a{each}").first for each in ("[aria-current]", ":not([aria-current])")
    )
    assert here.evaluate(LINES) != elsewhere.evaluate(LINES)
    someone.page.locator(".card.order").first.evaluate("each => each.classList.add('late')")
    late, in_time = (someone.page.locator(f".card{each}").first for each in (".late", ":not(.late)"))
    assert late.evaluate(LINES) != in_time.evaluate(LINES)
