"""Published results of networks of caches against ours: `make reproduce-networks`.

Reads the instances of Li et al. (SIGMETRICS 2022) from `$OLEARN_SHARED/networks/li22` (by default ../shared).
Each row: the published value (a single run), the mean and deviation of 20 seeds, and whether they agree within
.02 + 2.5 deviations. Gains are (total - measured) / relaxed optimum, both ways; `own` is by the total of the
requests made in the run. The traces of changing-* are another draw of the same generator: .1 there.
"""

import importlib
import os
import sys
from pathlib import Path

import numpy as np

from olearn._rng import generator
from olearn.optima.networks import relaxed
from olearn.policies.networks import TGOnline
from olearn.traces.networks import load_network, poisson, sent

ROOT = Path(__file__).resolve().parent.parent
SEEDS = 20
CLASSES = {"lru": "LRU", "fifo": "FIFO", "random": "Random", "lfu": "LFU"}


def demands(net, folder, seed):
    """Requests of one run: Poisson for 100 units of time, or the trace the instance names."""
    words = net.published["requests"].split()
    if words[0] != "trace":
        return poisson(net, 100.0, seed)
    return sent(net, np.loadtxt(folder / f"trace-{words[1].rstrip(':')}.txt", dtype=int), seed)


def gains(net, folder, make):
    """Normalised gain of each seed: by the rates' total, and by the run's own."""
    rows = []
    for seed in range(SEEDS):
        requests = demands(net, folder, seed)
        full = net.upstream[net.start[:-1]][requests].mean()
        saved = make(seed).run(requests).mean()
        expected = net.total / net.rate.sum()
        rows.append((expected - full + saved, saved))
    return 2 * np.array(rows) / net.published["relaxed_optimum"]


def show(name, policy, published, ours, limit=None):
    """One row: published, mean, deviation, verdict."""
    mean, deviation = float(ours.mean()), float(ours.std(ddof=1))
    allowed = 0.02 + 2.5 * deviation if limit is None else limit
    verdict = "agrees" if abs(mean - published) <= allowed else "DIFFERS"
    print(f"{name:26} {policy:28} {published:9.4f} {mean:9.4f} {deviation:7.4f}  {verdict}", flush=True)


def update_cost(net, folder, coupled):
    """(node, item) pairs that are new since the last of the monitoring instants (Poisson, rate 1)."""
    costs = []
    for seed in range(SEEDS):
        requests = demands(net, folder, seed)
        policy = TGOnline(net, eta=0.0005, coupled=coupled, seed=seed)
        cuts = np.flatnonzero(generator(seed, 73).random(len(requests)) < 1000 / len(requests))
        cost, last = 0, policy.placement()
        for low, high in zip([0, *cuts], [*cuts, len(requests)], strict=True):
            policy.run(requests[low:high])
            now = policy.placement()
            cost += int((now & ~last).sum())
            last = now
        costs.append(cost)
    return np.array(costs, dtype=float)


def main():
    """Print the table; exits with 2 where the instances are not here."""
    folder = Path(os.environ.get("OLEARN_SHARED", ROOT.parent / "shared")) / "networks" / "li22"
    if not folder.is_dir():
        print(f"the instances are not in {folder} (set OLEARN_SHARED)", file=sys.stderr)
        return 2
    print(f"{'instance':26} {'policy':28} {'published':>9} {'mean':>9} {'dev':>7}")
    for path in sorted(folder.glob("*.json")):
        net = load_network(path)
        best = relaxed(net)
        unit = 2 / net.rate.sum()
        gap = (best.bound - best.value) / best.value
        told = net.published["relaxed_optimum"]
        print(
            f"{net.name:26} {'relaxed optimum':28} {told:.9g}  ours {unit * best.value:.9g}  dual gap {gap:.1e}"
        )
        published = net.published["published"]
        limit = 0.1 if net.name.startswith("changing") else None
        if "tgonline" not in published:
            for coupled in (True, False):
                word = "coupled" if coupled else "uncoupled"
                told = published[f"tgonline {word}, eta .0005"]
                ours = gains(
                    net, folder, lambda s, n=net, c=coupled: TGOnline(n, eta=0.0005, coupled=c, seed=s)
                )
                show(net.name, f"tgonline {word}", told["tacg_over_relaxed"], ours[:, 0])
                cost = update_cost(net, folder, coupled)
                print(
                    f"{'':26} {'update cost':28} {told['update_cost']:9.0f} {cost.mean():9.1f} "
                    f"{cost.std():7.1f}"
                )
            continue
        own = net.published.get("published_by_own_total")
        runs = [
            (f"tgonline(eta={e})", ("tgonline", e), lambda s, n=net, e=e: TGOnline(n, eta=float(e), seed=s))
            for e in published["tgonline"]["by_eta"]
        ]
        for name, cls in CLASSES.items():
            kind = getattr(importlib.import_module(f"olearn.policies.networks.{name}"), cls)
            runs.append((name, (name, None), lambda s, n=net, k=kind: k(n, seed=s)))
        for label, (key, eta), make in runs:
            ours = gains(net, folder, make)
            for column, source in ((0, published), (1, own)):
                if source and key in source:
                    told = source[key]["by_eta"][eta] if eta else source[key]
                    show(net.name, label + (" own" if column else ""), told, ours[:, column], limit)
    print(
        "tgonline: without the floor of 1e-7 that the published code adds to every probability; "
        "random: a newcomer is always stored"
    )
    print("not here yet: pga, ewma-greedy; lfu is served in order, without the published artefact of the start")
    return 0


if __name__ == "__main__":
    sys.exit(main())
