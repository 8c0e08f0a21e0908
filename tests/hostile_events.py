"""Events that no part of the shop publishes: with wrong fields, no JSON at all, or nested too deeply."""

import json

_EVENT = {"specversion": "1.0", "id": "1", "source": "x", "type": "y", "data": {"status": "eaten"}}
_WRONG_TRACES = [
    json.dumps({**_EVENT, field: value}).encode()
    for field in ("traceid", "traceparent", "tracestate")
    for value in (7, {"a": 1}, [1], None)
]
HOSTILE_EVENTS = [
    *_WRONG_TRACES,
    *(b"not json", b"", b"[]", b"null", b"7", b"\xff\xfe", b'{"data": "\\ud800"}', b"[" * 10_000),
]
