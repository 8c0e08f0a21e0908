"""The form of an error response, which is the same on every route."""

from http import HTTPStatus

from werkzeug.test import TestResponse


def assert_problem(answer: TestResponse, status: int) -> None:
    """Assert that the answer is a problem of RFC 9457 with this status, and has the member `error` too."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    content = answer.json
    assert isinstance(content, dict)
    assert content["type"]
    assert content["title"] == HTTPStatus(status).phrase
    assert content["status"] == status
    assert content["detail"]
    assert content["error"] == content["detail"]
    if status == 400:
        assert content["errors"]
        assert all(isinstance(each["field"], str) and each["message"] for each in content["errors"])
    if status == 503:
        assert int(answer.headers["Retry-After"]) > 0
