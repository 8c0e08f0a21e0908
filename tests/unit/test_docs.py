"""The documentation, held against the code: commands, settings, ports, routes, and links that lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from fakes.shop import FakeShop

from pizzashop.cli import EPILOG, main
from pizzashop.local.project import Project
from pizzashop.local.services import PORTS
from pizzashop.roles import ROLES, Role
from pizzashop.settings import Settings, variable

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
OPERATIONS = (ROOT / "docs/operations.md").read_text()
CONTRACT = (ROOT / "docs/contract.md").read_text()
COMMANDS = click.Context(main)
ANY_OF = re.compile(r"<any\((.*)\):\w+>")


def row(text: str, start: str) -> str:
    """The row of a table whose first cell begins with `start`."""
    return next((line for line in text.splitlines() if line.startswith(f"| `{start}")), f"no row for {start}")


def section(text: str, title: str) -> str:
    """What stands under a heading of the second level."""
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("name", main.list_commands(COMMANDS))
def test_every_command_is_described_with_its_options(name: str) -> None:
    command = main.get_command(COMMANDS, name)
    assert command is not None
    lines = section(OPERATIONS, "Command line").splitlines()
    found = next((line for line in lines if re.match(rf"\| `pizzashop {name}[ `]", line)), "no row")
    assert " ".join((command.help or "").split("\n\n")[0].split()) in found
    options = [option for each in command.params if isinstance(each, click.Option) for option in each.opts]
    assert [each for each in options if each not in found] == []


def test_every_exit_code_is_described() -> None:
    codes = re.findall(r"(\d+) [a-z]", EPILOG)
    assert len(codes) == 9
    found = re.findall(r"^\| (\d+) \|", section(OPERATIONS, "Command line"), re.MULTILINE)
    assert found == codes


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described_with_its_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv("HOME", "/home/ana")
    field = Settings.model_fields[name]
    default = field.get_default(call_default_factory=True)
    shown = "none" if default in (None, "") else f"`{default}`".replace("/home/ana", "~")
    assert row(OPERATIONS, f"{variable(name)}`").split(" | ")[1] == shown


def test_every_port_is_named() -> None:
    ports = [*Project.read(ROOT / "dapr.yaml").ports, *(port for each in PORTS.values() for port in each)]
    named = set(re.findall(r"\d+", section(OPERATIONS, "Ports")))
    assert [port for port in ports if str(port) not in named] == []


def routes(shop: FakeShop, role: Role) -> Iterator[str]:
    """`GET /order/<id>`, and so on: every route of a role."""
    for rule in shop.sidecar.apps[role].url_map.iter_rules():
        words = ANY_OF.search(rule.rule)
        for word in words[1].split(", ") if words else [""]:
            path = ANY_OF.sub(word, rule.rule).replace("<order_id>", "<id>")
            yield from (f"{method} {path}" for method in (rule.methods or set()) - {"HEAD", "OPTIONS"})


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_route_is_described(role: Role, shop: FakeShop) -> None:
    described = section(CONTRACT, f"Role `{role.name}`") + section(CONTRACT, "Every role")
    found = list(routes(shop, role))
    assert len(found) > 1
    assert [each for each in found if f"\n| `{each}` | " not in described] == []


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_no_route_is_described_that_is_none(role: Role, shop: FakeShop) -> None:
    described = re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", section(CONTRACT, f"Role `{role.name}`"), re.MULTILINE)
    assert sorted(set(described) - set(routes(shop, role))) == []


def anchors(page: Path) -> set[str]:
    """What can be linked to on a page: its headings, as hosts make anchors of them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    inside = [link.partition("#") for link in links if "://" not in link]
    for path, _, anchor in inside:
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"
