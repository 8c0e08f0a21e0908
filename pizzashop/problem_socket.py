"""Errors of requests that no application sees, in the form of all errors of the shop."""

import json
import socket
from http import HTTPStatus
from typing import Any

from pizzashop.problems import content


def problem_bytes(status: int, detail: str) -> bytes:
    """A whole HTTP answer, after which the connection is closed."""
    phrase = HTTPStatus(status).phrase
    body = json.dumps(content(status, detail)).encode()
    head = f"HTTP/1.1 {int(status)} {phrase}\r\nConnection: close\r\n"
    head += f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class ProblemSocket:
    """A client's socket on which gunicorn's own errors, of requests that are no HTTP, read as the shop's do."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendall(self, page: bytes) -> None:
        """Send the problem that the page of HTML is about."""
        status = HTTPStatus(int(page.split(b" ", 2)[1]))
        self._sock.sendall(problem_bytes(status, f"The request cannot be read: {status.phrase}"))
