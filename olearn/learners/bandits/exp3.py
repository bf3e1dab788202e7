r"""Exp3 and Exp3-IX: exponential weights on estimated losses, without mixing.

With the loss l = 1 - reward and p the chance of the pulled arm,

.. math:: p_i \propto e^{-\eta \hat L_i}, \qquad \hat L_A \leftarrow \hat L_A + \frac{l}{p + \gamma},

gamma = 0 for ``Exp3`` and gamma = eta/2 for ``Exp3IX`` (implicit exploration: a little bias, little variance).

* ``Exp3``: eta = sqrt(2 ln K/(KT)) when the horizon is known, else eta_t = sqrt(ln K/(tK)).
  Regret in expectation against any fixed sequence: sqrt(2 T K ln K) [1]_, anytime 2 sqrt(T K ln K) [2]_.
* ``Exp3IX``: eta = 2 gamma = sqrt(2 ln K/(KT)). With chance 1 - delta, every adversary:
  2 sqrt(2KT ln K) + (sqrt(2KT/ln K) + 1) ln(2/delta) [3]_.

With a fixed eta one weight changes in a round: one exponential, K additions. The weights are rebuilt from the
cumulative losses, shifted by the smallest, whenever their sum falls below 1e-100, so nothing can underflow for
good and nothing drifts.

Cost: O(K) additions and one exponential a round (anytime: K exponentials). Memory: 16 bytes an arm.

References
----------
.. [1] T. Lattimore and C. Szepesvari, *Bandit Algorithms*, Cambridge 2020, Theorem 11.2.
.. [2] S. Bubeck and N. Cesa-Bianchi, "Regret analysis of stochastic and nonstochastic multi-armed bandit
   problems", FnT Machine Learning 5(1), 2012, Theorem 3.1.
.. [3] G. Neu, "Explore no more: improved high-probability regret bounds for non-stochastic bandits",
   NIPS 2015, Theorem 1.

Examples
--------
>>> policy = Exp3(arms=2, horizon=1000, seed=3)
>>> policy.probabilities()
array([0.5, 0.5])
>>> round(policy.bound().value, 2)
52.66
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import categorical, new_state
from olearn.bounds import Bound
from olearn.environments._kernels import account, draw
from olearn.errors import check_real
from olearn.learners.bandits._base import WeightedPolicy
from olearn.learners.bandits._shared import LARGEST


class State(NamedTuple):
    loss: np.ndarray  # float64 (K,): estimated cumulative losses
    weight: np.ndarray  # float64 (K,): exp(-eta (loss - some shift))
    draw: np.ndarray  # float64 (2,): chance of the last draw, sum of the weights
    clock: np.ndarray  # int64 (1,): rounds
    rng: np.ndarray  # uint64 (4,)
    eta: float  # 0 means eta_t = rate / sqrt(t)
    rate: float
    gamma: float


def init(arms: int, eta: float, rate: float, gamma: float, seed: int) -> State:
    return State(
        np.zeros(arms),
        np.ones(arms),
        np.array([1.0 / arms, float(arms)]),
        np.zeros(1, np.int64),
        new_state(seed),
        float(eta),
        float(rate),
        float(gamma),
    )


@kernel(inline=True)
def pull(state):
    arm = categorical(state.rng, state.weight, state.draw[1])
    state.draw[0] = state.weight[arm] / state.draw[1]
    return arm


@kernel
def rebuild(state, eta):
    """Weights from the cumulative losses, the largest weight 1; returns their sum."""
    loss, weight = state.loss, state.weight
    low = loss[0]
    for i in range(1, loss.size):
        low = min(low, loss[i])
    total = 0.0
    for i in range(loss.size):
        weight[i] = math.exp(-eta * (loss[i] - low))
        total += weight[i]
    return total


@kernel(inline=True)
def update(state, arm, reward):
    weight = state.weight
    state.clock[0] += 1
    estimate = (1.0 - reward) / (state.draw[0] + state.gamma)
    state.loss[arm] = min(LARGEST, state.loss[arm] + estimate)
    if state.eta > 0.0:
        weight[arm] *= math.exp(-state.eta * estimate)
        total = 0.0
        for i in range(weight.size):
            total += weight[i]
        if not total > 1e-100:
            total = rebuild(state, state.eta)
    else:
        total = rebuild(state, state.rate / math.sqrt(state.clock[0] + 1.0))
    state.draw[1] = total


@kernel
def run(state, env, record):
    for t in range(record.rounds):
        arm = pull(state)
        reward = draw(env, t, arm)
        update(state, arm, reward)
        account(env, record, t, arm, reward)


class _Exponential(WeightedPolicy):
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def probabilities(self) -> np.ndarray:
        state = self.state
        return np.asarray(state.weight / state.weight.sum())


class Exp3(_Exponential):
    """Exp3 on losses 1 - reward, no mixing; see :mod:`olearn.learners.bandits.exp3`.

    Parameters
    ----------
    eta : float, optional
        Learning rate; default sqrt(2 ln K/(KT)) with a horizon, sqrt(ln K/(tK)) without.

    Examples
    --------
    >>> round(Exp3(arms=4, horizon=100).parameters()["eta"], 4)
    0.0833
    """

    name = "exp3"
    rule = "p ~ exp(-eta L), L_arm += (1 - reward)/p_arm"
    tuning = "eta = sqrt(2 ln K/(K T)); without a horizon eta_t = sqrt(ln K/(t K))"
    reference = "Auer, Cesa-Bianchi, Freund and Schapire, SICOMP 2002; Bandit Algorithms, Theorem 11.2"

    def __init__(
        self, arms: int, horizon: int | None = None, *, eta: float | None = None, seed: int = 0
    ) -> None:
        super().__init__(arms, horizon, seed=seed)
        self.eta = eta

    def _eta(self) -> float | None:
        if self.eta is not None:
            return check_real("eta", self.eta, 0.0, open_low=True)
        return (
            None if self.horizon is None else math.sqrt(2.0 * math.log(self.arms) / (self.arms * self.horizon))
        )

    def parameters(self) -> dict[str, Any]:
        return {"eta": self._eta()}

    def validate(self) -> None:
        super().validate()
        self._eta()

    def _init(self) -> State:
        return init(self.arms, self._eta() or 0.0, math.sqrt(math.log(self.arms) / self.arms), 0.0, self.seed)

    def bound(self, horizon: int | None = None, means: Any = None) -> Bound | None:
        t = self._rounds_of_bound(horizon)
        log = math.log(self.arms)
        eta = self._eta()
        if eta is None:
            value, formula, source = (
                2.0 * math.sqrt(t * self.arms * log),
                "2 sqrt(T K ln K)",
                "Bubeck and Cesa-Bianchi 2012, Theorem 3.1",
            )
        elif self.eta is None and t == self.horizon:
            value, formula, source = (
                math.sqrt(2.0 * t * self.arms * log),
                "sqrt(2 T K ln K)",
                "Lattimore and Szepesvari 2020, Theorem 11.2",
            )
        else:
            value = (log / eta if eta else 0.0) + eta * t * self.arms / 2.0
            formula, source = "ln K/eta + eta T K/2", "Lattimore and Szepesvari 2020, proof of Theorem 11.2"
        return Bound(
            value, formula, "best arm", "in expectation", ("rewards in [0, 1], fixed beforehand",), source
        )


class Exp3IX(_Exponential):
    """Exp3 with implicit exploration; see :mod:`olearn.learners.bandits.exp3`.

    Parameters
    ----------
    eta : float, optional
        Learning rate; default sqrt(2 ln K/(KT)).
    gamma : float, optional
        Implicit exploration; default eta/2.
    delta : float, default 0.05
        Chance of failure that :meth:`bound` is stated for; the policy doesn't depend on it.

    Examples
    --------
    >>> round(Exp3IX(arms=10, horizon=10_000, delta=0.1).bound().value, 2)
    2243.12
    """

    name = "exp3-ix"
    rule = "p ~ exp(-eta L), L_arm += (1 - reward)/(p_arm + gamma)"
    tuning = "eta = 2 gamma = sqrt(2 ln K/(K T)) (needs the horizon)"
    reference = "Neu, NIPS 2015"

    def __init__(
        self,
        arms: int,
        horizon: int | None = None,
        *,
        eta: float | None = None,
        gamma: float | None = None,
        delta: float = 0.05,
        seed: int = 0,
    ) -> None:
        super().__init__(arms, horizon, seed=seed)
        self.eta = eta
        self.gamma = gamma
        self.delta = delta

    def parameters(self) -> dict[str, Any]:
        if self.eta is None:
            eta = math.sqrt(2.0 * math.log(self.arms) / (self.arms * self.require_horizon("eta")))
        else:
            eta = check_real("eta", self.eta, 0.0, open_low=True)
        gamma = eta / 2.0 if self.gamma is None else check_real("gamma", self.gamma, 0.0)
        return {"eta": eta, "gamma": gamma, "delta": self.delta}

    def validate(self) -> None:
        super().validate()
        check_real("delta", self.delta, 0.0, 1.0, open_low=True, open_high=True)
        self.parameters()

    def _init(self) -> State:
        p = self.parameters()
        return init(self.arms, p["eta"], 0.0, p["gamma"], self.seed)

    def bound(self, horizon: int | None = None, means: Any = None) -> Bound | None:
        t = self._rounds_of_bound(horizon)
        if self.eta is not None or self.gamma is not None or t != self.horizon or self.arms == 1:
            return None
        kt, log = 2.0 * self.arms * t, math.log(self.arms)
        return Bound(
            2.0 * math.sqrt(kt * log) + (math.sqrt(kt / log) + 1.0) * math.log(2.0 / self.delta),
            "2 sqrt(2KT ln K) + (sqrt(2KT/ln K) + 1) ln(2/delta)",
            "best arm",
            f"with probability {1.0 - self.delta:g}",
            ("rewards in [0, 1]; they may depend on the plays so far",),
            "Neu 2015, Theorem 1",
        )
