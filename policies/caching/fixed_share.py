r"""Fixed share: entropic mirror ascent with a floor under every fraction, which follows changes of popularity.

Rule: the step of `omd` (a request to j multiplies x_j by e^eta, then x <- min(1, m x) with sum x = C), after
which :math:`x \leftarrow (1-\alpha) x + \alpha C/N`. No fraction stays below alpha C/N, so an item comes back
soon however long it was away.

The floor gives to items that nobody asked for (``fetched_other``).

Cost: O(N) a request. Memory: 8 bytes per item.

Regret: on every sequence, against any sequence of sets, prefilled, that changes K times,

.. math:: R_T \le \frac{C}{\eta} \Big( \ln \frac{N}{C} + K \ln \frac{N}{\alpha C} + T \ln \frac{1}{1-\alpha}
\Big)
          + \frac{e^\eta - 1 - \eta}{\eta} T .

Why: for the divergence :math:`B(x^*, x) = \sum x^*_i \ln (x^*_i/x_i)` the step of `omd` gains as shown there.
The mixed point is at least (1-alpha) times the point before, so mixing adds at most C ln(1/(1-alpha)) to B. As
every fraction is at least alpha C/N then, B to any set is at most C ln(N/(alpha C)): what a new set starts
from. The declared bound is that with K = 0, the best static set; :meth:`FixedShare.tracking_bound` is the one
for any K. ``switches=K`` (by default 1) is what alpha = K/T and eta are tuned for.

References
----------
.. [1] M. Herbster and M. K. Warmuth, "Tracking the best expert", Machine Learning 32, 1998.
.. [2] N. Cesa-Bianchi, P. Gaillard, G. Lugosi and G. Stoltz, "Mirror descent meets fixed share (and feels no
   regret)", NIPS 2012.

Examples
--------
>>> cache = FixedShare(capacity=1, catalog_size=4, eta=1.0, alpha=0.1)
>>> [round(cache.request(i), 4) for i in (2, 2, 3)]
[0.25, 0.4528, 0.1173]
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound, declared
from olearn.errors import check_int, check_real
from olearn.policies.caching._base import CachingPolicy, Common
from olearn.policies.caching._ledger import EVICTED, FETCHED, FETCHED_OTHER, OCCUPANCY, PEAK, STATS


class State(NamedTuple):
    """The fractions."""

    x: np.ndarray  # float64 (N,)
    capacity: float
    growth: float  # e^eta
    alpha: float
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, eta: float, alpha: float) -> State:
    """The uniform fractional cache."""
    stats = np.zeros(STATS)
    stats[OCCUPANCY] = stats[PEAK] = capacity
    x = np.full(catalog_size, capacity / catalog_size)
    return State(x, float(capacity), math.exp(eta), alpha, stats)


@kernel
def step(state, item):
    x, c, alpha, stats = state.x, state.capacity, state.alpha, state.stats
    n = x.size
    earned = x[item]
    m, new = 1.0, earned
    if earned < 1.0:
        m = c / (c + earned * (state.growth - 1.0))
        new = state.growth * earned * m
        if new >= 1.0:
            new = 1.0
            if c > 1.0:
                m = (c - 1.0) / (c - earned)
    total = 0.0
    for i in range(n):
        was = x[i]
        now = (1.0 - alpha) * (new if i == item else m * was) + alpha * c / n
        now = min(1.0, now)
        total += now
        x[i] = now
        if i == item:
            stats[FETCHED] += max(0.0, now - was)
        else:
            stats[FETCHED_OTHER] += max(0.0, now - was)
        stats[EVICTED] += max(0.0, was - now)
    # Rounding of the sum does not add up: the requested item takes it.
    rest = c - total
    if 0.0 <= x[item] + rest <= 1.0:
        x[item] += rest
        if rest > 0.0:
            stats[FETCHED] += rest
        else:
            stats[EVICTED] -= rest
    return earned


@kernel(inline=True)
def share(state, item):
    return state.x[item]


class FixedShare(CachingPolicy):
    __doc__ = __doc__

    name = "fixed-share"
    fractional = True
    fetches_unasked = True
    rule = "the step of omd, then x <- (1 - alpha) x + alpha C/N"
    reference = "Herbster and Warmuth 1998; Cesa-Bianchi, Gaillard, Lugosi and Stoltz, NIPS 2012"
    step, share = staticmethod(step), staticmethod(share)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        switches: int = 1,
        alpha: float | None = None,
        eta: float | None = None,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self.switches = switches
        self._alpha = alpha
        self._eta = eta

    @property
    def alpha(self) -> float:
        """Share that is handed out evenly, from 1e-12 to .5; by default switches/T."""
        if self._alpha is not None:
            return check_real("alpha", self._alpha, 1e-12, 0.5)
        return min(0.5, max(1e-12, max(self.switches, 1) / self.require_horizon("alpha")))

    def _spread(self, t: int, switches: int) -> float:
        """The bracket of the bound."""
        n, c = self._first_catalog, self._first_capacity
        return math.log(n / c) + switches * math.log(n / (self.alpha * c)) - t * math.log1p(-self.alpha)

    @property
    def eta(self) -> float:
        """Step size, at most 700; by default what minimises the bound for the switches."""
        if self._eta is not None:
            return check_real("eta", self._eta, 1e-12, 700.0)
        t = self.require_horizon("eta")
        spread = self._first_capacity * self._spread(t, self.switches)
        return min(700.0, math.sqrt(2 * (spread or 1.0) / t))

    def validate(self) -> None:
        super().validate()
        check_int("switches", self.switches, minimum=0)

    def parameters(self) -> dict[str, Any]:
        return {"switches": self.switches, "alpha": self.alpha, "eta": self.eta}

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self.eta, self.alpha)

    def fractions(self) -> np.ndarray:
        return self.state.x.copy()

    def _extend(self, state: State, catalog_size: int) -> State:
        # Items added take the uniform share of the larger catalogue; the others give it up in proportion.
        added = catalog_size - self.catalog_size
        share = self.capacity / catalog_size
        return state._replace(
            x=np.concatenate([state.x * self.catalog_size / catalog_size, np.full(added, share)])
        )

    def tracking_bound(self, switches: int, requests: int | None = None) -> float:
        """The regret bound against any sequence of sets that changes `switches` times."""
        t = requests if requests is not None else self.require_horizon("requests")
        if self._first_capacity == self._first_catalog:
            return 0.0
        eta = self.eta
        return self._first_capacity * self._spread(t, switches) / eta + (math.expm1(eta) - eta) / eta * t

    def bound(
        self, requests: int | None = None, *, realised: Mapping[str, float] | None = None
    ) -> Bound | None:
        if self.catalog_size > self._first_catalog:
            return None
        return declared(
            self.tracking_bound(0, requests),
            "C (ln(N/C) + T ln(1/(1 - alpha))) / eta + T (e^eta - 1 - eta) / eta",
            "best static set, prefilled",
            "every sequence",
            ("unit sizes, a hit is worth 1", "the catalogue is fixed"),
            self.reference + "; derived in the docstring",
        )
