"""A process serves a limited number of requests from outside at the same time, and refuses more with 503."""

import json
import threading
from collections.abc import Iterator
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from pizzashop.server.running_roles import AdmissionControl


class Call:
    """One request and its answer."""

    def __init__(self, path: str = "/", **environ: str) -> None:
        self.environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, **environ}

    def send(self, admission: AdmissionControl) -> "Call":
        self.body = b"".join(admission(self.environ, self._start_response))
        return self

    def _start_response(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.status, self.headers = status, dict(headers)


@pytest.fixture
def full() -> Iterator[AdmissionControl]:
    """Admission control for one request, which is being served as long as the test runs."""
    started, end = threading.Event(), threading.Event()

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        if environ["PATH_INFO"] == "/slow":
            started.set()
            end.wait(10)
        return answer_ok(environ, start_response)

    admission = AdmissionControl(application, max_requests=1, may_be_sidecar=lambda _token: True)
    thread = threading.Thread(target=Call("/slow").send, args=(admission,))
    thread.start()
    assert started.wait(10)
    yield admission
    end.set()
    thread.join()
    assert Call("/any").send(admission).status == "200 OK"


def answer_ok(_: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [])
    return [b"served"]


def test_a_request_beyond_the_limit_is_answered_with_503_and_retry_after(full: AdmissionControl) -> None:
    call = Call("/start-order").send(full)
    assert call.status.startswith("503")
    assert int(call.headers["Retry-After"]) > 0
    assert call.headers["Content-Type"] == "application/problem+json"
    assert json.loads(call.body)["status"] == 503


@pytest.mark.parametrize(
    "call",
    [Call("/healthz"), Call("/metrics"), Call("/orders-sub"), Call("/claims", HTTP_DAPR_CALLER_APP_ID="pizza-kitchen")],
)
def test_health_checks_metrics_events_and_other_roles_are_always_served(full: AdmissionControl, call: Call) -> None:
    assert call.send(full).status == "200 OK"


def test_each_refused_request_is_noted_and_no_other() -> None:
    refused: list[WSGIEnvironment] = []
    admission = AdmissionControl(answer_ok, 0, lambda _token: False, refused.append)
    for path in ("/start-order", "/healthz", "/orders"):
        Call(path).send(admission)
    assert [each["PATH_INFO"] for each in refused] == ["/start-order", "/orders"]


@pytest.mark.parametrize(("token", "is_served"), [("the sidecar's", True), ("another", False), ("", False)])
def test_a_client_without_the_sidecars_token_is_limited_even_if_it_claims_to_be_a_role(
    token: str, is_served: bool
) -> None:
    admission = AdmissionControl(answer_ok, 0, lambda token: token == "the sidecar's")
    call = Call("/claims", HTTP_DAPR_CALLER_APP_ID="pizza-kitchen", HTTP_DAPR_API_TOKEN=token).send(admission)
    assert call.status.startswith("200" if is_served else "503")
