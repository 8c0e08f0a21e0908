"""What orders say: read from their records once, and kept for as long as there is room."""

import asyncio
from typing import Any

import pytest
from fakes.shop import ORDER_123, FakeShop

from pizzashop.errors import NotFound
from pizzashop.roles import ORDER
from pizzashop.workflow.activities import ContentCache

ROOM_FOR_TWO = 2 * len(str(ORDER_123)) + 50


def of(contents: ContentCache, order_id: str, uid: str | None) -> dict[str, Any]:
    return asyncio.run(contents.of(order_id, uid))


def reads(shop: FakeShop) -> int:
    return len([path for _, path in shop.sidecar.invoked if path.endswith("/content")])


def uid(shop: FakeShop) -> str:
    found: str = shop.sidecar.invoke(ORDER, "GET", "/order/123/summary")["uid"]
    return found


def test_it_is_read_from_the_record_once(shop: FakeShop) -> None:
    shop.place()
    contents = ContentCache(shop.sidecar)
    for _ in range(3):
        assert of(contents, "123", uid(shop)) == ORDER_123
    assert reads(shop) == 1


def test_what_was_accepted_here_is_not_read(shop: FakeShop) -> None:
    shop.place()
    assert of(shop.contents, "123", uid(shop)) == ORDER_123
    assert reads(shop) == 0


def test_nobody_can_change_what_is_kept(shop: FakeShop) -> None:
    shop.place()
    of(shop.contents, "123", uid(shop))["customer"]["name"] = "somebody else"
    assert of(shop.contents, "123", uid(shop)) == ORDER_123


def test_it_is_never_that_of_another_order_of_the_same_id(shop: FakeShop) -> None:
    shop.place()
    with pytest.raises(NotFound):
        of(shop.contents, "123", "of an earlier one")


def test_the_oldest_go_where_there_is_no_room(shop: FakeShop) -> None:
    contents = ContentCache(shop.sidecar, most=ROOM_FOR_TWO)
    for number in range(4):
        contents.keep(str(number), "uid", ORDER_123)
    assert of(contents, "3", "uid") == of(contents, "2", "uid") == ORDER_123
    with pytest.raises(NotFound):
        of(contents, "1", "uid")


def test_one_that_is_kept_again_takes_its_room_once(shop: FakeShop) -> None:
    contents = ContentCache(shop.sidecar, most=ROOM_FOR_TWO)
    contents.keep("0", "uid", ORDER_123)
    for _ in range(9):
        contents.keep("1", "uid", ORDER_123)
    assert of(contents, "0", "uid") == ORDER_123
