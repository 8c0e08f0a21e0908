"""What the engine's errors mean."""

import grpc
import pytest

from pizzashop.errors import Unavailable
from pizzashop.workflow import sdk


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (
            "failed to create workflow instance: OOM command not allowed when used memory > 'maxmemory'.",
            "out of memory",
        ),
        (
            "failed: MISCONF Errors writing to the AOF file: No space left on device script: on @user_script:8.",
            "is full",
        ),
        ("inbox key 'inbox-000000' declared in metadata but missing from state store", "taken in only half"),
        ("something else", "does not answer just now"),
    ],
)
def test_why_it_cannot_is_said(told: str, reason: str) -> None:
    def what() -> None:
        raise grpc.RpcError(told)

    with pytest.raises(Unavailable, match=reason):
        sdk.call_engine(what)


def test_a_sidecar_that_takes_no_connections_yet_is_asked_again() -> None:
    answers = iter([grpc.RpcError("failed to connect to all addresses; last error: Connection refused"), None])

    def what() -> str:
        if error := next(answers):
            raise error
        return "done"

    assert sdk.call_engine(what) == "done"
