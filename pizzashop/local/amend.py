"""The lines of Dapr that the shop changes when it builds it, in the copy that it has downloaded for that.

Placement and scheduler have the flag `--healthz-listen-address`. Dapr 1.18 reads it and then listens on every address.
And daprd refuses to start where it was built with neither all components nor all stable ones.
"""

from pathlib import Path
from typing import NamedTuple

from pizzashop.domain.errors import LocalError


class Amendment(NamedTuple):
    """A text that stands once in a file of Dapr's, and what stands there instead."""

    file: str
    before: str
    after: str


AMENDMENTS = (
    Amendment(
        "pkg/healthz/server/server.go",
        'net.Listen("tcp", fmt.Sprintf(":%d", s.port))',
        'net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))',
    ),
    Amendment("cmd/daprd/components/zz_notag.go", "panic(", "_ = any("),
)


def amend(source: Path) -> None:
    """Change these lines in Dapr's `source`; raises LocalError where one of them is not there."""
    for file, before, after in AMENDMENTS:
        text = (source / file).read_text()
        if text.count(before) != 1:
            raise LocalError(f"{source / file} is not as it should be: it does not say {before}.")
        (source / file).write_text(text.replace(before, after))
