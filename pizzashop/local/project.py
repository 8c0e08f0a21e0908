"""The project on disk: `dapr.yaml`, which says what runs on which ports, and the components in `resources/`.

The files in `resources/` itself are the default set of components. A folder there that is named after a product has
files that replace those of the same name: `resources/postgresql/statestore.yaml`.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import yaml

import pizzashop
from pizzashop.errors import LocalError
from pizzashop.roles import APP_IDS

RUN_FILE = "dapr.yaml"
_PORT_KEYS = ("appPort", "daprHTTPPort", "daprGRPCPort", "daprInternalGRPCPort", "metricsPort")
# The keys of an entry that become flags of daprd, see `flag_name`.
_FLAG_KEYS = (
    *("appChannelAddress", "appProtocol", "apiListenAddresses", "appMaxConcurrency", "placementHostAddress"),
    *("schedulerHostAddress", "maxBodySize", "readBufferSize", "unixDomainSocket", "logLevel", "enableApiLogging"),
    *("enableProfiling", "profilePort", "enableAppHealthCheck", "appHealthCheckPath", "appHealthProbeInterval"),
    *("appHealthProbeTimeout", "appHealthThreshold"),
)
_OTHER_KEYS = {"appID", "appDirPath", "command", "env", "resourcesPath", "resourcesPaths", "configFilePath"}
_IGNORED_KEYS = {
    # `pizzashop up` gives each process its own log file, and finds the binaries itself.
    *("appLogDestination", "daprdLogDestination", "runtimePath"),
    # These keys have an effect on Kubernetes only.
    *("containerImage", "containerImagePullPolicy", "createService"),
}
_KNOWN_KEYS = {*_PORT_KEYS, *_FLAG_KEYS, *_OTHER_KEYS, *_IGNORED_KEYS}


@dataclass(frozen=True)
class App:
    """One entry of `dapr.yaml`: a role and its sidecar.

    `env` is added to the role's environment, `options` to the flags of daprd. `directory`, `resources` and `config`
    are None or empty where the project's values apply.
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
    def parse(cls, entry: Mapping[str, Any], common: Mapping[str, Any], root: Path) -> Self:
        """Return the app of an entry and the `common` section; raise LocalError if `up` does not support a key."""
        app_id, merged = str(entry["appID"]), {**common, **entry}
        if unknown := merged.keys() - _KNOWN_KEYS:
            names = ", ".join(sorted(unknown))
            raise LocalError(f"{RUN_FILE}: app {app_id} has {names}, which `pizzashop up` does not know.")
        ports = {key: int(entry[key]) for key in _PORT_KEYS if key in entry}
        if "daprHTTPPort" not in ports:
            raise LocalError(f"{RUN_FILE}: app {app_id} has no daprHTTPPort, which its health check needs.")
        env = {**(common.get("env") or {}), **(entry.get("env") or {})}
        directory = root / str(entry.get("appDirPath") or "")
        config = entry.get("configFilePath")
        return cls(
            app_id,
            ports,
            tuple(map(str, entry.get("command") or ())),
            {str(name): str(value) for name, value in env.items()},
            {flag_name(key): _flag_value(merged[key]) for key in _FLAG_KEYS if key in merged},
            directory,
            tuple(directory / each for each in _resource_paths(entry)),
            directory / config if config else None,
        )

    @property
    def name(self) -> str:
        """The name of the role: the app-id without the prefix `pizza-`."""
        return self.app_id.removeprefix("pizza-")

    @property
    def app_ports(self) -> tuple[int, ...]:
        """The port that the role listens on; empty if there is none."""
        return tuple(port for key, port in self.ports.items() if key == "appPort")

    @property
    def sidecar_ports(self) -> tuple[int, ...]:
        """The ports that the sidecar listens on."""
        return tuple(port for key, port in self.ports.items() if key != "appPort")


