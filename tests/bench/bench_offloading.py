"""How fast binary offloading replays: samples a second, by policy, and ratios measured in one process.

Run as a script to print the rows, or call :func:`main`. Nothing is asserted.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from olearn import registry
from olearn.engine.offloading import replay_offloading
from olearn.policies.offloading._base import BinaryPolicy
from olearn.traces.offloading import OffloadTable

# what the project asks for, in samples a second
WANTED = {"hil-f": 1e6, "hil-n": 1e6, "hi-lcb-lite": 20e6}


def made_up(samples: int, levels: int, seed: int = 0) -> OffloadTable:
    """Confidences on `levels` values, right with their chance to the power 1.5, two classes."""
    rng = np.random.default_rng(seed)
    p = (rng.integers(0, levels, samples) + 0.5) / levels
    p = 0.5 + p / 2
    side = rng.random(samples) < 0.5
    one = np.where(side, p, 1 - p)
    return OffloadTable(
        p,
        rng.random(samples) < p**1.5,
        np.ones(samples),
        scores=np.column_stack([1 - one, one]),
        name="made up",
    )


def naive_hil(table: OffloadTable, samples: int) -> float:
    """Samples a second of the usual NumPy HIL-F: a vector of weights over all thresholds, O(n) a sample."""
    thresholds = np.append(table.levels, 1.0)
    log_weights = np.zeros(thresholds.size)
    rng = np.random.default_rng(0)
    started = time.perf_counter()
    for p, right in zip(table["confidence"][:samples], table["local_correct"][:samples]):
        w = np.exp(log_weights - log_weights.max())
        above = thresholds > p
        _ = rng.random() < w[above].sum() / w.sum()
        log_weights -= 0.01 * np.where(above, 0.3, 1.0 - right)
    return samples / (time.perf_counter() - started)


def main(quick: bool = False) -> list[dict[str, Any]]:
    """Rows with a name, samples a second and ratios."""
    samples = 100_000 if quick else 1_000_000
    names = [n for n, c in registry.classes("offloading").items() if issubclass(c, BinaryPolicy)]
    table = made_up(samples, 1000)
    replay_offloading(table[:10], names, cost=0.3, checkpoints=1)  # compile outside the timing
    started = time.perf_counter()
    result = replay_offloading(table, names, cost=0.3, checkpoints=10)
    total = time.perf_counter() - started
    rows: list[dict[str, Any]] = []
    slow = naive_hil(table, 2000)
    for row in result.rows:
        found = {"name": row["policy"], "distinct": 1000, "samples_per_second": row["samples_per_second"]}
        if row["policy"] in WANTED:
            found["times_wanted"] = row["samples_per_second"] / WANTED[row["policy"]]
        if row["policy"] in ("hil-f", "hil-n"):
            found["times_numpy"] = row["samples_per_second"] / slow
        rows.append(found)
    rows.append({"name": "numpy hil-f", "distinct": 1000, "samples_per_second": slow})
    rows.append(
        {
            "name": "all policies",
            "samples": samples,
            "seconds": total,
            "seconds_per_million": total * 1e6 / samples,
        }
    )
    base = None
    for levels in (16, 1000, 30_000):
        one = replay_offloading(made_up(samples, levels), ["hil-f"], cost=0.3, checkpoints=1).rows[0]
        rate = one["samples_per_second"]
        base = base or rate
        rows.append(
            {
                "name": "hil-f by distinct",
                "distinct": levels,
                "samples_per_second": rate,
                "times_16": rate / base,
            }
        )
    return rows


if __name__ == "__main__":
    import sys

    from olearn._table import text_table

    print(text_table(main(quick="--quick" in sys.argv)))
