"""Addresses as people type them: a browser is redirected to the page that they mean."""

import json
from collections.abc import Callable
from functools import cache, wraps
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Response, current_app, render_template, request, send_from_directory, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import RequestRedirect

from pizzashop import errors
from pizzashop.auth.people import PUBLIC
from pizzashop.domain.ids import parse_generated_id
from pizzashop.web.routes import Routes

ROOT = Path(__file__).parent / "static"
YEAR = 365 * 86400

routes = Routes("assets")


@cache
def version() -> str:
    """A mark of all files together, which scripts that load one another then share."""
    files = sorted(path for path in ROOT.rglob("*") if path.is_file())
    return sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()[:12]


def asset(name: str) -> str:
    """The address of one file."""
    return url_for("pages.assets.send", mark=version(), name=name)


@routes.blueprint.app_context_processor
def _for_templates() -> dict[str, object]:
    return {"asset": asset}


@routes.get("/static/<mark>/<path:name>", PUBLIC)
def send(mark: str, name: str) -> Response:
    """A style, a script or a picture."""
    response = send_from_directory(ROOT, name)
    if mark == version():
        response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    else:
        # A page of another version of the shop: it gets what there is, and asks again the next time.
        response.headers["Cache-Control"] = "no-cache"
    return response


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

PAGE_HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
    # With `no-referrer` a browser would send the shop's own forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


def complete_response(response: Response) -> Response:
    """Make an error readable where a browser asks for a page, and give each page its headers."""
    if response.mimetype == "application/problem+json":
        response.headers.add("Vary", "Accept")
        if _asks_for_a_page():
            if response.status_code == HTTPStatus.UNAUTHORIZED and request.method == "GET":
                return complete_response(_to_sign_in())
            _make_a_page(response)
    if response.mimetype == "text/html":
        for name, value in PAGE_HEADERS.items():
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


_AT_THE_END = "/.,;:!? "
"""What an address takes along from the sentence in which it stood."""

View = Callable[[str], ResponseReturnValue]


def without_trailing_slash(response: Response) -> Response:
    """Redirect an address that nothing has to the one without the slash at its end, where a page has that."""
    # Not before the request: whether this host is known is asked first.
    unknown = response.status_code == HTTPStatus.NOT_FOUND and isinstance(request.routing_exception, NotFound)
    if not unknown or request.method not in ("GET", "HEAD"):
        return response
    adapter = current_app.create_url_adapter(request)
    assert adapter is not None
    try:
        endpoint, arguments = adapter.match(request.path.rstrip(_AT_THE_END) or "/", method="GET")
    except (HTTPException, RequestRedirect):
        return response
    # What programs ask for has one spelling.
    return _redirect(endpoint, **arguments, **request.args.to_dict()) if endpoint.startswith("pages.") else response


def redirect_spelling(view: View) -> View:
    """Redirect an id that no order has to the one that it spells, such as 7q4km2xd9zrt to 7Q4K-M2XD-9ZRT."""

    @wraps(view)
    def find(order_id: str) -> ResponseReturnValue:
        try:
            return view(order_id)
        except errors.NotFound:
            meant = parse_generated_id(order_id) or order_id.strip(_AT_THE_END)
            if meant in ("", order_id):
                raise
            assert request.endpoint is not None
            return _redirect(request.endpoint, order_id=meant)

    return find


def _redirect(endpoint: str, **arguments: Any) -> Response:
    return Response(status=HTTPStatus.FOUND, headers={"Location": url_for(endpoint, **arguments)})
