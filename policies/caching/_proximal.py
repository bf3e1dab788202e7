r"""What `ftrl-proximal` and `oftrl` share: follow the regularised leader, proximally.

With the counts G, the prediction h_t of request t (one item or none), the requests g_t, errors
:math:`v_t = g_t - h_t` and :math:`S_t = \sum_{s \le t} \|v_s\|_2^2` (an error is 0 for a right prediction, 1
without one, 2 for a wrong one),

.. math:: x_{t+1} = \arg\max_X \langle G_t + h_{t+1}, x \rangle
          - \sum_{s \le t} \frac{\sigma_s}{2} \|x - x_s\|^2
          = \Pi_X\Big(\frac{\sum \sigma_s x_s + G_t + h_{t+1}}{\sigma_{1:t}}\Big),
          \qquad \sigma_{1:t} = b \sqrt{S_t},

on X = {0 <= x <= 1, sum x = C}. Regularisers centred at the points played let the step shrink with the errors
made instead of with time.

``rounding=...`` holds whole items that follow the fractions: :mod:`olearn.policies.caching._rounding`.

Cost: O(N) a request, a few passes of the exact projection. Memory: 36 bytes an item.

Regret. Let :math:`R_t` be the sum of the regularisers up to t, and
:math:`\Psi_t = \max_X \langle G_t, x \rangle - R_t(x)`, attained at w. R_t differs from R_{t-1} by a term that
is 0, its minimum, at x_t: so x_t maximises :math:`\langle G_{t-1} + h_t, x \rangle - R_t(x)` too, which is
:math:`\sigma_{1:t}`-strongly concave, and

.. math:: \Psi_t \le \langle G_{t-1} + h_t, x_t \rangle - R_{t-1}(x_t) + \langle v_t, w \rangle
          - \frac{\sigma_{1:t}}{2} \|w - x_t\|^2
          \le \Psi_{t-1} + \langle g_t, x_t \rangle + \frac{\|v_t\|^2}{2 \sigma_{1:t}} .

Summed up, with :math:`\tfrac12 \|x^* - x_s\|^2 \le \min(C, N-C)` for a vertex x*, on every sequence

.. math:: R_T \le R_T(x^*) + \sum_t \frac{\|v_t\|^2}{2\sigma_{1:t}}
              \le \sqrt{S_T}\, \big(b \min(C, N-C) + 1/b\big).

The default :math:`b = 1/\sqrt{2C}` is what the authors of [2]_ ran (:math:`2.13 \sqrt{C S_T}`);
:math:`1/\sqrt{\min(C, N-C)}` makes it :math:`2\sqrt{\min(C, N-C) S_T}`.

References
----------
.. [1] H. B. McMahan, "A survey of algorithms and analysis for adaptive online learning", JMLR 18, 2017.
.. [2] N. Mhaisen, A. Sinha, G. Paschos and G. Iosifidis, "Optimistic no-regret algorithms for discrete
   caching", Proc. ACM Meas. Anal. Comput. Syst. 6(3), 2022.
.. [3] M. Mohri and S. Yang, "Accelerating online convex optimization via adaptive prediction", AISTATS 2016.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound, declared
from olearn.errors import check_real
from olearn.geometry.euclidean import project_capped_simplex
from olearn.policies.caching import _predictors, _rounding
from olearn.policies.caching._base import CachingPolicy, Common
from olearn.policies.caching._ledger import EVICTED, FETCHED, FETCHED_OTHER, OCCUPANCY, PEAK, STATS
from olearn.policies.caching._predictors import NONE, ORACLE, Predictor
from olearn.policies.caching._rounding import Rounded, Sample

#: Places in ``numbers``: S; sigma_{1:t}; the multiplier of the last projection.
ERRORS, SIGMA, TAU = range(3)
#: The regulariser where no error was made yet: what it moves is below C times this.
TINY = 1e-9


class State(NamedTuple):
    """The point, the counts, and the sum of sigma_s x_s."""

    x: np.ndarray  # float64 (N,)
    counts: np.ndarray  # int32 (N,)
    centre: np.ndarray  # float64 (N,)
    y: np.ndarray  # float64 (N,)
    was: np.ndarray  # float64 (N,)
    predictor: Predictor
    numbers: np.ndarray  # float64 (3,)
    b: float
    capacity: float
    mass: np.ndarray  # float64 (STATS,): what the fractions moved; the same as stats without rounding
    sample: Sample | None
    places: int
    stats: np.ndarray  # float64 (STATS,)


def init(
    capacity: int, catalog_size: int, b: float, predictor: Predictor, rounding: str | None, seed: int
) -> State:
    """The uniform point, or what the first prediction makes of it."""
    n = catalog_size
    stats = np.zeros(STATS)
    stats[OCCUPANCY] = stats[PEAK] = capacity
    state = State(
        np.full(n, capacity / n),
        np.zeros(n, np.int32),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
        predictor,
        np.array([0.0, 0.0, np.nan]),
        b,
        float(capacity),
        stats,
        None,
        capacity,
        stats,
    )
    lead(state, -1)
    stats[FETCHED_OTHER] = stats[EVICTED] = 0.0
    sample = _rounding.new(rounding, state.x, capacity, stats, seed)
    return state if sample is None else state._replace(sample=sample, mass=np.zeros(STATS))


def extend(state: State, catalog_size: int) -> State:
    """A larger catalogue: the items added were at 0 in all points so far."""
    added = catalog_size - state.x.size
    state = state._replace(
        x=np.pad(state.x, (0, added)),
        counts=np.pad(state.counts, (0, added)),
        centre=np.pad(state.centre, (0, added)),
        y=np.zeros(catalog_size),
        was=np.zeros(catalog_size),
        predictor=_predictors.grow(state.predictor, catalog_size),
        sample=_rounding.grow(state.sample, catalog_size),
    )
    lead(state, -1)
    return state


@kernel
def lead(state, item):
    """x from counts, prediction and centre. O(N)."""
    x, was, y, numbers = state.x, state.was, state.y, state.numbers
    sigma = max(numbers[SIGMA], TINY)
    for i in range(x.size):
        was[i] = x[i]
        y[i] = (state.centre[i] + state.counts[i]) / sigma
    predicted = state.predictor.cells[0]
    if predicted >= 0:
        y[predicted] += 1.0 / sigma
    numbers[TAU] = project_capped_simplex(y, state.capacity, x, numbers[TAU])
    moved = 0.0
    asked = 0.0
    for i in range(x.size):
        if x[i] > was[i]:
            moved += x[i] - was[i]
            if i == item:
                asked = x[i] - was[i]
    state.mass[FETCHED] += asked
    state.mass[FETCHED_OTHER] += moved - asked
    state.mass[EVICTED] += moved


@kernel
def step(state, item):
    return _step(state, state.sample, item)


@kernel(inline=True)
def _step(state, sample, item):
    _foresee(state, item)
    if sample is None:
        return _ascend(state, item)
    if state.predictor.kind == ORACLE:
        _follow(state, sample, item)
    hit = _rounding.of(sample, 0.0, item)
    _ascend(state, item)
    _follow(state, sample, item)
    return hit


@kernel
def _follow(state, sample, item):
    for i in range(sample.x.size):
        sample.x[i] = state.x[i]
    _rounding.follow(sample, state.stats, state.places, item)


@kernel
def _foresee(state, item):
    if state.predictor.kind == ORACLE:
        _predictors.foresee(state.predictor, item, state.counts.size)
        lead(state, item)


@kernel
def _ascend(state, item):
    numbers, p = state.numbers, state.predictor
    earned = state.x[item]
    predicted = p.cells[0]
    if predicted < 0:
        numbers[ERRORS] += 1.0
    elif predicted != item:
        numbers[ERRORS] += 2.0
    sigma = state.b * math.sqrt(numbers[ERRORS])
    more = sigma - numbers[SIGMA]
    numbers[SIGMA] = sigma
    if more > 0.0:
        for i in range(state.x.size):
            state.centre[i] += more * state.x[i]
    state.counts[item] += 1
    _predictors.advance(p, item)
    lead(state, item)
    return earned


@kernel(inline=True)
def share(state, item):
    return _rounding.of(state.sample, state.x[item], item)


class ProximalPolicy(Rounded, CachingPolicy):
    """Follow the regularised leader, proximally.

    Parameters
    ----------
    sigma : float, optional
        The factor b of sigma_{1:t} = b sqrt(S_t).
    """

    fractional = True
    fetches_unasked = True

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        sigma: float | None = None,
        rounding: str | None = None,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self._sigma = sigma
        self._set_rounding(rounding)

    def _predictor(self) -> Predictor:
        return _predictors.new("none", 0.0, self.catalog_size, self.seed)

    @property
    def sigma(self) -> float:
        """Factor of the regularisation, from 1e-6; by default 1/sqrt(2C)."""
        if self._sigma is not None:
            return check_real("sigma", self._sigma, 1e-6, 1e6)
        return 1 / math.sqrt(2 * self._first_capacity)

    def validate(self) -> None:
        super().validate()
        _rounding.check(self.rounding)

    def parameters(self) -> dict[str, Any]:
        return {"sigma": self.sigma} | ({} if self.rounding is None else {"rounding": self.rounding})

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self.sigma, self._predictor(), self.rounding, self.seed)

    def fractions(self) -> np.ndarray:
        if self.state.sample is not None:
            return self.state.sample.held.astype(np.float64)
        return self.state.x.copy()

    def _extend(self, state: State, catalog_size: int) -> State:
        return extend(state, catalog_size)

    def realised(self) -> dict[str, float]:
        cut = {} if self.state.sample is None else {"cuts": float(self.state.sample.cuts[0])}
        return cut | {"errors": float(self.state.numbers[ERRORS])}

    def bound(
        self, requests: int | None = None, *, realised: Mapping[str, float] | None = None
    ) -> Bound | None:
        n, c = self.catalog_size, self.capacity
        t = requests if requests is not None else self.require_horizon("requests")
        worst = 1.0 if self._predictor().kind == NONE else 2.0
        errors = min((realised or {}).get("errors", math.inf), worst * t)
        value = math.sqrt(errors) * (self.sigma * min(c, n - c) + 1 / self.sigma)
        bound = declared(
            value + 2 * TINY * c if c < n else 0.0,
            "sqrt(S) (sigma min(C, N-C) + 1 / sigma), S the squared errors",
            "best static set, prefilled",
            "every sequence",
            ("unit sizes, a hit is worth 1",),
            self.reference + "; derived in policies/caching/_proximal.py",
        )
        return self._rounded_bound(bound, realised, requests)
