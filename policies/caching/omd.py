r"""Online mirror ascent with the negative entropy over fractional caches, in O(1) per request.

Rule: the cache holds a fraction x_i of every item. A request to j earns x_j, then
:math:`y_j = x_j e^{\eta}` and x becomes the Bregman projection of y onto
{0 <= x <= 1, sum x = C} under the negative entropy, :math:`x_i = \min(1, m\,y_i)`. The start is
x = C/N.

With one request at a time only x_j can reach 1, everything else shrinks by one factor m, so
:math:`x_i = s\,u_i` with a single scale s makes the exact projection O(1): with x = x_j,

* if :math:`e^{\eta} x m < 1` for :math:`m = C / (C + x(e^{\eta}-1))`, then :math:`s \leftarrow s m` and
  :math:`u_j \leftarrow u_j e^{\eta}`;
* else x_j = 1 and :math:`s \leftarrow s (C-1)/(C-x)`.

Cost: O(1) per request. Memory: 8 bytes per item. Fractions below 1e-300 are kept at 1e-300, so that
an item can come back; that moves no other fraction by more than N 1e-300.

Regret: on every sequence, against the best static set, prefilled, after T requests

.. math:: R_T \le C \ln(N/C) / \eta + T (e^{\eta} - 1 - \eta) / \eta ,

for every eta > 0; with the default :math:`\eta = \sqrt{2 C \ln(N/C) / T}` this is close to
:math:`\sqrt{2 C \ln(N/C)\, T}`. Why: the regret of mirror ascent is at most
:math:`(B(x^*, x_1) + \sum_t B(x_t, y_t)) / \eta`; from x_1 = C/N the first divergence is
:math:`C \ln(N/C)` for every vertex, and :math:`B(x_t, y_t) = x_{t,j} (e^{\eta} - 1 - \eta)` with
:math:`x_{t,j} \le 1`. (The worst-case tuning of [1]_, :math:`\eta = \sqrt{2 \ln(N/C)/T}`, bounds the
same regret by :math:`C \sqrt{2 \ln(N/C) T}`: pass it as `eta` to reproduce it.)

References
----------
.. [1] T. Si Salem, G. Neglia and S. Ioannidis, "No-regret caching via online mirror descent", ICC 2021,
   ACM TOMPECS 2023 (arXiv 2101.12588).

Examples
--------
>>> cache = OMD(capacity=1, catalog_size=4, eta=1.0)
>>> [round(cache.request(i), 4) for i in (2, 2, 3)]
[0.25, 0.4754, 0.0963]
>>> round(float(cache.fractions().sum()), 12)
1.0
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.errors import check_real
from olearn.policies.caching._base import EVICTED, FETCHED, OCCUPANCY, PEAK, STATS, CachingPolicy, extended

#: The scale is folded into the fractions when it falls below this.
SMALL = 1e-150
#: Fractions are kept at least this large.
FLOOR = 1e-300


class State(NamedTuple):
    """x_i = scale * weight_i."""

    weight: np.ndarray  # float64 (N,)
    scale: np.ndarray  # float64 (1,)
    capacity: float
    growth: float  # e^eta
    stats: np.ndarray  # float64 (5,)


def init(capacity: int, catalog_size: int, eta: float) -> State:
    """The uniform fractional cache."""
    stats = np.zeros(STATS)
    stats[OCCUPANCY] = stats[PEAK] = capacity
    weight = np.full(catalog_size, capacity / catalog_size)
    return State(weight, np.ones(1), float(capacity), math.exp(eta), stats)


@kernel(inline=True)
def step(state, item):
    weight, c = state.weight, state.capacity
    s = state.scale[0]
    x = min(1.0, s * weight[item])
    if x >= 1.0:
        return x
    m = c / (c + x * (state.growth - 1.0))
    new = state.growth * x * m
    if new < 1.0:
        weight[item] *= state.growth
    else:
        new = 1.0
        m = (c - 1.0) / (c - x)
        weight[item] = 1.0 / (s * m)
    state.scale[0] = s * m
    state.stats[FETCHED] += new - x
    state.stats[EVICTED] += new - x
    if state.scale[0] < SMALL:
        _rescale(state)
    return x


@kernel
def _rescale(state):
    """Fold the scale into the weights. O(N), once in hundreds of C requests or more."""
    weight = state.weight
    for i in range(weight.size):
        weight[i] = max(weight[i] * state.scale[0], FLOOR)
    state.scale[0] = 1.0


@kernel
def run(state, items, rewards):
    for t in range(items.size):
        rewards[t] = step(state, items[t])


@kernel
def share(state, item):
    return min(1.0, state.scale[0] * state.weight[item])


class OMD(CachingPolicy):
    __doc__ = __doc__

    name = "omd"
    fractional = True
    rule = "x_item *= e^eta, then x <- min(1, m x) with sum x = C (entropic projection; exact, O(1))"
    reference = "Si Salem, Neglia and Ioannidis, ICC 2021, TOMPECS 2023"
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
        """Step size, at most 700; by default sqrt(2 C ln(N/C) / T)."""
        if self._eta is not None:
            return check_real("eta", self._eta, 0.0, 700.0, open_low=True)
        horizon = self.require_horizon("eta")
        spread = self.capacity * math.log(self.catalog_size / self.capacity)
        return math.sqrt(2 * (spread or 1.0) / horizon)

    def parameters(self) -> dict[str, float]:
        return {"eta": self.eta}

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self.eta)

    def fractions(self) -> np.ndarray:
        return np.minimum(1.0, self.state.scale[0] * self.state.weight)

    def _extend(self, state: State, catalog_size: int) -> State:
        # Items added take the uniform share C/N of the larger catalogue; the others give it up in proportion.
        scale = state.scale * (self.catalog_size / catalog_size)
        weight = extended(state.weight, catalog_size, self.capacity / catalog_size / scale[0])
        return state._replace(weight=weight, scale=scale)

    def bound(self, requests: int | None = None) -> Bound | None:
        if self.catalog_size > self._first_catalog:
            return None  # growing moves the point, and the divergence to the best set may grow with it
        t = requests if requests is not None else self.require_horizon("requests")
        eta, c, n = self.eta, self.capacity, self.catalog_size
        start = c * math.log(n / c)
        return Bound(
            (start + t * (math.expm1(eta) - eta)) / eta if c < n else 0.0,
            "C ln(N/C) / eta + T (e^eta - 1 - eta) / eta",
            "best static set, prefilled",
            "every sequence",
            ("unit sizes, a hit is worth 1", "the catalogue is fixed"),
            "Si Salem et al. 2023 with local norms; derived in the docstring",
        )
