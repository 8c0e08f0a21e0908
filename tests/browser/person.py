"""Somebody at a browser of their own: what they see, and what they do, in the words of the pages."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect

PACE = 0.2
"""Thirty seconds of cooking and driving become six: long enough to look at each stage."""
SHOP = "http://localhost:8002"
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
SMALL_PHONE = {"width": 360, "height": 640}
# Real orders on a busy machine: what comes, comes within this.
PATIENCE_MS = 45_000
EXPECTED = re.compile(r"status of (4\d\d|503)|ERR_(CONNECTION|INCOMPLETE|EMPTY|NETWORK)")
"""What a browser says of an answer that a test provokes; anything else on its console is a defect of the page."""

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Person:
    """A person, and what went wrong in their browser so far."""

    context: BrowserContext
    page: Page
    defects: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, context: BrowserContext) -> Self:
        """Somebody with one page open, which keeps what its scripts complain about."""
        context.set_default_timeout(PATIENCE_MS)
        person = cls(context, context.new_page())
        person.page.on("pageerror", lambda error: person.defects.append(str(error)))
        person.page.on("console", person._note)
        return person

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not EXPECTED.search(message.text):
            self.defects.append(message.text)

    def goes(self, path: str) -> None:
        """Open a page of the shop."""
        self.page.goto(SHOP + path)

    def sees(self, text: str | re.Pattern[str]) -> None:
        """Wait until the page says it."""
        expect(self.page.get_by_text(text).first).to_be_visible()

    def heads(self, text: str | re.Pattern[str]) -> None:
        """Wait until the page's headline says it."""
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(text)

    def orders(self, pizza: str = "Pepperoni", size: str = "large", name: str = "Ana Rossi") -> str:
        """Order a pizza from the menu; answers the order's id, which the page of the order has in its address."""
        self.goes("/")
        # The radio itself lies under what is drawn for it: a click goes there.
        self.page.get_by_role("radio", name=f"{pizza}, {size}").check(force=True)
        self.page.get_by_label("Your name").fill(name)
        self.page.get_by_label("Address").fill("Via Roma 1")
        self.page.get_by_label("Phone").fill("555-0123")
        self.page.get_by_role("button", name=re.compile("^Order")).click()
        self.page.wait_for_url(re.compile(r"/orders/"))
        return self.page.url.rpartition("/")[2]

    def serious(self) -> list[tuple[str, str]]:
        """What axe-core finds on the page that keeps somebody from using it: the rule, and where."""
        found = Axe().run(self.page).response["violations"]
        return [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")]

    def card(self, order_id: str) -> Locator:
        """What a board shows of an order."""
        return self.page.locator(f"#o-{order_id}")

    def does(self, what: str, order_id: str, note: str = "") -> None:
        """Press a button of an order; where that asks first, answer with `note`, and confirm."""
        self.card(order_id).get_by_label(f"{what} order {order_id}").click()
        question = self.card(order_id).locator("details[open]")
        if what.endswith("…"):
            question.get_by_role("textbox").fill(note)
            question.get_by_role("button").click()


NewPerson = Callable[..., Person]
