"""What the shop knows of the state store behind the sidecar: its ETags, and what its errors mean.

It knows Redis and Valkey. A conditional write carries the ETag of the value that it replaces, and the store refuses it
when the value has another. Dapr hands a store's ETags and errors on as they are, so another store needs changes here.
"""

import re

# No value ever has version 0: with this ETag a write succeeds only when the key is absent.
CREATE_ONLY_ETAG = "0"

# Redis and Valkey begin an error with one of these codes.
_ERRORS = {
    "OOM": "it is out of memory",
    "MISCONF": "it cannot write to its disk",
    "READONLY": "it is a replica, and takes no writes",
    "NOREPLICAS": "too few of its replicas are there",
    "NOPERM": "its user may not do that",
    "LOADING": "it still reads its data from disk",
}
_ERROR = re.compile(rf"\b({'|'.join(_ERRORS)}) ")
# Dapr's script inside Redis reports an ETag mismatch with these words.
_ETAG_MISMATCH = re.compile(r"failed to (set key|delete)\b")


def predict_etag(etag: str) -> str | None:
    """Return the ETag after a write with `etag` ("": the key was absent), None when it cannot be known.

    The answer to a write does not name the new ETag. Redis and Valkey count the writes of each key from 1 on, so it can
    be predicted. Other stores have random ETags or transaction numbers. A wrong prediction does no harm: the store
    refuses the next write, and its writer then reads the value.
    """
    replaced = etag or CREATE_ONLY_ETAG
    return str(int(replaced) + 1) if replaced.isdecimal() else None


def is_etag_mismatch(error: str) -> bool:
    """Return whether the error with which the store refused a conditional write is about its ETag."""
    return _ETAG_MISMATCH.search(error) is not None


def explain_store_error(error: str) -> str:
    """Return one sentence for the error of the store that `error` contains; "" if it contains no known one."""
    found = _ERROR.search(error)
    if found is None:
        return ""
    reason = "its disk is full" if "No space left" in error else _ERRORS[found[1]]
    return f"The state store failed: {reason}"
