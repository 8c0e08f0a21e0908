"""A client for each role of a shop in this process."""

from typing import Any

import pytest
from fakes.shop import FakeShop, Post
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pizzashop.roles import DELIVERY, KITCHEN, ORDER, STOREFRONT, WORKFLOW


@pytest.fixture
def order(shop: FakeShop) -> FlaskClient:
    return shop.client(ORDER)


@pytest.fixture
def storefront(shop: FakeShop) -> FlaskClient:
    return shop.client(STOREFRONT)


@pytest.fixture
def kitchen(shop: FakeShop) -> FlaskClient:
    return shop.client(KITCHEN)


@pytest.fixture
def delivery(shop: FakeShop) -> FlaskClient:
    return shop.client(DELIVERY)


@pytest.fixture
def workflow(shop: FakeShop) -> FlaskClient:
    return shop.client(WORKFLOW)


@pytest.fixture
def post(workflow: FlaskClient) -> Post:
    """POST to role `workflow` about the sample order."""

    def post(path: str, **more: Any) -> TestResponse:
        return workflow.post(path, json={"order_id": "123", **more})

    return post
