"""The engine answers before it has acted: what it has not come to do is not said to be done. It is on this machine."""

import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from shop_client import PIZZASHOP

from pizzashop.errors import Unavailable
from pizzashop.workflow import engine as workflow_engine
from pizzashop.workflow.engine import REASONS, DaprEngine
from pizzashop.workflow.sdk import Stalled

CALLS = ("pause_workflow", "resume_workflow", "terminate_workflow")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> DaprEngine:
    """One that hears everything and does nothing; it has 10 ms for it."""
    monkeypatch.setattr(workflow_engine, "SETTLE_SECONDS", 0.01)
    made = DaprEngine(1)
    monkeypatch.setattr(made, "_client", SimpleNamespace(**{call: lambda *_, **__: None for call in CALLS}))
    return made


@pytest.mark.parametrize(("word", "status"), [("pause", "RUNNING"), ("resume", "SUSPENDED"), ("terminate", "RUNNING")])
def test_it_is_not_said_to_be_done(engine: DaprEngine, monkeypatch: pytest.MonkeyPatch, word: str, status: str) -> None:
    monkeypatch.setattr(engine, "status", lambda _: status)
    with pytest.raises(Unavailable):
        getattr(engine, word)("123")


@pytest.mark.parametrize("word", ["pause", "resume"])
@pytest.mark.parametrize("stall", ["version", "size", None])
def test_a_stalled_order_cannot_be_steered_and_the_reason_is_the_true_one(
    engine: DaprEngine, monkeypatch: pytest.MonkeyPatch, word: str, stall: str | None
) -> None:
    monkeypatch.setattr(engine, "status", lambda _: "STALLED")
    monkeypatch.setattr(engine, "_stub", SimpleNamespace(stall=lambda _: stall))
    with pytest.raises(Unavailable, match=re.escape(REASONS[stall])):
        getattr(engine, word)("123")


@pytest.mark.parametrize("stall", ["version", "size"])
def test_a_decision_that_a_stalled_order_cannot_hear_is_refused_with_the_true_reason(
    engine: DaprEngine, monkeypatch: pytest.MonkeyPatch, stall: str
) -> None:
    monkeypatch.setattr(engine, "_client", SimpleNamespace(raise_workflow_event=_stalled))
    monkeypatch.setattr(engine, "_stub", SimpleNamespace(stall=lambda _: stall))
    with pytest.raises(Unavailable, match=re.escape(REASONS[stall])):
        engine.decide("123", {"approved": True})


@pytest.mark.parametrize("heard", [True, False])
def test_a_stalled_order_that_is_to_end_is_forgotten(
    engine: DaprEngine, monkeypatch: pytest.MonkeyPatch, heard: bool
) -> None:
    """Whether the engine has taken in that it is to end, or would not even do that."""
    forgotten: list[str] = []
    monkeypatch.setattr(engine, "status", lambda _: "STALLED")
    monkeypatch.setattr(engine, "_stub", SimpleNamespace(forget=forgotten.append))
    if not heard:
        monkeypatch.setattr(engine, "_client", SimpleNamespace(terminate_workflow=_stalled))
    engine.terminate("123")
    assert forgotten == ["pizza-order-123"]


def _stalled(*_: object, **__: object) -> None:
    raise Stalled("the engine holds it still")


PROXIES = ("grpc_proxy", "https_proxy", "http_proxy", "all_proxy")


@pytest.fixture
def sidecar(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Listens where a sidecar would; every proxy of the environment is dead."""
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))  # taken, and nobody listens
        listening.settimeout(20)
        for name in PROXIES:
            for spelled in (name, name.upper()):
                monkeypatch.setenv(spelled, f"http://127.0.0.1:{dead.getsockname()[1]}")
        yield listening


def _is_called(sidecar: socket.socket) -> bool:
    while True:
        connection, _ = sidecar.accept()
        with connection:
            # The worker first looks whether anybody listens, and says nothing.
            if said := connection.recv(3):
                return said == b"PRI"  # HTTP/2, where a proxy would be told CONNECT


def _ask(engine: DaprEngine) -> None:
    with pytest.raises(Unavailable):
        engine.status("123")


def test_no_proxy_stands_between_the_engine_and_its_sidecar(sidecar: socket.socket) -> None:
    engine = DaprEngine(sidecar.getsockname()[1])
    asking = threading.Thread(target=_ask, args=(engine,))
    asking.start()
    assert _is_called(sidecar)
    sidecar.close()
    asking.join()
    engine.close()


def test_no_proxy_stands_between_the_worker_and_its_sidecar(sidecar: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    env = {**os.environ, "DAPR_HTTP_PORT": "1", "DAPR_GRPC_PORT": str(sidecar.getsockname()[1])}
    command = [PIZZASHOP, "serve", "--role", "workflow", "--port", port]
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as role:
        try:
            assert _is_called(sidecar)
        finally:
            role.kill()
