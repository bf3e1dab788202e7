"""What the invariant checks of the run machine cost: seconds inside them over seconds of the whole replay.

Every run checks its invariants at chunk borders (where that is cheap) and at its end. The checks are timed in
place (processor time), so that the ratio does not drown in the noise between two runs. Goal: under 2 %.
"""

from __future__ import annotations

import time

import olearn
from olearn.engine.caching.game import CachingGame
from olearn.traces import synthetic


def share(policy: str, requests, capacity: int) -> tuple[float, float]:
    """Seconds of a replay without comparators, and the share of them that went into the checks."""
    spent = 0.0
    original = CachingGame.invariants

    def timed(self, play, done):
        nonlocal spent
        started = time.thread_time()
        breaches = list(original(self, play, done))
        spent += time.thread_time() - started
        return breaches

    CachingGame.invariants = timed
    try:
        started = time.process_time()
        olearn.replay(requests, policy, capacity, offline=False, jobs=1)
        whole = time.process_time() - started
    finally:
        CachingGame.invariants = original
    return whole, spent / whole


def main(quick: bool = False) -> list[dict]:
    """Rows: policy, catalogue, requests, seconds, the share of the checks."""
    rows = []
    for n, requests in ((1000, 100_000),) if quick else ((1000, 5_000_000), (1_000_000, 5_000_000)):
        items = synthetic.zipf(requests, n, alpha=0.8, seed=1)
        for policy in ("lru", "ftpl", "ogb", "ogd", "omd", "experts"):
            share(policy, items, max(1, n // 20))  # compile
            seconds, part = share(policy, items, max(1, n // 20))
            rows.append(
                {
                    "policy": policy,
                    "items": n,
                    "requests": requests,
                    "seconds": seconds,
                    "checks": f"{part:.2%}",
                }
            )
    return rows
