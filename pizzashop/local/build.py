from pathlib import Path

from rich.console import Console

from pizzashop.local.closing import Closing


def build(home: Path, console: Console, closing: Closing) -> None: ...
