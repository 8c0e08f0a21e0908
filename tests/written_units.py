"""The systemd units that `pizzashop units` writes, read again as systemd reads them."""

import shlex
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class WrittenUnit:
    """What a unit says about its process."""

    command: list[str]
    env: dict[str, str]
    after: list[str]
    directory: Path | None
    settings: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> Self:
        lines = [tuple(line.split("=", 1)) for line in text.splitlines() if "=" in line and not line.startswith("#")]
        settings = {key: value for key, value in lines if key != "Environment"}
        pairs = [_unescape(word) for key, value in lines if key == "Environment" for word in shlex.split(value)]
        return cls(
            [_unescape(_unescape(word), "$") for word in shlex.split(settings["ExecStart"])],
            dict(pair.split("=", 1) for pair in pairs),
            settings["After"].split(),
            Path(_unescape(settings["WorkingDirectory"])) if "WorkingDirectory" in settings else None,
            settings,
        )


def in_order(units: dict[str, WrittenUnit]) -> list[str]:
    """Return the names of the units in an order in which systemd may start them."""
    before = {name: [each for each in unit.after if each in units] for name, unit in units.items()}
    return list(TopologicalSorter(before).static_order())


def _unescape(text: str, special: str = "%") -> str:
    """Return what systemd makes of a text without variables: it would replace `%n` and `$NAME`."""
    rest = text.replace(special * 2, "")
    assert special not in rest, text
    return text.replace(special * 2, special)
