"""The project on disk: `dapr.yaml`, which says what runs on which ports, and `resources/` beside it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

import pizzashop
from pizzashop.errors import LocalError
from pizzashop.roles import ROLES

RUN_FILE = "dapr.yaml"
_PORTS = ("appPort", "daprHTTPPort", "daprGRPCPort", "daprInternalGRPCPort", "metricsPort")
_FLAGS = {
    "appChannelAddress": "app-channel-address",
    "appProtocol": "app-protocol",
    "apiListenAddresses": "dapr-listen-addresses",
    "appMaxConcurrency": "app-max-concurrency",
    "placementHostAddress": "placement-host-address",
    "schedulerHostAddress": "scheduler-host-address",
    "maxBodySize": "max-body-size",
    "readBufferSize": "read-buffer-size",
    "unixDomainSocket": "unix-domain-socket",
    "logLevel": "log-level",
    "enableApiLogging": "enable-api-logging",
    "enableProfiling": "enable-profiling",
    "profilePort": "profile-port",
    "enableAppHealthCheck": "enable-app-health-check",
    "appHealthCheckPath": "app-health-check-path",
    "appHealthProbeInterval": "app-health-probe-interval",
    "appHealthProbeTimeout": "app-health-probe-timeout",
    "appHealthThreshold": "app-health-threshold",
}
"""Further entries of a run file, and the flags of daprd that they stand for."""
_READ_HERE = {"appID", "appDirPath", "command", "env", "resourcesPath", "resourcesPaths", "configFilePath", *_PORTS}
_WITHOUT_EFFECT = {
    # Each process has its own log file here, and the binaries are those that were found.
    *("appLogDestination", "daprdLogDestination", "runtimePath"),
    # For Kubernetes alone.
    *("containerImage", "containerImagePullPolicy", "createService"),
}


@dataclass(frozen=True)
class App:
    """One entry of `dapr.yaml`: a role and its sidecar.

    `env` is what the role is told besides, `options` are further flags of daprd. `directory`, `resources` and `config`
    differ from the project's only where the entry says so.
    """

    app_id: str
    ports: Mapping[str, int]
    command: tuple[str, ...]
    env: Mapping[str, str]
    options: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None
    resources: tuple[Path, ...] = ()
    config: Path | None = None

    @classmethod
    def of(cls, entry: Mapping[str, Any], common: Mapping[str, Any], root: Path) -> Self:
        """Read it from the entry, and from what is common to all; raises LocalError where `up` cannot run it."""
        app_id, said = str(entry["appID"]), {**common, **entry}
        if unknown := said.keys() - _READ_HERE - _FLAGS.keys() - _WITHOUT_EFFECT:
            names = ", ".join(sorted(unknown))
            raise LocalError(f"{RUN_FILE}: app {app_id} has {names}, which `pizzashop up` does not know.")
        ports = {key: int(entry[key]) for key in _PORTS if key in entry}
        if "daprHTTPPort" not in ports:
            raise LocalError(f"{RUN_FILE}: app {app_id} has no daprHTTPPort, by which its health is seen.")
        env = {**(common.get("env") or {}), **(entry.get("env") or {})}
        directory = root / str(entry.get("appDirPath") or "")
        config = entry.get("configFilePath")
        return cls(
            app_id,
            ports,
            tuple(map(str, entry.get("command") or ())),
            {str(name): str(value) for name, value in env.items()},
            {_FLAGS[key]: _word(value) for key, value in said.items() if key in _FLAGS},
            directory,
            tuple(directory / each for each in _resources(entry)),
            directory / config if config else None,
        )

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
        """The one in the current directory, else the one that this package was installed from."""
        places = dict.fromkeys((Path.cwd(), Path(pizzashop.__file__).parents[1]))
        for place in places:
            if (place / RUN_FILE).is_file() and not belongs_to_another(place / RUN_FILE):
                return cls.read(place / RUN_FILE)
        looked = " or ".join(map(str, places))
        raise LocalError(f"There is no {RUN_FILE} of the shop in {looked}: go to its directory and try again.")

    @classmethod
    def read(cls, run_file: Path) -> Self:
        """Read the run file; raises LocalError where it or what it names is missing or makes no sense."""
        try:
            content = yaml.safe_load(run_file.read_bytes())
            common, root = content["common"], run_file.parent
            (resources,), config = _resources(common), root / common["configFilePath"]
            apps = tuple(App.of(each, common, root) for each in content["apps"])
        except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise LocalError(f"{run_file} cannot be read: {error!r}.") from None
        found = cls(run_file, apps, root / resources, config)
        # Without its configuration daprd exits, without its directory a role does not start.
        for needed in found._named():
            if not needed.exists():
                raise LocalError(f"{run_file} names {needed}, which is not there.")
        return found

    @property
    def ports(self) -> list[int]:
        """Every port that the roles and their sidecars open."""
        return [port for app in self.apps for port in app.ports.values()]

    def app(self, app_id: str) -> App:
        """The entry of this app-id."""
        return next(each for each in self.apps if each.app_id == app_id)

    def _named(self) -> Iterator[Path]:
        yield from (self.resources, self.config)
        for app in self.apps:
            yield from filter(None, (app.directory, *app.resources, app.config))


def belongs_to_another(run_file: Path) -> bool:
    """Whether this run file starts none of the shop's roles: it is another project's, perhaps with the same app-ids."""
    try:
        apps = yaml.safe_load(run_file.read_bytes())["apps"]
        return not any(_is_ours(app) for app in apps)
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError):
        return False  # `Project.read` says what is wrong with it


def _is_ours(app: Mapping[str, Any]) -> bool:
    command = app.get("command") or ["pizzashop"]  # a sidecar alone, for a role that is started otherwise
    return app.get("appID") in {role.app_id for role in ROLES} and any("pizzashop" in str(word) for word in command)


def _resources(entry: Mapping[str, Any]) -> list[str]:
    """The directories of components that this part of a run file names, under either of the two names for them."""
    return [*(entry.get("resourcesPaths") or ()), *filter(None, [entry.get("resourcesPath")])]


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
