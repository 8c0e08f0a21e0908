"""A whole shop in this process, with no sidecar."""

import pytest
from fakes.shop import FakeShop


@pytest.fixture
def shop() -> FakeShop:
    return FakeShop()
