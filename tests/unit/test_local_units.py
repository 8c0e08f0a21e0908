"""`pizzashop units` writes systemd units with the commands of `pizzashop up`; bad settings write nothing."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from written_units import WrittenUnit, in_order

from pizzashop.cli import main
from pizzashop.errors import LocalError
from pizzashop.local import units
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.programs import app_processes, command_path, role_environment, service_processes
from pizzashop.local.project import Project
from pizzashop.local.shutdown import Shutdown
from pizzashop.roles import ROLES

ROOT = Path(__file__).parents[2]
ENV_FILE = Path("/etc/pizzashop.env")
DAPR = Dapr(Path("/opt/dapr/daprd"), Path("/opt/dapr/placement"), Path("/opt/dapr/scheduler"), "1.18.3", "built")


@pytest.fixture(scope="module")
def project() -> Project:
    return Project.read(ROOT / "dapr.yaml")


def render(project: Project, env: dict[str, str] | None = None, dapr: Dapr = DAPR) -> dict[str, str]:
    return units.render_units(project, dapr, env or {}, ENV_FILE, "shop")


def parsed(texts: dict[str, str]) -> dict[str, WrittenUnit]:
    return {name: WrittenUnit.parse(text) for name, text in texts.items() if name.endswith(".service")}


def run(tmp_path: Path, *lines: str) -> Result:
    env_file = tmp_path / "pizzashop.env"
    env_file.write_text("\n".join(lines))
    return CliRunner().invoke(main, ["units", "--dir", str(tmp_path / "units"), "--env-file", str(env_file)])


def test_each_process_of_the_shop_has_a_unit_with_its_command(project: Project) -> None:
    found = parsed(render(project))
    environment = role_environment({"PIZZASHOP_STATE_DIR": str(units.STATE_DIR)}, {})
    services = service_processes(units.STATE_DIR, DAPR, Shutdown(), env={})
    roles, sidecars = app_processes(units.STATE_DIR, project, DAPR, environment, Shutdown())
    expected = {**services, **sidecars, **roles}
    assert found.keys() == {units.unit_name(name) for name in expected}
    for name, process in expected.items():
        unit = found[units.unit_name(name)]
        program, *words = process.command
        assert unit.command == [shutil.which(program, path=command_path()) or program, *words], name
        assert (process.env or {}).items() <= unit.env.items(), name


def test_a_role_starts_after_its_sidecar_and_stops_before_it(project: Project) -> None:
    found = parsed(render(project))
    order = in_order(found)
    for role in ROLES:
        sidecar = f"pizzashop-sidecar-{role.name}.service"
        assert order.index("pizzashop-scheduler.service") < order.index(sidecar)
        assert order.index(sidecar) < order.index(f"pizzashop-{role.name}.service")


def test_the_target_starts_and_stops_all_of_them(project: Project) -> None:
    texts = render(project)
    wanted = next(line for line in texts["pizzashop.target"].splitlines() if line.startswith("Wants="))
    assert wanted.removeprefix("Wants=").split() == list(parsed(texts))
    assert {unit.settings["PartOf"] for unit in parsed(texts).values()} == {"pizzashop.target"}


def test_each_service_is_restarted_for_ever_as_a_user_without_rights(project: Project) -> None:
    for unit in parsed(render(project)).values():
        expected = {"User": "shop", "Restart": "always", "StartLimitIntervalSec": "0", "ProtectSystem": "strict"}
        assert expected.items() <= unit.settings.items()


def test_no_setting_of_the_file_is_copied_into_a_unit(project: Project) -> None:
    texts = render(project, {"PIZZASHOP_STAFF_TOKEN": "a-token-of-the-staff", "APP_API_TOKEN": "a-token-of-the-app"})
    assert [name for name, text in texts.items() if "a-token-of" in text] == []
    assert {unit.settings["EnvironmentFile"] for unit in parsed(texts).values()} == {f"-{ENV_FILE}"}


def test_sidecars_find_the_roles_at_the_address_of_the_file(project: Project) -> None:
    unit = parsed(render(project, {"PIZZASHOP_HOST": "192.0.2.7"}))["pizzashop-sidecar-order.service"]
    assert "--app-channel-address=192.0.2.7" in unit.command


def test_special_characters_of_a_path_reach_the_program(project: Project) -> None:
    odd = Path('/opt/50% of $HOME "x"')
    found = parsed(render(project, dapr=Dapr(odd / "daprd", odd / "placement", odd / "scheduler", "1.18.3", "built")))
    assert found["pizzashop-placement.service"].command[0] == str(odd / "placement")


def test_dapr_with_containers_has_its_services_elsewhere(project: Project) -> None:
    found = parsed(render(project, dapr=Dapr(Path("/opt/dapr/daprd"), None, None, "1.18.3", "installed")))
    assert {"pizzashop-placement.service", "pizzashop-scheduler.service"}.isdisjoint(found)
    assert "pizzashop-valkey.service" in found


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("PIZZASHOP_PACE=fast", "PIZZASHOP_PACE: "),
        ("PIZZASHOP_STORE=postgresql", "The components read PIZZASHOP_POSTGRES_URL: set that in "),
        ("PIZZASHOP_HOST=0.0.0.0", "nobody would have to sign in"),
        ("PIZZASHOP_STAFF_TOKEN=a-token-of-the-staff", "set APP_API_TOKEN"),
        ("PIZZASHOP_STATE_DIR=/srv/shop", "The services keep their data in /var/lib/pizzashop: remove "),
        ("'PIZZASHOP_SECRET=an open quote", "pizzashop.env cannot be read: "),
    ],
)
def test_a_bad_setting_is_one_sentence_and_writes_nothing(tmp_path: Path, line: str, message: str) -> None:
    result = run(tmp_path, line)
    assert result.exit_code != 0
    assert message in result.output
    assert "an open quote" not in result.output
    assert not (tmp_path / "units").exists()


def test_services_cannot_read_files_in_a_home_directory() -> None:
    units.require_readable([Path("/opt/pizzashop/dapr.yaml")])
    with pytest.raises(LocalError, match=r"/home/ana/pizzashop/dapr\.yaml, which is in a home directory"):
        units.require_readable([Path("/home/ana/pizzashop/dapr.yaml")])


def test_the_file_of_settings_is_read_as_systemd_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "pizzashop.env"
    path.write_text("# a comment\n\nPIZZASHOP_PACE=0.5\nPIZZASHOP_SECRET='a # b'\n")
    assert units.read_env_file(path) == {"PIZZASHOP_PACE": "0.5", "PIZZASHOP_SECRET": "a # b"}
    assert units.read_env_file(tmp_path / "absent") == {}
