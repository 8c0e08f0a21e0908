"""Which ETag follows a write."""

import pytest

from pizzashop.dapr.stores import predict_etag


@pytest.mark.parametrize(("etag", "following"), [("", "1"), ("1", "2"), ("41", "42"), ("5f3a", None), ("W/1", None)])
def test_only_the_etags_of_a_store_that_counts_writes_are_predicted(etag: str, following: str | None) -> None:
    assert predict_etag(etag) == following
