"""Language-model caches, in M/s. Goals: prefix LRU 2 blocks, prefix learners 1, experts 5."""

from __future__ import annotations

import time

import numpy as np

from olearn.optima.llm import batched_min, prefix_optimum
from olearn.policies import moe, prefix
from olearn.traces.llm import ChainTrace
from olearn.traces.llm.routing import routing_stream


def prompts(requests: int, seed: int = 1) -> ChainTrace:
    """Conversations that go on: a prompt is one seen before and some more blocks."""
    rng = np.random.default_rng(seed)
    chains: list[list[int]] = []
    new = 0
    for _ in range(requests):
        before = chains[int(rng.integers(len(chains)))] if chains and rng.random() < 0.6 else []
        more = int(rng.integers(1, 12))
        chains.append(before[: int(rng.integers(0, len(before) + 1))] + list(range(new, new + more)))
        new += more
    return ChainTrace.from_ids(chains, 16)


def rate(policy, *data) -> float:
    """Million blocks or experts a second of processor time, compiled beforehand."""
    policy.request_many(data[0][:2], data[1][: data[0][1]])
    policy.reset()
    started = time.process_time()
    policy.request_many(*data)
    return data[1].size / (time.process_time() - started) / 1e6


def main(quick: bool = False) -> list[dict]:
    """Rows: what, M/s, and over the goal."""
    rows = []
    chains = prompts(3_000 if quick else 30_000)
    size = max(50, chains.catalog_size // 50)
    for name, policy, goal in (
        ("prefix lru", prefix.LRU(size, chains.parents), 2.0),
        ("prefix fifo", prefix.FIFO(size, chains.parents), 2.0),
        ("prefix lfu", prefix.LFU(size, chains.parents), 1.0),
        ("prefix cost-aware", prefix.CostAware(size, chains.parents), 1.0),
        ("prefix ftpl", prefix.FTPL(size, chains.parents, len(chains)), 1.0),
    ):
        found = rate(policy, chains.starts, chains.blocks)
        rows.append({"what": name, "M/s": found, "x goal": found / goal})
    stream = routing_stream(tokens=500 if quick else 10_000, layers=16, experts=64, top=4, seed=1)
    layers = np.arange(stream.catalog_size) // stream.experts
    for name, policy in (
        ("experts lru", moe.LRU(16, layers)),
        ("experts lfu", moe.LFU(16, layers)),
        ("experts heat", moe.Heat(16, layers)),
        ("experts ftpl", moe.FTPL(16, layers, len(stream))),
        ("experts pin-hottest", moe.PinHottest(16, layers)),
        ("experts least-stale", moe.LeastStale(16, layers, layers=layers)),
        ("experts prefetch", moe.Prefetch(16, layers, layers=layers)),
    ):
        found = rate(policy, stream.starts, stream.items)
        rows.append({"what": name, "M/s": found, "x goal": found / 5.0})
    for name, call, count in (
        (
            "prefix optimum with certificate",
            lambda: prefix_optimum(chains.starts, chains.blocks, size, chains.tokens),
            chains.blocks.size,
        ),
        (
            "experts optimum with certificate",
            lambda: batched_min(stream.starts, stream.items, 256, forced=True),
            stream.items.size,
        ),
    ):
        call()
        started = time.process_time()
        call()
        rows.append({"what": name, "M/s": count / (time.process_time() - started) / 1e6})
    return rows
