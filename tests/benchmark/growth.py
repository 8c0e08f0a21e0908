"""`make growth`: drive many orders with a short retention, and show that nothing grows without bound.

make growth                     (10,000 orders: about a quarter of an hour on two cores)
make growth GROWTH="--orders 1500 --every 500"
"""

import sys
import tempfile
import time
from pathlib import Path

import click
from load import Load
from reserved import reserved
from rich.console import Console
from usage import measure_usage

from pizzashop.errors import LocalError
from pizzashop.local.build import provide_dapr
from pizzashop.local.checks import require_startable, required_ports
from pizzashop.local.project import Project
from pizzashop.local.shop import Shop
from pizzashop.local.shutdown import Shutdown
from pizzashop.settings import Settings


def drive(shop: Shop, state_dir: Path, orders: int, at_once: int, every: int, rest_seconds: float) -> None:
    """Drive the orders, and print the usage after every so many; then wait until the retention has removed them."""
    started, done, load = time.monotonic(), 0, Load(at_once)
    print_usage(measure_usage(shop, state_dir), "before")
    while done < orders:
        done = len(load.drive(min(every, orders - done)).order_seconds)
        rate = done / (time.monotonic() - started)
        print_usage(measure_usage(shop, state_dir), f"{done} orders delivered, {rate:.1f} a second")
    time.sleep(rest_seconds)
    print_usage(measure_usage(shop, state_dir), f"{rest_seconds:.0f} s after the last")


def print_usage(usage: dict[str, str], title: str) -> None:
    """Print one measurement, six values a line."""
    click.echo(f"\n{title}")
    for start in range(0, len(usage), 6):
        click.echo("  " + "   ".join(f"{name}: {value}" for name, value in list(usage.items())[start : start + 6]))


@click.command()
@click.option("--orders", default=10_000, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option("--at-once", default=32, show_default=True, type=click.IntRange(1, 500))
@click.option("--every", default=1_000, show_default=True, type=click.IntRange(1), help="Measure after so many orders.")
@click.option("--retention", default=10.0, show_default=True, type=click.FloatRange(1), help="Seconds.")
def main(orders: int, at_once: int, every: int, retention: float) -> None:
    """Open the shop at pace 0 in a temporary directory, drive orders through it, and print what grows."""
    project = Project.read(Path(__file__).parents[2] / "dapr.yaml")
    require_startable(project)
    dapr = provide_dapr(Settings.from_env().cache_dir, Console(stderr=True), Shutdown())
    env = {"PIZZASHOP_PACE": "0", "PIZZASHOP_RETENTION": str(retention), "PIZZASHOP_LOG_LEVEL": "warning"}
    with reserved(required_ports(project)), tempfile.TemporaryDirectory() as name:
        state_dir = Path(name)
        with Shop(state_dir, project, dapr, env=env) as shop:
            shop.open()
            drive(shop, state_dir, orders, at_once, every, 4 * retention + 10)


if __name__ == "__main__":
    try:
        main()
    except LocalError as error:
        sys.exit(str(error))
