"""The project on disk: `dapr.yaml`, which says what runs on which ports, and `resources/` beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

import pizzashop
from pizzashop.domain.errors import LocalError
from pizzashop.roles import ROLES

RUN_FILE = "dapr.yaml"
_PORTS = ("appPort", "daprHTTPPort", "daprGRPCPort", "daprInternalGRPCPort", "metricsPort")


@dataclass(frozen=True)
class App:
    """One entry of `dapr.yaml`: a role and its sidecar; `env` is what the role is told besides."""

    app_id: str
    ports: Mapping[str, int]
    command: tuple[str, ...]
    env: Mapping[str, str]

    @classmethod
    def of(cls, entry: Mapping[str, Any], common: Mapping[str, Any]) -> Self:
        """Read it from the entry, and from what is common to all; raises LocalError where it has no daprHTTPPort."""
        ports = {key: int(entry[key]) for key in _PORTS if key in entry}
        command, app_id = tuple(map(str, entry.get("command") or ())), str(entry["appID"])
        if "daprHTTPPort" not in ports:
            raise LocalError(f"{RUN_FILE}: app {app_id} has no daprHTTPPort, by which its health is seen.")
        env = {**(common.get("env") or {}), **(entry.get("env") or {})}
        return cls(app_id, ports, command, {str(name): str(value) for name, value in env.items()})

    @property
    def name(self) -> str:
        """Its app-id without the shop's prefix: the name of its role."""
        return self.app_id.removeprefix("pizza-")

    @property
    def app_ports(self) -> tuple[int, ...]:
        """The port that its role opens, if it opens one."""
        return tuple(port for key, port in self.ports.items() if key == "appPort")

    @property
    def sidecar_ports(self) -> tuple[int, ...]:
        """Those that its sidecar opens."""
        return tuple(port for key, port in self.ports.items() if key != "appPort")


@dataclass(frozen=True)
class Project:
    """Where the project is, and what its run file says."""

    run_file: Path
    apps: tuple[App, ...]
    resources: Path
    config: Path

    @classmethod
    def find(cls) -> Self:
        """The one in the current directory, else the one that this package was installed from.

        A run file that names none of the shop's app-ids belongs to another project, and is passed over.
        """
        places = dict.fromkeys((Path.cwd(), Path(pizzashop.__file__).parents[1]))
        for place in places:
            if (place / RUN_FILE).is_file() and _is_ours(found := cls.read(place / RUN_FILE)):
                return found
        looked = " or ".join(map(str, places))
        raise LocalError(f"There is no {RUN_FILE} of the shop in {looked}: go to its directory and try again.")

    @classmethod
    def read(cls, run_file: Path) -> Self:
        """Read the run file; raises LocalError where it or what it names is missing or makes no sense."""
        try:
            content = yaml.safe_load(run_file.read_bytes())
            common, root = content["common"], run_file.parent
            resources, config = root / common["resourcesPath"], root / common["configFilePath"]
            apps = tuple(App.of(each, common) for each in content["apps"])
        except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
            raise LocalError(f"{run_file} cannot be read: {error!r}.") from None
        # Without its configuration daprd exits.
        for needed in (resources, config):
            if not needed.exists():
                raise LocalError(f"{run_file} names {needed}, which is not there.")
        return cls(run_file, apps, resources, config)

    @property
    def ports(self) -> list[int]:
        """Every port that the roles and their sidecars open."""
        return [port for app in self.apps for port in app.ports.values()]

    def app(self, app_id: str) -> App:
        """The entry of this app-id."""
        return next(each for each in self.apps if each.app_id == app_id)


def _is_ours(project: Project) -> bool:
    return any(app.app_id in {role.app_id for role in ROLES} for app in project.apps)
