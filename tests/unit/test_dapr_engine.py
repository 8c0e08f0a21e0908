"""The engine answers before it has acted: what it has not come to do is not said to be done."""

from types import SimpleNamespace

import pytest

from pizzashop.domain.errors import Unavailable
from pizzashop.workflow import dapr_engine
from pizzashop.workflow.dapr_engine import DaprEngine
from pizzashop.workflow.engine_call import STALLED

CALLS = ("pause_workflow", "resume_workflow", "terminate_workflow")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> DaprEngine:
    """One that hears everything and does nothing; it has 10 ms for it."""
    monkeypatch.setattr(dapr_engine, "SETTLE_SECONDS", 0.01)
    made = DaprEngine(1)
    monkeypatch.setattr(made, "_client", SimpleNamespace(**{call: lambda *_, **__: None for call in CALLS}))
    return made


@pytest.mark.parametrize(("word", "status"), [("pause", "RUNNING"), ("resume", "SUSPENDED"), ("terminate", "RUNNING")])
def test_it_is_not_said_to_be_done(engine: DaprEngine, monkeypatch: pytest.MonkeyPatch, word: str, status: str) -> None:
    monkeypatch.setattr(engine, "status", lambda _: status)
    with pytest.raises(Unavailable):
        getattr(engine, word)("123")


@pytest.mark.parametrize("word", ["pause", "resume"])
def test_an_order_whose_version_nobody_runs_cannot_be_steered(
    engine: DaprEngine, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setattr(engine, "status", lambda _: "STALLED")
    with pytest.raises(Unavailable, match=STALLED):
        getattr(engine, word)("123")
