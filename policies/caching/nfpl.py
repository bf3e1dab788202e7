r"""NFPL: follow the perturbed leader when only a sample of the requests is seen.

Rule: each request is observed with chance p (``observed``); an observed one adds 1/p to its item's score. The
cache holds the C largest of score + eta gamma, gamma Gaussian, drawn once, and is renewed after every B-th
request (``batch``).

With batches the items that enter were all observed in the batch; those other than the last request count as
``fetched_other``.

Cost: O(1) for a request that is not observed, O(log C) amortised for one that is. Memory: 17 bytes per item, 12
per cached item, 4 per request of a batch.

Regret: in expectation, against the best static set, prefilled, for requests that do not depend on the random
numbers, with :math:`B_N = \sqrt{2 \min(C, N-C) \ln \binom{N}{C}}`

.. math:: E R_T \le \eta B_N + \frac{T (1/p + B - 1)}{\eta \sqrt{2\pi}},

which the default eta makes :math:`2 \sqrt{B_N T (1/p + B - 1) / \sqrt{2\pi}}`. Why: the estimate
:math:`\hat g_t = g_t b_t / p`, b_t the coin, is unbiased and independent of the cache that serves, so the
regret is that of `ftpl` on the estimates. Per batch an item asked for k times and observed m times adds m/p to
its score: it enters only if its noise, given the others, lies in an interval of length m/(p eta), and is worth
m/p then: :math:`E[m^2]/(p^2 \eta \sqrt{2\pi}) = (k/p + k(k-1)) / (\eta \sqrt{2\pi})`; and k <= B.

References
----------
.. [1] Y. Ben Mazziane, F. Faticanti, G. Neglia and S. Alouf, "No-regret caching with noisy request estimates",
   2023, and "Efficient and optimal no-regret caching under partial observation", 2025 (arXiv 2503.02758). The
   bound here is this module's, with Gaussian noise.

Examples
--------
>>> cache = NFPL(capacity=2, catalog_size=6, horizon=100, observed=0.5)
>>> len(cache), round(cache.bound().value, 1)
(2, 32.4)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.bounds import Bound, declared
from olearn.errors import check_positive_int, check_real
from olearn.geometry import lazyheap
from olearn.policies.caching._base import CachingPolicy, Common, extended
from olearn.policies.caching._ledger import EVICTED, FETCHED, FETCHED_OTHER, new_stats


class State(NamedTuple):
    """Perturbed estimates of all items, and a lazy heap of those held."""

    score: np.ndarray  # float64 (N,)
    held: np.ndarray  # uint8 (N,)
    keys: np.ndarray  # float64 (C,)
    items: np.ndarray  # int32 (C,)
    observed: float
    pending: np.ndarray  # int32 (B,): items observed in this batch
    place: np.ndarray  # int64 (2,): requests of this batch, how many of them are pending
    rng: np.ndarray  # uint64 (4,)
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, eta: float, observed: float, batch: int, seed: int) -> State:
    """The C items with the largest noise."""
    score = eta * _rng.generator(seed).standard_normal(catalog_size)
    items = np.argpartition(score, catalog_size - capacity)[catalog_size - capacity :]
    items = items[np.argsort(score[items], kind="stable")].astype(np.int32)
    held = np.zeros(catalog_size, np.uint8)
    held[items] = 1
    pending, place = np.zeros(batch, np.int32), np.zeros(2, np.int64)
    rng = _rng.new_state(seed, 1)
    return State(score, held, score[items], items, observed, pending, place, rng, new_stats(capacity))


@kernel
def step(state, item):
    hit = state.held[item] != 0
    place, pending = state.place, state.pending
    if state.observed >= 1.0 or _rng.uniform(state.rng) < state.observed:
        pending[place[1]] = item
        place[1] += 1
    place[0] += 1
    if place[0] == pending.size:
        for k in range(place[1]):
            state.score[pending[k]] += 1.0 / state.observed
        for k in range(place[1]):
            _challenge(state, pending[k], item)
        place[0] = 0
        place[1] = 0
    return hit


@kernel
def _challenge(state, entrant, item):
    """Enter in place of the lowest score held if the entrant's is higher."""
    score, held, keys, items, stats = state.score, state.held, state.keys, state.items, state.stats
    if held[entrant] == 0 and score[entrant] > keys[0]:
        victim = lazyheap.refresh_top(keys, items, keys.size, score)
        if score[entrant] > keys[0]:
            held[victim] = 0
            held[entrant] = 1
            lazyheap.replace_top(keys, items, keys.size, score[entrant], entrant)
            stats[FETCHED if entrant == item else FETCHED_OTHER] += 1.0
            stats[EVICTED] += 1.0


@kernel(inline=True)
def share(state, item):
    return float(state.held[item])


class NFPL(CachingPolicy):
    __doc__ = __doc__

    name = "nfpl"
    randomised = True
    rule = "keep the C largest of estimated counts + eta gamma, from a sample of the requests, in batches"
    reference = "Ben Mazziane, Faticanti, Neglia and Alouf 2023, 2025"
    step, share = staticmethod(step), staticmethod(share)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        observed: float = 0.1,
        batch: int = 1,
        eta: float | None = None,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self.observed = observed
        self.batch = batch
        self.fetches_unasked = batch != 1
        self._eta = eta

    @property
    def _spread(self) -> float:
        n, c = self._first_catalog, self._first_capacity
        sets = math.lgamma(n + 1) - math.lgamma(c + 1) - math.lgamma(n - c + 1)
        return math.sqrt(max(0.0, 2 * min(c, n - c) * sets))

    @property
    def _variance(self) -> float:
        return (1 / self.observed + self.batch - 1) / math.sqrt(2 * math.pi)

    @property
    def eta(self) -> float:
        """Scale of the noise, in requests; by default what minimises the bound."""
        if self._eta is not None:
            return check_real("eta", self._eta, 1e-12)
        return math.sqrt(self.require_horizon("eta") * self._variance / (self._spread or 1.0))

    def validate(self) -> None:
        super().validate()
        check_real("observed", self.observed, 1e-9, 1.0)
        check_positive_int("batch", self.batch)

    def parameters(self) -> dict[str, Any]:
        return {"observed": self.observed, "batch": self.batch, "eta": self.eta}

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self.eta, float(self.observed), self.batch, self.seed)

    def fractions(self) -> np.ndarray:
        return self.state.held.astype(np.float64)

    def _extend(self, state: State, catalog_size: int) -> State:
        fresh = _rng.generator(self.seed, 2, catalog_size).standard_normal(catalog_size - self.catalog_size)
        score = np.concatenate([state.score, self.eta * fresh])
        return state._replace(score=score, held=extended(state.held, catalog_size, 0))

    def bound(
        self, requests: int | None = None, *, realised: Mapping[str, float] | None = None
    ) -> Bound | None:
        n, c = self.catalog_size, self.capacity
        if n > self._first_catalog:
            return None
        t = requests if requests is not None else self.require_horizon("requests")
        return declared(
            self.eta * self._spread + t * self._variance / self.eta if c < n else 0.0,
            "eta sqrt(2 min(C, N-C) ln binom(N, C)) + T (1/p + B - 1) / (eta sqrt(2 pi))",
            "best static set, prefilled",
            "in expectation",
            (
                "the requests do not depend on the random numbers (oblivious adversary)",
                "unit sizes, a hit is worth 1",
                "the catalogue is fixed",
            ),
            self.reference + "; derived in the docstring",
        )