@dataclass(frozen=True)
class Project:
    """The location of the project and the content of its run file.

    The components of `products`, the names of folders in `resources`, replace the default ones.
    """

    run_file: Path
    apps: tuple[App, ...]
    resources: Path
    config: Path
    products: tuple[str, ...] = ()

    @classmethod
    def find(cls) -> Self:
        """Return the project in the current directory, otherwise the one that this package was installed from."""
        directories = dict.fromkeys((Path.cwd(), Path(pizzashop.__file__).parents[1]))
        for directory in directories:
            run_file = directory / RUN_FILE
            if run_file.is_file() and not _is_of_other_project(run_file):
                return cls.read(run_file)
        searched = " or ".join(map(str, directories))
        raise LocalError(f"There is no {RUN_FILE} of the shop in {searched}: go to its directory and try again.")

    @classmethod
    def read(cls, run_file: Path) -> Self:
        """Read the run file; raise LocalError if it is invalid or names a file that does not exist."""
        try:
            content = yaml.safe_load(run_file.read_bytes())
            common, root = content["common"], run_file.parent
            (resources,), config = _resource_paths(common), root / common["configFilePath"]
            apps = tuple(App.parse(entry, common, root) for entry in content["apps"])
        except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise LocalError(f"{run_file} cannot be read: {error!r}.") from None
        project = cls(run_file, apps, root / resources, config)
        for path in project._paths():
            # daprd would exit without its configuration, and a role cannot start without its directory.
            if not path.exists():
                raise LocalError(f"{run_file} names {path}, which does not exist.")
        return project

    @property
    def ports(self) -> list[int]:
        """All ports on which the roles and their sidecars listen."""
        return [port for app in self.apps for port in app.ports.values()]

    def app(self, app_id: str) -> App:
        """Return the entry with this app-id."""
        return next(app for app in self.apps if app.app_id == app_id)

    def with_products(self, products: Iterable[str]) -> Self:
        """Return the project with the components of these products; raise LocalError if one has none."""
        chosen = replace(self, products=tuple(products))
        for product in chosen.products:
            if not any((self.resources / product).glob("*.yaml")):
                raise LocalError(f"{self.resources / product} has no components for {product}.")
        return chosen

    def write_components(self, directory: Path) -> Self:
        """Return the project with all its components in one directory, as sidecars need them.

        The default set is in `resources` already. Any other is written to `directory`, and replaces what is there.
        """
        if not self.products:
            return self
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        for path in self.component_files():
            # With its permissions: a file with a password may be closed to other users.
            shutil.copy(path, directory / path.name)
        return replace(self, resources=directory, products=())

    def component_files(self) -> list[Path]:
        """Return the files of the components: the default ones, or those of a product that replace them."""
        directories = (self.resources, *(self.resources / product for product in self.products))
        by_name = {path.name: path for directory in directories for path in sorted(directory.glob("*.yaml"))}
        return list(by_name.values())

    def documents(self) -> list[dict[str, Any]]:
        """Return all YAML documents of the components; raise LocalError, which names the file, if one is invalid."""
        found: list[dict[str, Any]] = []
        for path in self.component_files():
            try:
                found += [document for document in yaml.safe_load_all(path.read_bytes()) if document]
            except (OSError, yaml.YAMLError) as error:
                raise LocalError(f"{path} cannot be read: {error}") from None
        return found

    def _paths(self) -> Iterator[Path]:
        yield from (self.resources, self.config)
        for app in self.apps:
            yield from filter(None, (app.directory, *app.resources, app.config))


def find_component(documents: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """Return the Dapr component with this name; None if there is none."""
    components = (each for each in documents if each.get("kind") == "Component")
    return next((each for each in components if each["metadata"]["name"] == name), None)


def metadata_value(entry: Mapping[str, Any], env: Mapping[str, str] = os.environ) -> str:
    """Return the value of a metadata entry of a component, which may be in the environment; "" for a secret."""
    if "envRef" in entry:
        return env.get(str(entry["envRef"]), "")
    value = entry.get("value")
    return "" if value is None else str(value)


def is_true(value: str) -> bool:
    """Return whether Dapr reads the value of a metadata entry as true."""
    return value.lower() in ("true", "1", "yes", "y", "t", "on")


def _is_of_other_project(run_file: Path) -> bool:
    """Return whether the run file starts none of the shop's roles; another project may use the same app-ids."""
    try:
        apps = yaml.safe_load(run_file.read_bytes())["apps"]
        return not any(_is_shop_role(app) for app in apps)
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError):
        return False  # `Project.read` reports the error


def _is_shop_role(app: Mapping[str, Any]) -> bool:
    # An entry without a command is a sidecar for a role that the user starts in another way.
    command = app.get("command") or ["pizzashop"]
    return app.get("appID") in APP_IDS and any("pizzashop" in str(word) for word in command)


def _resource_paths(entry: Mapping[str, Any]) -> list[str]:
    """Return the component directories of an entry; Dapr has two keys for them."""
    return [*(entry.get("resourcesPaths") or ()), *filter(None, [entry.get("resourcesPath")])]


def flag_name(key: str) -> str:
    """Return the flag of daprd for a key: `dapr-http-port` for `daprHTTPPort`. One flag has a name of its own."""
    if key == "apiListenAddresses":
        return "dapr-listen-addresses"
    return re.sub("(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", key).lower()


def _flag_value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
