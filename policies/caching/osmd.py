r"""OSMD on C-sets with semi-bandit feedback: for a cache that never learns which item a miss asked for.

Rule: fractions x with sum x = C; at every request a set with P(i held) = x_i is drawn (Madow's sampling,
fresh). The cache sees which of its items was hit, or that none was: so each held item has the loss 1, or 0 if
it was hit. Held items with loss 1 get :math:`y_i = x_i e^{-\eta/x_i}`, and x becomes the Bregman projection
:math:`\min(1, m\,y_i)`. The item of a miss is never looked at. The start is x = C/N.

A fresh set at every request fetches nearly a whole cache each time (``fetched_other``): what is compared here
is what can be learnt, not traffic.

Cost: O(N) a request. Memory: 26 bytes per item.

Regret: in expectation, against the best static set, prefilled, requests not depending on the present set (they
may on the past),

.. math:: E R_T \le \frac{C \ln(N/C)}{\eta} + \frac{\eta N T}{2},

with the default :math:`\eta = \sqrt{2 C \ln(N/C)/(N T)}` at most :math:`\sqrt{2 C N T \ln(N/C)}`: a factor
sqrt(N) above what is possible when misses are seen. Why: the loss of a set is C less its hits, and
:math:`\hat\ell_i = \ell_i [i\ \text{held}] / x_i` is unbiased. Mirror descent (see `omd`) loses at most
:math:`C \ln(N/C)/\eta + \sum_t B(x, y)/\eta` on these, with :math:`B(x, y) = \sum x_i (e^{-z_i} - 1 + z_i) \le
\sum x_i z_i^2/2`, z = eta times the estimate, and :math:`E\, x_i \hat\ell_i^2 = \ell_i^2 \le 1`.

References
----------
.. [1] J.-Y. Audibert, S. Bubeck and G. Lugosi, "Regret in online combinatorial optimization", Mathematics of
   Operations Research 39(1), 2014.

Examples
--------
>>> cache = OSMD(capacity=2, catalog_size=8, horizon=1000)
>>> len(cache), round(cache.bound().value, 1)
(2, 210.6)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.bounds import Bound, declared
from olearn.errors import check_real
from olearn.geometry.entropic import entropic_knapsack
from olearn.geometry.rounding.madow import madow_fresh
from olearn.policies.caching._base import CachingPolicy, Common, extended
from olearn.policies.caching._ledger import EVICTED, FETCHED, FETCHED_OTHER, new_stats

#: Fractions are kept at least this large: their estimates stay finite.
FLOOR = 1e-12


class State(NamedTuple):
    """The fractions and the set."""

    x: np.ndarray  # float64 (N,)
    y: np.ndarray  # float64 (N,)
    held: np.ndarray  # uint8 (N,)
    chosen: np.ndarray  # uint8 (N,)
    rng: np.ndarray  # uint64 (4,)
    sizes: np.ndarray  # float64 (0,): every item weighs 1
    capacity: float
    eta: float
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, eta: float, seed: int) -> State:
    """The uniform fractions, and a set drawn from them."""
    n = catalog_size
    x, rng, held = np.full(n, capacity / n), _rng.new_state(seed), np.zeros(n, np.uint8)
    madow_fresh(rng, x, held)
    empty = np.empty(0)
    return State(
        x, np.zeros(n), held, np.zeros(n, np.uint8), rng, empty, float(capacity), eta, new_stats(capacity)
    )


@kernel
def step(state, item):
    x, y, held, chosen, stats = state.x, state.y, state.held, state.chosen, state.stats
    hit = held[item] != 0
    for i in range(x.size):
        y[i] = x[i]
        if held[i] != 0 and i != item:
            y[i] = max(FLOOR, x[i] * math.exp(-state.eta / x[i]))
    entropic_knapsack(y, state.sizes, state.capacity, 1.0, x)
    madow_fresh(state.rng, x, chosen)
    for i in range(x.size):
        if chosen[i] != held[i]:
            if chosen[i] == 0:
                stats[EVICTED] += 1.0
            elif i == item:
                stats[FETCHED] += 1.0
            else:
                stats[FETCHED_OTHER] += 1.0
            held[i] = chosen[i]
    return hit


@kernel(inline=True)
def share(state, item):
    return float(state.held[item])


class OSMD(CachingPolicy):
    __doc__ = __doc__

    name = "osmd"
    randomised = True
    fetches_unasked = True
    rule = "draw a set with P(i) = x_i; held items that were not hit: x_i *= e^(-eta/x_i); x <- min(1, m x)"
    reference = "Audibert, Bubeck and Lugosi, Mathematics of Operations Research 2014"
    step, share = staticmethod(step), staticmethod(share)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        eta: float | None = None,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self._eta = eta

    @property
    def eta(self) -> float:
        """Step size; by default sqrt(2 C ln(N/C) / (N T))."""
        if self._eta is not None:
            return check_real("eta", self._eta, 1e-12, 1e6)
        spread = self._first_capacity * math.log(self._first_catalog / self._first_capacity)
        return math.sqrt(2 * (spread or 1.0) / (self._first_catalog * self.require_horizon("eta")))

    def parameters(self) -> dict[str, Any]:
        return {"eta": self.eta}

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self.eta, self.seed)

    def fractions(self) -> np.ndarray:
        return self.state.held.astype(np.float64)

    def _extend(self, state: State, catalog_size: int) -> State:
        # Items added take the uniform share of the larger catalogue; the set stays until the next request.
        added = catalog_size - self.catalog_size
        share = self.capacity / catalog_size
        return state._replace(
            x=np.concatenate([state.x * self.catalog_size / catalog_size, np.full(added, share)]),
            y=np.zeros(catalog_size),
            held=extended(state.held, catalog_size, 0),
            chosen=extended(state.chosen, catalog_size, 0),
        )

    def bound(
        self, requests: int | None = None, *, realised: Mapping[str, float] | None = None
    ) -> Bound | None:
        n, c = self.catalog_size, self.capacity
        if n > self._first_catalog:
            return None
        t = requests if requests is not None else self.require_horizon("requests")
        floor = t * n * FLOOR / self.eta  # a floor raises the sum by N FLOOR at most, and m falls in proportion
        value = c * math.log(n / c) / self.eta + self.eta * n * t / 2 + floor
        return declared(
            value if c < n else 0.0,
            "C ln(N/C) / eta + eta N T / 2",
            "best static set, prefilled",
            "in expectation",
            (
                "the requests do not depend on the present set",
                "unit sizes, a hit is worth 1",
                "the catalogue is fixed",
            ),
            self.reference + "; derived in the docstring",
        )
