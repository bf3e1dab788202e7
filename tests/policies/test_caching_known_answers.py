"""Hit ratios measured by independent prototypes on real traces, to the digits they give.

Optimum, Belady (with bypass), LRU and fractional OGD are exact; perfect LFU may break ties otherwise
(0.006), FTPL is a mean over other seeds (0.005).
"""

import functools
import math

import numpy as np
import pytest

from olearn import registry, traces
from olearn.policies.caching import OGD

# trace: (file, capacity, OPT, Belady, LRU, perfect LFU, FTPL, OGD)
ANSWERS = {
    "ml25m": ("optimistic_caching/ml_trace_10k_mini.npy", 150, 0.2635, 0.3402, 0.0766, 0.2043, 0.1580, 0.1602),
    "cloudphysics-489": (
        "libcachesim_cloudphysics/cloudPhysicsIO.oracleGeneral.bin",
        489,
        0.1542,
        0.2074,
        0.1620,
        0.1401,
        0.1205,
        0.1237,
    ),
    "cloudphysics-4897": (
        "libcachesim_cloudphysics/cloudPhysicsIO.oracleGeneral.bin",
        4897,
        0.3444,
        0.3711,
        0.1951,
        0.2456,
        0.2249,
        0.2174,
    ),
    "loop": ("caffeine_lirs/loop.trace.gz", 101, 0.0999, 0.0997, 0.0, 0.0997, 0.0956, 0.0932),
    "multi1": ("caffeine_lirs/multi1.trace.gz", 260, 0.5209, 0.5274, 0.4342, 0.4875, 0.4633, 0.4516),
    "multi3": ("caffeine_lirs/multi3.trace.gz", 745, 0.5214, 0.5292, 0.3549, 0.4584, 0.4374, 0.4325),
    "scan": ("caffeine_lirs/scan.trace.gz", 200, 0.1000, 0.0960, 0.0, 0.0960, 0.0823, 0.0700),
}
REGRET_AND_BOUND = {"ml25m": (1033, 1216), "loop": (3386, 6779), "multi3": (2689, 4503), "scan": (1500, 3001)}


@functools.cache
def _trace(folder, file):
    if file.endswith(".npy"):
        # The catalogue of the published experiment has 10,379 items; 10,000 requests do not touch them all.
        keys = np.load(folder / "traces" / file).astype(np.int64)[:10_000]
        return traces.Trace.from_keys(keys), 10_379
    trace = traces.load(folder / "traces" / file)
    return trace, trace.catalog_size


@pytest.mark.jit_only
@pytest.mark.parametrize("name", ANSWERS)
def test_hit_ratios(shared, name):
    file, capacity, opt, belady, lru, lfu, ftpl, ogd = ANSWERS[name]
    trace, n = _trace(shared, file)

    def ratio(policy, seed=0):
        offline = policy in ("static", "belady-bypass")
        more = {"requests": trace.items} if offline else {}
        if policy == "ftpl":  # the step of the published table; the default is tuned to a smaller bound now
            more["eta"] = (4 * math.pi * math.log(n)) ** -0.25 * math.sqrt(len(trace) / capacity)
        cache = registry.find("caching", policy)(capacity, n, len(trace), seed=seed, **more)
        return cache.request_many(trace.items).mean()

    assert ratio("static") == pytest.approx(opt, abs=6e-5)
    assert ratio("belady-bypass") == pytest.approx(belady, abs=6e-5)
    assert ratio("lru") == pytest.approx(lru, abs=6e-5)
    assert ratio("ogd") == pytest.approx(ogd, abs=6e-5)
    assert ratio("lfu") == pytest.approx(lfu, abs=0.006)
    assert np.mean([ratio("ftpl", seed) for seed in range(3)]) == pytest.approx(ftpl, abs=0.005)
    if name in REGRET_AND_BOUND:
        regret, bound = REGRET_AND_BOUND[name]
        assert (ratio("static") - ratio("ogd")) * len(trace) == pytest.approx(regret, abs=1)
        assert OGD(capacity, n, len(trace)).bound().value == pytest.approx(bound, abs=1)
