"""What the shop knows of the ETags of state stores; no other module makes up an ETag.

A conditional write carries the ETag of the value that it replaces, and the store refuses it when the value has another.
Dapr hands a store's ETags on as they are, and each store has its own. The answer to a write does not name the new one.
"""


class EtagDialect:
    """The ETags of the state store behind the sidecar.

    Redis and Valkey count the writes of each key from 1 on, so the next ETag can be predicted. Other stores have random
    ETags or transaction numbers. A wrong prediction does no harm: the store refuses the next write, which then reads.
    """

    # No value ever has version 0: with this ETag a write succeeds only when the key is absent.
    CREATE_ONLY = "0"

    @classmethod
    def after_write(cls, etag: str) -> str | None:
        """Return the ETag that follows a write with `etag` ("": the key was absent), None when it cannot be known."""
        replaced = etag or cls.CREATE_ONLY
        return str(int(replaced) + 1) if replaced.isdecimal() else None
