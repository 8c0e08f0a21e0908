"""A whole shop in this process, with no sidecar."""

import pytest
from fakes.shop import FakeShop
from hypothesis import settings

# How long an example takes is for the machine to say, and no reason to fail.
settings.register_profile("pizzashop", deadline=None)
settings.load_profile("pizzashop")


@pytest.fixture
def shop() -> FakeShop:
    return FakeShop()
