"""How near `experts` comes to the best of its members, and to the best of an independent simulator's policies.

``python docs/reproduce_experts.py [FOLDER]`` (``make reproduce-experts``): FOLDER, by default that of
the environment variable OLEARN_SHARED, holds ``traces/`` and ``golden/``; without it the bundled trace
alone is measured. Prints a table of cells (trace x capacity), a summary, a table of other designs on the
cells of .1 to 10 % of the items and one of byte hit ratios, and writes all to ``reproduce-experts.json``.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from olearn import load_trace
from olearn._table import text_table
from olearn.policies.caching import Experts, ExpertsSampled

FILES = {
    "cloudphysics": "libcachesim_cloudphysics/cloudPhysicsIO.oracleGeneral.bin",
    "cmu_cdn": "leadcache_cmu/CMU_dataset.csv",
    "movielens_small": "movielens_small/ratings.csv",
    "mooncake_conversation": "mooncake/conversation_trace.jsonl",
    "adaptsize_request": "caffeine_adaptsize/request.trace.xz",
    "webcachesim_test": "webcachesim_test/test.tr",
    **{f"lirs_{k}": f"caffeine_lirs/{k}.trace.gz" for k in ("gli", "loop", "multi1", "multi3", "ps", "scan")},
    "oltp": "arc/OLTP.lis.zst",
    "web07": "cache2k/web07.trace.xz",
}
SHARES = (0.001, 0.01, 0.05, 0.1)
#: Policies of the simulator that can be deployed.
RIVALS = (
    "lru",
    "fifo",
    "lfu",
    "clock",
    "sieve",
    "s3fifo",
    "arc",
    "twoq",
    "slru",
    "lirs",
    "wtinylfu",
    "lecar",
    "cacheus",
    "lhd",
)
#: Other designs: what they change.
DESIGNS: dict[str, dict] = {
    "as it is": {},
    "LRU for ARC": {"members": "lirs + w-tinylfu(window=0.2) + s3-fifo + lru + ftpl"},
    "LRU as well": {"members": "lirs + w-tinylfu(window=0.2) + s3-fifo + lru + arc + ftpl"},
    "a second W-TinyLFU, window 1 %": {
        "members": "lirs + w-tinylfu(window=0.2) + w-tinylfu(window=0.01) + s3-fifo + arc + ftpl"
    },
    "without FTPL": {"members": "lirs + w-tinylfu(window=0.2) + s3-fifo + arc"},
    "LRU, SIEVE, LFU, ARC, S3-FIFO": {"members": "lru + sieve + lfu + arc + s3-fifo"},
    "LRU and LFU": {"members": "lru + lfu"},
    "gamma 0.05": {"gamma": 0.05},
    "gamma 0.3": {"gamma": 0.3},
    "gamma 1": {"gamma": 1.0},
    "beta 0.5": {"beta": 0.5},
    "beta 4": {"beta": 4.0},
    "beta -1 (never forgets)": {"beta": -1.0},
    'price "capacity"': {"price": "capacity"},
    "perturbed leader, noise 1/3": {"noise": 1 / 3, "beta": -1.0},
    "no safe phase": {"safe": False},
}


def cells(folder: Path | None):
    """(trace name, trace, capacity, best of the simulator or None)."""
    yield from ((("twitter", load_trace("twitter"), c, None)) for c in _sizes(load_trace("twitter")))
    if folder is None:
        return
    golden: dict[str, dict[int, int]] = {}
    with (folder / "golden" / "libcachesim.csv").open() as file:
        for r in csv.DictReader(file):
            if r["ignore_size"] == "1" and r["policy"] in RIVALS:
                best = golden.setdefault(r["trace"], {})
                capacity = int(r["cache_size_objects"])
                best[capacity] = min(best.get(capacity, 10**12), int(r["n_miss"]))
    for name, file in FILES.items():
        if not (folder / "traces" / file).exists():
            continue
        more = {"sort": "time"} if name == "movielens_small" else {}
        more |= {"format": "cache2k"} if name == "web07" else {}
        trace = load_trace(folder / "traces" / file, **more)
        for capacity in dict.fromkeys(
            [*_sizes(trace), *(c for c in golden.get(name, {}) if c < trace.catalog_size)]
        ):
            yield name, trace, capacity, golden.get(name, {}).get(capacity)


def _sizes(trace) -> list[int]:
    return [max(10, round(s * trace.catalog_size)) for s in SHARES]


def main(chosen: list, **design) -> list[dict]:
    """The rows of cells."""
    rows = []
    for name, trace, capacity, rival in chosen:
        cache = Experts(capacity, trace.catalog_size, len(trace), seed=1, **design)
        started = time.process_time()
        hits = int(cache.request_many(trace.items).sum())
        seconds = time.process_time() - started
        losses = cache.losses()
        best = min(losses, key=losses.get)
        rows.append(
            {
                "trace": name,
                "capacity": capacity,
                "share": capacity / trace.catalog_size,
                "experts": hits / len(trace),
                "best member": best.split("(")[0],
                "its ratio": 1 - losses[best] / len(trace),
                "gap": 100 * ((len(trace) - losses[best]) - hits) / len(trace),
                "gap to simulator": None if rival is None else 100 * ((len(trace) - rival) - hits) / len(trace),
                "changes": cache.changes,
                "phase": cache.phase,
                "Mreq/s": len(trace) / seconds / 1e6 if seconds else None,
            }
        )
    return rows


def summary(rows: list[dict]) -> list[str]:
    """What the gaps come to, in points of hit ratio."""
    lines = []
    small = [r for r in rows if r["share"] <= 0.101]
    rival = "the best of the simulator's policies"
    for column, against, chosen, where in (
        ("gap", "the best member", small, " at .1 to 10 % of the items"),
        ("gap to simulator", rival, small, " at .1 to 10 % of the items"),
        ("gap", "the best member", rows, " everywhere"),
        ("gap to simulator", rival, rows, " everywhere"),
    ):
        gaps = np.array([r[column] for r in chosen if r[column] is not None])
        if gaps.size:
            lines.append(
                f"against {against}{where}: {gaps.size} cells, mean {gaps.mean():.2f}, within .5 points "
                f"{np.mean(gaps <= 0.5):.0%}, within 1 {np.mean(gaps <= 1):.0%}, worst {gaps.max():.2f}, "
                f"better in {np.mean(gaps < 0):.0%}"
            )
    return lines


def designs(chosen: list) -> list[dict]:
    """What other designs reach on the same cells, in points of hit ratio."""
    rows = []
    small = [c for c in chosen if c[2] <= 0.101 * c[1].catalog_size]
    for name, design in DESIGNS.items():
        found = main(small, **design)
        own = np.array([r["gap"] for r in found])
        other = np.array([r["gap to simulator"] for r in found if r["gap to simulator"] is not None])
        hits = 100 * np.mean([r["experts"] for r in found])
        row = {
            "design": name,
            "hit ratio": hits,
            "gap to best member": own.mean(),
            "within .5": np.mean(own <= 0.5),
        }
        row |= {"worst": own.max(), "better": np.mean(own < 0)}
        if other.size:
            row |= {
                "gap to simulator": other.mean(),
                "within 1": np.mean(other <= 1),
                "worst of these": other.max(),
            }
        row |= {"changes": float(np.median([r["changes"] for r in found]))}
        row |= {"safe": sum(r["phase"] == "safe" for r in found)}
        rows.append(row)
    return rows


def sampled(chosen: list) -> list[dict]:
    """`experts-sampled` against `experts` where a sample of 16 has at least 30 places."""
    rows = []
    large = [c for c in chosen if 480 <= c[2] <= 0.101 * c[1].catalog_size]
    full = [100 * r["experts"] for r in main(large)]
    for rate in (1, 4, 16):
        gaps, seconds, requests = [], 0.0, 0
        for (_, trace, capacity, _), best in zip(large, full, strict=True):
            cache = ExpertsSampled(capacity, trace.catalog_size, len(trace), rate=rate, seed=1)
            started = time.process_time()
            gaps.append(best - 100 * float(cache.request_many(trace.items).mean()))
            seconds, requests = seconds + time.process_time() - started, requests + len(trace)
        gap = np.array(gaps)
        row = {"rate": rate, "cells": gap.size, "gap to experts": gap.mean(), "within .5": np.mean(gap <= 0.5)}
        row |= {"within 1": np.mean(gap <= 1), "worst": gap.max(), "better": np.mean(gap < 0)}
        rows.append(row | {"Mreq/s": requests / seconds / 1e6})
    return rows


def sized(folder: Path | None) -> list[dict]:
    """Byte hit ratios at shares of the footprint in bytes, on the traces that have sizes."""
    rows = []
    chosen = {"twitter": load_trace("twitter")}
    for name in ("cloudphysics", "adaptsize_request", "webcachesim_test"):
        if folder is not None and (folder / "traces" / FILES[name]).exists():
            chosen[name] = load_trace(folder / "traces" / FILES[name])
    for name, trace in chosen.items():
        sizes = np.asarray(trace.sizes, np.int64)
        if sizes.size == trace.catalog_size != len(trace):
            sizes = sizes[trace.items]
        last = np.zeros(trace.catalog_size, np.int64)
        last[trace.items] = sizes
        for share in SHARES:
            capacity = max(1, int(share * last.sum()))
            cache = Experts(capacity, trace.catalog_size, len(trace), unit="bytes")
            hits = cache.request_many(trace.items, sizes)
            ratio, losses = float((hits * sizes).sum() / sizes.sum()), cache.losses()
            best = min(losses, key=losses.get)
            row = {
                "trace": name,
                "bytes": capacity,
                "share": share,
                "byte hit ratio": ratio,
                "hit ratio": hits.mean(),
            }
            row |= {"best member": best.split("(")[0], "gap": 100 * (1 - losses[best] / sizes.sum() - ratio)}
            rows.append(row | {"changes": cache.changes, "phase": cache.phase})
    return rows


if __name__ == "__main__":
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("OLEARN_SHARED")
    folder = Path(given) if given else None
    every = list(cells(folder))
    found, others, in_bytes = main(every), designs(every), sized(folder)
    print(text_table(found))
    for line in summary(found):
        print(line)
    print()
    print(text_table(others))
    print()
    print(text_table(in_bytes))
    on_samples = sampled(every)
    print()
    print(text_table(on_samples))
    written = {"cells": found, "summary": summary(found), "designs": others, "in bytes": in_bytes}
    written |= {"sampled": on_samples}
    Path("reproduce-experts.json").write_text(json.dumps(written, indent=1))
