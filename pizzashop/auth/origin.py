"""Check where a request comes from: it must name a host of the shop, and a page of another site must not cause it.

The first check prevents DNS rebinding (421), the second one cross-site request forgery (403).
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

from flask import Flask, abort, request

from pizzashop.errors import InvalidSettings
from pizzashop.settings import Settings, is_loopback

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
WILDCARD = "*."
# Health is answered under any name: supervisors use addresses, and the answer reveals nothing about the shop.
_HEALTH_PATH = "/healthz"
# A collector of metrics on another machine also uses an address. A shop that other machines reach requires a sign-in:
# so a page of another site cannot read the metrics.
_PATHS_UNDER_ANY_NAME = frozenset({_HEALTH_PATH, "/metrics"})
_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")


class AllowedHosts:
    """The hosts under which the shop answers: those of loopback, the address it listens on, and configured names.

    A name such as `*.example.com` stands for all names below example.com.
    """

    def __init__(self, names: frozenset[str], listen_address: str = "") -> None:
        self._names = names
        self._suffixes = tuple(name.removeprefix("*") for name in names if name.startswith(WILDCARD))
        self._listen_address = listen_address
        self.is_allowed = lru_cache(maxsize=64)(self._is_allowed)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return the hosts of these settings; raise InvalidSettings if a name or address is invalid."""
        if not (listen_address := canonical_host(settings.host)):
            raise InvalidSettings(f"PIZZASHOP_HOST: {settings.host!r} is no address or name to listen on")
        return cls(frozenset(_parse_names(settings.hosts)), listen_address)

    def is_configured(self, host: str) -> bool:
        """Return whether PIZZASHOP_HOSTS names this host, given with or without a port."""
        name = host_without_port(host)
        return name in self._names or bool(self._suffixes and name.endswith(self._suffixes))

    def _is_allowed(self, host: str) -> bool:
        name = host_without_port(host)
        return bool(name) and (is_loopback(name) or name == self._listen_address or self.is_configured(host))


def host_without_port(host: str) -> str:
    """Return the canonical host of a `Host` header, without its port; "" if it is invalid."""
    try:
        return canonical_host(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return ""


def canonical_host(host: str) -> str:
    """Return a host in lower case, in ASCII, without a final dot, an address compressed; "" if it is invalid."""
    try:
        return ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host).compressed
    except ValueError:
        pass
    try:
        name = host.lower().removesuffix(".").encode("idna").decode()
    except UnicodeError:
        return ""
    return name if _HOST_NAME.fullmatch(name) else ""


def register_origin_check(app: Flask, settings: Settings) -> None:
    """Refuse requests for other hosts (421), and changes that a page of another site causes (403)."""
    hosts = AllowedHosts.from_settings(settings)
    paths_under_any_name = frozenset({_HEALTH_PATH}) if is_loopback(settings.host) else _PATHS_UNDER_ANY_NAME

    @app.before_request
    def check_origin() -> None:
        # HTTP/1.0 has no Host header: take the address that the request came in on.
        host = str(request.environ.get("HTTP_HOST", request.environ["SERVER_NAME"]))
        if request.path not in paths_under_any_name and not hosts.is_allowed(host):
            abort(421, f"This shop is not called {host_without_port(host)[:80]!r}")
        if request.method not in SAFE_METHODS and _is_cross_site(host, hosts):
            abort(403, "A page of another site caused this request; only the shop's own pages may")


def _is_cross_site(host: str, hosts: AllowedHosts) -> bool:
    """Return whether a browser says that a page of another site caused the request. Programs say nothing, and pass."""
    origin = request.environ.get("HTTP_ORIGIN")
    if origin is None:
        return request.environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("same-origin", "none")
    origin_host = origin.partition("://")[2].lower()
    # Behind a proxy the shop may see another host than the browser does.
    return origin_host != host.lower() and not hosts.is_configured(origin_host)


def _parse_names(setting: str) -> Iterator[str]:
    for entry in filter(None, (part.strip() for part in setting.split(","))):
        without_scheme = entry.partition("://")[2] or entry
        prefix = WILDCARD if without_scheme.startswith(WILDCARD) else ""
        host = without_scheme.removeprefix(WILDCARD).removesuffix("/")
        # Try the whole text first: the colons of an IPv6 address without brackets would look like a port.
        name = canonical_host(host) or ("" if set(host) & set("/@?#") else host_without_port(host))
        if not name:
            raise InvalidSettings(
                f"PIZZASHOP_HOSTS: {entry!r} is no name or address: write them like pizza.example, *.pizza.example or"
                " 192.0.2.7, with commas between them"
            )
        yield prefix + name
