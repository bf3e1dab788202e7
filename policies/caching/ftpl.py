r"""Follow the perturbed leader with Gaussian noise drawn once.

Rule: keep the C items with the largest perturbed counts :math:`n_i(t) + \eta \gamma_i`, with
:math:`\gamma \sim N(0, I_N)` drawn once, when the policy is made. A request raises only the score
of its own item, so only the requested item can enter: no prefetching after the initial fill, which
holds the C items with the largest noise.

Cost: O(log C) amortised per request, O(1) on a hit. Memory: 9 bytes per item, 12 per cached item.

Regret: against an oblivious adversary (the requests do not depend on the noise) and the best static
set, prefilled, after T requests

.. math:: E[R_T] \le \eta C \sqrt{2 \ln N} + T / (\eta \sqrt{2\pi}),

which :math:`\eta = (4\pi \ln N)^{-1/4} \sqrt{T/C}` makes
:math:`2 \pi^{-1/4} (\ln N)^{1/4} \sqrt{CT} \approx 1.5023 (\ln N)^{1/4} \sqrt{CT}`. Why: by the
"be the leader" lemma the regret is at most the expected noise of the initial set, at most C times
the expected maximum of N Gaussians, plus the expected gain of seeing one request ahead, which at
each request is the chance that one Gaussian score falls in an interval of length 1.

References
----------
.. [1] R. Bhattacharjee, S. Banerjee and A. Sinha, "Fundamental limits on the regret of online
   network-caching", SIGMETRICS 2020 (arXiv 2003.14085).

Examples
--------
>>> cache = FTPL(capacity=2, catalog_size=6, horizon=100, seed=3)
>>> round(cache.eta, 3), len(cache)
(3.246, 2)
>>> round(cache.bound().value, 1)
24.6
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.errors import check_real
from olearn.geometry import lazyheap
from olearn.policies.caching._base import EVICTED, FETCHED, OCCUPANCY, PEAK, STATS, CachingPolicy


class State(NamedTuple):
    """Perturbed counts of all items, and a lazy heap of those held."""

    score: np.ndarray  # float64 (N,)
    held: np.ndarray  # uint8 (N,)
    keys: np.ndarray  # float64 (C,)
    items: np.ndarray  # int32 (C,)
    stats: np.ndarray  # float64 (5,)


def init(capacity: int, catalog_size: int, eta: float, seed: int) -> State:
    """The C items with the largest noise."""
    score = eta * _rng.generator(seed).standard_normal(catalog_size)
    items = np.argpartition(score, catalog_size - capacity)[catalog_size - capacity :]
    items = items[np.argsort(score[items], kind="stable")].astype(np.int32)  # a sorted array is a heap
    held = np.zeros(catalog_size, np.uint8)
    held[items] = 1
    stats = np.zeros(STATS)
    stats[OCCUPANCY] = stats[PEAK] = capacity
    return State(score, held, score[items], items, stats)


@kernel(inline=True)
def step(state, item):
    score = state.score
    score[item] += 1.0
    if state.held[item] != 0:
        return True
    if score[item] > state.keys[0]:  # the top's key may be stale, that is too low: look closer
        _challenge(state, item)
    return False


@kernel
def _challenge(state, item):
    """Replace the lowest true score if the requested item's is higher."""
    score, held, keys, items, stats = state.score, state.held, state.keys, state.items, state.stats
    victim = lazyheap.refresh_top(keys, items, keys.size, score)
    if score[item] > keys[0]:
        held[victim] = 0
        held[item] = 1
        stats[FETCHED] += 1.0
        stats[EVICTED] += 1.0
        lazyheap.replace_top(keys, items, keys.size, score[item], item)


@kernel
def run(state, items, rewards):
    for t in range(items.size):
        rewards[t] = step(state, items[t])


@kernel
def share(state, item):
    return float(state.held[item])


class FTPL(CachingPolicy):
    __doc__ = __doc__

    name = "ftpl"
    randomised = True
    rule = "keep the C largest of count_i + eta * gamma_i, gamma Gaussian, drawn once"
    reference = "Bhattacharjee, Banerjee and Sinha, SIGMETRICS 2020"
    step, run, share = staticmethod(step), staticmethod(run), staticmethod(share)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        eta: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed)
        self._eta = eta
        self._first_catalog = catalog_size

    @property
    def eta(self) -> float:
        """Scale of the noise, in requests; by default the value that minimises the bound."""
        if self._eta is not None:
            return check_real("eta", self._eta, 0.0)
        horizon = self.require_horizon("eta")
        spread = 4 * math.pi * math.log(max(self.catalog_size, 2))
        return spread**-0.25 * math.sqrt(horizon / self.capacity)

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self.eta, self.seed)

    def fractions(self) -> np.ndarray:
        return self.state.held.astype(np.float64)

    def _extend(self, state: State, catalog_size: int) -> State:
        # Fresh noise for the items added, from a stream of their own; those above the smallest score
        # held enter at their first request, as every item does.
        fresh = _rng.generator(self.seed, catalog_size).standard_normal(catalog_size - self.catalog_size)
        held = np.zeros(catalog_size, np.uint8)
        held[: self.catalog_size] = state.held
        return state._replace(score=np.concatenate([state.score, self.eta * fresh]), held=held)

    def bound(self, requests: int | None = None) -> Bound | None:
        if self.catalog_size > self._first_catalog:
            return None  # an item added late enters at its first request only, whatever its noise
        t = requests if requests is not None else self.require_horizon("requests")
        noise = self.eta * self.capacity * math.sqrt(2 * math.log(self.catalog_size))
        ahead = t / (self.eta * math.sqrt(2 * math.pi)) if self.eta > 0 else math.inf
        return Bound(
            noise + ahead if self.capacity < self.catalog_size else 0.0,
            "eta C sqrt(2 ln N) + T / (eta sqrt(2 pi))",
            "best static set, prefilled",
            "in expectation",
            (
                "the requests do not depend on the noise (oblivious adversary)",
                "unit sizes, a hit is worth 1",
                "the catalogue is fixed",
            ),
            self.reference + "; derived in the docstring",
        )

    def parameters(self) -> dict[str, Any]:
        return {"eta": self.eta}
