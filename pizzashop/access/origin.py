"""Where a request comes from: by a name that the shop has, and not at the wish of a page elsewhere."""

from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, abort, request

from pizzashop.settings import Settings, is_loopback

READING = frozenset({"GET", "HEAD", "OPTIONS"})


def register(app: Flask, settings: Settings) -> None:
    """Turn away other names (421), and what a page elsewhere has a browser do (403)."""
    given = {name.strip().lower() for name in settings.hosts.split(",") if name.strip()}
    known = given | {settings.host}

    @lru_cache(maxsize=64)
    def is_known(host: str) -> bool:
        name = _name(host)
        return is_loopback(name.rstrip(".")) or name in known

    @app.before_request
    def check() -> None:
        # A page elsewhere that had its name point here would speak for whoever opens it.
        if not is_known(request.host):
            abort(421, f"This shop is not called {_name(request.host)[:80]!r}")
        if request.method not in READING and _is_foreign(request.host, given):
            abort(403, "This was asked for by a page of another site; a page of the shop's own may")


def _is_foreign(host: str, given: set[str]) -> bool:
    """Programs say nothing of where they come from, and pass."""
    origin = request.environ.get("HTTP_ORIGIN")
    if origin is None:
        return request.environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("same-origin", "none")
    where = origin.partition("://")[2].lower()
    # Behind a proxy the shop may see another host than the browser does.
    return where != host.lower() and _name(where) not in given


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
