"""Declare a route once: its method and path, who may call it, and the models of its request and response.

The guard (`auth/guard.py`) and the OpenAPI document (`server/openapi.py`) read these declarations.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from flask import Blueprint, Flask
from flask.sansio.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])

# The part of a Flask path that stands for one of several words, such as `<any(pause, resume):command>`.
_WORD_CHOICE = re.compile(r"<any\((.*)\):\w+>")
_EXTENSION = "routes"


@dataclass(frozen=True)
class Route:
    """One route, as it was declared.

    - `path` is in Flask's notation; `access` names who may call the route (see `auth/people.py`).
    - `body`, `query` and `response` are models; `response` is None for a page, which OpenAPI does not describe.
    - `errors` are the HTTP statuses that only this route answers; those that all routes share are not repeated.
    - `internal` marks a route that is for other roles, and not for clients.
    """

    method: str
    path: str
    access: frozenset[str]
    summary: str
    response: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    errors: tuple[int, ...] = ()
    internal: bool = False

    @property
    def name(self) -> str:
        """The method and path: `GET /order/<order_id>`."""
        return f"{self.method} {self.path}"

    def expand_choices(self) -> Iterator["Route"]:
        """Yield one route for each word of a choice such as `<any(pause, resume):command>`."""
        choice = _WORD_CHOICE.search(self.path)
        for word in choice[1].split(", ") if choice else [""]:
            yield replace(self, path=_WORD_CHOICE.sub(word, self.path))


class Routes:
    """A group of routes; register its `blueprint` with the Flask application."""

    def __init__(self, name: str, *, prefix: str = "", **options: Any) -> None:
        self.blueprint = Blueprint(name, __name__, url_prefix=prefix or None, **options)

    def get(self, path: str, *access: str, **declared: Any) -> Callable[[View], View]:
        """Declare a GET route that `access` may call; `declared` holds further fields of `Route`."""
        return self._declare("GET", path, access, declared)

    def post(self, path: str, *access: str, **declared: Any) -> Callable[[View], View]:
        """Declare a POST route, as `get` does."""
        return self._declare("POST", path, access, declared)

    def delete(self, path: str, *access: str, **declared: Any) -> Callable[[View], View]:
        """Declare a DELETE route, as `get` does."""
        return self._declare("DELETE", path, access, declared)

    def _declare(
        self, method: str, path: str, access: Sequence[str], declared: dict[str, Any]
    ) -> Callable[[View], View]:
        def declare(view: View) -> View:
            # The summary in the OpenAPI document is the first paragraph of the view's docstring.
            summary = (inspect.getdoc(view) or "").split("\n\n")[0].replace("\n", " ")

            def add_to_app(state: BlueprintSetupState) -> None:
                endpoint = ".".join(filter(None, (state.name_prefix, state.name, view.__name__)))
                route = Route(method, f"{state.url_prefix or ''}{path}", frozenset(access), summary, **declared)
                declared_routes(state.app)[method, endpoint] = route

            self.blueprint.add_url_rule(path, view_func=view, methods=[method])
            self.blueprint.record(add_to_app)
            return view

        return declare


def declared_routes(app: Any) -> dict[tuple[str, str], Route]:
    """Return an application's routes by method and endpoint."""
    routes: dict[tuple[str, str], Route] = app.extensions.setdefault(_EXTENSION, {})
    return routes


def routes_of(app: Flask) -> list[Route]:
    """Return an application's routes, one for each method and path."""
    return [each for route in declared_routes(app).values() for each in route.expand_choices()]
