r"""Online mirror ascent with the negative entropy over fractional caches, in O(1) per request.

Rule: the cache holds a fraction x_i of every item. A request to j earns x_j, then
:math:`y_j = x_j e^{\eta}` and x becomes the Bregman projection of y onto
{0 <= x <= 1, sum x = C} under the negative entropy, :math:`x_i = \min(1, m\,y_i)`. The start is
x = C/N.

With one request at a time only x_j can reach 1, everything else shrinks by one factor m, so
:math:`x_i = s\,u_i` with a single scale s makes the exact projection O(1): with x = x_j,

* if :math:`e^{\eta} x m < 1` for :math:`m = C / (C + x(e^{\eta}-1))`, then :math:`s \leftarrow s m` and
  x_j becomes :math:`e^{\eta} x m`;
* else x_j = 1 and :math:`s \leftarrow s m` with :math:`m = (C-1)/(C-x)`. With C = 1 the first case is the
  only one: there :math:`e^{\eta} x m < 1` for every x < 1, and where it rounds to 1, m is right all the same;
* if x_j = 1 (which needs C > 1), nothing moves.

``rounding=...`` holds whole items that follow the fractions: :mod:`olearn.policies.caching._rounding`.

Cost: O(1) per request; O(N) with rounding. Memory: 8 bytes per item. The scale is folded into the
weights when it falls below 1e-150: O(N), once in 345 C / eta requests at the most. Fractions below 1e-300
are kept at 1e-300 there, so that an item can come back; that moves no other fraction by more than N 1e-300.

Regret: on every sequence, against the best static set, prefilled, after T requests, for every eta > 0,

.. math:: R_T \le \frac{C \ln(N/C)}{\eta} + \frac{e^{\eta} - 1 - \eta}{\eta} G
              \le \frac{C \ln(N/C)}{\eta} + \frac{e^{\eta} - 1 - \eta}{\eta} T,

where G is what the policy itself earned from items that were not wholly in the cache. With the default
:math:`\eta = \sqrt{2 C \ln(N/C) / T}` the second is close to :math:`\sqrt{2 C \ln(N/C)\, T}`.

Why: for the divergence B of the negative entropy and the gradient :math:`g = e_j`, by the three-point
identity and the Pythagorean inequality of the projection,

.. math:: \eta \langle g, x^* - x_t \rangle \le B(x^*, x_t) - B(x^*, x_{t+1}) + B(x_t, y_t) - B(x_{t+1}, y_t).

The first two terms telescope to :math:`B(x^*, x_1) = C \ln(N/C)` for every vertex, whatever N and C.
:math:`B(x_t, y_t) = x (e^{\eta} - 1 - \eta)` with x = x_{t,j}; leaving out the last term gives the bound
above. A request with x = 1 has no gradient to speak of: :math:`x^*_j - 1 \le 0`, and nothing moves.
Keeping the last term gives what this object reports after a run (:meth:`OMD.realised`): in the three cases
above the difference of the last two terms is

.. math:: C \ln(1/m) - \eta x, \qquad \eta (1-x) + \ln x + (C-1) \ln(1/m), \qquad 0,

which the scale nearly adds up by itself: :math:`\sum \ln(1/m) = -\ln s`. Rounding of m may hide
:math:`2^{-52}` of each logarithm, so :math:`2^{-50} C` is added for each request that moved x.
(The worst-case tuning of [1]_, :math:`\eta = \sqrt{2 \ln(N/C)/T}`, bounds the same regret by
:math:`C \sqrt{2 \ln(N/C) T}`: pass it as `eta` to reproduce it.)

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
from collections.abc import Mapping
from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound, declared
from olearn.errors import check_real
from olearn.policies.caching import _rounding
from olearn.policies.caching._base import (
    EVICTED,
    FETCHED,
    OCCUPANCY,
    PEAK,
    STATS,
    CachingPolicy,
    Common,
    extended,
)
from olearn.policies.caching._rounding import Rounded, Sample

#: Places in ``scale``: s; what requests below 1 earned; minus the logarithms of scales folded; the
#: capped requests' share of the potential; the number of requests that moved x.
SCALE, EARNED, FOLDED, CAPPED, MOVES = range(5)
#: The scale is folded into the fractions when it falls below this.
SMALL = 1e-150
#: Fractions are kept at least this large.
FLOOR = 1e-300


class State(NamedTuple):
    """x_i = scale * weight_i."""

    weight: np.ndarray  # float64 (N,)
    scale: np.ndarray  # float64 (5,)
    capacity: float
    growth: float  # e^eta
    mass: np.ndarray  # float64 (STATS,): what the fractions moved; the same as stats without rounding
    sample: Sample | None
    places: int
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, eta: float, rounding: str | None, seed: int) -> State:
    """The uniform fractional cache."""
    stats = np.zeros(STATS)
    stats[OCCUPANCY] = stats[PEAK] = capacity
    weight = np.full(catalog_size, capacity / catalog_size)
    scale = np.zeros(5)
    scale[SCALE] = 1.0
    sample = _rounding.new(rounding, weight, capacity, stats, seed)
    mass = stats if sample is None else np.zeros(STATS)
    return State(weight, scale, float(capacity), math.exp(eta), mass, sample, capacity, stats)


@kernel(inline=True)
def step(state, item):
    return _step(state, state.sample, item)


@kernel(inline=True)
def _step(state, sample, item):
    if sample is None:
        return _ascend(state, item)
    hit = _rounding.of(sample, 0.0, item)
    _ascend(state, item)
    for i in range(sample.x.size):
        sample.x[i] = _fraction(state, i)
    _rounding.follow(sample, state.stats, state.places, item)
    return hit


@kernel(inline=True)
def _ascend(state, item):
    weight, scale, c = state.weight, state.scale, state.capacity
    s = scale[SCALE]
    x = s * weight[item]
    if x >= 1.0:
        if c > 1.0:
            return 1.0
        x = 1.0  # the others are below a rounding of 1, and still shrink
    m = c / (c + x * (state.growth - 1.0))
    new = state.growth * x * m
    if new >= 1.0:
        new = 1.0
        if c > 1.0:
            m = (c - 1.0) / (c - x)
            scale[CAPPED] += math.log(state.growth * x * m)
    scale[EARNED] += x
    scale[MOVES] += 1.0
    state.mass[FETCHED] += new - x
    state.mass[EVICTED] += new - x
    if s * m < SMALL:
        _fold(state, item, m, new)
    else:
        scale[SCALE] = s * m
        weight[item] = new / (s * m)
    return x


@kernel
def _fold(state, item, m, new):
    """Multiply the scale and m into the weights, one after the other: their product may underflow."""
    weight, scale = state.weight, state.scale
    s = scale[SCALE]
    for i in range(weight.size):
        weight[i] = max(weight[i] * s * m, FLOOR)
    weight[item] = new
    scale[FOLDED] -= math.log(s) + math.log(m)
    scale[SCALE] = 1.0


@kernel
def _fraction(state, item):
    x = state.scale[SCALE] * state.weight[item]
    return 1.0 if x > 1.0 else x  # NaN stays NaN


@kernel
def share(state, item):
    return _rounding.of(state.sample, _fraction(state, item), item)


class OMD(Rounded, CachingPolicy):
    __doc__ = __doc__

    name = "omd"
    touches = {"weight": 1}
    fractional = True
    rule = "x_item *= e^eta, then x <- min(1, m x) with sum x = C (entropic projection; exact, O(1))"
    reference = "Si Salem, Neglia and Ioannidis, ICC 2021, TOMPECS 2023"
    step, share = staticmethod(step), staticmethod(share)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        eta: float | None = None,
        rounding: str | None = None,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self._eta = eta
        self._set_rounding(rounding)

    @property
    def eta(self) -> float:
        """Step size, at most 700; by default sqrt(2 C ln(N/C) / T)."""
        if self._eta is not None:
            return check_real("eta", self._eta, 0.0, 700.0, open_low=True)
        horizon = self.require_horizon("eta")
        spread = self.capacity * math.log(self.catalog_size / self.capacity)
        return math.sqrt(2 * (spread or 1.0) / horizon)

    def validate(self) -> None:
        super().validate()
        _rounding.check(self.rounding)

    def parameters(self) -> dict[str, Any]:
        return {"eta": self.eta} | ({} if self.rounding is None else {"rounding": self.rounding})

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self.eta, self.rounding, self.seed)

    def fractions(self) -> np.ndarray:
        if self.state.sample is not None:
            return self.state.sample.held.astype(np.float64)
        return np.minimum(1.0, self.state.scale[SCALE] * self.state.weight)

    def _extend(self, state: State, catalog_size: int) -> State:
        # Items added take the uniform share C/N of the larger catalogue; the others give it up in proportion.
        scale = state.scale.copy()
        scale[SCALE] *= self.catalog_size / catalog_size
        weight = extended(state.weight, catalog_size, self.capacity / catalog_size / scale[SCALE])
        return state._replace(weight=weight, scale=scale, sample=_rounding.grow(state.sample, catalog_size))

    def realised(self) -> dict[str, float]:
        scale = self.state.scale
        logs = scale[FOLDED] - math.log(scale[SCALE])
        potential = self.capacity * logs - self.eta * scale[EARNED] + scale[CAPPED]
        slack = 2.0**-50 * self.capacity * scale[MOVES]
        cut = {} if self.state.sample is None else {"cuts": float(self.state.sample.cuts[0])}
        return {"earned": float(scale[EARNED]), "potential": float(potential + slack)} | cut

    def bound(
        self, requests: int | None = None, *, realised: Mapping[str, float] | None = None
    ) -> Bound | None:
        if self.catalog_size > self._first_catalog:
            return None  # growing moves the point, and the divergence to the best set may grow with it
        t = requests if requests is not None else self.require_horizon("requests")
        eta, c, n = self.eta, self.capacity, self.catalog_size
        start = c * math.log(n / c) / eta
        each = (math.expm1(eta) - eta) / eta
        candidates = [(start + t * each, "C ln(N/C) / eta + T (e^eta - 1 - eta) / eta")]
        if realised is not None:
            earned = realised.get("earned", realised.get("reward"))
            if earned is not None:
                text = "C ln(N/C) / eta + (own reward below 1) (e^eta - 1 - eta) / eta"
                candidates.append((start + earned * each, text))
            if "potential" in realised:
                candidates.append(
                    (start + realised["potential"] / eta, "(C ln(N/C) + potential of the run) / eta")
                )
        value, formula = min(candidates)
        bound = declared(
            max(value, 0.0) if c < n else 0.0,
            formula,
            "best static set, prefilled",
            "every sequence",
            ("unit sizes, a hit is worth 1", "the catalogue is fixed"),
            "Si Salem et al. 2023 with local norms; derived in the docstring",
        )
        return self._rounded_bound(bound, realised, requests)
