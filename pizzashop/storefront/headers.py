"""What goes out with every page: what it may load, who may frame it, and that nobody keeps a copy."""

import json
from http import HTTPStatus

from flask import Response, render_template, request, url_for

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}

OF_PAGES = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
    # With `no-referrer` a browser would send the shop's own forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


def complete(response: Response) -> Response:
    """Make an error readable where a browser asks for a page, and give each page its headers."""
    if response.mimetype == "application/problem+json":
        response.headers.add("Vary", "Accept")
        if _asks_for_a_page():
            if response.status_code == HTTPStatus.UNAUTHORIZED and request.method == "GET":
                return complete(_to_sign_in())
            _make_a_page(response)
    if response.mimetype == "text/html":
        for name, value in OF_PAGES.items():
            response.headers.setdefault(name, value)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    return response


def _to_sign_in() -> Response:
    target = request.full_path.rstrip("?")
    where = url_for("pages.signing.show", next=target)
    return Response("", HTTPStatus.SEE_OTHER, {"Location": where}, content_type="text/html; charset=utf-8")


def _asks_for_a_page() -> bool:
    accepted = request.accept_mimetypes
    return accepted["text/html"] > accepted["application/json"]


def _make_a_page(response: Response) -> None:
    problem = json.loads(response.get_data())
    response.set_data(render_template("error.html", problem=problem))
    response.content_type = "text/html; charset=utf-8"
