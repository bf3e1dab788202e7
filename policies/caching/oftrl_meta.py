r"""The expert of optimism: FTRL with and without a prediction, and a weight that learns which to follow.

Rule: `ftrl-proximal` and `oftrl` run side by side, both on every request; the cache holds
:math:`(1-w)\, x^{plain} + w\, x^{optimistic}`. With r the rewards that the two would have earned at a request,
:math:`w \leftarrow \operatorname{clip}(w + (r^{optimistic} - r^{plain}) / (2\sqrt{t}), 0, 1)`: online gradient
ascent on two weights of sum 1. The start is w = 1.

``predictor`` and ``accuracy`` as for `oftrl`.

Cost: O(N) a request. Memory: 80 bytes an item.

Regret: on every sequence, against the best static set, prefilled, at most

.. math:: \min\big(R^{plain}_T, R^{optimistic}_T\big) + 1.5 \sqrt{T},

with the bounds of both: :math:`\sqrt{S} (b \min(C, N-C) + 1/b)`, S = T without predictions and the squared
errors with them. Why: what a mixture earns is linear in it, so the mixture's loss against the better one is
the regret of gradient ascent on the weights (1-w, w), whose squared diameter is 2; the gradient, less its
mean, has the squared norm :math:`(r^{optimistic} - r^{plain})^2/2 \le 1/2`; steps :math:`1/\sqrt{t}` give
:math:`2\sqrt{T}/2 + \tfrac14 \sum 1/\sqrt{t} \le 1.5\sqrt{T}` (Zinkevich 2003).

References
----------
.. [1] N. Mhaisen, A. Sinha, G. Paschos and G. Iosifidis, "Optimistic no-regret algorithms for discrete
   caching", Proc. ACM Meas. Anal. Comput. Syst. 6(3), 2022 (the meta-learner).

Examples
--------
>>> cache = OFTRLMeta(capacity=1, catalog_size=4, predictor="recency")
>>> rewards = cache.request_many([0, 1, 2, 3] * 250)
>>> round(cache.trust, 2)
0.47
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound, declared
from olearn.errors import check_real
from olearn.policies.caching import _predictors, _proximal
from olearn.policies.caching._base import CachingPolicy, Common
from olearn.policies.caching._ledger import EVICTED, FETCHED, FETCHED_OTHER, OCCUPANCY, PEAK, STATS
from olearn.policies.caching._predictors import NONE

#: Places in ``weights``: w, requests.
TRUST, REQUESTS = range(2)


class State(NamedTuple):
    """Both policies, and what is held of each item."""

    plain: _proximal.State
    optimistic: _proximal.State
    x: np.ndarray  # float64 (N,)
    weights: np.ndarray  # float64 (2,)
    stats: np.ndarray  # float64 (STATS,)


@kernel
def mix(state, item):
    """What is held, and what moved. O(N)."""
    w, x, stats = state.weights[TRUST], state.x, state.stats
    for i in range(x.size):
        new = (1.0 - w) * state.plain.x[i] + w * state.optimistic.x[i]
        if new > x[i]:
            stats[FETCHED if i == item else FETCHED_OTHER] += new - x[i]
        else:
            stats[EVICTED] += x[i] - new
        x[i] = new


@kernel
def step(state, item):
    weights = state.weights
    if state.optimistic.predictor.kind == _predictors.ORACLE:
        _proximal._foresee(state.optimistic, item)
        mix(state, item)
    earned = state.x[item]
    plain = _proximal._ascend(state.plain, item)
    optimistic = _proximal._ascend(state.optimistic, item)
    weights[REQUESTS] += 1.0
    w = weights[TRUST] + 0.5 * (optimistic - plain) / math.sqrt(weights[REQUESTS])
    weights[TRUST] = min(1.0, max(0.0, w))
    mix(state, item)
    return earned


@kernel(inline=True)
def share(state, item):
    return state.x[item]


class OFTRLMeta(CachingPolicy):
    __doc__ = __doc__

    name = "oftrl-meta"
    fractional = True
    fetches_unasked = True
    rule = "mix ftrl-proximal and oftrl with a weight that learns by gradient ascent"
    reference = "Mhaisen, Sinha, Paschos and Iosifidis 2022"
    step, share = staticmethod(step), staticmethod(share)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        predictor: Any = "last-seen",
        accuracy: float = 1.0,
        sigma: float | None = None,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self.predictor = predictor
        self.accuracy = accuracy
        self._sigma = sigma

    @property
    def sigma(self) -> float:
        """Factor of the regularisation of both, from 1e-6; by default 1/sqrt(2C)."""
        if self._sigma is not None:
            return check_real("sigma", self._sigma, 1e-6, 1e6)
        return 1 / math.sqrt(2 * self._first_capacity)

    @property
    def trust(self) -> float:
        """The weight w of the optimistic policy."""
        return float(self.state.weights[TRUST])

    def validate(self) -> None:
        super().validate()
        _predictors.check(self.predictor, self.catalog_size)
        check_real("accuracy", self.accuracy, 0.0, 1.0)

    def parameters(self) -> dict[str, Any]:
        named = self.predictor if isinstance(self.predictor, str) else "array"
        own = {"predictor": named} | ({"accuracy": self.accuracy} if named == "oracle" else {})
        return own | {"sigma": self.sigma}

    def _init(self) -> State:
        n, c = self.catalog_size, self.capacity
        none = _predictors.new("none", 0.0, n, self.seed)
        given = _predictors.new(self.predictor, float(self.accuracy), n, self.seed)
        plain = _proximal.init(c, n, self.sigma, none, None, self.seed)
        optimistic = _proximal.init(c, n, self.sigma, given, None, self.seed)
        stats = np.zeros(STATS)
        stats[OCCUPANCY] = stats[PEAK] = c
        return State(plain, optimistic, optimistic.x.copy(), np.array([1.0, 0.0]), stats)

    def fractions(self) -> np.ndarray:
        return self.state.x.copy()

    def _extend(self, state: State, catalog_size: int) -> State:
        grown = state._replace(
            plain=_proximal.extend(state.plain, catalog_size),
            optimistic=_proximal.extend(state.optimistic, catalog_size),
            x=np.pad(state.x, (0, catalog_size - self.catalog_size)),
        )
        mix(grown, -1)
        return grown

    def realised(self) -> dict[str, float]:
        return {"errors": float(self.state.optimistic.numbers[_proximal.ERRORS])}

    def bound(
        self, requests: int | None = None, *, realised: Mapping[str, float] | None = None
    ) -> Bound | None:
        n, c = self.catalog_size, self.capacity
        t = requests if requests is not None else self.require_horizon("requests")
        kind = _predictors.check(self.predictor, n)
        errors = min((realised or {}).get("errors", math.inf), t if kind == NONE else 2.0 * t, t)
        value = math.sqrt(errors) * (self.sigma * min(c, n - c) + 1 / self.sigma) + 1.5 * math.sqrt(t)
        return declared(
            value + 2 * _proximal.TINY * c if c < n else 0.0,
            "sqrt(min(S, T)) (sigma min(C, N-C) + 1 / sigma) + 1.5 sqrt(T), S the squared errors",
            "best static set, prefilled",
            "every sequence",
            ("unit sizes, a hit is worth 1",),
            self.reference + "; derived in the docstring",
        )
