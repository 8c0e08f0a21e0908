"""Where a request comes from: by a name that the shop has, and not at the wish of a page elsewhere."""

from flask import Flask, abort, request

from pizzashop.access.hosts import Hosts, name_in
from pizzashop.settings import Settings

READING = frozenset({"GET", "HEAD", "OPTIONS"})
HEALTH = "/healthz"
"""Answered under any name: whoever looks after processes asks by their addresses, and learns nothing of the shop."""


def register(app: Flask, settings: Settings) -> None:
    """Turn away other names (421), and what a page elsewhere has a browser do (403)."""
    hosts = Hosts.of(settings)

    @app.before_request
    def check() -> None:
        # Without the header (HTTP/1.0) it is the address that was asked.
        host = str(request.environ.get("HTTP_HOST", request.environ["SERVER_NAME"]))
        # A page elsewhere that had its name point here would speak for whoever opens it.
        if request.path != HEALTH and not hosts.is_known(host):
            abort(421, f"This shop is not called {name_in(host)[:80]!r}")
        if request.method not in READING and _is_foreign(host, hosts):
            abort(403, "This was asked for by a page of another site; a page of the shop's own may")


def _is_foreign(host: str, hosts: Hosts) -> bool:
    """Programs say nothing of where they come from, and pass."""
    origin = request.environ.get("HTTP_ORIGIN")
    if origin is None:
        return request.environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("same-origin", "none")
    where = origin.partition("://")[2].lower()
    # Behind a proxy the shop may see another host than the browser does.
    return where != host.lower() and not hosts.is_given(where)
