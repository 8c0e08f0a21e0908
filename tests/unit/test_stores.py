"""The dialects of the state stores: which one a sidecar's metadata names, and what its ETags and errors mean."""

import pytest

from pizzashop.dapr.stores import PostgresqlDialect, RedisDialect, explain_store_error, find_dialect
from pizzashop.errors import Unavailable

FAILED = "failed saving state in state store pizzastatestore: "
MISMATCH = "possible etag mismatch. error from state store"


def component(kind: str, version: str, name: str = "pizzastatestore") -> dict[str, str]:
    return {"name": name, "type": kind, "version": version}


def test_the_sidecar_names_the_store() -> None:
    other = component("state.postgresql", "v2", name="other")
    assert isinstance(find_dialect([other, component("state.redis", "v1")]), RedisDialect)
    assert isinstance(find_dialect([component("state.postgresql", "v2")]), PostgresqlDialect)


@pytest.mark.parametrize(
    "components", [[], [component("state.mysql", "v1")], [component("state.postgresql", "v1")]], ids=str
)
def test_no_other_store_is_taken_for_one_that_is_known(components: list[dict[str, str]]) -> None:
    with pytest.raises(Unavailable, match="state store"):
        find_dialect(components)


@pytest.mark.parametrize(("etag", "following"), [("", "1"), ("1", "2"), ("41", "42")])
def test_only_redis_counts_writes(etag: str, following: str) -> None:
    assert RedisDialect().predict_etag(etag) == following
    assert PostgresqlDialect().predict_etag(etag) is None


@pytest.mark.parametrize(
    ("status", "message", "is_etag_mismatch"),
    [
        (409, f"{FAILED}{MISMATCH}", True),
        (409, f"{FAILED}{MISMATCH}: {MISMATCH}", True),
        (500, f"{FAILED}no item was updated", True),
        (500, f"{FAILED}no item was updated\nno item was updated", True),
        (500, f"{FAILED}no item was updated\nwrite failed: broken pipe", False),
        (500, f"{FAILED}write failed: broken pipe", False),
        (500, "", False),
    ],
)
def test_postgresql_refuses_a_write_with_409_and_a_create_with_500(
    status: int, message: str, is_etag_mismatch: bool
) -> None:
    assert PostgresqlDialect().is_etag_mismatch(status, message) is is_etag_mismatch


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("ERROR: could not extend file (SQLSTATE 53100)", "its disk is full"),
        ("ERROR: cannot execute INSERT in a read-only transaction (SQLSTATE 25006)", "takes no writes"),
        ("FATAL: sorry, too many clients already (SQLSTATE 53300)", "no free connection"),
        ("OOM command not allowed when used memory > 'maxmemory'.", "out of memory"),
    ],
)
def test_a_failure_of_the_store_is_explained(error: str, reason: str) -> None:
    assert reason in explain_store_error(f"{FAILED}{error}")


def test_an_unknown_failure_of_the_store_is_not_explained() -> None:
    assert explain_store_error(f"{FAILED}ERROR: syntax error (SQLSTATE 42601)") == ""
