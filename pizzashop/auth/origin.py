"""Where a request comes from: by a name that the shop has, and not at the wish of a page elsewhere."""

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

from flask import Flask, abort, request

from pizzashop.errors import InvalidSettings
from pizzashop.settings import Settings, is_loopback

_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
WILDCARD = "*."


class AllowedHosts:
    """The names of a shop, beside those of loopback: names, addresses, and `*.example.com` for all names below one."""

    def __init__(self, names: frozenset[str], listens_on: str = "") -> None:
        self.names = names
        self._suffixes = tuple(name.removeprefix("*") for name in names if name.startswith(WILDCARD))
        self._listens_on = listens_on
        self.is_known = lru_cache(maxsize=64)(self._is_known)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The names in the settings; raises InvalidSettings, in one sentence, where one of them is no name."""
        if not (listens_on := canonical(settings.host)):
            raise InvalidSettings(f"PIZZASHOP_HOST: {settings.host!r} is no address or name to listen on")
        return cls(frozenset(_parse(settings.hosts)), listens_on)

    def is_given(self, host: str) -> bool:
        """Whether the settings name this host, with or without a port."""
        name = name_in(host)
        return name in self.names or bool(self._suffixes and name.endswith(self._suffixes))

    def _is_known(self, host: str) -> bool:
        name = name_in(host)
        return bool(name) and (is_loopback(name) or name == self._listens_on or self.is_given(host))


def name_in(host: str) -> str:
    """The name in a `Host` header, with no port, in its canonical form; empty where there is none."""
    try:
        return canonical(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return ""


def canonical(name: str) -> str:
    """One spelling for each name: lower case, ASCII, no final dot, addresses compressed; empty where it is none."""
    try:
        return ip_address(name[1:-1] if name.startswith("[") and name.endswith("]") else name).compressed
    except ValueError:
        pass
    try:
        ascii_name = name.lower().removesuffix(".").encode("idna").decode()
    except UnicodeError:
        return ""
    return ascii_name if _NAME.fullmatch(ascii_name) else ""


def _parse(said: str) -> Iterator[str]:
    for each in filter(None, (part.strip() for part in said.split(","))):
        rest = each.partition("://")[2] or each
        prefix = WILDCARD if rest.startswith(WILDCARD) else ""
        bare = rest.removeprefix(WILDCARD).removesuffix("/")
        # An IPv6 address without brackets has colons of its own.
        name = canonical(bare) or ("" if set(bare) & set("/@?#") else name_in(bare))
        if not name:
            raise InvalidSettings(
                f"PIZZASHOP_HOSTS: {each!r} is no name or address: write them like pizza.example, *.pizza.example or"
                " 192.0.2.7, with commas between them"
            )
        yield prefix + name


SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HEALTH = "/healthz"
"""Answered under any name: whoever looks after processes asks by their addresses, and learns nothing of the shop."""


def register_origin_check(app: Flask, settings: Settings) -> None:
    """Turn away other names (421), and what a page elsewhere has a browser do (403)."""
    hosts = AllowedHosts.of(settings)

    @app.before_request
    def check() -> None:
        # Without the header (HTTP/1.0) it is the address that was asked.
        host = str(request.environ.get("HTTP_HOST", request.environ["SERVER_NAME"]))
        # A page elsewhere that had its name point here would speak for whoever opens it.
        if request.path != HEALTH and not hosts.is_known(host):
            abort(421, f"This shop is not called {name_in(host)[:80]!r}")
        if request.method not in SAFE_METHODS and _is_foreign(host, hosts):
            abort(403, "This was asked for by a page of another site; a page of the shop's own may")


def _is_foreign(host: str, hosts: AllowedHosts) -> bool:
    """Programs say nothing of where they come from, and pass."""
    origin = request.environ.get("HTTP_ORIGIN")
    if origin is None:
        return request.environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("same-origin", "none")
    where = origin.partition("://")[2].lower()
    # Behind a proxy the shop may see another host than the browser does.
    return where != host.lower() and not hosts.is_given(where)
