"""Request bodies that every route has to refuse."""

BAD_BODIES = {
    "empty": b"",
    "not json": b"{'order_id': '1'}",
    "cut off": b'{"order_id": "1"',
    "two": b"{} {}",
    "comma": b'{"order_id": "1",}',
    "not utf-8": b'{"order_id": "\xff"}',
    "utf-16": '{"order_id": "1"}'.encode("utf-16"),
    "NaN": b'{"order_id": "1", "x": NaN}',
    "Infinity": b'{"order_id": "1", "x": -Infinity}',
    "number too large": b'{"order_id": "1", "x": 1e999}',
    "number too small": b'{"order_id": "1", "x": [[-1e999]]}',
    "integer too long": b'{"order_id": "1", "x": ' + b"9" * 5000 + b"}",
    "lone surrogate": b'{"order_id": "1", "x": "\\ud800"}',
    "lone surrogate in a name": b'{"order_id": "1", "\\udfff": 1}',
    "null byte": b'{"order_id": "1\x00"}',
    "control character": b'{"order_id": "1", "x": "\x01"}',
    "too deep": b'{"order_id": "1", "x": ' + b"[" * 32 + b"]" * 32 + b"}",
    "far too deep": b"[" * 30_000 + b"]" * 30_000,
}
