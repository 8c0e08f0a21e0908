"""The one line of Dapr's that the shop changes when it builds it, in the copy that it has downloaded for that.

Placement and scheduler have the flag `--healthz-listen-address`. Dapr 1.18 reads it and then listens on every address.
"""

from pathlib import Path

from pizzashop.domain.errors import LocalError

FILE = "pkg/healthz/server/server.go"
BEFORE = 'net.Listen("tcp", fmt.Sprintf(":%d", s.port))'
AFTER = 'net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))'


def amend(source: Path) -> None:
    """Change that line in Dapr's `source`; raises LocalError where it is not there."""
    text = (source / FILE).read_text()
    if text.count(BEFORE) != 1:
        raise LocalError(f"{source / FILE} is not as it should be: it does not say {BEFORE}.")
    (source / FILE).write_text(text.replace(BEFORE, AFTER))
