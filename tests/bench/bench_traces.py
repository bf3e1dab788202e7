"""Traces: loading and interning, next requests, reuse distances, generators.

Rates in million requests a second; ratios are to a plain NumPy way of the same job in the same run.
The loads run in a fresh process each, which also gives their peak memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from olearn.traces import synthetic
from olearn.traces.stats import reuse_distances

_LOAD = """
import json, resource, sys, time
from olearn.traces import load
start = time.perf_counter()
trace = load(sys.argv[1])
spent = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps([len(trace), trace.catalog_size, spent, peak]))
"""
_STORE = """
import json, resource, sys, time
from olearn.traces._store import convert_to_store
start = time.perf_counter()
trace = convert_to_store(sys.argv[1], sys.argv[1] + ".store")
spent = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
start = time.perf_counter()
total = sum(items.size for _, items, _ in trace.blocks())
print(json.dumps([total, trace.catalog_size, spent, peak, time.perf_counter() - start]))
"""
_NUMPY = """
import json, sys, time
import numpy as np
record = np.dtype([("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next", "<i8")])
start = time.perf_counter()
keys, items = np.unique(np.fromfile(sys.argv[1], record)["id"], return_inverse=True)
print(json.dumps(time.perf_counter() - start))
"""


def main(quick: bool = False) -> list[dict[str, Any]]:
    """Measure everything; `quick` takes a twentieth of the requests."""
    requests, items = (1_000_000, 50_000) if quick else (20_000_000, 1_000_000)
    synthetic.zipf(1_000, 10)  # compile, or load from the cache
    trace, spent = _timed(lambda: synthetic.zipf(requests, items, 0.8, seed=1))
    draws, plain = _timed(lambda: _inverse_cdf(requests, items, 0.8))
    rows = [_row("generate zipf(0.8)", requests, spent, ratio_to_searchsorted=plain / spent)]
    del draws

    trace[:1000].next_use()
    nexts, spent = _timed(trace.next_use)
    _, plain = _timed(lambda: np.argsort(trace.items, kind="stable"))
    rows.append(_row("next use", requests, spent, ratio_to_argsort=plain / spent))
    del nexts
    reuse_distances(trace[:1000])
    _, spent = _timed(lambda: reuse_distances(trace))
    rows.append(_row("reuse distances", requests, spent, ratio_to_argsort=plain / spent))

    with tempfile.TemporaryDirectory() as folder:
        for ending in ("oracleGeneral", "csv", "npz"):
            path = Path(folder, f"zipf.{ending}")
            _, writing = _timed(lambda path=path: trace.save(path))
            count, _, spent, peak = _child(_LOAD, path)
            assert count == requests
            row = _row(f"load {ending}", requests, spent, peak_gib=peak, written=requests / writing / 1e6)
            if ending == "oracleGeneral":
                row["ratio_to_numpy_unique"] = _child(_NUMPY, path) / spent
            rows.append(row)
            if ending == "oracleGeneral":
                count, _, storing, peak, again = _child(_STORE, path)
                assert count == requests
                row = _row("convert to store", requests, storing, peak_gib=peak, ratio_to_load=spent / storing)
                rows.append(row | {"blocks_millions_a_second": requests / again / 1e6})
            path.unlink()
    return rows


def _row(name: str, requests: int, seconds: float, **more: float) -> dict[str, Any]:
    return {
        "name": name,
        "requests": requests,
        "seconds": seconds,
        "millions_a_second": requests / seconds / 1e6,
    } | more


def _timed(call: Any) -> tuple[Any, float]:
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def _child(script: str, path: Path) -> Any:
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _inverse_cdf(requests: int, items: int, alpha: float) -> np.ndarray:
    cumulative = np.cumsum(np.arange(1, items + 1) ** -alpha)
    return np.searchsorted(cumulative, np.random.default_rng(1).random(requests) * cumulative[-1])


if __name__ == "__main__":
    for line in main(quick="--quick" in sys.argv):
        print("  ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in line.items()))
