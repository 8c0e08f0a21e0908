"""How far the records are behind the topic."""

from datetime import UTC, datetime, timedelta

import pytest

from pizzashop.errors import Unavailable
from pizzashop.order.inbox import TopicLag


def _ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def test_nothing_heard_is_not_late() -> None:
    TopicLag().check()


def test_events_that_come_late_keep_new_orders_out() -> None:
    lag = TopicLag()
    lag.note(_ago(10))
    with pytest.raises(Unavailable):
        lag.check()


@pytest.mark.parametrize("seconds", [0, 3600])
def test_an_event_in_time_ends_it_and_so_does_one_that_is_told_again(seconds: float) -> None:
    lag = TopicLag()
    lag.note(_ago(10))
    lag.note(_ago(seconds))
    lag.check()
