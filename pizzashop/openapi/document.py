"""The OpenAPI document of one role."""

import re
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from pizzashop import __version__
from pizzashop.openapi import security
from pizzashop.openapi.answers import Problem
from pizzashop.openapi.operation import Operation
from pizzashop.openapi.operations import OPERATIONS
from pizzashop.roles import Role

Json = dict[str, Any]
Schemas = dict[Any, Json]
"""Where each model's schema stands."""
Summaries = dict[tuple[str, str], str]
"""What each method and path is for, in a sentence."""

NAMED = re.compile(r"{(\w+)}")


def document(role: Role, summaries: Summaries) -> Json:
    """The document; `summaries` are what the routes say of themselves."""
    operations = OPERATIONS[role]
    used = {model for each in operations for model in (each.answer, each.body, each.query) if model} | {Problem}
    by_name = sorted(used, key=lambda model: (model.__name__, model.__module__))
    refs, defined = models_json_schema(
        [(model, "validation") for model in by_name], ref_template="#/components/schemas/{model}"
    )
    schemas: Schemas = {model: ref for (model, _), ref in refs.items()}
    paths: dict[str, Json] = {}
    for each in operations:
        summary = summaries.get((each.method, each.path), "")
        described = _operation(each, schemas, summary, security.refusals(role, each))
        paths.setdefault(each.path, {})[each.method.lower()] = described | security.of(role, each)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"pizzashop, role {role.name}", "version": __version__},
        "servers": [{"url": f"http://localhost:{role.port}"}],
        "paths": paths,
        "components": {"schemas": defined["$defs"], "securitySchemes": security.SCHEMES},
    }


def _operation(operation: Operation, schemas: Schemas, summary: str, guarded: set[int]) -> Json:
    responses = {"200": _content("It is done", "application/json", schemas[operation.answer])}
    for status in sorted({*operation.refusals, *guarded}):
        phrase = HTTPStatus(status).phrase
        responses[str(status)] = _content(phrase, "application/problem+json", schemas[Problem])
    described: Json = {
        "operationId": "_".join([operation.method.lower(), *re.findall(r"\w+", operation.path)]),
        "summary": summary,
        "tags": ["internal" if operation.internal else "public"],
        "parameters": [*_in_path(operation.path), *_in_query(operation.query)],
        "responses": responses,
    }
    if operation.body is not None:
        content = {"application/json": {"schema": schemas[operation.body]}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _content(description: str, media_type: str, schema: Json) -> Json:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _in_path(path: str) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in NAMED.findall(path)
    ]


def _in_query(query: type[BaseModel] | None) -> list[Json]:
    fields = query.model_json_schema()["properties"] if query else {}
    return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in fields.items()]
