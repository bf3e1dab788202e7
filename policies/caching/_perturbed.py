r"""What `ftpl-anytime` and `oftpl` share: the perturbed leader with a scale of noise that follows the errors.

At request t the cache is

.. math:: z_t = \arg\max_z \langle n_{t-1} + h_t + \eta_t \gamma, z \rangle, \qquad
          \eta_t = a \sqrt{E_k}, \quad E_k \ge \frac{4 + \sum_{s<t} \|v_s\|_1^2}{1 + \text{growth}},
          \quad v_s = g_s - h_s,

with the counts n, the prediction h_t (one item or none), the request g_t, and Gaussian noise gamma: drawn
once (``noise="fixed"``) or anew whenever the scale is renewed (``"fresh"``; with ``growth=0`` at every
request). An error :math:`\|v\|_1^2` is 0 for a right prediction, 1 without one and 4 for a wrong one; where
nothing is ever predicted the 4 in E is a 1, so that :math:`\eta_t = a\sqrt{t}`.

The prediction raises one score by 1, so it changes one item of the C largest of n + eta gamma at the most: the
lowest gives way. These C are kept in a lazy heap. A renewal finds them anew.

Cost: O(log C) a request, and O(N + C log C) a renewal. The scale is renewed when E has grown by the factor 1 +
`growth`: a 64th by default, so some 64 ln T renewals (a request each at first); 1 doubles (epochs); 0 renews at
every error. Memory: 35 bytes an item.

Regret. Let :math:`\Phi_t(y) = \max_z \langle y + \eta_t \gamma, z \rangle`, with a maximiser z(y), a
subgradient of this convex function. Then

.. math:: \Phi_t(n_t) \le \Phi_t(n_{t-1} + h_t) + \langle v_t, z(n_t) \rangle, \qquad
          \Phi_t(n_{t-1} + h_t) \le \Phi_t(n_{t-1}) + \langle h_t, z_t \rangle,

so :math:`\langle g_t, z_t \rangle \ge \Phi_t(n_t) - \Phi_t(n_{t-1}) - \langle v_t, z(n_t) - z_t \rangle`. As
:math:`\Phi_{t+1}(y) - \Phi_t(y) \le (\eta_{t+1} - \eta_t) \max_z \langle \gamma, z \rangle`, where the scale
grows and the noise is the same, the sum telescopes:

.. math:: R_T \le \eta_T \big(\max_z \langle \gamma, z \rangle - \langle \gamma, z^* \rangle\big)
              + \sum_t \langle v_t, z(n_t) - z_t \rangle .

In expectation, z* not depending on the noise: the first part is at most :math:`\eta_T B` with
:math:`B = \sqrt{2 \min(C, N-C) \ln \binom{N}{C}}` (see `ftpl`). The requested item comes in, or the one
predicted goes out, only if its noise, given all the others, lies in one interval: of length :math:`1/\eta_t`
without a prediction; of :math:`2/\eta_t` where the two scores move against each other. So a term is at most
:math:`\|v_t\|_1^2 / (\sqrt{2\pi}\, \eta_t)`. With :math:`S = \sum \|v\|_1^2` and
:math:`\sum_t \|v_t\|_1^2 / \sqrt{S_t} \le 2 \sqrt{S}`,

.. math:: E R_T \le a B \sqrt{S + 4} + \frac{2 \sqrt{1 + \text{growth}}}{a \sqrt{2\pi}} \sqrt{S} .

Fresh noise has the same law at each request, hence the same expectation. Requests and predictions must not
depend on the noise that is in use (oblivious adversary; noise fresh at every request allows requests that react
to the past). The default :math:`a = C^{-1/2} (\ln (Ne/C))^{-1/4}`
(1.3 times that for `ftpl-anytime`) is what the authors of [2]_ ran.

References
----------
.. [1] A. Cohen and T. Hazan, "Following the perturbed leader for online structured learning", ICML 2015.
.. [2] N. Mhaisen, A. Sinha, G. Paschos and G. Iosifidis, "Optimistic no-regret algorithms for discrete
   caching", Proc. ACM Meas. Anal. Comput. Syst. 6(3), 2022.
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
from olearn.policies.caching import _predictors
from olearn.policies.caching._base import CachingPolicy, Common, extended
from olearn.policies.caching._ledger import EVICTED, FETCHED, FETCHED_OTHER, new_stats
from olearn.policies.caching._predictors import NONE, ORACLE, Predictor

NOISES = ("fixed", "fresh")
#: Places in ``numbers``: the sum of squared errors; E; E at the last renewal; the scale.
ERRORS, NOW, RENEWED, ETA = range(4)


class State(NamedTuple):
    """Counts, noise, and a lazy heap of the C largest scores; the cache differs from these by one swap."""

    counts: np.ndarray  # int32 (N,)
    noise: np.ndarray  # float64 (N,)
    score: np.ndarray  # float64 (N,)
    work: np.ndarray  # float64 (N,)
    leads: np.ndarray  # uint8 (N,): among the C largest scores
    held: np.ndarray  # uint8 (N,)
    keys: np.ndarray  # float64 (C,)
    items: np.ndarray  # int32 (C,)
    swap: np.ndarray  # int64 (2,): the predicted item that came in and the leader that gave way, or -1
    predictor: Predictor
    rng: np.ndarray  # uint64 (4,)
    numbers: np.ndarray  # float64 (4,)
    a: float
    growth: float
    fresh: bool
    stats: np.ndarray  # float64 (STATS,)


def init(
    capacity: int, catalog_size: int, a: float, growth: float, fresh: bool, predictor: Predictor, seed: int
) -> State:
    """The C items with the largest noise."""
    n, c = catalog_size, capacity
    first = 1.0 if predictor.kind == NONE else 4.0
    numbers = np.array([0.0, first, first, a * math.sqrt(first)])
    noise = _rng.generator(seed).standard_normal(n)
    state = State(
        np.zeros(n, np.int32),
        noise,
        np.zeros(n),
        np.zeros(n),
        np.zeros(n, np.uint8),
        np.zeros(n, np.uint8),
        np.zeros(c),
        np.zeros(c, np.int32),
        np.array([-1, -1]),
        predictor,
        _rng.new_state(seed, 2),
        numbers,
        a,
        growth,
        fresh,
        new_stats(c),
    )
    rank(state)
    believe(state)
    state.held[:] = state.leads
    if state.swap[0] >= 0:
        state.held[state.swap[0]], state.held[state.swap[1]] = 1, 0
    return state


@kernel
def rank(state):
    """Scores from counts and noise; the C largest, in the heap. O(N)."""
    eta, n, c = state.numbers[ETA], state.counts.size, state.keys.size
    score, work = state.score, state.work
    for i in range(n):
        score[i] = state.counts[i] + eta * state.noise[i]
        work[i] = score[i]
    least = kth_largest(work, c)
    room = c
    for i in range(n):
        state.leads[i] = score[i] > least
        room -= score[i] > least
    size = 0
    for i in range(n):
        if room > 0 and score[i] == least:
            state.leads[i] = 1
            room -= 1
        if state.leads[i] != 0:
            size = lazyheap.push(state.keys, state.items, size, score[i], i)


@kernel
def believe(state):
    """Let the predicted item in for the lowest leader if its score, raised by 1, is larger."""
    predicted = state.predictor.cells[0]
    state.swap[0] = state.swap[1] = -1
    if predicted >= 0 and state.leads[predicted] == 0:
        lowest = lazyheap.refresh_top(state.keys, state.items, state.keys.size, state.score)
        if state.score[predicted] + 1.0 > state.score[lowest]:
            state.swap[0] = predicted
            state.swap[1] = lowest


@kernel
def _settle(state, i, item):
    """Fetch or drop item i as leaders and prediction have it now; `item` is the one requested."""
    if i < 0:
        return
    wanted = i == state.swap[0] or (state.leads[i] != 0 and i != state.swap[1])
    if wanted and state.held[i] == 0:
        state.held[i] = 1
        state.stats[FETCHED if i == item else FETCHED_OTHER] += 1.0
    elif not wanted and state.held[i] != 0:
        state.held[i] = 0
        state.stats[EVICTED] += 1.0


@kernel
def step(state, item):
    swap, numbers, p = state.swap, state.numbers, state.predictor
    if p.kind == ORACLE:
        _predictors.foresee(p, item, state.counts.size)
        before, gave = swap[0], swap[1]
        believe(state)
        _settle(state, before, item)
        _settle(state, gave, item)
        _settle(state, swap[0], item)
        _settle(state, swap[1], item)
    hit = state.held[item] != 0
    predicted = p.cells[0]
    error = 0.0
    if predicted < 0:
        error = 1.0
    elif predicted != item:
        error = 4.0
    numbers[ERRORS] += error
    numbers[NOW] += error
    state.counts[item] += 1
    state.score[item] += 1.0
    victim = np.int64(-1)
    due = numbers[NOW] > numbers[RENEWED] and numbers[NOW] >= (1.0 + state.growth) * numbers[RENEWED]
    if state.fresh and state.growth == 0.0:
        due = True
    before, gave = swap[0], swap[1]
    if due:
        numbers[RENEWED] = numbers[NOW]
        numbers[ETA] = state.a * math.sqrt(numbers[NOW])
        if state.fresh:
            for i in range(state.noise.size):
                state.noise[i] = _rng.normal(state.rng)
        rank(state)
    elif state.leads[item] == 0 and state.score[item] > state.keys[0]:
        lowest = lazyheap.refresh_top(state.keys, state.items, state.keys.size, state.score)
        if state.score[item] > state.score[lowest]:
            victim = np.int64(lowest)
            state.leads[victim] = 0
            state.leads[item] = 1
            lazyheap.replace_top(state.keys, state.items, state.keys.size, state.score[item], item)
    _predictors.advance(p, item)
    believe(state)
    if due:
        for i in range(state.counts.size):
            _settle(state, i, item)
    else:
        _settle(state, before, item)
        _settle(state, gave, item)
        _settle(state, victim, item)
        _settle(state, np.int64(item), item)
        _settle(state, swap[0], item)
        _settle(state, swap[1], item)
    return hit


@kernel(inline=True)
def share(state, item):
    return float(state.held[item])


class PerturbedPolicy(CachingPolicy):
    """A perturbed leader whose scale of noise follows the errors of its predictions.

    Parameters
    ----------
    eta : float, optional
        The numerator a of the scale, in requests.
    noise : {"fixed", "fresh"}
        Drawn once, or at every renewal.
    growth : float
        The scale is renewed when the errors have grown by this share; 0 renews at once.
    """

    randomised = True
    fetches_unasked = True
    #: The default numerator is this times C^(-1/2) (ln(N e/C))^(-1/4).
    _factor = 1.3

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        eta: float | None = None,
        noise: str = "fixed",
        growth: float = 1 / 64,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self._eta = eta
        self.noise = noise
        self.growth = growth

    def _predictor(self) -> Predictor:
        return _predictors.new("none", 0.0, self.catalog_size, self.seed)

    @property
    def eta(self) -> float:
        """Numerator of the scale; by default C^(-1/2) (ln(N e/C))^(-1/4), `ftpl-anytime` 1.3 times that."""
        if self._eta is not None:
            return check_real("eta", self._eta, 0.0, open_low=True)
        leaders = math.log(self._first_catalog * math.e / self._first_capacity)
        return self._factor / math.sqrt(self._first_capacity) * leaders**-0.25

    def validate(self) -> None:
        super().validate()
        if self.noise not in NOISES:
            raise unknown("noise", str(self.noise), NOISES)
        check_real("growth", self.growth, 0.0, 1e6)

    def parameters(self) -> dict[str, Any]:
        return {"eta": self.eta, "noise": self.noise, "growth": self.growth}

    def _init(self) -> State:
        fresh = self.noise == "fresh"
        predictor = self._predictor()
        return init(self.capacity, self.catalog_size, self.eta, float(self.growth), fresh, predictor, self.seed)

    def fractions(self) -> np.ndarray:
        return self.state.held.astype(np.float64)

    def _extend(self, state: State, catalog_size: int) -> State:
        # Noise of their own for the items added; those above the smallest leader enter at their first request
        # or at the next renewal.
        fresh = _rng.generator(self.seed, 3, catalog_size).standard_normal(catalog_size - self.catalog_size)
        return state._replace(
            counts=extended(state.counts, catalog_size, 0),
            noise=np.concatenate([state.noise, fresh]),
            score=np.concatenate([state.score, state.numbers[ETA] * fresh]),
            work=extended(state.work, catalog_size, 0.0),
            leads=extended(state.leads, catalog_size, 0),
            held=extended(state.held, catalog_size, 0),
            predictor=_predictors.grow(state.predictor, catalog_size),
        )

    def realised(self) -> dict[str, float]:
        return {"errors": float(self.state.numbers[ERRORS])}

    def bound(
        self, requests: int | None = None, *, realised: Mapping[str, float] | None = None
    ) -> Bound | None:
        n, c = self.catalog_size, self.capacity
        if n > self._first_catalog:
            return None  # an item added late was not ranked from the start
        t = requests if requests is not None else self.require_horizon("requests")
        worst = 1.0 if self._predictor().kind == NONE else 4.0
        errors = min((realised or {}).get("errors", math.inf), worst * t)
        sets = math.lgamma(n + 1) - math.lgamma(c + 1) - math.lgamma(n - c + 1)
        spread = math.sqrt(max(0.0, 2 * min(c, n - c) * sets))
        start = self.eta * spread * math.sqrt(errors + worst)
        ahead = 2 * math.sqrt((1 + self.growth) * errors) / (self.eta * math.sqrt(2 * math.pi))
        where = "the requests do not depend on the noise (oblivious adversary)"
        if self.noise == "fresh" and self.growth == 0:
            where = "the requests do not depend on the noise of the present request"
        return declared(
            start + ahead if c < n else 0.0,
            "eta B sqrt(S) + 2 sqrt((1 + growth) S) / (eta sqrt(2 pi)), S the squared errors, "
            "B = sqrt(2 min(C, N-C) ln binom(N, C))",
            "best static set, prefilled",
            "in expectation",
            (where, "unit sizes, a hit is worth 1", "the catalogue is fixed"),
            self.reference + "; derived in policies/caching/_perturbed.py",
        )
