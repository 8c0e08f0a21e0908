"""The one door to Dapr: the sidecar of a role, over HTTP."""

import json
from typing import Any

from pizzashop import replies
from pizzashop.dapr_state import DaprState
from pizzashop.dapr_topic import DaprTopic
from pizzashop.roles import Role


class DaprSidecar(DaprState, DaprTopic):
    """State and topic, and the other roles."""

    def invoke(self, role: Role, method: str, path: str, content: Any = None) -> Any:
        """Call another role and answer its JSON."""
        body = "" if content is None else json.dumps(content)
        headers = {**self._headers, "dapr-app-id": role.app_id}
        return replies.answer(self._http.request(method, self._base + path, data=body, headers=headers))

    async def ainvoke(self, role: Role, path: str, content: Any, seconds: float) -> Any:
        """POST to another role from a coroutine."""
        headers = {**self._headers, "dapr-app-id": role.app_id}
        url, body = self._base + path, json.dumps(content)
        return replies.answer(await self._async_http.request("POST", url, seconds, data=body, headers=headers))
