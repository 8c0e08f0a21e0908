"""Takes the pictures in `docs/pictures/`, of a real shop with orders in all phases: `make pictures`."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
from person import DESKTOP, PHONE, NewPerson, Person
from PIL import Image
from shop_client import OpenShop, ShopClient

from pizzashop.console.demo import invent_order
from pizzashop.domain.ids import generate_order_id
from pizzashop.local.shop import Shop

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
SIZES = {"desktop": DESKTOP, "phone": PHONE}
CHANCE = Random(7)
# How long the moving picture shows a frame; the shop needs about twice that.
FRAME_MS = 450
MOVING_HEIGHT = 460
MAX_FRAMES = 80


@pytest.fixture(scope="module")
def shop(open_shop: OpenShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop at its real pace, whose manager is soon reminded."""
    with open_shop(tmp_path_factory.mktemp("shop"), pace=1, validation_reminder="8s") as opened:
        yield opened


def test_a_moving_picture_of_an_order(shop: Shop, person: NewPerson) -> None:
    assert shop, "open before anybody orders"
    customer, manager = person(viewport=PHONE), person()
    manager.open_page("/manager")
    order_id = customer.place_order()
    frames: list[Image.Image] = []
    approve = manager.page.get_by_label(f"Approve order {order_id}")
    seen_waiting = 0
    while not customer.page.get_by_role("link", name="Order another").is_visible():
        frames.append(side_by_side(manager, customer))
        seen_waiting += approve.is_visible()
        if seen_waiting == 4 and approve.is_visible():
            approve.click()
        assert len(frames) < MAX_FRAMES, "the pizza does not arrive"
        customer.page.wait_for_timeout(FRAME_MS)
    frames += [side_by_side(manager, customer)] * 5
    options: dict[str, Any] = {"duration": FRAME_MS, "loop": 0, "quality": 62, "method": 6}
    frames[0].save(PICTURES / "an-order.webp", save_all=True, append_images=frames[1:], **options)


def side_by_side(left: Person, right: Person) -> Image.Image:
    """Return what two people see now, side by side at the same height."""
    seen = [Image.open(BytesIO(each.page.screenshot())).convert("RGB") for each in (left, right)]
    scaled = [each.resize((round(each.width * MOVING_HEIGHT / each.height), MOVING_HEIGHT)) for each in seen]
    both = Image.new("RGB", (sum(each.width for each in scaled) + 12, MOVING_HEIGHT), "#8d8174")
    both.paste(scaled[0], (0, 0))
    both.paste(scaled[1], (scaled[0].width + 12, 0))
    return both


@pytest.fixture(scope="module")
def full(shop: Shop, client: ShopClient) -> dict[str, str]:
    """The shop with orders in all phases; return the ids of two that have a page of their own in the pictures."""
    assert shop, "open before anybody orders"
    early = [placed(client) for _ in range(9)]
    for order_id in early[:3]:
        client.decide(order_id, approved=True, by="ana")
    client.decide(early[3], approved=False, remake=True, note="too dark", by="ana")
    client.decide(early[4], approved=False, note="the oven is broken", by="ana")
    client.wait_for_status(early[0], "cooking_adding_toppings")
    later = [placed(client) for _ in range(5)]
    client.wait_for_status(early[0], "delivery_finding_driver")
    client.command("pause", later[-1])
    new = [placed(client) for _ in range(4)]
    client.command("cancel", new.pop())
    client.wait_for_status(new[0], "processing")
    return {"cooking": new[0], "remade": early[3]}


def placed(client: ShopClient) -> str:
    """Place an order of an invented customer, and return its id."""
    order = invent_order(CHANCE) | {"order_id": generate_order_id()}
    assert client.start(order)[0] == 200
    return str(order["order_id"])


def test_every_page(full: dict[str, str], person: NewPerson) -> None:
    pages = {
        "kitchen": "/kitchen",
        "delivery": "/delivery",
        "manager": "/manager",
        "customer": f"/orders/{full['cooking']}",
        "one-order": f"/manager/orders/{full['remade']}",
        "orders": "/manager/orders",
        "menu": "/",
    }
    for name, path in pages.items():
        for size, viewport in SIZES.items():
            someone = person(viewport=viewport)
            someone.open_page(path)
            someone.page.wait_for_load_state("load")
            save(someone, f"{name}-{size}")
    dark = person(color_scheme="dark")
    dark.open_page("/manager")
    save(dark, "manager-dark")


def save(someone: Person, name: str) -> None:
    """Save what a person sees."""
    Image.open(BytesIO(someone.page.screenshot())).convert("RGB").save(PICTURES / f"{name}.webp", quality=78, method=6)
