"""The classics against libCacheSim's implementations of the same policies, with a right-sized table.

Trace: Zipf(0.8), 20 M requests over 1 M items, unit sizes, capacity 100,000; policies that cost libCacheSim
more than a microsecond a request get a trace of 2 M. libCacheSim (GPL-3, from PyPI, in an environment of
its own) runs with hashpower 18. Rounds alternate between the two; medians are compared.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from _peers import environment
from bench_caching import memory, peer, replay_seconds

from olearn import traces
from olearn.traces import synthetic

#: Our name, libCacheSim's class (None: it has none of the name), whether 2 M requests do.
PAIRS = (
    ("clock", "Clock", False),
    ("sieve", "Sieve", False),
    ("s3-fifo", "S3FIFO", False),
    ("2q", "TwoQ", False),
    ("slru", "SLRU", False),
    ("arc", "ARC", False),
    ("car", None, False),
    ("lirs", "LIRS", False),
    ("w-tinylfu", "WTinyLFU", False),
    ("lfu-in-cache", "LFU", False),
    ("lfu-da", "LFUDA", True),
    ("gdsf", "GDSF", True),
    ("lru-k", None, True),
    ("lecar", "LeCaR", True),
    ("hyperbolic", "Hyperbolic", True),
)


def main(quick: bool = False) -> list[dict]:
    requests, n, capacity, rounds = (
        (200_000, 20_000, 2_000, 1) if quick else (20_000_000, 1_000_000, 100_000, 3)
    )
    trace = synthetic.zipf(requests, n, alpha=0.8, seed=1)
    short = synthetic.zipf(requests // 10, n, alpha=0.8, seed=1)
    python = None if quick else environment("libcachesim", "libcachesim", "numpy")
    ours: dict[str, list[float]] = {name: [] for name, _, _ in PAIRS}
    theirs: dict[str, list[float]] = {name: [] for name, _, _ in PAIRS}
    hits: dict[str, float] = {}
    peer_hits: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = {False: Path(folder) / "long.oracleGeneral.bin", True: Path(folder) / "short.oracleGeneral.bin"}
        if python is not None:
            traces.save(trace, files[False], format="oracleGeneral")
            traces.save(short, files[True], format="oracleGeneral")
        for _ in range(rounds):
            for name, policy, brief in PAIRS:
                played = short if brief else trace
                items = played.items
                seconds, hits[name] = replay_seconds(name, items, played.catalog_size, capacity)
                ours[name].append(seconds / items.size)
                if python is not None and policy is not None:
                    told = peer(python, files[brief], capacity, 18, policy)
                    theirs[name].extend(s / items.size for s in told["seconds"])
                    peer_hits[name] = 1 - told["miss_ratio"]
    rows = []
    for name, _, _ in PAIRS:
        seconds = statistics.median(ours[name])
        row = {"name": name, "Mreq/s": 1e-6 / seconds, "hit_ratio": hits[name]}
        if theirs[name]:
            row["libCacheSim Mreq/s"] = 1e-6 / statistics.median(theirs[name])
            row["its hit_ratio"] = peer_hits[name]
            row["x libCacheSim"] = statistics.median(theirs[name]) / seconds
        row["bytes/item"] = memory(name, trace.catalog_size)
        rows.append(row)
    return rows


if __name__ == "__main__":
    from olearn._table import text_table

    print(text_table(main(quick="--quick" in sys.argv)))
