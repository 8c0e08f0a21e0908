"""After a crash that damaged its files, the shop repairs them, says so, keeps a copy and loses no order."""

import subprocess
from pathlib import Path

from shop_client import PIZZASHOP, ShopClient
from up_process import OPEN, UpProcess


def damage(state_dir: Path) -> None:
    """Damage the files as a loss of power may do."""
    files = state_dir / "valkey/appendonlydir"
    with (files / "appendonly.aof.1.incr.aof").open("ab") as writes:
        writes.write(bytes(4096))
    (files / "appendonly.aof.manifest").write_bytes(b"")
    (database,) = (state_dir / "scheduler").glob("*/*/member/snap/db")
    with database.open("r+b") as pages:
        pages.seek(2 * 4096)
        pages.write(b"\xa5" * 5 * 4096)


def test_the_shop_repairs_damaged_files_and_keeps_a_copy(up: UpProcess, client: ShopClient) -> None:
    up.start()
    up.read_until(OPEN)
    waiting = client.place_order()
    client.wait_for_status(waiting, "pending_validation")
    up.end(2)
    damage(up.state_dir)
    doctor = subprocess.run([PIZZASHOP, "doctor"], env=up.env, cwd=up.cwd, capture_output=True, text=True)
    assert doctor.returncode == 0
    assert "appendonly.aof.1.incr.aof is damaged after" in doctor.stdout
    up.start()
    up.read_until(OPEN)
    (writes,) = up.state_dir.glob("valkey/damaged-*")
    (scheduler,) = up.state_dir.glob("scheduler-damaged-*")
    assert str(writes) in up.output
    assert str(scheduler) in up.output
    client.decide(waiting, approved=True)
    # The record reads `pending_validation` before the engine has ended that turn. If it had not, the scheduler lost the
    # turn's reminder, and the order is stuck until the reconciler continues it.
    client.wait_for_status(waiting, "delivered", seconds=150)
    assert up.end(2) == 0
