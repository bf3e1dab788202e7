"""Caching policies against libCacheSim's LRU: replay of a loaded trace, and the whole command.

Trace: Zipf(0.8), 20 M requests over 1 M items, unit sizes, capacity 100,000, written as oracleGeneral.
libCacheSim (GPL-3, from PyPI, in an environment of its own) runs with its default hash table
(hashpower 24) and with a right-sized one (18). Rounds alternate between the two, so that a machine
whose speed drifts treats both alike; medians are compared.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _peers import environment

from olearn import registry, traces
from olearn.traces import synthetic

HERE = Path(__file__).resolve().parent
POLICIES = ("lru", "fifo", "random", "lfu", "ftpl", "omd", "ogd", "ogb")


def replay_seconds(name: str, items: np.ndarray, n: int, capacity: int) -> tuple[float, float]:
    """Seconds of the compiled loop over a loaded trace, and the hit ratio."""
    policy = registry.make("caching", name, capacity=capacity, catalog_size=n, horizon=items.size)
    rewards = np.empty(items.size, np.float64 if policy.fractional else np.bool_)
    type(policy).run(policy.state, items[:0], rewards[:0])
    started = time.perf_counter()
    type(policy).run(policy.state, items, rewards)
    return time.perf_counter() - started, float(rewards.mean())


def peer(python: Path, file: Path, capacity: int, hashpower: int, policy: str = "LRU") -> dict:
    """One replay by libCacheSim."""
    command = [
        str(python),
        str(HERE / "peer_libcachesim.py"),
        str(file),
        str(capacity),
        str(hashpower),
        policy,
        "1",
    ]
    out = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(out.stdout)


def timed(command: list[str]) -> float:
    """Seconds of a whole process."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def state_bytes(state: object) -> int:
    """Bytes of the arrays of a policy's state, nested tuples included."""
    if isinstance(state, np.ndarray):
        return state.nbytes
    return sum(map(state_bytes, state)) if isinstance(state, tuple) else 0


def memory(name: str, n: int) -> float:
    """Bytes per item of a policy's state at C = N/10."""
    policy = registry.make("caching", name, capacity=n // 10, catalog_size=n, horizon=20 * n)
    return state_bytes(policy.state) / n


def main(quick: bool = False) -> list[dict]:
    requests, n, capacity, rounds = (
        (200_000, 20_000, 2_000, 1) if quick else (20_000_000, 1_000_000, 100_000, 3)
    )
    trace = synthetic.zipf(requests, n, alpha=0.8, seed=1)
    python = None if quick else environment("libcachesim", "libcachesim", "numpy")
    ours: dict[str, list[float]] = {p: [] for p in POLICIES}
    theirs: dict[int, list[float]] = {24: [], 18: []}
    hits: dict[str, float] = {}
    whole: dict[str, list[float]] = {"with optima": [], "lru alone": [], "libCacheSim": []}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "zipf.oracleGeneral.bin"
        traces.save(trace, file, format="oracleGeneral")
        for _ in range(rounds):
            for name in POLICIES:
                seconds, hits[name] = replay_seconds(name, trace.items, trace.catalog_size, capacity)
                ours[name].append(seconds)
            if python is not None:
                for power in theirs:
                    told = peer(python, file, capacity, power)
                    theirs[power].extend(told["seconds"])
                    hits["libCacheSim LRU"] = 1 - told["miss_ratio"]
        command = [
            sys.executable,
            "-m",
            "olearn",
            "replay",
            str(file),
            "-p",
            "lru",
            "-c",
            str(capacity),
            "--no-plot",
        ]
        timed(command)  # compile
        for _ in range(rounds):
            whole["with optima"].append(timed(command))
            whole["lru alone"].append(timed([*command, "--no-offline"]))
            if python is not None:
                script = str(HERE / "peer_libcachesim.py")
                whole["libCacheSim"].append(
                    timed([str(python), script, str(file), str(capacity), "24", "LRU", "1"])
                )
    rows = []
    default = statistics.median(theirs[24]) if theirs[24] else None
    sized = statistics.median(theirs[18]) if theirs[18] else None
    for power, seconds in theirs.items():
        if seconds:
            rows.append(
                {
                    "name": f"libCacheSim LRU, hashpower {power}",
                    "Mreq/s": requests / statistics.median(seconds) / 1e6,
                    "hit_ratio": hits["libCacheSim LRU"],
                }
            )
    for name in POLICIES:
        seconds = statistics.median(ours[name])
        rows.append(
            {
                "name": name,
                "Mreq/s": requests / seconds / 1e6,
                "hit_ratio": hits[name],
                "x LRU default": default / seconds if default else None,
                "x LRU sized": sized / seconds if sized else None,
                "bytes/item": memory(name, trace.catalog_size),
            }
        )
    for name in ("with optima", "lru alone"):
        mine = statistics.median(whole[name])
        row = {"name": f"whole command, {name}", "Mreq/s": requests / mine / 1e6}
        if whole["libCacheSim"]:
            row["x LRU default"] = statistics.median(whole["libCacheSim"]) / mine
        rows.append(row)
    return rows


if __name__ == "__main__":
    from olearn._table import text_table

    print(text_table(main(quick="--quick" in sys.argv)))
