"""The contents of orders: read from their records once, and kept as long as there is room."""

import asyncio
from typing import Any

import pytest
from fakes.shop import ORDER_123, FakeShop

from pizzashop.errors import NotFound
from pizzashop.roles import ORDER
from pizzashop.workflow.activities import ContentCache

ROOM_FOR_TWO = 2 * len(str(ORDER_123)) + 50


def get(contents: ContentCache, order_id: str, uid: str) -> dict[str, Any]:
    return asyncio.run(contents.get(order_id, uid))


def count_reads(shop: FakeShop) -> int:
    return len([path for _, path in shop.sidecar.invoked if path.endswith("/content")])


def uid(shop: FakeShop) -> str:
    found: str = shop.sidecar.invoke(ORDER, "GET", "/order/123/summary")["uid"]
    return found


def test_a_content_is_read_once(shop: FakeShop) -> None:
    shop.place()
    contents = ContentCache(shop.sidecar)
    for _ in range(3):
        assert get(contents, "123", uid(shop)) == ORDER_123
    assert count_reads(shop) == 1


def test_the_content_of_an_order_that_was_accepted_here_is_not_read(shop: FakeShop) -> None:
    shop.place()
    assert get(shop.contents, "123", uid(shop)) == ORDER_123
    assert count_reads(shop) == 0


def test_no_caller_changes_the_cached_content(shop: FakeShop) -> None:
    shop.place()
    get(shop.contents, "123", uid(shop))["customer"]["name"] = "somebody else"
    assert get(shop.contents, "123", uid(shop)) == ORDER_123


def test_it_is_never_the_content_of_another_order_with_the_same_id(shop: FakeShop) -> None:
    shop.place()
    with pytest.raises(NotFound):
        get(shop.contents, "123", "of an earlier one")


def test_the_oldest_contents_are_dropped(shop: FakeShop) -> None:
    contents = ContentCache(shop.sidecar, max_characters=ROOM_FOR_TWO)
    for number in range(4):
        contents.put(str(number), "uid", ORDER_123)
    assert get(contents, "3", "uid") == get(contents, "2", "uid") == ORDER_123
    with pytest.raises(NotFound):
        get(contents, "1", "uid")


def test_a_content_that_is_put_again_counts_once(shop: FakeShop) -> None:
    contents = ContentCache(shop.sidecar, max_characters=ROOM_FOR_TWO)
    contents.put("0", "uid", ORDER_123)
    for _ in range(9):
        contents.put("1", "uid", ORDER_123)
    assert get(contents, "0", "uid") == ORDER_123
