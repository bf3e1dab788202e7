r"""OSMD on m-sets: online mirror descent on the marginals, semi-bandit feedback.

The marginals x live in {0 <= x <= 1, sum x = m}; a set with these marginals is drawn by DepRound. With
the loss l = 1 - reward of each arm of the set and the estimate l/x (0 elsewhere), one mirror step in the
dual and the Bregman projection back:

* ``regulariser="negentropy"``: x_i = min(1, c x_i e^(-eta l_i/x_i)), eta = sqrt(2 m ln(K/m) / (K T));
* ``regulariser="tsallis"`` (1/2): x_i = min(1, (x_i^(-1/2) + eta l_i/x_i + c)^(-2)), eta = sqrt(2/T),

c such that the sum is m. The dual variables are kept, not x: an arm whose x underflows comes back when it
should. With m = 1 the negentropy is Exp3 with a fixed rate.

Cost: O(K) and 2K exponentials (negentropy) or a few passes of divisions (tsallis). Memory: 32 bytes an arm.

Regret in expectation, rewards in [0, 1] fixed beforehand: sqrt(2 m K T ln(K/m)) and 2 sqrt(2 m K T). Both
follow from the mirror-descent lemma with local norms for losses of at least 0,
range(psi)/eta + (eta/2) sum_t E sum_i x_i (l_i/x_i)^2 / psi''(x_i), with range m ln(K/m) and psi'' = 1/x, or
range 2 sqrt(m K) and psi'' = x^(-3/2)/2, where sum_i sqrt(x_i) <= sqrt(m K).

References
----------
.. [1] J.-Y. Audibert, S. Bubeck and G. Lugosi, "Regret in online combinatorial optimization", Mathematics of
   Operations Research 39(1), 2014.

Examples
--------
>>> policy = OSMD(arms=4, horizon=1000, m=2, seed=1)
>>> policy.probabilities()
array([0.5, 0.5, 0.5, 0.5])
>>> policy.update(policy.pull(), [0.0, 1.0])
>>> round(float(policy.probabilities().sum()), 12)
2.0
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_state
from olearn.bounds import Bound
from olearn.environments._kernels import draw_set
from olearn.errors import check_real, unknown
from olearn.learners.bandits._sets import SetPolicy, dependent_round
from olearn.learners.bandits._shared import LARGEST_STEP

REGULARISERS = ("negentropy", "tsallis")


class State(NamedTuple):
    dual: np.ndarray  # float64 (K,): ln x (negentropy) or x^(-1/2) (tsallis)
    p: np.ndarray  # float64 (K,): the marginals x of the coming round
    draw: np.ndarray  # float64 (K,): marginals of the last draw
    work: np.ndarray  # float64 (K,): scratch
    chosen: np.ndarray  # int64 (m,)
    rewards: np.ndarray  # float64 (m,)
    clock: np.ndarray  # int64 (1,): rounds
    rng: np.ndarray  # uint64 (4,)
    eta: float
    tsallis: int


def init(arms: int, m: int, eta: float, tsallis: bool, seed: int) -> State:
    x = m / arms
    return State(
        np.full(arms, x**-0.5 if tsallis else math.log(x)),
        np.full(arms, x),
        np.full(arms, x),
        np.zeros(arms),
        np.zeros(m, np.int64),
        np.zeros(m),
        np.zeros(1, np.int64),
        new_state(seed),
        float(eta),
        int(tsallis),
    )


@kernel
def project_logs(dual, x, m):
    """Shift dual = ln x by c so that sum min(1, exp(dual + c)) = m, and cap it at 0; x is filled.

    Capping an arm adds mass to the others, so the set of capped arms only grows: at most K passes.
    """
    arms = dual.size
    c = -math.inf
    caps = -1
    now = 0
    while now > caps and now < m:
        caps = now
        high = -math.inf
        for i in range(arms):
            if dual[i] + c < 0.0:
                high = max(high, dual[i])
        rest = 0.0
        for i in range(arms):
            if dual[i] + c < 0.0:
                x[i] = math.exp(dual[i] - high)
                rest += x[i]
        c = math.log((m - caps) / rest) - high
        now = 0
        for i in range(arms):
            if dual[i] + c >= 0.0:
                now += 1
    for i in range(arms):
        dual[i] = min(0.0, dual[i] + c)
        x[i] = math.exp(dual[i])


@kernel
def project_roots(dual, x, m):
    """Shift dual = x^(-1/2) by c so that sum min(1, (dual + c)^(-2)) = m, and keep it above 1; x is filled."""
    arms = dual.size
    high = dual[0]
    low = dual[0]
    for i in range(1, arms):
        high = max(high, dual[i])
        low = min(low, dual[i])
    left, right = 1.0 - high, math.sqrt(arms / m) - low  # mass at least m, mass at most m
    c = min(0.0, right)
    for _ in range(100):
        mass, slope = 0.0, 0.0
        for i in range(arms):
            root = dual[i] + c
            if root <= 1.0:
                mass += 1.0
            else:
                value = 1.0 / (root * root)
                mass += value
                slope += 2.0 * value / root
        if mass > m:
            left = c
        else:
            right = c
        if abs(mass - m) <= 1e-14 * arms:
            break
        moved = c + (mass - m) / slope if slope > 0.0 else 0.5 * (left + right)
        if not (moved > left and moved < right):
            moved = 0.5 * (left + right)
        if moved == c:
            break
        c = moved
    for i in range(arms):
        dual[i] = max(1.0, dual[i] + c)
        x[i] = 1.0 / (dual[i] * dual[i])


@kernel
def pull(state):
    dependent_round(state.rng, state.p, state.work, state.chosen)
    for i in range(state.p.size):
        state.draw[i] = state.p[i]


@kernel
def update(state, chosen, rewards):
    dual = state.dual
    m = chosen.size
    for j in range(m):
        arm = chosen[j]
        step = min(LARGEST_STEP, state.eta * (1.0 - rewards[j]) / state.draw[arm])
        if state.tsallis:
            dual[arm] += step
        else:
            dual[arm] -= step
    if m == dual.size:
        for i in range(m):
            state.p[i] = 1.0
    elif state.tsallis:
        project_roots(dual, state.p, m)
    else:
        project_logs(dual, state.p, m)
    state.clock[0] += 1


@kernel
def run(state, env, record):
    for t in range(record.rounds):
        pull(state)
        draw_set(env, record, t, state.chosen, state.rewards)
        update(state, state.chosen, state.rewards)


class OSMD(SetPolicy):
    __doc__ = __doc__

    name = "osmd"
    randomised = True
    unit_rewards = True
    weighted = True
    rule = "mirror descent on the marginals with l/x estimates, projection to {0<=x<=1, sum x = m}, DepRound"
    tuning = "eta = sqrt(2 m ln(K/m)/(K T)) (negentropy), sqrt(2/T) (tsallis); needs the horizon"
    reference = "Audibert, Bubeck and Lugosi, Mathematics of Operations Research 2014"
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def __init__(
        self,
        arms: int,
        horizon: int | None = None,
        *,
        m: int = 1,
        regulariser: str = "negentropy",
        eta: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(arms, horizon, m=m, seed=seed)
        self.regulariser = regulariser
        self.eta = eta

    def parameters(self) -> dict[str, Any]:
        if self.regulariser not in REGULARISERS:
            raise unknown("regulariser", str(self.regulariser), REGULARISERS)
        if self.eta is not None:
            eta = check_real("eta", self.eta, 0.0, open_low=True)
        elif self.regulariser == "tsallis":
            eta = math.sqrt(2.0 / self.require_horizon("eta"))
        else:
            log = 2.0 * self.m * math.log(self.arms / self.m)
            eta = math.sqrt(log / (self.arms * self.require_horizon("eta")))
        return {"m": self.m, "regulariser": self.regulariser, "eta": eta}

    def validate(self) -> None:
        super().validate()
        self.parameters()

    def _init(self) -> State:
        return init(self.arms, self.m, self.parameters()["eta"], self.regulariser == "tsallis", self.seed)

    def probabilities(self) -> np.ndarray:
        """The chance of each arm to be in the set of the coming round, float64 (arms,)."""
        return np.array(self.state.p)

    def bound(self, horizon: int | None = None, means: Any = None) -> Bound | None:
        t = self._rounds_of_bound(horizon)
        if self.eta is not None or t != self.horizon:
            return None
        size = 2.0 * self.m * self.arms * t
        if self.regulariser == "tsallis":
            value, formula = 2.0 * math.sqrt(size), "2 sqrt(2 m K T)"
        else:
            value, formula = math.sqrt(size * math.log(self.arms / self.m)), "sqrt(2 m K T ln(K/m))"
        return Bound(
            value,
            formula,
            "best fixed set",
            "in expectation",
            ("rewards in [0, 1], fixed beforehand",),
            "Audibert, Bubeck and Lugosi 2014; derivation in the module's docstring",
        )
