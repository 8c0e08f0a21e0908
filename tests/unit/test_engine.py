"""The engine answers before it has acted, so the shop waits until it has. No proxy is between them."""

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
from pizzashop.workflow.engine import STALL_TEXTS, DaprEngine
from pizzashop.workflow.sdk import Stalled

COMMANDS = ("pause_workflow", "resume_workflow", "terminate_workflow")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> DaprEngine:
    """An engine that takes every command and does nothing; the shop waits 10 ms for it."""
    engine = DaprEngine(1, act_seconds=0.01)
    monkeypatch.setattr(engine, "_client", SimpleNamespace(**{each: lambda *_, **__: None for each in COMMANDS}))
    return engine


@pytest.mark.parametrize(
    ("command", "status"), [("pause", "RUNNING"), ("resume", "SUSPENDED"), ("terminate", "RUNNING")]
)
def test_a_command_on_which_the_engine_does_not_act_fails(
    engine: DaprEngine, monkeypatch: pytest.MonkeyPatch, command: str, status: str
) -> None:
    monkeypatch.setattr(engine, "status", lambda _: status)
    with pytest.raises(Unavailable):
        getattr(engine, command)("123")


@pytest.mark.parametrize("command", ["pause", "resume"])
@pytest.mark.parametrize("reason", ["version", "size", None])
def test_a_stalled_order_is_neither_paused_nor_resumed_and_the_reason_is_shown(
    engine: DaprEngine, monkeypatch: pytest.MonkeyPatch, command: str, reason: str | None
) -> None:
    monkeypatch.setattr(engine, "status", lambda _: "STALLED")
    monkeypatch.setattr(engine, "_stub", SimpleNamespace(stall_reason=lambda _: reason))
    with pytest.raises(Unavailable, match=re.escape(STALL_TEXTS[reason])):
        getattr(engine, command)("123")


@pytest.mark.parametrize("reason", ["version", "size"])
def test_a_decision_on_a_stalled_order_fails_and_the_reason_is_shown(
    engine: DaprEngine, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    monkeypatch.setattr(engine, "_client", SimpleNamespace(raise_workflow_event=_raise_stalled))
    monkeypatch.setattr(engine, "_stub", SimpleNamespace(stall_reason=lambda _: reason))
    with pytest.raises(Unavailable, match=re.escape(STALL_TEXTS[reason])):
        engine.decide("123", {"approved": True})


@pytest.mark.parametrize("is_accepted", [True, False])
def test_a_stalled_order_that_is_to_end_is_purged(
    engine: DaprEngine, monkeypatch: pytest.MonkeyPatch, is_accepted: bool
) -> None:
    """Whether the engine accepts the command to terminate it, or not even that."""
    purged: list[str] = []
    monkeypatch.setattr(engine, "status", lambda _: "STALLED")
    monkeypatch.setattr(engine, "_stub", SimpleNamespace(force_purge=purged.append))
    if not is_accepted:
        monkeypatch.setattr(engine, "_client", SimpleNamespace(terminate_workflow=_raise_stalled))
    engine.terminate("123")
    assert purged == ["pizza-order-123"]


def _raise_stalled(*_: object, **__: object) -> None:
    raise Stalled("the engine has stalled it")


PROXIES = ("grpc_proxy", "https_proxy", "http_proxy", "all_proxy")


@pytest.fixture
def sidecar(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket that listens where a sidecar would. No proxy of the environment answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as dead:
        # The port is taken, and nothing listens on it.
        dead.bind(("127.0.0.1", 0))
        listening.settimeout(20)
        for name in PROXIES:
            for spelled in (name, name.upper()):
                monkeypatch.setenv(spelled, f"http://127.0.0.1:{dead.getsockname()[1]}")
        yield listening


def _is_called(sidecar: socket.socket) -> bool:
    while True:
        connection, _ = sidecar.accept()
        with connection:
            # The worker first looks whether the sidecar listens, and sends nothing.
            if received := connection.recv(3):
                # HTTP/2 begins so; a request to a proxy begins with CONNECT.
                return received == b"PRI"


def _ask(engine: DaprEngine) -> None:
    with pytest.raises(Unavailable):
        engine.status("123")


def test_the_engine_is_called_without_a_proxy(sidecar: socket.socket) -> None:
    engine = DaprEngine(sidecar.getsockname()[1])
    asking = threading.Thread(target=_ask, args=(engine,))
    asking.start()
    assert _is_called(sidecar)
    sidecar.close()
    asking.join()
    engine.close()


def test_the_worker_connects_without_a_proxy(sidecar: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    env = {**os.environ, "DAPR_HTTP_PORT": "1", "DAPR_GRPC_PORT": str(sidecar.getsockname()[1])}
    command = [PIZZASHOP, "serve", "--role", "workflow", "--port", port]
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as role:
        try:
            assert _is_called(sidecar)
        finally:
            role.kill()
