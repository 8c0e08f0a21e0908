"""The browser of this machine: find it, and start it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# Without these a browser contacts its maker's servers at every start, and waits where it cannot reach them.
OFFLINE_OPTIONS = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic")


def find_browser() -> str | None:
    """Return the browser that `PIZZASHOP_CHROMIUM` names, or the first that is installed."""
    return os.environ.get("PIZZASHOP_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start a browser without a window. Without one the tests are skipped, and in CI they fail."""
    path = find_browser()
    if path is None:
        reason = "No Chromium is installed: `apt install chromium`, or name another in PIZZASHOP_CHROMIUM"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=[*OFFLINE_OPTIONS, "--disable-gpu", "--no-first-run"]
        )
        yield browser
        browser.close()
