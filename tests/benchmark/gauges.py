"""What of a running shop could grow: the store, the topic, the scheduler's data, and each process."""

import json
from collections import Counter, defaultdict
from pathlib import Path

from psutil import Process
from valkey import Valkey

from pizzashop.dapr.http import HttpClient
from pizzashop.local.shop import Shop

KINDS = {"order_": "records", "orders_": "index", "open_": "index", "validation_": "validation", "aside_": "aside"}


def kind_of(key: str) -> str:
    """What a key of the store is for."""
    app_id, _, name = key.partition("||")
    if app_id == "pizza-workflow" and not name.startswith("validation_"):
        return "engine"
    return next((kind for start, kind in KINDS.items() if name.startswith(start)), "other")


def measure(shop: Shop, state_dir: Path) -> dict[str, str]:
    """Everything that could grow: keys and kB by kind, the stream, the directories, and each process's memory."""
    keys: Counter[str] = Counter(dict.fromkeys(("records", "index", "validation", "engine", "aside", "other"), 0))
    sizes: Counter[str] = Counter()
    with Valkey(port=6379, decode_responses=True) as server:
        for key in server.scan_iter(count=1000):
            if key != "orders":
                keys[kind_of(key)] += 1
                sizes[kind_of(key)] += server.memory_usage(key) or 0
        row = {kind: f"{keys[kind]} ({sizes[kind] // 1024} kB)" for kind in keys}
        stream = server.memory_usage("orders") or 0
        row["stream"] = f"{server.xlen('orders')} events ({stream >> 20} MB)"
        row["valkey memory"] = f"{server.info('memory')['used_memory'] >> 20} MB"
    for name in ("valkey", "scheduler"):
        files = [each for each in (state_dir / name).rglob("*") if each.is_file()]
        row[f"{name} on disk"] = f"{sum(each.stat().st_size for each in files) >> 20} MB"
    return row | jobs(shop) | memory(shop)


def jobs(shop: Shop) -> dict[str, str]:
    """What the scheduler's database holds now, through the gateway of its etcd."""
    etcd = f"http://127.0.0.1:{shop.services['scheduler'].ports[2]}/v3"
    with HttpClient() as http:
        everything = json.dumps({"key": "AA==", "range_end": "AA==", "count_only": True})
        found = json.loads(http.request("POST", f"{etcd}/kv/range", 10.0, data=everything).body)
        status = json.loads(http.request("POST", f"{etcd}/maintenance/status", 10.0, data="{}").body)
    in_use = int(status["dbSizeInUse"]) >> 20
    return {
        "scheduler keys": found.get("count", "0"),
        "revision": found["header"]["revision"],
        "scheduler in use": f"{in_use} MB",
    }


def memory(shop: Shop) -> dict[str, str]:
    """Resident memory by process, in MB."""
    return {name: f"{sum(each.memory_info().rss for each in found) >> 20} MB" for name, found in by_name(shop).items()}


def proportional(shop: Shop) -> dict[str, float]:
    """Memory by process in MB, what several share counted in parts (PSS)."""
    found = by_name(shop)
    return {name: sum(each.memory_full_info().pss for each in found[name]) / (1 << 20) for name in found}


def cpu_seconds(shop: Shop) -> dict[str, float]:
    """CPU seconds that each process has used so far."""
    return {name: sum(sum(each.cpu_times()[:2]) for each in found) for name, found in by_name(shop).items()}


def by_name(shop: Shop) -> dict[str, list[Process]]:
    """The processes of the shop by what they are."""
    found: dict[str, list[Process]] = defaultdict(list)
    for process in shop.process_trees():
        found[_name(process)].append(process)
    return dict(sorted(found.items()))


def _name(process: Process) -> str:
    words = process.cmdline()
    for flag, prefix in (("--role", "role "), ("--app-id", "sidecar of ")):
        if flag in words:
            return prefix + words[words.index(flag) + 1].removeprefix("pizza-")
    # Valkey writes its address behind its name.
    return Path(words[0]).name.partition(" ")[0] if words else str(process.name())
