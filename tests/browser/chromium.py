"""The browser of this machine: where it is, and how it is started."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# A browser that looks for its maker's servers at every start waits for them where there is no way out.
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic")


def find() -> str | None:
    """The browser that `PIZZASHOP_CHROMIUM` names, or the first that is installed."""
    return os.environ.get("PIZZASHOP_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def opened() -> Iterator[Browser]:
    """A browser without a window; without one on this machine the tests are skipped, and in CI they fail."""
    path = find()
    if path is None:
        say = "No Chromium is installed: `apt install chromium`, or name another in PIZZASHOP_CHROMIUM"
        pytest.fail(say) if os.environ.get("CI") else pytest.skip(say)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*QUIET, "--disable-gpu", "--no-first-run"])
        yield browser
        browser.close()
