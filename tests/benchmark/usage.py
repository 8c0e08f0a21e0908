"""What a running shop uses: keys of the store, the topic's stream, disk, and the memory and CPU of each process."""

import json
from collections import Counter, defaultdict
from pathlib import Path

from psutil import Process
from valkey import Valkey

from pizzashop.dapr.http import HttpClient
from pizzashop.local.programs import SERVICE_PORTS
from pizzashop.local.shop import Shop

# The start of a key shows what the key is for.
KIND_OF_PREFIX = {
    "order_": "records",
    "orders_": "index",
    "open_": "index",
    "validation_": "validation",
    "aside_": "aside",
}


def kind_of_key(key: str) -> str:
    """Return what a key of the store is for."""
    app_id, _, name = key.partition("||")
    if app_id == "pizza-workflow" and not name.startswith("validation_"):
        return "engine"
    return next((kind for prefix, kind in KIND_OF_PREFIX.items() if name.startswith(prefix)), "other")


def measure_usage(shop: Shop, state_dir: Path) -> dict[str, str]:
    """Return everything that could grow, by name: keys and kB by kind, the stream, the directories, and memory."""
    keys: Counter[str] = Counter(dict.fromkeys(("records", "index", "validation", "engine", "aside", "other"), 0))
    sizes: Counter[str] = Counter()
    with Valkey(port=6379, decode_responses=True) as server:
        for key in server.scan_iter(count=1000):
            if key != "orders":
                keys[kind_of_key(key)] += 1
                sizes[kind_of_key(key)] += server.memory_usage(key) or 0
        row = {kind: f"{keys[kind]} ({sizes[kind] // 1024} kB)" for kind in keys}
        stream = server.memory_usage("orders") or 0
        row["stream"] = f"{server.xlen('orders')} events ({stream >> 20} MB)"
        row["valkey memory"] = f"{server.info('memory')['used_memory'] >> 20} MB"
    for name in ("valkey", "scheduler"):
        files = [path for path in (state_dir / name).rglob("*") if path.is_file()]
        row[f"{name} on disk"] = f"{sum(path.stat().st_size for path in files) >> 20} MB"
    return row | _scheduler_usage() | _resident_memory(shop)


def _scheduler_usage() -> dict[str, str]:
    """Return what the scheduler's database holds, read through the HTTP gateway of its etcd."""
    *_, etcd_port, _ = SERVICE_PORTS["scheduler"]
    etcd = f"http://127.0.0.1:{etcd_port}/v3"
    with HttpClient() as http:
        every_key = json.dumps({"key": "AA==", "range_end": "AA==", "count_only": True})
        found = json.loads(http.request("POST", f"{etcd}/kv/range", 10.0, data=every_key).body)
        status = json.loads(http.request("POST", f"{etcd}/maintenance/status", 10.0, data="{}").body)
    in_use = int(status["dbSizeInUse"]) >> 20
    return {
        "scheduler keys": found.get("count", "0"),
        "revision": found["header"]["revision"],
        "scheduler in use": f"{in_use} MB",
    }


def _resident_memory(shop: Shop) -> dict[str, str]:
    """Return the resident memory of each process."""
    return {
        name: f"{sum(process.memory_info().rss for process in processes) >> 20} MB"
        for name, processes in processes_by_name(shop).items()
    }


def proportional_memory(shop: Shop) -> dict[str, float]:
    """Return the memory of each process in MB; shared memory is divided between the processes that share it (PSS)."""
    return {
        name: sum(process.memory_full_info().pss for process in processes) / (1 << 20)
        for name, processes in processes_by_name(shop).items()
    }


def cpu_seconds(shop: Shop) -> dict[str, float]:
    """Return the CPU seconds that each process has used so far."""
    return {
        name: sum(sum(process.cpu_times()[:2]) for process in processes)
        for name, processes in processes_by_name(shop).items()
    }


def processes_by_name(shop: Shop) -> dict[str, list[Process]]:
    """Return the processes of the shop by name: `role kitchen`, `sidecar of kitchen`, `scheduler` and so on."""
    found: dict[str, list[Process]] = defaultdict(list)
    for process in shop.process_trees():
        found[_name(process)].append(process)
    return dict(sorted(found.items()))


def _name(process: Process) -> str:
    words = process.cmdline()
    for flag, prefix in (("--role", "role "), ("--app-id", "sidecar of ")):
        if flag in words:
            return prefix + words[words.index(flag) + 1].removeprefix("pizza-")
    # Valkey puts its address behind its name.
    return Path(words[0]).name.partition(" ")[0] if words else str(process.name())
