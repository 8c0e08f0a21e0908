"""The topic `orders` behind a sidecar: what several threads publish at a time goes there in one request."""

import json
from collections.abc import Sequence
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


class DaprTopic(DaprChannel):
    """Publishes; who calls goes on when the topic has his own event."""

    def __init__(self, http: HttpClient, http_port: int, api_token: str = "") -> None:
        super().__init__(http, http_port, api_token)
        self._publish_together = Together(self._publish_all)

    def publish(self, event: Content) -> None:
        """Publish on the topic `orders`."""
        # Two events of one order never meet here: its next stage begins when this one is out. So their order stays.
        self._publish_together(json.dumps(event))

    async def apublish(self, event: Content) -> None:
        """Publish from a coroutine."""
        replies.expect_done(await self._apost(PATH, json.dumps(event)))

    def _publish_all(self, events: Sequence[str]) -> list[Exception | None]:
        return [outcome for part in in_parts(events) for outcome in self._publish_part(part)]

    def _publish_part(self, events: Sequence[str]) -> list[Exception | None]:
        if len(events) == 1:
            replies.expect_done(self._post(PATH, events[0]))
            return [None]
        entries = (
            f'{{"entryId":"{number}","event":{event},"contentType":"application/json"}}'
            for number, event in enumerate(events)
        )
        return _outcomes(self._post(BULK_PATH, f"[{','.join(entries)}]"), len(events))


def _outcomes(reply: Reply, count: int) -> list[Exception | None]:
    """What became of each entry; raises Unavailable where the sidecar does not tell them apart."""
    failed: dict[str, Any] = {}
    if reply.status >= 300:
        failed = {each["entryId"]: each.get("error") for each in _failed_entries(reply)}
        if not failed:
            replies.expect_done(reply)
    return [Unavailable(f"Not published: {failed[each]}") if (each := str(n)) in failed else None for n in range(count)]


def _failed_entries(reply: Reply) -> list[dict[str, Any]]:
    try:
        content = json.loads(reply.body)
    except ValueError:
        return []
    entries = content.get("failedEntries") if isinstance(content, dict) else None
    return entries or []
