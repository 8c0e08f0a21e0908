"""The project on disk: `dapr.yaml`, which says what runs on which ports, and `resources/` beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

import pizzashop
from pizzashop.domain.errors import LocalError

RUN_FILE = "dapr.yaml"
_PORTS = ("appPort", "daprHTTPPort", "daprGRPCPort", "daprInternalGRPCPort", "metricsPort")


@dataclass(frozen=True)
class App:
    """One entry of `dapr.yaml`: a role and its sidecar."""

    app_id: str
    ports: Mapping[str, int]
    command: tuple[str, ...]

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        """Read it from the entry."""
        ports = {key: int(entry[key]) for key in _PORTS if key in entry}
        return cls(str(entry["appID"]), ports, tuple(entry.get("command", ())))


@dataclass(frozen=True)
class Project:
    """Where the project is, and what its run file says."""

    run_file: Path
    apps: tuple[App, ...]
    resources: Path
    config: Path

    @classmethod
    def find(cls) -> Self:
        """The one in the current directory, else the one that this package was installed from."""
        places = (Path.cwd(), Path(pizzashop.__file__).parents[1])
        for place in places:
            if (place / RUN_FILE).is_file():
                return cls.read(place / RUN_FILE)
        looked = " or ".join(str(place) for place in dict.fromkeys(places))
        raise LocalError(f"There is no {RUN_FILE} in {looked}: go to the project's directory and try again.")

    @classmethod
    def read(cls, run_file: Path) -> Self:
        """Read the run file; raises LocalError where it or what it names is missing or makes no sense."""
        try:
            content = yaml.safe_load(run_file.read_bytes())
            common, root = content["common"], run_file.parent
            resources, config = root / common["resourcesPath"], root / common["configFilePath"]
            apps = tuple(App.of(each) for each in content["apps"])
        except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
            raise LocalError(f"{run_file} cannot be read: {error!r}.") from None
        # Without its configuration daprd exits, and the CLI waits for it for ever.
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
