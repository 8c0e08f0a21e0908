"""The routes of an application as OpenAPI writes them: `GET /order/{order_id}`."""

import inspect
import re
from collections.abc import Iterator

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue

from pizzashop.access.routes import routes
from pizzashop.openapi.document import Summaries, document
from pizzashop.roles import Role

_NAMED = re.compile(r"<(\w+)>")


def register(app: Flask, role: Role) -> None:
    """Have the application serve its document."""

    @app.get("/openapi.json")
    def openapi() -> ResponseReturnValue:
        """What this role takes and answers, as an OpenAPI document."""
        return jsonify(document(role, summaries(app)))


def summaries(app: Flask) -> Summaries:
    """Every route and method of the application, with the first sentence of its docstring."""
    return {(method, path): said for method, path, said in _routes(app)}


def _routes(app: Flask) -> Iterator[tuple[str, str, str]]:
    for rule, method, path in routes(app):
        if rule.endpoint.startswith("pages."):
            continue  # for people, not for programs
        said = (inspect.getdoc(app.view_functions[rule.endpoint]) or "").split("\n\n")[0].replace("\n", " ")
        yield method, _NAMED.sub(r"{\1}", path), said
