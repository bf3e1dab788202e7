"""Optima: seconds at scale, what the certificates cost, and how far the scalable bounds are from the LP."""

from __future__ import annotations

import time

import numpy as np

from olearn.geometry.nextuse import next_use
from olearn.optima import (
    belady,
    belady_bypass,
    interval_lp,
    k_switch,
    sized,
    static_prefilled,
    static_prefix,
    switching_cost,
)
from olearn.optima.interval import intervals, price_bound
from olearn.optima.paging import certificate


def zipf(requests: int, items: int, skew: float, seed: int) -> np.ndarray:
    """Independent requests, P(item of rank r) ~ r^-skew."""
    weights = np.arange(1, items + 1) ** -skew
    edges = np.cumsum(weights) / weights.sum()
    return np.searchsorted(edges, np.random.default_rng(seed).random(requests)).astype(np.int32)


def seconds(call, repeat: int = 1) -> float:
    """The least of `repeat` wall-clock times."""
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def main(quick: bool = False) -> list[dict]:
    """Rows with seconds, requests per second and ratios."""
    t, n = (200_000, 20_000) if quick else (20_000_000, 1_000_000)
    c = n // 10
    items = zipf(t, n, 0.8, 1)
    small = items[:1000]
    for warm in (belady, belady_bypass, static_prefilled):
        warm(small, 10)
    static_prefix(small, 10, checkpoints=[500])
    counting = seconds(lambda: static_prefilled(items, c), 3)
    rows = [{"name": "static", "requests": t, "seconds": counting, "Mreq/s": t / counting / 1e6, "ratio": 1.0}]
    for name, call in (
        ("static prefix curve", lambda: static_prefix(items, c, checkpoints=[t // 2, t])),
        ("belady", lambda: belady(items, c)),
        ("belady-bypass", lambda: belady_bypass(items, c)),
        ("k-switch:10", lambda: k_switch(items, c, 10, windows=16)),
    ):
        took = seconds(call)
        rows.append(
            {"name": name, "requests": t, "seconds": took, "Mreq/s": t / took / 1e6, "ratio": took / counting}
        )
    # The packing certificate beside the run that it certifies.
    nexts = next_use(items, n)
    points = (np.arange(t) % 97 == 0).astype(np.uint8)
    check = seconds(lambda: certificate(nexts, c, points, forced=False), 2)
    share = check / seconds(lambda: belady_bypass(items, c))
    rows.append({"name": "belady: check / whole", "requests": t, "seconds": check, "ratio": share})
    rows += by_size(quick)
    return rows


def by_size(quick: bool) -> list[dict]:
    """The LP, its check, and the bounds by prices."""
    t, n = (3_000, 900) if quick else (100_000, 30_000)
    items = zipf(t, n, 0.9, 2)
    sizes = np.round(np.random.default_rng(3).lognormal(8.0, 1.5, n)) + 1.0
    capacity = 0.05 * sizes.sum()
    lp = interval_lp(items, capacity, sizes, catalog_size=n)
    j = intervals(items, capacity, sizes, None, n)
    price_bound(j, np.ones(j.gaps))
    check = seconds(lambda: price_bound(j, np.ones(j.gaps)), 3)
    prices = sized(items, capacity, sizes, catalog_size=n, method="prices")
    rows = [
        {"name": "interval-lp", "requests": t, "seconds": lp.seconds, "gap": lp.relative_gap, "ratio": 1.0},
        {"name": "interval-lp: check / solve", "requests": t, "seconds": check, "ratio": check / lp.seconds},
        {
            "name": "sized by prices / LP",
            "requests": t,
            "seconds": prices.seconds,
            "gap": prices.relative_gap,
            "ratio": prices.seconds / lp.seconds,
        },
    ]
    t, n = (30_000, 9_000) if quick else (10_000_000, 1_000_000)
    items = zipf(t, n, 0.9, 4)
    sizes = np.round(np.random.default_rng(5).lognormal(8.0, 1.5, n)) + 1.0
    best = sized(items, 0.05 * sizes.sum(), sizes, catalog_size=n, method="prices")
    rows.append({"name": "sized by prices", "requests": t, "seconds": best.seconds, "gap": best.relative_gap})
    t = 1_000 if quick else 10_000
    flow = switching_cost(zipf(t, t // 5, 0.9, 6), t // 100, 0.5)
    rows.append(
        {"name": "switching-cost:0.5", "requests": t, "seconds": flow.seconds, "gap": flow.relative_gap}
    )
    return rows


if __name__ == "__main__":
    from olearn._table import text_table

    print(text_table(main()))
