"""Takes the pictures of the page "Try a crash" in `docs/pictures/`, of a real shop: `make pictures`."""

import signal

from person import DESKTOP, NewPerson
from pictures import SIZES, save
from shop_client import ShopClient
from up_process import OPEN, UpProcess


def test_a_kitchen_that_was_killed_while_it_baked(up: UpProcess, client: ShopClient, person: NewPerson) -> None:
    up.start("--pace", "1")
    up.read_until(OPEN)
    order_ids = [client.place_order() for _ in range(3)]
    client.wait_for_status(order_ids[0], "cooking_baking")
    manager = person(viewport=DESKTOP)
    manager.open_page("/manager/crash")
    manager.page.get_by_text("Kill it…").click()
    manager.page.get_by_role("button", name="Kill this part now").click()
    manager.page.get_by_text("Nothing was lost").wait_for(timeout=60_000)
    for size, viewport in SIZES.items():
        someone = person(viewport=viewport)
        someone.open_page("/manager/crash")
        someone.page.get_by_text("Nothing was lost").evaluate("each => each.scrollIntoView({block: 'center'})")
        save(someone, f"crash-{size}")
    assert up.end(signal.SIGINT) == 0
