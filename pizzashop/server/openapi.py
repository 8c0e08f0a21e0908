"""Generate the OpenAPI 3.1 document of one role from the declarations of its routes."""

import re
from http import HTTPStatus
from typing import Any

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from pizzashop import __version__
from pizzashop.auth.origin import SAFE_METHODS
from pizzashop.auth.people import INTERNAL, PUBLIC, STAFF_ROLES
from pizzashop.roles import Role
from pizzashop.web.problems import Problem
from pizzashop.web.routes import Route, routes_of

_SECURITY_SCHEMES: dict[str, Any] = {
    "staff": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of a member of the staff. It is not needed if the shop requires no sign-in.",
    },
    "sidecar": {
        "type": "apiKey",
        "in": "header",
        "name": "dapr-api-token",
        "description": "The token of the role's own sidecar. It is not needed if APP_API_TOKEN is not set.",
    },
}

_PARAMETER = re.compile(r"<(\w+)>")


def described_routes(app: Flask) -> list[Route]:
    """Return the routes that the document describes: all routes except pages."""
    return [route for route in routes_of(app) if route.response is not None]


def openapi_document(app: Flask, role: Role) -> dict[str, Any]:
    """Return the OpenAPI document of an application that serves `role`."""
    routes = described_routes(app)
    models = {model for route in routes for model in (route.response, route.body, route.query) if model} | {Problem}
    sorted_models = sorted(models, key=lambda model: (model.__name__, model.__module__))
    references, definitions = models_json_schema(
        [(model, "validation") for model in sorted_models], ref_template="#/components/schemas/{model}"
    )
    schemas = {model: reference for (model, _), reference in references.items()}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = _PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, path, schemas) | _security(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"pizzashop, role {role.name}", "version": __version__},
        "servers": [{"url": f"http://localhost:{role.port}"}],
        "paths": paths,
        "components": {"schemas": definitions["$defs"], "securitySchemes": _SECURITY_SCHEMES},
    }


def _operation(route: Route, path: str, schemas: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    responses = {"200": _content("Success", "application/json", schemas[route.response])}
    for status in sorted(_error_statuses(route)):
        phrase = HTTPStatus(status).phrase
        responses[str(status)] = _content(phrase, "application/problem+json", schemas[Problem])
    operation: dict[str, Any] = {
        "operationId": "_".join([route.method.lower(), *re.findall(r"\w+", path)]),
        "summary": route.summary,
        "tags": ["internal" if route.internal else "public"],
        "parameters": [*_path_parameters(route), *_query_parameters(route.query)],
        "responses": responses,
    }
    if route.body is not None:
        content = {"application/json": {"schema": schemas[route.body]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _error_statuses(route: Route) -> set[int]:
    """Return every error status that the route may answer, except 500, which would be a defect."""
    invalid_input = {400, 413, 415} if route.body else {400} if route.query else set[int]()
    unauthenticated = {401} if route.access & set(STAFF_ROLES) else set[int]()
    forbidden = {403} if PUBLIC not in route.access or route.method not in SAFE_METHODS else set[int]()
    return {*invalid_input, *route.errors, *unauthenticated, *forbidden, 421, 503}


def _security(route: Route) -> dict[str, Any]:
    if PUBLIC in route.access:
        return {"security": []}
    schemes = ["staff"] if route.access & set(STAFF_ROLES) else []
    schemes += ["sidecar"] if INTERNAL in route.access else []
    return {"security": [{each: []} for each in schemes], "description": f"For {', '.join(sorted(route.access))}."}


def _content(description: str, media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    names = _PARAMETER.findall(route.path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(query: type[BaseModel] | None) -> list[dict[str, Any]]:
    fields = query.model_json_schema()["properties"] if query else {}
    return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in fields.items()]
