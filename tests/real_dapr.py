"""Fixtures of the real thing: Valkey, placement, scheduler, five sidecars and five roles, started and stopped here."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from reserved import reserved
from running_up import Up
from shop_client import OpenShop, ShopClient

from pizzashop.local import dapr_binaries
from pizzashop.local.build import find_dapr
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project
from pizzashop.local.shop import Shop, require_startable, required_ports
from pizzashop.settings import Settings


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture(scope="session", autouse=True)
def clean_end() -> Iterator[None]:
    """Told to stop, the fixtures still take down what they have put up."""
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
    """The Dapr binaries; `make test` has seen to them, since building takes longer than any test may."""
    found = find_dapr(Settings.from_env().cache_dir.expanduser().absolute())
    assert found is not None, "there is no Dapr yet: run `pizzashop prepare` first"
    return found


@pytest.fixture(scope="session")
def dapr_cli() -> Path:
    """The `dapr` CLI, for those who run the shop with `dapr run`; `make test` has seen to it too."""
    found = dapr_binaries.dapr_cli(Settings.from_env().cache_dir.expanduser().absolute())
    assert found is not None, "there is no Dapr CLI yet: run `pizzashop prepare --cli` first"
    return found


@pytest.fixture(scope="session")
def open_shop(project: Project, dapr: Dapr) -> OpenShop:
    """Opens the shop: `with open_shop(state_dir, pace=0) as shop`; `more` are variables of another name."""

    @contextmanager
    def opened(directory: Path, /, more: Mapping[str, str] | None = None, **settings: object) -> Iterator[Shop]:
        env = {f"PIZZASHOP_{name.upper()}": str(value) for name, value in settings.items()} | dict(more or {})
        with Shop(directory, project, dapr, env=env) as shop:
            shop.open()
            yield shop

    return opened


@pytest.fixture(scope="session")
def client() -> Iterator[ShopClient]:
    """Speaks to the roles as anyone would."""
    with ShopClient() as opened:
        yield opened


@pytest.fixture
def up(project: Project, dapr: Dapr, tmp_path: Path) -> Iterator[Up]:
    """`pizzashop up` in a process of its own; whatever is left of it at the end is killed."""
    assert dapr, "built before a test waits for it"
    made = Up(project, tmp_path / "state")
    yield made
    made.kill()
