"""Fixtures of the real shop: its services, five sidecars and five roles, started and stopped here.

The option `--store` of pytest says which state store it has.
"""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from own_postgresql import embedded_postgresql
from reserved import reserved
from shop_client import OpenShop, ShopClient
from up_process import UpProcess

from pizzashop.local import dapr_binaries
from pizzashop.local.build import find_dapr
from pizzashop.local.checks import require_startable, required_ports
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project
from pizzashop.local.shop import Shop
from pizzashop.settings import Settings


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture(scope="session", autouse=True)
def clean_end() -> Iterator[None]:
    """On SIGTERM, let the fixtures still stop all that they have started."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def project() -> Iterator[Project]:
    """The project under test; its ports must be free."""
    found = Project.read(Path(__file__).parents[1] / "dapr.yaml")
    with reserved(required_ports(found)):
        require_startable(found)
        yield found


@pytest.fixture(scope="session")
def dapr() -> Dapr:
    """The Dapr binaries. `make test` provides them before, because a build takes longer than any test may."""
    found = find_dapr(Settings.from_env().cache_dir.expanduser().absolute())
    assert found is not None, "there is no Dapr yet: run `pizzashop prepare` first"
    return found


@pytest.fixture(scope="session")
def dapr_cli() -> Path:
    """The `dapr` CLI, for the tests of `dapr run`. `make test` provides it too."""
    found = dapr_binaries.dapr_cli(Settings.from_env().cache_dir.expanduser().absolute())
    assert found is not None, "there is no Dapr CLI yet: run `pizzashop prepare --cli` first"
    return found


def make_shop(state_dir: Path, project: Project, dapr: Dapr, env: Mapping[str, str], store: str) -> Shop:
    """Return the shop with this state store; skip the test where its server cannot start."""
    if store == "redis":
        return Shop(state_dir, project, dapr, env=env)
    chosen = project.with_products([store]).write_components(state_dir / "resources")
    return Shop(state_dir, chosen, dapr, env=env, postgresql=embedded_postgresql(state_dir / "postgresql"))


@pytest.fixture(scope="session")
def store_name(pytestconfig: pytest.Config) -> str:
    """The state store of the shops under test."""
    return str(pytestconfig.getoption("store"))


@pytest.fixture(scope="session")
def open_shop(project: Project, dapr: Dapr, store_name: str) -> OpenShop:
    """Return a function that opens the shop: `with open_shop(state_dir, pace=0) as shop`.

    Keyword arguments are settings; `more` are environment variables that are no settings of the shop.
    """

    @contextmanager
    def opened(directory: Path, /, more: Mapping[str, str] | None = None, **settings: object) -> Iterator[Shop]:
        env = {f"PIZZASHOP_{name.upper()}": str(value) for name, value in settings.items()} | dict(more or {})
        with make_shop(directory, project, dapr, env, store_name) as shop:
            shop.open()
            yield shop

    return opened


@pytest.fixture(scope="session")
def client() -> Iterator[ShopClient]:
    """A client of the roles."""
    with ShopClient() as opened:
        yield opened


@pytest.fixture
def up(project: Project, dapr: Dapr, tmp_path: Path) -> Iterator[UpProcess]:
    """`pizzashop up` in its own process. At the end, kill all that is left of it."""
    assert dapr, "Dapr is built before a test waits for it"
    process = UpProcess(project, tmp_path / "state")
    yield process
    process.kill()
