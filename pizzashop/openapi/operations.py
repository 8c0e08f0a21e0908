"""Every operation of every role. A test holds it against the routes."""

from pizzashop.domain import board, changes, claims, known, requests
from pizzashop.domain.steering import Steer, Steered, Turn
from pizzashop.domain.waiting import Patience, Standing
from pizzashop.openapi import answers, of_events, of_workflow
from pizzashop.openapi.operation import Operation
from pizzashop.order import commands, content, dead_letters, events, expired, listing
from pizzashop.order import search as searching
from pizzashop.roles import DELIVERY, KITCHEN, ORDER, STOREFRONT, WORKFLOW, Role

MISSING, CONTRADICTS = 404, 409

_EVERY_ROLE = (
    Operation("GET", "/healthz", answers.Health),
    Operation("GET", "/openapi.json", answers.Document),
)

_RECORDS = (
    Operation("POST", "/order", answers.Done, requests.NewOrder, refuses=(CONTRADICTS,)),
    Operation("GET", "/order/{order_id}", answers.OrderView, refuses=(MISSING,)),
    Operation("DELETE", "/order/{order_id}", answers.Done, refuses=(CONTRADICTS,)),
    Operation("GET", "/orders", answers.OrderPage, query=listing.Query),
    Operation("POST", "/orders-sub", answers.Taking, answers.Delivery),
)

_KEPT = (
    Operation("GET", "/events", of_events.EventPage, query=dead_letters.Query, internal=True),
    Operation("GET", "/events/{event_id}", of_events.KeptEvent, refuses=(MISSING,), internal=True),
    Operation("DELETE", "/events/{event_id}", answers.Done, internal=True),
    Operation(
        "POST", "/events/{event_id}/replay", of_events.Replayed, events.Replay, refuses=(MISSING,), internal=True
    ),
    Operation("POST", "/events/replay", of_events.ReplayedPage, dead_letters.Query, internal=True),
)

_BOARDS = (
    Operation("GET", "/board", board.Board, internal=True),
    Operation("POST", "/changes", changes.Changes, changes.Watched, internal=True),
    Operation("POST", "/search", board.Found, searching.Wanted, internal=True),
)

_COMMANDS = tuple(
    Operation("POST", f"/order/{{order_id}}/{word}", answer, body, refuses=(MISSING, CONTRADICTS), internal=True)
    for word, body, answer in (
        ("claim", claims.Claim, claims.Answer),
        ("decide", commands.Decided, answers.Summary),
        ("steer", Steer, Turn),
        ("pause", Steered, answers.Summary),
        ("resume", Steered, answers.Summary),
        ("cancel", requests.OrderRef, answers.Summary),
        ("waiting", Patience, Standing),
        ("end", commands.End, answers.Summary),
    )
)

_FOR_THE_WORKFLOW = (
    Operation(
        "POST",
        "/order/{order_id}/accept",
        answers.Start,
        requests.NewOrder,
        query=known.Terms,
        refuses=(CONTRADICTS,),
        internal=True,
    ),
    Operation("GET", "/order/{order_id}/start", answers.Start, refuses=(MISSING,), internal=True),
    Operation("GET", "/order/{order_id}/summary", answers.Summary, refuses=(MISSING,), internal=True),
    Operation("POST", "/order/{order_id}/content", answers.Content, content.Which, refuses=(MISSING,), internal=True),
    Operation("POST", "/order/{order_id}/heartbeat", answers.Done, content.Which, refuses=(MISSING,), internal=True),
    Operation("GET", "/unsettled", answers.Unsettled, internal=True),
    Operation("POST", "/expired", answers.Due, expired.After, internal=True),
    Operation("POST", "/purged", answers.Done, expired.Purged, internal=True),
)

_STEERING = tuple(
    Operation("POST", f"/{word}-order", of_workflow.Steered, requests.OrderRef, refuses=(MISSING, CONTRADICTS))
    for word in ("pause", "resume", "cancel")
)

_WORKFLOW = (
    Operation("POST", "/start-order", of_workflow.Started, requests.NewOrder, refuses=(CONTRADICTS,)),
    Operation("POST", "/validate-pizza", of_workflow.Decided, requests.Decision, refuses=(MISSING, CONTRADICTS)),
    Operation("GET", "/get-status/{order_id}", of_workflow.RuntimeStatus, refuses=(MISSING,)),
    *_STEERING,
)


def _step(path: str) -> Operation:
    return Operation("POST", path, of_workflow.StepDone, requests.StepOrder, refuses=(CONTRADICTS,))


OPERATIONS: dict[Role, tuple[Operation, ...]] = {
    ORDER: (*_EVERY_ROLE, *_RECORDS, *_COMMANDS, *_FOR_THE_WORKFLOW, *_KEPT, *_BOARDS),
    STOREFRONT: (*_EVERY_ROLE, _step("/order")),
    KITCHEN: (*_EVERY_ROLE, _step("/cook")),
    DELIVERY: (*_EVERY_ROLE, _step("/deliver")),
    WORKFLOW: (*_EVERY_ROLE, *_WORKFLOW),
}
