"""What an error has to look like, on every route."""

from http import HTTPStatus

from werkzeug.test import TestResponse


def assert_problem(answer: TestResponse, status: int) -> None:
    """The answer is a problem of RFC 9457 with this status, and the workshop's key `error`."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    said = answer.json
    assert isinstance(said, dict)
    assert said["type"]
    assert said["title"] == HTTPStatus(status).phrase
    assert said["status"] == status
    assert said["detail"]
    assert said["error"] == said["detail"]
    if status == 400:
        assert said["errors"]
        assert all(isinstance(each["field"], str) and each["message"] for each in said["errors"])
    if status == 503:
        assert int(answer.headers["Retry-After"]) > 0
