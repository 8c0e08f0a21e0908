"""The documentation names exactly what the code has: commands, options, exit codes, settings, ports, routes, files."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from fakes.shop import FakeShop
from prometheus_client import CollectorRegistry

from pizzashop.cli import EPILOG, main
from pizzashop.domain.lifecycle import STATUSES, STEPS, Step
from pizzashop.local.programs import SERVICE_PORTS
from pizzashop.local.project import Project
from pizzashop.local.telemetry import TELEMETRY_PORTS
from pizzashop.metrics import OrderMetrics, RoleMetrics, StoreCollector, StoredCounts, WorkflowMetrics
from pizzashop.roles import ROLES, Role
from pizzashop.settings import Settings, environment_variable
from pizzashop.web.routes import routes_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
# The changelog describes earlier versions, and measurements.md is generated.
PAGES_OF_TODAY = [page for page in PAGES if page.name not in ("CHANGELOG.md", "measurements.md")]
# Guides also name the histories of a version that is yet to come, and the file of its workflow.
PATH = re.compile(r"(?<![\w./-])(?:pizzashop|tests|resources)/(?!histories/)[\w./-]*[\w/](?!\w)")
FUTURE_PATHS = {"pizzashop/workflow/pizza_workflow_v2.py"}


def page_text(page: str) -> str:
    return (DOCS / page).read_text()


def section(page: str, title: str) -> str:
    """Return the text under a heading of the second level."""
    return page_text(page).split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the tables in a text; a pipe inside a cell is not supported."""
    for line in text.splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def commands(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Yield each command by its words, `staff add`; a group only if it does something by itself."""
    if words and (not isinstance(command, click.Group) or command.invoke_without_command):
        yield " ".join(words), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from commands(child, (*words, name))


COMMANDS = dict(commands(main))


def command_lines() -> dict[str, tuple[str, str]]:
    """Return the synopsis and the description of each command in commands.md."""
    found = {}
    for synopsis, description in re.findall(r"^- `pizzashop ([^`]+)`: (.*)$", page_text("commands.md"), re.MULTILINE):
        words = synopsis.split()
        name = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else words[0]
        found[name] = (synopsis, description)
    return found


def test_commands_page_has_each_command_and_no_other() -> None:
    assert sorted(command_lines()) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_page_has_the_help_and_the_options_of_each_command(name: str) -> None:
    synopsis, description = command_lines()[name]
    assert description == " ".join((COMMANDS[name].help or "").split("\n\n")[0].split())
    params = [each for each in COMMANDS[name].params if isinstance(each, click.Option)]
    options = {option for each in params for option in (*each.opts, *each.secondary_opts)}
    assert set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", synopsis)) == options


def test_commands_page_has_each_exit_code_and_no_other() -> None:
    codes = re.findall(r"(\d+) [a-z]", EPILOG)
    assert codes
    assert re.findall(r"^- (\d+): ", section("commands.md", "Exit codes"), re.MULTILINE) == codes


def test_settings_page_has_each_setting_with_its_default_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv("HOME", "/home/ana")
    defaults = {}
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "none" if default in (None, "") else f"`{default}`".replace("/home/ana", "~")
        defaults[f"`{environment_variable(name)}`"] = shown
    documented = re.findall(r"^- (`[A-Z_]+`) \(([^)]+)\): ", page_text("settings.md"), re.MULTILINE)
    assert dict(documented) == defaults
    assert len(documented) == len(defaults)


def test_ports_page_has_each_port_and_no_other() -> None:
    services = (*SERVICE_PORTS.values(), *TELEMETRY_PORTS.values())
    ports = {*Project.read(ROOT / "dapr.yaml").ports, *(port for each in services for port in each)}
    tables = [*rows(section("ports.md", "Roles and sidecars")), *rows(section("ports.md", "Services"))]
    assert {int(port) for cells in tables for port in re.findall(r"\d+", " ".join(cells))} == ports


def documented_routes(role: Role) -> list[str]:
    """Return the routes that the contract gives to a role, `GET /order/<id>`."""
    text = section("contract.md", f"Role `{role.name}`") + section("contract.md", "Every role")
    lines = re.findall(r"^- (`[A-Z]+ /[^`]*`.*?) \(", text, re.MULTILINE)
    return [route for line in lines for route in re.findall(r"`([^`]*)`", line)]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_contract_has_each_route_of_a_role_and_no_other(role: Role, shop: FakeShop) -> None:
    names = [route.name.replace("<order_id>", "<id>") for route in routes_of(shop.sidecar.apps[role])]
    assert sorted(documented_routes(role)) == sorted(names)


def test_contract_has_each_status_of_an_order() -> None:
    assert {status for status in STATUSES if f"`{status}`" not in section("contract.md", "Role `order`")} == set()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_contract_has_the_duration_of_each_stage(step: Step) -> None:
    assert ", ".join(f"`{stage.status}` {stage.seconds:g}" for stage in step.timed_stages) in page_text("contract.md")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub forms them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_have_a_target(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    inside = [link.partition("#") for link in links if "://" not in link]
    for path, _, anchor in inside:
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("page", PAGES_OF_TODAY, ids=name_of)
def test_files_that_a_page_names_exist(page: Path) -> None:
    paths = set(PATH.findall(page.read_text())) - FUTURE_PATHS
    assert sorted(path for path in paths if not (ROOT / path).exists()) == []


@pytest.mark.parametrize("page", PAGES_OF_TODAY, ids=name_of)
def test_settings_that_a_page_names_exist(page: Path) -> None:
    known = {environment_variable(name) for name in Settings.model_fields} | {"PIZZASHOP_CHROMIUM"}
    assert set(re.findall(r"PIZZASHOP_[A-Z_]+", page.read_text())) - known == set()


def declared_metrics(*declare: Callable[[CollectorRegistry], object]) -> dict[str, str]:
    """Return the help of each metric that is declared, by its name as Prometheus shows it."""
    registry = CollectorRegistry()
    for each in declare:
        each(registry)
    suffixes = {"counter": "_total"}
    return {f"{each.name}{suffixes.get(each.type, '')}": each.documentation for each in registry.collect()}


def documented_metrics(title: str) -> dict[str, str]:
    found = re.findall(r"^- `(pizzashop_\w+)`(?: \([^)]*\))?: (.*)\.$", section("metrics.md", title), re.MULTILINE)
    return dict(found)


def test_metrics_page_has_each_metric_with_its_help_and_no_other() -> None:
    stored = StoredCounts({}, 0, 0, {})
    by_title = {
        "Every role": declared_metrics(RoleMetrics),
        "Role `order`": declared_metrics(OrderMetrics, lambda registry: StoreCollector(lambda: stored, registry)),
        "Role `workflow`": declared_metrics(WorkflowMetrics),
    }
    assert {title: documented_metrics(title) for title in by_title} == by_title
