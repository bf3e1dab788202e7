"""Published results of networks of caches against ours: `make reproduce-networks`.

Reads the instances of Li et al. (SIGMETRICS 2022) from `$OLEARN_SHARED/networks/li22` (by default ../shared).
Each row: the published value (a single run), the mean and deviation of 20 seeds, and whether they agree within
.02 + 2.5 deviations. Gains are (total - measured) / relaxed optimum, both ways; `own` is by the total of the
requests made in the run, which is the right normalisation where a trace is sent (adv-*). The traces of
changing-* are another draw of the same generator: .1 there, and the order of the policies, each with its best
published parameter.

`tgonline` has the floor of 1e-7 of the published code, `pga` its periods (5 where gamma <= .1 in stationary-*,
else 1), `lfu` its start; in trace runs the first request of each demand costs .1 unit of time, so that the end
of the trace is not sent.
"""

import os
import sys
from pathlib import Path

import numpy as np

from olearn._rng import generator
from olearn.optima.networks import relaxed
from olearn.policies.networks import FIFO, LFU, LRU, PGA, EWMAGreedy, Random, TGOnline
from olearn.traces.networks import load_network, poisson_times, read_items, sent

ROOT = Path(__file__).resolve().parent.parent
SEEDS = 20
FLOOR = 1e-7


def demands(net, folder, seed):
    """Requests of one run and their times: Poisson for 100 units of time, or the trace the instance names."""
    words = net.published["requests"].split()
    if words[0] != "trace":
        return poisson_times(net, 100.0, seed)
    found = sent(net, read_items(folder / f"trace-{words[1].rstrip(':')}.txt"), seed)
    new = np.zeros(len(found))
    new[np.unique(found, return_index=True)[1]] = 0.1
    times = np.arange(len(found)) * (1000.0 / (len(found) - 1)) + np.cumsum(new)
    return found[times <= 1000.0], times[times <= 1000.0]


def gains(net, folder, make):
    """Normalised gain of each seed: by the rates' total, and by the run's own."""
    rows = []
    for seed in range(SEEDS):
        requests, times = demands(net, folder, seed)
        full = net.upstream[net.start[:-1]][requests].mean()
        saved = make(seed).run(requests, times).mean()
        expected = net.total / net.rate.sum()
        rows.append((expected - full + saved, saved))
    return 2 * np.array(rows) / net.published["relaxed_optimum"]


def update_cost(net, folder, coupled):
    """(node, item) pairs that are new since the last of the monitoring instants (Poisson, rate 1)."""
    costs = []
    for seed in range(SEEDS):
        requests, times = demands(net, folder, seed)
        policy = TGOnline(net, eta=0.0005, coupled=coupled, floor=FLOOR, seed=seed)
        draw = generator(seed, 73)
        cuts = np.searchsorted(times, np.sort(draw.random(draw.poisson(1000.0)) * 1000.0))
        cost, last = 0, policy.held()
        for low, high in zip([0, *cuts], [*cuts, len(requests)], strict=True):
            policy.run(requests[low:high], times[low:high])
            now = policy.held()
            cost += np.setdiff1d(now, last).size
            last = now
        costs.append(cost)
    return np.array(costs, dtype=float)


class Table:
    """Prints rows and counts those that agree."""

    def __init__(self):
        self.agree = self.rows = 0

    def show(self, name, policy, published, ours, allowed=None):
        """One row: published, mean, deviation, verdict."""
        mean, deviation = float(ours.mean()), float(ours.std(ddof=1))
        limit = 0.02 + 2.5 * deviation if allowed is None else allowed
        good = abs(mean - published) <= limit
        self.agree += good
        self.rows += 1
        verdict = "agrees" if good else "DIFFERS"
        print(
            f"{name:26} {policy:28} {published:9.4f} {mean:9.4f} {deviation:7.4f}  "
            f"{verdict} (within {limit:.3f})",
            flush=True,
        )
        return mean


def policies(net, published):
    """(label, key, parameter, maker) of every published row."""
    yield from (
        (f"tgonline(eta={e})", "tgonline", e, lambda s, e=e: TGOnline(net, eta=float(e), floor=FLOOR, seed=s))
        for e in published["tgonline"]["by_eta"]
    )
    for g in published["pga"]["by_gamma"]:
        period = 5.0 if float(g) <= 0.1 and net.name.startswith("stationary") else 1.0
        yield (
            f"pga(gamma={g})", "pga", g, lambda s, g=g, t=period: PGA(net, gamma=float(g), period=t, seed=s)
        )  # fmt: skip
    for b in published["ewma-greedy"]["by_beta"]:
        yield f"ewma-greedy(beta={b})", "ewma-greedy", b, lambda s, b=b: EWMAGreedy(net, beta=float(b), seed=s)
    start = "together" if net.name.startswith("stationary") else "empty"
    yield "lru", "lru", None, lambda s: LRU(net, seed=s)
    yield "fifo", "fifo", None, lambda s: FIFO(net, seed=s)
    yield "random", "random", None, lambda s: Random(net, seed=s)
    yield f"lfu(start={start})", "lfu", None, lambda s: LFU(net, start=start, seed=s)


def instance(net, folder, table):
    """The rows of one instance."""
    published, own = net.published["published"], net.published.get("published_by_own_total")
    changing = net.name.startswith("changing")
    best = {}
    for label, key, parameter, make in policies(net, published):
        ours = gains(net, folder, make)
        for column, source in ((0, published), (1, own)):
            if not source or key not in source:
                continue
            told = source[key]
            if parameter is not None:
                told = next(iter(told.values()))[parameter]
            allowed = 0.1 if changing else 0.05 if key == "lfu" else None
            mean = table.show(net.name, label + (" own" if column else ""), told, ours[:, column], allowed)
            if column == 0:
                best[key] = max(best.get(key, (-1.0, -1.0)), (told, mean))
    if changing:
        order = sorted(best, key=lambda key: -best[key][0])
        mine = sorted(best, key=lambda key: -best[key][1])
        print(f"{net.name:26} order published {' > '.join(order)}\n{'':26} order ours      {' > '.join(mine)}")


def updates(net, folder, table):
    """The rows of the instance on update costs."""
    for coupled in (True, False):
        word = "coupled" if coupled else "uncoupled"
        told = net.published["published"][f"tgonline {word}, eta .0005"]
        ours = gains(
            net, folder, lambda s, c=coupled: TGOnline(net, eta=0.0005, coupled=c, floor=FLOOR, seed=s)
        )
        table.show(net.name, f"tgonline {word}", told["tacg_over_relaxed"], ours[:, 0])
        cost = update_cost(net, folder, coupled)
        print(f"{'':26} {'update cost':28} {told['update_cost']:9.0f} {cost.mean():9.1f} {cost.std():7.1f}")


def main():
    """Print the table; exits with 2 where the instances are not here."""
    folder = Path(os.environ.get("OLEARN_SHARED", ROOT.parent / "shared")) / "networks" / "li22"
    if not folder.is_dir():
        print(f"the instances are not in {folder} (set OLEARN_SHARED)", file=sys.stderr)
        return 2
    table = Table()
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
        (instance if "tgonline" in net.published["published"] else updates)(net, folder, table)
    print(f"{table.agree} of {table.rows} rows agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
