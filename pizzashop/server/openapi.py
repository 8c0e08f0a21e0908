"""The routes of an application as OpenAPI writes them: `GET /order/{order_id}`."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from pizzashop import __version__
from pizzashop.auth.origin import SAFE_METHODS
from pizzashop.auth.people import INTERNAL, PUBLIC, STAFF_ROLES
from pizzashop.auth.permissions import PERMISSIONS, routes
from pizzashop.domain import claims, record, requests
from pizzashop.domain.decisions import DecisionQuery, DecisionState
from pizzashop.domain.suspension import SuspensionAnswer, SuspensionClaim, SuspensionCommand
from pizzashop.order import commands, dead_letters, events, housekeeping, search
from pizzashop.order import search as searching
from pizzashop.presentation import boards
from pizzashop.roles import DELIVERY, KITCHEN, ORDER, STOREFRONT, WORKFLOW, Role
from pizzashop.server import schemas
from pizzashop.server.schemas import Problem


@dataclass(frozen=True)
class Operation:
    """`path` as OpenAPI writes it; `body` and `query` are the models that check them; `refuses` beyond the common."""

    method: str
    path: str
    answer: type[BaseModel]
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    refuses: tuple[int, ...] = ()
    internal: bool = False

    @property
    def refusals(self) -> list[int]:
        """Every status that is an error, but for 500: that would be a defect."""
        wrong_input = {400, 413, 415} if self.body else {400} if self.query else set[int]()
        return sorted({*wrong_input, *self.refuses, 421, 503})


MISSING, CONTRADICTS = 404, 409

_EVERY_ROLE = (
    Operation("GET", "/healthz", schemas.Health),
    Operation("GET", "/openapi.json", schemas.Document),
)

_RECORDS = (
    Operation("POST", "/order", schemas.Done, requests.NewOrder, refuses=(CONTRADICTS,)),
    Operation("GET", "/order/{order_id}", schemas.OrderView, refuses=(MISSING,)),
    Operation("DELETE", "/order/{order_id}", schemas.Done, refuses=(CONTRADICTS,)),
    Operation("GET", "/orders", schemas.OrderPage, query=search.ListQuery),
    Operation("POST", "/orders-sub", schemas.Taking, schemas.Delivery),
)

_KEPT = (
    Operation("GET", "/events", schemas.EventPage, query=dead_letters.Query, internal=True),
    Operation("GET", "/events/{event_id}", schemas.KeptEvent, refuses=(MISSING,), internal=True),
    Operation("DELETE", "/events/{event_id}", schemas.Done, internal=True),
    Operation("POST", "/events/{event_id}/replay", schemas.Replayed, events.Replay, refuses=(MISSING,), internal=True),
    Operation("POST", "/events/replay", schemas.ReplayedPage, dead_letters.Query, internal=True),
)

_BOARDS = (
    Operation("GET", "/board", boards.Board, internal=True),
    Operation("POST", "/changes", boards.Changes, boards.ChangesQuery, internal=True),
    Operation("POST", "/search", boards.SearchResult, searching.SearchQuery, internal=True),
)

_COMMANDS = tuple(
    Operation("POST", f"/order/{{order_id}}/{word}", answer, body, refuses=(MISSING, CONTRADICTS), internal=True)
    for word, body, answer in (
        ("claim", claims.Claim, claims.ClaimAnswer),
        ("decide", commands.RecordedDecision, schemas.Summary),
        ("steer", SuspensionClaim, SuspensionAnswer),
        ("pause", SuspensionCommand, schemas.Summary),
        ("resume", SuspensionCommand, schemas.Summary),
        ("cancel", requests.OrderRef, schemas.Summary),
        ("waiting", DecisionQuery, DecisionState),
        ("end", commands.EndCommand, schemas.Summary),
    )
)

_FOR_THE_WORKFLOW = (
    Operation(
        "POST",
        "/order/{order_id}/accept",
        schemas.Start,
        requests.NewOrder,
        query=record.Terms,
        refuses=(CONTRADICTS,),
        internal=True,
    ),
    Operation("GET", "/order/{order_id}/start", schemas.Start, refuses=(MISSING,), internal=True),
    Operation("GET", "/order/{order_id}/summary", schemas.Summary, refuses=(MISSING,), internal=True),
    Operation(
        "POST", "/order/{order_id}/content", schemas.Content, commands.OrderVersion, refuses=(MISSING,), internal=True
    ),
    Operation(
        "POST", "/order/{order_id}/heartbeat", schemas.Done, commands.OrderVersion, refuses=(MISSING,), internal=True
    ),
    Operation("GET", "/unsettled", schemas.Unsettled, internal=True),
    Operation("POST", "/expired", schemas.Due, housekeeping.PageQuery, internal=True),
    Operation("POST", "/purged", schemas.Done, housekeeping.PurgedOrders, internal=True),
)

_STEERING = tuple(
    Operation("POST", f"/{word}-order", schemas.Steered, requests.OrderRef, refuses=(MISSING, CONTRADICTS))
    for word in ("pause", "resume", "cancel")
)

_WORKFLOW = (
    Operation("POST", "/start-order", schemas.Started, requests.NewOrder, refuses=(CONTRADICTS,)),
    Operation("POST", "/validate-pizza", schemas.Decided, requests.Decision, refuses=(MISSING, CONTRADICTS)),
    Operation("GET", "/get-status/{order_id}", schemas.RuntimeStatus, refuses=(MISSING,)),
    *_STEERING,
)


def _step(path: str) -> Operation:
    return Operation("POST", path, schemas.StepDone, requests.StepOrder, refuses=(CONTRADICTS,))


OPERATIONS: dict[Role, tuple[Operation, ...]] = {
    ORDER: (*_EVERY_ROLE, *_RECORDS, *_COMMANDS, *_FOR_THE_WORKFLOW, *_KEPT, *_BOARDS),
    STOREFRONT: (*_EVERY_ROLE, _step("/order")),
    KITCHEN: (*_EVERY_ROLE, _step("/cook")),
    DELIVERY: (*_EVERY_ROLE, _step("/deliver")),
    WORKFLOW: (*_EVERY_ROLE, *_WORKFLOW),
}


Json = dict[str, Any]

SCHEMES: Json = {
    "staff": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token operation_security somebody operation_security the staff. Where nobody has to sign in, it is not needed.",
    },
    "sidecar": {
        "type": "apiKey",
        "in": "header",
        "name": "dapr-api-token",
        "description": "What the role's own sidecar shows it. Where APP_API_TOKEN is not set, it is not needed.",
    },
}


def operation_security(role: Role, operation: Operation) -> Json:
    """The `security` of an operation, and who that is."""
    who = _who(role, operation)
    if PUBLIC in who:
        return {"security": []}
    staff = [each for each in STAFF_ROLES if each in who]
    schemes = [*(["staff"] if staff else []), *(["sidecar"] if INTERNAL in who else [])]
    return {"security": [{each: []} for each in schemes], "description": f"For {', '.join(sorted(who))}."}


def guard_refusals(role: Role, operation: Operation) -> set[int]:
    """The statuses with which the guard may answer."""
    who = _who(role, operation)
    signing_in = {401} if who & set(STAFF_ROLES) else set[int]()
    return signing_in | ({403} if PUBLIC not in who or operation.method not in SAFE_METHODS else set())


def _who(role: Role, operation: Operation) -> frozenset[str]:
    return PERMISSIONS[role][f"{operation.method} {operation.path.replace('{', '<').replace('}', '>')}"]


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
        described = _operation(each, schemas, summary, guard_refusals(role, each))
        paths.setdefault(each.path, {})[each.method.lower()] = described | operation_security(role, each)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"pizzashop, role {role.name}", "version": __version__},
        "servers": [{"url": f"http://localhost:{role.port}"}],
        "paths": paths,
        "components": {"schemas": defined["$defs"], "securitySchemes": SCHEMES},
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


_NAMED = re.compile(r"<(\w+)>")


def register_openapi(app: Flask, role: Role) -> None:
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
