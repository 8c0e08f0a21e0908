"""The static files, and for every response: headers, error pages, and redirects from misspelled addresses."""

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

STATIC_FOLDER = Path(__file__).parent / "static"
CACHE_SECONDS = 365 * 86400

CONTENT_SECURITY_POLICY = {
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
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in CONTENT_SECURITY_POLICY.items()),
    # With `no-referrer` a browser would send the shop's own forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}

# The characters that people copy along with an address at the end of a sentence.
TRAILING_CHARACTERS = "/.,;:!? "

View = Callable[[str], ResponseReturnValue]


def make_static_routes() -> Routes:
    """Return the route of the static files; its blueprint completes every response of the application."""
    routes = Routes("static")

    @routes.get("/static/<version>/<path:name>", PUBLIC)
    def send_file(version: str, name: str) -> Response:
        """A style, a script or a picture."""
        response = send_from_directory(STATIC_FOLDER, name)
        if version == static_version():
            response.headers["Cache-Control"] = f"public, max-age={CACHE_SECONDS}, immutable"
        else:
            # A page of another version of the shop gets today's file, and asks again the next time.
            response.headers["Cache-Control"] = "no-cache"
        return response

    routes.blueprint.add_app_template_global(asset_url)
    # Flask runs the last of these first.
    routes.blueprint.after_app_request(complete_response)
    routes.blueprint.after_app_request(redirect_trailing_characters)
    return routes


@cache
def static_version() -> str:
    """Return a digest of all static files: scripts that import one another then have the same version."""
    files = sorted(path for path in STATIC_FOLDER.rglob("*") if path.is_file())
    return sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()[:12]


def asset_url(name: str) -> str:
    """Return the address of a static file."""
    return url_for("pages.static.send_file", version=static_version(), name=name)


def complete_response(response: Response) -> Response:
    """Turn an error into a page for a browser that asks for one, and add the headers of pages."""
    if response.mimetype == "application/problem+json":
        response.headers.add("Vary", "Accept")
        if _prefers_html():
            if response.status_code == HTTPStatus.UNAUTHORIZED and request.method == "GET":
                return complete_response(_redirect_to_sign_in())
            response.set_data(render_template("error.html", problem=json.loads(response.get_data())))
            response.content_type = "text/html; charset=utf-8"
    if response.mimetype == "text/html":
        for name, value in PAGE_HEADERS.items():
            response.headers.setdefault(name, value)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    return response


def _prefers_html() -> bool:
    accepted = request.accept_mimetypes
    return accepted["text/html"] > accepted["application/json"]


def _redirect_to_sign_in() -> Response:
    location = url_for("pages.sign_in.show", next=request.full_path.rstrip("?"))
    return Response("", HTTPStatus.SEE_OTHER, {"Location": location}, content_type="text/html; charset=utf-8")


def redirect_trailing_characters(response: Response) -> Response:
    """Redirect an unknown address to the page that it names without the characters at its end."""
    # After the request, because the check of the host name has to come first.
    is_unknown = response.status_code == HTTPStatus.NOT_FOUND and isinstance(request.routing_exception, NotFound)
    if not is_unknown or request.method not in ("GET", "HEAD"):
        return response
    adapter = current_app.create_url_adapter(request)
    assert adapter is not None
    try:
        endpoint, arguments = adapter.match(request.path.rstrip(TRAILING_CHARACTERS) or "/", method="GET")
    except (HTTPException, RequestRedirect):
        return response
    # Only pages: programs have to use the exact address.
    return _redirect(endpoint, **arguments, **request.args.to_dict()) if endpoint.startswith("pages.") else response


def redirect_order_id(view: View) -> View:
    """Redirect an unknown order id to the id that it is another spelling of: 7q4km2xd9zrt to 7Q4K-M2XD-9ZRT."""

    @wraps(view)
    def find(order_id: str) -> ResponseReturnValue:
        try:
            return view(order_id)
        except errors.NotFound:
            corrected = parse_generated_id(order_id) or order_id.strip(TRAILING_CHARACTERS)
            if corrected in ("", order_id):
                raise
            assert request.endpoint is not None
            return _redirect(request.endpoint, order_id=corrected)

    return find


def _redirect(endpoint: str, **arguments: Any) -> Response:
    return Response(status=HTTPStatus.FOUND, headers={"Location": url_for(endpoint, **arguments)})
