"""A person at a browser: what they see, and what they click, in the words of the pages."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect

# Thirty seconds of cooking and driving take six: long enough to look at each stage.
PACE = 0.2
SHOP = "http://localhost:8002"
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
SMALL_PHONE = {"width": 360, "height": 640}
# How long to wait for a page: the orders are real, and the machine may be busy.
TIMEOUT_MS = 45_000
# The console messages for responses that tests provoke; every other error message fails a test.
EXPECTED_ERROR = re.compile(r"status of (4\d\d|503)|ERR_(CONNECTION|INCOMPLETE|EMPTY|NETWORK)")

expect.set_options(timeout=TIMEOUT_MS)


@dataclass
class Person:
    """A person with one page, and the errors of its scripts."""

    context: BrowserContext
    page: Page
    errors: list[str] = field(default_factory=list)

    @classmethod
    def with_page(cls, context: BrowserContext) -> Self:
        """Return a person with an open page, whose script errors are collected."""
        context.set_default_timeout(TIMEOUT_MS)
        person = cls(context, context.new_page())
        person.page.on("pageerror", lambda error: person.errors.append(str(error)))
        person.page.on("console", person._collect_error)
        return person

    def _collect_error(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not EXPECTED_ERROR.search(message.text):
            self.errors.append(message.text)

    def open_page(self, path: str) -> None:
        """Open a page of the shop."""
        self.page.goto(SHOP + path)

    def expect_text(self, text: str | re.Pattern[str]) -> None:
        """Wait until the page shows a text."""
        expect(self.page.get_by_text(text).first).to_be_visible()

    def expect_headline(self, text: str | re.Pattern[str]) -> None:
        """Wait until the headline of the page contains a text."""
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(text)

    def place_order(self, pizza: str = "Pepperoni", size: str = "large", name: str = "Ana Rossi") -> str:
        """Order a pizza from the menu, and return the order's id from the address of its page."""
        self.open_page("/")
        # The radio button is covered by its drawing, which takes the click.
        self.page.get_by_role("radio", name=f"{pizza}, {size}").check(force=True)
        self.page.get_by_label("Your name").fill(name)
        self.page.get_by_label("Address").fill("Via Roma 1")
        self.page.get_by_label("Phone").fill("555-0123")
        self.page.get_by_role("button", name=re.compile("^Order")).click()
        self.page.wait_for_url(re.compile(r"/orders/"))
        return self.page.url.rpartition("/")[2]

    def accessibility_violations(self) -> list[tuple[str, str]]:
        """Return the serious violations that axe-core finds on the page: the rule and the element."""
        found = Axe().run(self.page).response["violations"]
        return [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")]

    def order_card(self, order_id: str) -> Locator:
        """Return the card of an order on a board."""
        return self.page.locator(f"#o-{order_id}")

    def click_action(self, label: str, order_id: str, note: str = "") -> None:
        """Click an action of an order; when it asks first, answer with `note`, and confirm."""
        self.order_card(order_id).get_by_label(f"{label} order {order_id}").click()
        question = self.order_card(order_id).locator("details[open]")
        if label.endswith("…"):
            question.get_by_role("textbox").fill(note)
            question.get_by_role("button").click()


NewPerson = Callable[..., Person]
