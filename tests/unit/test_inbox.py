"""How far the records are behind the topic."""

from datetime import UTC, datetime, timedelta

import pytest

from pizzashop.errors import Unavailable
from pizzashop.order.inbox import TopicLag


def _ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def test_without_events_new_orders_are_accepted() -> None:
    TopicLag().check()


def test_a_late_event_makes_the_shop_refuse_new_orders() -> None:
    lag = TopicLag()
    lag.observe(_ago(10))
    with pytest.raises(Unavailable):
        lag.check()


@pytest.mark.parametrize("seconds", [0, 3600])
def test_a_punctual_or_repeated_event_makes_it_accept_them_again(seconds: float) -> None:
    lag = TopicLag()
    lag.observe(_ago(10))
    lag.observe(_ago(seconds))
    lag.check()
