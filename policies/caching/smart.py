r"""SMART: perfect LFU for as long as its regret is small, then follow the perturbed leader, started afresh.

Rule: keep the C items with the largest counts (the leader, perfect LFU). Its regret is known as it runs: the
best static set of the requests so far gains with each request of a leader, and with one that makes its item a
leader, the cache with the first kind only. So the regret is the number of fetches. Once it reaches the
threshold theta, counts are forgotten and `ftpl` plays to the end, with its own default noise.

With g the regret bound of `ftpl` for the horizon, ``threshold="random"`` draws :math:`\theta = g \ln(1 +
(e-1)U)`, U uniform on (0, 1); ``"fixed"`` takes theta = g.

The change itself fetches up to C items that nobody asked for (``fetched_other``).

Cost: O(log C) amortised per request; O(N) once. Memory: 9 bytes per item, 12 per cached item.

Regret: against the best static set, prefilled, requests not depending on the random numbers,

.. math:: E R_T \le \frac{e}{e-1} \min(R^{LFU}_T, g) + 1, \qquad
          \text{with the fixed threshold}\quad E R_T \le 2 \min(R^{LFU}_T, g) + 1 .

Why: without a change the regret is that of perfect LFU. With one at theta it is at most theta + 1 up to there,
and g after it (the best set of all requests gains no more than the best sets of both parts). That is renting
skis at the regret of LFU, which never falls, or buying at g: the threshold's density :math:`e^{u}/(e-1)` on
[0, g] is the best there is.

References
----------
.. [1] S. Banerjee, A. Bhatt and C. L. Yu, "The SMART approach to instance-optimal online learning", 2024 (arXiv
   2402.17720).
.. [2] A. Karlin, M. Manasse, L. McGeoch and S. Owicki, "Competitive randomized algorithms for nonuniform
   problems", Algorithmica 11, 1994 (the density).

Examples
--------
>>> cache = SMART(capacity=1, catalog_size=3, horizon=100, threshold="fixed")
>>> cache.request_many([2, 2, 2, 1, 2]).tolist()
[False, True, True, False, True]
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.bounds import Bound, declared
from olearn.errors import check_real, unknown
from olearn.geometry import lazyheap
from olearn.geometry.selection import kth_largest
from olearn.policies.caching._base import CachingPolicy, Common, extended
from olearn.policies.caching._ledger import EVICTED, FETCHED, FETCHED_OTHER, new_stats

THRESHOLDS = ("random", "fixed")
#: Places in ``phase``: the regret of LFU so far; whether the change was made.
REGRET, CHANGED = range(2)


class State(NamedTuple):
    """Scores of all items, and a lazy heap of those held."""

    score: np.ndarray  # float64 (N,): counts; after the change plus noise
    held: np.ndarray  # uint8 (N,)
    keys: np.ndarray  # float64 (C,)
    items: np.ndarray  # int32 (C,)
    work: np.ndarray  # float64 (N,)
    phase: np.ndarray  # float64 (2,)
    theta: float
    eta: float
    rng: np.ndarray  # uint64 (4,)
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, theta: float, eta: float, seed: int) -> State:
    """The first C items."""
    n, c = catalog_size, capacity
    held = np.zeros(n, np.uint8)
    held[:c] = 1
    rng = _rng.new_state(seed)
    return State(
        np.zeros(n),
        held,
        np.zeros(c),
        np.arange(c, dtype=np.int32),
        np.zeros(n),
        np.zeros(2),
        theta,
        eta,
        rng,
        new_stats(c),
    )


@kernel(inline=True)
def step(state, item):
    hit = state.held[item] != 0
    state.score[item] += 1.0
    if not hit and state.score[item] > state.keys[0]:
        _challenge(state, item)
    return hit


@kernel
def _challenge(state, item):
    """Enter in place of the lowest leader if the score is higher; that may be the end of LFU."""
    score, held, keys, items, stats, phase = (
        state.score,
        state.held,
        state.keys,
        state.items,
        state.stats,
        state.phase,
    )
    victim = lazyheap.refresh_top(keys, items, keys.size, score)
    if score[item] > keys[0]:
        held[victim] = 0
        held[item] = 1
        lazyheap.replace_top(keys, items, keys.size, score[item], item)
        stats[FETCHED] += 1.0
        stats[EVICTED] += 1.0
        if phase[CHANGED] == 0.0:
            phase[REGRET] += 1.0
            if phase[REGRET] >= state.theta:
                phase[CHANGED] = 1.0
                _change(state)


@kernel
def _change(state):
    """Counts are forgotten: the C largest of fresh noise."""
    score, held, work = state.score, state.held, state.work
    c = state.keys.size
    for i in range(score.size):
        score[i] = state.eta * _rng.normal(state.rng)
        work[i] = score[i]
    least = kth_largest(work, c)
    room = c
    for i in range(score.size):
        room -= score[i] > least
    size = 0
    for i in range(score.size):
        wanted = score[i] > least
        if score[i] == least and room > 0:
            wanted = True
            room -= 1
        if wanted:
            size = lazyheap.push(state.keys, state.items, size, score[i], i)
        if wanted and held[i] == 0:
            held[i] = 1
            state.stats[FETCHED_OTHER] += 1.0
        elif not wanted and held[i] != 0:
            held[i] = 0
            state.stats[EVICTED] += 1.0


@kernel(inline=True)
def share(state, item):
    return float(state.held[item])


class SMART(CachingPolicy):
    __doc__ = __doc__

    name = "smart"
    randomised = True
    fetches_unasked = True
    rule = "perfect LFU until its regret reaches a threshold, then ftpl afresh"
    reference = "Banerjee, Bhatt and Yu 2024"
    step, share = staticmethod(step), staticmethod(share)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        threshold: str = "random",
        eta: float | None = None,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self.threshold = threshold
        self._eta = eta

    @property
    def eta(self) -> float:
        """Scale of the noise after the change, as for `ftpl`: (4 pi ln(N e/C))^(-1/4) sqrt(T/C)."""
        if self._eta is not None:
            return check_real("eta", self._eta, 1e-12)
        leaders = math.log(self._first_catalog * math.e / self._first_capacity)
        return (4 * math.pi * leaders) ** -0.25 * math.sqrt(self.require_horizon("eta") / self._first_capacity)

    def validate(self) -> None:
        super().validate()
        if self.threshold not in THRESHOLDS:
            raise unknown("threshold", str(self.threshold), THRESHOLDS)
        self.require_horizon("horizon")

    def parameters(self) -> dict[str, Any]:
        return {"threshold": self.threshold, "eta": self.eta}

    def worst(self, requests: int) -> float:
        """g: the bound of `ftpl` with this noise after so many requests."""
        n, c = self._first_catalog, self._first_capacity
        sets = math.lgamma(n + 1) - math.lgamma(c + 1) - math.lgamma(n - c + 1)
        start = self.eta * math.sqrt(max(0.0, 2 * min(c, n - c) * sets))
        return start + requests * math.erf(1 / (self.eta * math.sqrt(8)))

    def _init(self) -> State:
        theta = self.worst(self.require_horizon("horizon"))
        if self.threshold == "random":
            theta *= math.log1p((math.e - 1) * float(_rng.generator(self.seed, 1).random()))
        return init(self.capacity, self.catalog_size, theta, self.eta, self.seed)

    def fractions(self) -> np.ndarray:
        return self.state.held.astype(np.float64)

    def _extend(self, state: State, catalog_size: int) -> State:
        return state._replace(
            score=extended(state.score, catalog_size, 0.0),
            held=extended(state.held, catalog_size, 0),
            work=extended(state.work, catalog_size, 0.0),
        )

    def realised(self) -> dict[str, float]:
        phase = self.state.phase
        return {} if phase[CHANGED] else {"leader_regret": float(phase[REGRET])}

    def bound(
        self, requests: int | None = None, *, realised: Mapping[str, float] | None = None
    ) -> Bound | None:
        n, c = self.catalog_size, self.capacity
        if n > self._first_catalog:
            return None
        t = requests if requests is not None else self.require_horizon("requests")
        if t > self.require_horizon("horizon"):
            return None  # the threshold was drawn for the horizon
        if realised is not None and "leader_regret" in realised:
            return declared(
                realised["leader_regret"],
                "fetches: the regret of perfect LFU, which was never left",
                "best static set, prefilled",
                "every sequence",
                ("unit sizes, a hit is worth 1", "the catalogue is fixed"),
                self.reference + "; derived in the docstring",
            )
        factor, text = (math.e / (math.e - 1), "e/(e-1)") if self.threshold == "random" else (2.0, "2")
        g = self.worst(self.require_horizon("horizon"))
        return declared(
            factor * g + 1 if c < n else 0.0,
            f"{text} g + 1, g = the bound of ftpl for the horizon",
            "best static set, prefilled",
            "in expectation",
            (
                "the requests do not depend on the random numbers (oblivious adversary)",
                "unit sizes, a hit is worth 1",
                "the catalogue is fixed",
            ),
            self.reference + "; derived in the docstring",
        )
