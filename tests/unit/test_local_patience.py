"""What ends now and then is started again, what ends at once each time is not."""

from itertools import count

from pizzashop.local.services import MAX_RESTARTS, RESTART_WINDOW_SECONDS, RestartLimit


def test_what_ends_again_and_again_is_left() -> None:
    ended = count(0, 5)
    patience = RestartLimit(lambda: next(ended))
    assert [patience.over() for _ in range(MAX_RESTARTS + 1)] == [*[False] * MAX_RESTARTS, True]


def test_what_ends_now_and_then_is_started_for_ever() -> None:
    ended = count(0, RESTART_WINDOW_SECONDS / MAX_RESTARTS)
    patience = RestartLimit(lambda: next(ended))
    assert not any(patience.over() for _ in range(100))
