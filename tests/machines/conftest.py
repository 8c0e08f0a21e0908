"""Fixtures that the tests of several machines share with the other tests on real Dapr."""

from real_dapr import clean_end, dapr

__all__ = ["clean_end", "dapr"]
