"""The topic `orders` behind a sidecar: what several threads publish at a time goes there in one request."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice, zip_longest
from typing import Any

from pizzashop import replies
from pizzashop.dapr_channel import DaprChannel, in_parts
from pizzashop.domain.errors import Unavailable
from pizzashop.http import HttpClient
from pizzashop.roles import PUBSUB, TOPIC
from pizzashop.sidecar import Content
from pizzashop.together import Together
from pizzashop.wire import Reply

PATH = f"/v1.0/publish/{PUBSUB}/{TOPIC}"
BULK_PATH = f"/v1.0-alpha1/publish/bulk/{PUBSUB}/{TOPIC}"

Numbered = tuple[int, str]
"""An event, and the number of the row that it is in."""


class DaprTopic(DaprChannel):
    """Publishes; who calls goes on when the topic has his own events."""

    def __init__(self, http: HttpClient, http_port: int, api_token: str = "") -> None:
        super().__init__(http, http_port, api_token)
        self._publish_together = Together(self._publish_all)

    def publish(self, events: Sequence[Content]) -> int:
        """Publish events of one order, one after another; answers how many of them, from the first on, are out."""
        return self._publish_together([json.dumps(event) for event in events])

    async def apublish(self, event: Content) -> None:
        """Publish from a coroutine."""
        replies.expect_done(await self._apost(PATH, json.dumps(event)))

    def _publish_all(self, rows: Sequence[Sequence[str]]) -> list[int | Exception]:
        """Publish rows of events; answers for each how many of it, from the first on, are out, or why none is."""
        # The sidecar publishes what is in a bulk side by side, and what comes on a connection one after another.
        bulks = [bulk for column in _columns(rows) for bulk in _bulks(column)]
        answered = self._post_in_a_row([_request([event for _, event in bulk]) for bulk in bulks])
        out, failed = [0] * len(rows), dict[int, Exception]()
        for bulk, reply in zip_longest(bulks, answered):
            for (number, _), error in zip(bulk, _errors(reply, len(bulk)), strict=True):
                if error is not None:
                    failed.setdefault(number, error)
                elif number not in failed:
                    out[number] += 1
        return [out[number] or failed[number] for number in range(len(rows))]


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[list[Numbered]]:
    """What comes first in each row, what comes second, and so on."""
    for place in range(max(map(len, rows))):
        yield [(number, row[place]) for number, row in enumerate(rows) if place < len(row)]


def _bulks(column: list[Numbered]) -> Iterator[list[Numbered]]:
    """A column in parts that are each small enough for one request."""
    left = iter(column)
    for part in in_parts([event for _, event in column]):
        yield list(islice(left, len(part)))


def _request(events: Sequence[str]) -> tuple[str, str]:
    """The path and the body that publish these."""
    if len(events) == 1:
        return PATH, events[0]
    entries = (
        f'{{"entryId":"{number}","event":{event},"contentType":"application/json"}}'
        for number, event in enumerate(events)
    )
    return BULK_PATH, f"[{','.join(entries)}]"


def _errors(reply: Reply | None, count: int) -> list[Exception | None]:
    """What kept each entry of a request from being published; None where nothing did."""
    if reply is None:
        return [Unavailable("Not published: no answer")] * count
    if reply.status < 300:
        return [None] * count
    failed = {each["entryId"]: each.get("error") for each in _failed_entries(reply)}
    if not failed:
        return [replies.fault(reply)] * count
    return [Unavailable(f"Not published: {failed[each]}") if (each := str(n)) in failed else None for n in range(count)]


def _failed_entries(reply: Reply) -> list[dict[str, Any]]:
    try:
        content = json.loads(reply.body)
    except ValueError:
        return []
    entries = content.get("failedEntries") if isinstance(content, dict) else None
    return entries or []
