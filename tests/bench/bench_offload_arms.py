"""How fast the policies that choose among arms replay: samples a second, and ratios measured in one process.

Run as a script to print the rows, or call :func:`main`. Nothing is asserted.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from olearn.engine.offloading.arms import default_policies, replay_arms
from olearn.registry import find
from olearn.traces.offloading.exits import synthetic_exits
from olearn.traces.offloading.routing import catalogue_routing, synthetic_routing
from olearn.traces.offloading.servers import poisson_arrivals
from olearn.traces.offloading.splits import SplitTable

#: What the project asks for, in samples a second.
WANTED = {"linucb-routing": 0.5e6}


def splits(samples: int, points: int = 92, d: int = 8) -> SplitTable:
    """As many split points and features as MobileNet has in Scission's measurements."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.random((points, d)), axis=0)[::-1].copy()
    x[-1] = 0.0
    remote = (x @ rng.uniform(10, 80, d)) * np.exp(0.1 * rng.standard_normal((samples, 1)))
    return SplitTable(np.sort(rng.uniform(0, 700, points)), remote, x)


def numpy_ans(table: SplitTable, rounds: int) -> float:
    """Frames a second of the textbook form in NumPy: P quadratic forms a frame."""
    points, d = table.features.shape
    x, inverse, b = table.features, np.eye(d) / 0.01, np.zeros(d)
    started = time.perf_counter()
    for t in range(rounds):
        width = np.sqrt(np.einsum("pi,ij,pj->p", x, inverse, x))
        p = int(np.argmin(table.front + x @ (inverse @ b) - 70.0 * width))
        if p < points - 1:
            gain = inverse @ x[p]
            inverse -= np.outer(gain, gain) / (1.0 + x[p] @ gain)
            b += table["remote"][t, p] * x[p]
    return rounds / (time.perf_counter() - started)


def numpy_linucb(x: np.ndarray, reward: np.ndarray, rounds: int, invert: bool) -> float:
    """Prompts a second in NumPy, by rank-one steps or by inverting for every model and prompt."""
    d, arms = x.shape[1], reward.shape[1]
    A, inverse, b = np.stack([np.eye(d)] * arms), np.stack([np.eye(d)] * arms), np.zeros((arms, d))
    started = time.perf_counter()
    for t in range(rounds):
        if invert:
            inverse = np.linalg.inv(A)
        gain = inverse @ x[t]
        k = int(np.argmax(np.einsum("kij,kj->ki", inverse, b) @ x[t] + np.sqrt(gain @ x[t])))
        A[k] += np.outer(x[t], x[t])
        if not invert:
            inverse[k] -= np.outer(gain[k], gain[k]) / (1.0 + x[t] @ gain[k])
        b[k] += reward[t, k] * x[t]
    return rounds / (time.perf_counter() - started)


def best_of(name: str, table: Any, runs: int) -> float:
    """The best rate of many short runs: what the kernel does when nothing else runs on the core."""
    cls = find("offloading", name)
    arrived = np.arange(len(table))
    return max(len(table) / cls.for_table(table).play(table, arrived).seconds for _ in range(runs))


def main(quick: bool = False) -> list[dict[str, Any]]:
    """Rows with a name, samples a second and ratios."""
    n = 20_000 if quick else 1_000_000
    few = 200 if quick else 2000
    wide = synthetic_routing(min(n, 200_000), np.linspace(0.5, 0.9, 10), np.linspace(0.1, 1, 10), features=31)
    tables = [
        ("12 exits", synthetic_exits(n, exits=12)),
        ("92 split points, d=8", splits(min(n, 100_000))),
        ("10 models, d=32", wide),
        ("23 models", catalogue_routing(min(n, 100_000))),
        ("3 servers", poisson_arrivals(n, 6.0)),
    ]
    rows: list[dict[str, Any]] = []
    rates: dict[str, float] = {}
    per_million = 0.0
    for what, table in tables:
        names = ["mdinference"] if what == "23 models" else default_policies(table)
        for row in replay_arms(table, names, checkpoints=10).rows:
            rate = row["samples_per_second"]
            rates[row["policy"]] = rate
            per_million += 1e6 / rate
            found = {"name": row["policy"], "table": what, "samples_per_second": rate}
            if row["policy"] in WANTED:
                found["times_wanted"] = rate / WANTED[row["policy"]]
            rows.append(found)
    for name in ("linucb-routing", "lints-routing"):
        rate = best_of(name, wide[:2000], 10 if quick else 100)
        rows.append(
            {"name": f"{name}, best of short runs", "table": "10 models, d=32", "samples_per_second": rate}
        )
        if name in WANTED:
            rows[-1]["times_wanted"] = rate / WANTED[name]
    reward = wide["correct"].astype(np.float64)
    slow = {
        "numpy ans, P forms": ("ans", numpy_ans(tables[1][1], few)),
        "numpy linucb, rank one": ("linucb-routing", numpy_linucb(wide.router_features(), reward, few, False)),
        "numpy linucb, inverting": (
            "linucb-routing",
            numpy_linucb(wide.router_features(), reward, few // 4, True),
        ),
    }
    for name, (fast, rate) in slow.items():
        rows.append({"name": name, "samples_per_second": rate, "olearn_times": rates[fast] / rate})
    rows.append({"name": "all policies, in kernels", "seconds_per_million": per_million})
    return rows


if __name__ == "__main__":
    from olearn._table import text_table

    print(text_table(main()))
