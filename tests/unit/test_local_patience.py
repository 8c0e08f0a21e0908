"""What ends now and then is started again, what ends at once each time is not."""

from itertools import count

from pizzashop.local.patience import MOST, WITHIN_SECONDS, Patience


def test_what_ends_again_and_again_is_left() -> None:
    ended = count(0, 5)
    patience = Patience(lambda: next(ended))
    assert [patience.over() for _ in range(MOST + 1)] == [*[False] * MOST, True]


def test_what_ends_now_and_then_is_started_for_ever() -> None:
    ended = count(0, WITHIN_SECONDS / MOST)
    patience = Patience(lambda: next(ended))
    assert not any(patience.over() for _ in range(100))
