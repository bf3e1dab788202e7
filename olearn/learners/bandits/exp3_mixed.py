r"""Exp3 as first published, Exp3.P and Exp3.S: exponential weights on rewards, mixed with uniform play.

All play :math:`p_i = (1-\gamma) w_i/W + \gamma/K` and weigh the reward of the pulled arm, x = reward/p_A:

* ``Exp3Auer`` [1]_: :math:`w_A \leftarrow w_A e^{\gamma x/K}`, gamma = min(1, sqrt(K ln K/((e-1) T))).
  Regret in expectation, rewards fixed beforehand: 2 sqrt(e-1) sqrt(TK ln K) <= 2.63 sqrt(TK ln K).
* ``Exp3P`` [2]_: :math:`w_i \leftarrow w_i e^{\eta (x 1[i=A] + \beta/p_i)}` for every arm,
  beta = sqrt(ln(K/delta)/(TK)), eta = 0.95 sqrt(ln K/(TK)), gamma = 1.05 sqrt(K ln K/T).
  With chance 1 - delta: 5.15 sqrt(TK ln(K/delta)).
* ``Exp3S`` [1]_: Exp3Auer's step, then :math:`w_i \leftarrow w_i + (e \alpha/K) W` (W before the step),
  alpha = 1/T, gamma = min(1, sqrt(K (S ln(KT) + e)/((e-1) T))). Regret against any sequence of arms with at
  most S - 1 changes, in expectation: 2 sqrt(e-1) sqrt(KT (S ln(KT) + e)) (as cited, not re-derived here).

Weights are divided by their sum when it leaves [1e-100, 1e100].

Cost: O(K) a round, one exponential (Exp3.P: K). Memory: 24 bytes an arm.

References
----------
.. [1] P. Auer, N. Cesa-Bianchi, Y. Freund and R. Schapire, "The nonstochastic multiarmed bandit
   problem", SIAM J. Computing 32(1), 2002.
.. [2] S. Bubeck and N. Cesa-Bianchi, "Regret analysis of stochastic and nonstochastic multi-armed bandit
   problems", FnT Machine Learning 5(1), 2012, Theorem 3.2.

Examples
--------
>>> policy = Exp3Auer(arms=10, horizon=10_000, seed=3)
>>> round(policy.bound().value, 1), round(policy.parameters()["gamma"], 4)
(1258.0, 0.0366)
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import categorical, new_state
from olearn.bounds import Bound
from olearn.environments._kernels import account, draw
from olearn.errors import check_positive_int, check_real
from olearn.learners.bandits._base import WeightedPolicy


class State(NamedTuple):
    weight: np.ndarray  # float64 (K,)
    p: np.ndarray  # float64 (K,): chances of the coming round
    draw: np.ndarray  # float64 (2,): chance of the last draw, sum of the weights
    clock: np.ndarray  # int64 (1,): rounds
    rng: np.ndarray  # uint64 (4,)
    gamma: float  # uniform mixing
    eta: float  # rate of the exponent
    beta: float  # bonus of every arm (Exp3.P)
    share: float  # e alpha / K (Exp3.S)


def init(arms: int, gamma: float, eta: float, beta: float, share: float, seed: int) -> State:
    return State(
        np.ones(arms),
        np.full(arms, 1.0 / arms),
        np.array([1.0 / arms, float(arms)]),
        np.zeros(1, np.int64),
        new_state(seed),
        float(gamma),
        float(eta),
        float(beta),
        float(share),
    )


@kernel(inline=True)
def pull(state):
    arm = categorical(state.rng, state.p, 1.0)
    state.draw[0] = state.p[arm]
    return arm


@kernel(inline=True)
def update(state, arm, reward):
    weight, p = state.weight, state.p
    arms = weight.size
    before = state.draw[1]
    gain = reward / state.draw[0]
    if state.beta > 0.0:
        for i in range(arms):
            weight[i] *= math.exp(min(600.0, state.eta * state.beta / p[i]))
    weight[arm] *= math.exp(min(600.0, state.eta * gain))
    total = 0.0
    for i in range(arms):
        weight[i] += state.share * before
        total += weight[i]
    if not (total > 1e-100 and total < 1e100):
        scale = 1.0 / total
        total = 0.0
        for i in range(arms):
            weight[i] *= scale
            total += weight[i]
    floor = state.gamma / arms
    scale = (1.0 - state.gamma) / total
    for i in range(arms):
        p[i] = scale * weight[i] + floor
    state.draw[1] = total
    state.clock[0] += 1


@kernel
def run(state, env, record):
    for t in range(record.rounds):
        arm = pull(state)
        reward = draw(env, t, arm)
        update(state, arm, reward)
        account(env, record, t, arm, reward)


class _Mixed(WeightedPolicy):
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def probabilities(self) -> np.ndarray:
        return np.array(self.state.p)

    def validate(self) -> None:
        super().validate()
        self.parameters()


class Exp3Auer(_Mixed):
    """Exp3 on rewards with uniform mixing; see :mod:`olearn.learners.bandits.exp3_mixed`.

    Parameters
    ----------
    gamma : float in (0, 1], optional
        Share of uniform play; default min(1, sqrt(K ln K/((e-1) T))).

    Examples
    --------
    >>> Exp3Auer(arms=2, gamma=0.1).probabilities()
    array([0.5, 0.5])
    """

    name = "exp3-auer"
    rule = "p = (1-gamma) w/W + gamma/K, w_arm *= exp(gamma reward/(p_arm K))"
    tuning = "gamma = min(1, sqrt(K ln K/((e-1) T))) (needs the horizon)"
    reference = "Auer, Cesa-Bianchi, Freund and Schapire, SICOMP 2002"

    def __init__(
        self, arms: int, horizon: int | None = None, *, gamma: float | None = None, seed: int = 0
    ) -> None:
        super().__init__(arms, horizon, seed=seed)
        self.gamma = gamma

    def parameters(self) -> dict[str, Any]:
        if self.gamma is not None:
            return {"gamma": check_real("gamma", self.gamma, 0.0, 1.0, open_low=True)}
        log = self.arms * math.log(self.arms)
        return {"gamma": min(1.0, math.sqrt(log / ((math.e - 1.0) * self.require_horizon("gamma"))))}

    def _init(self) -> State:
        gamma = self.parameters()["gamma"]
        return init(self.arms, gamma, gamma / self.arms, 0.0, 0.0, self.seed)

    def bound(self, horizon: int | None = None, means: Any = None) -> Bound | None:
        t = self._rounds_of_bound(horizon)
        if self.gamma is not None or t != self.horizon:
            return None
        return Bound(
            2.0 * math.sqrt((math.e - 1.0) * t * self.arms * math.log(self.arms)),
            "2 sqrt(e-1) sqrt(T K ln K)",
            "best arm",
            "in expectation",
            ("rewards in [0, 1], fixed beforehand",),
            "Auer, Cesa-Bianchi, Freund and Schapire 2002, Corollary 3.2",
        )


class Exp3P(_Mixed):
    """Exp3.P: a bonus beta/p for every arm makes the bound hold with high probability.

    See :mod:`olearn.learners.bandits.exp3_mixed`.

    Parameters
    ----------
    delta : float in (0, 1), default 0.05
        Chance that the bound fails; it tunes beta.

    Examples
    --------
    >>> round(Exp3P(arms=10, horizon=10_000, delta=0.1).bound().value, 2)
    3494.86
    """

    name = "exp3-p"
    rule = "p = (1-gamma) w/W + gamma/K, w_i *= exp(eta (reward 1[i=arm] + beta)/p_i)"
    tuning = "beta = sqrt(ln(K/delta)/(TK)), eta = .95 sqrt(ln K/(TK)), gamma = 1.05 sqrt(K ln K/T) (needs T)"
    reference = "Bubeck and Cesa-Bianchi, FnT ML 2012, Theorem 3.2"

    def __init__(self, arms: int, horizon: int | None = None, *, delta: float = 0.05, seed: int = 0) -> None:
        super().__init__(arms, horizon, seed=seed)
        self.delta = delta

    def parameters(self) -> dict[str, Any]:
        delta = check_real("delta", self.delta, 0.0, 1.0, open_low=True, open_high=True)
        t, log = self.require_horizon("another policy: Exp3.P needs it"), math.log(self.arms)
        return {
            "delta": delta,
            "beta": math.sqrt(math.log(self.arms / delta) / (t * self.arms)),
            "eta": 0.95 * math.sqrt(log / (t * self.arms)),
            "gamma": min(1.0, 1.05 * math.sqrt(self.arms * log / t)),
        }

    def _init(self) -> State:
        p = self.parameters()
        return init(self.arms, p["gamma"], p["eta"], p["beta"], 0.0, self.seed)

    def bound(self, horizon: int | None = None, means: Any = None) -> Bound | None:
        t = self._rounds_of_bound(horizon)
        if t != self.horizon:
            return None
        return Bound(
            5.15 * math.sqrt(t * self.arms * math.log(self.arms / self.delta)),
            "5.15 sqrt(T K ln(K/delta))",
            "best arm",
            f"with probability {1.0 - self.delta:g}",
            ("rewards in [0, 1]; they may depend on the plays so far",),
            "Bubeck and Cesa-Bianchi 2012, Theorem 3.2",
        )


class Exp3S(_Mixed):
    """Exp3.S: shares weight in every round, so it can follow a changing best arm.

    See :mod:`olearn.learners.bandits.exp3_mixed`.

    Parameters
    ----------
    segments : int, default 1
        Number S of stretches with one best arm each that gamma is tuned for.
    alpha : float in (0, 1), optional
        Shared part; default 1/T.
    gamma : float in (0, 1], optional
        Share of uniform play; default min(1, sqrt(K (S ln(KT) + e)/((e-1) T))).

    Examples
    --------
    >>> round(Exp3S(arms=2, horizon=10_000, segments=3).bound().value, 1)
    2111.3
    """

    name = "exp3-s"
    rule = "Exp3 with mixing, then w_i += (e alpha/K) W"
    tuning = "alpha = 1/T, gamma = min(1, sqrt(K (S ln(KT) + e)/((e-1) T))) (needs the horizon)"
    reference = "Auer, Cesa-Bianchi, Freund and Schapire, SICOMP 2002, Corollary 8.2"

    def __init__(
        self,
        arms: int,
        horizon: int | None = None,
        *,
        segments: int = 1,
        alpha: float | None = None,
        gamma: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(arms, horizon, seed=seed)
        self.segments = segments
        self.alpha = alpha
        self.gamma = gamma

    def parameters(self) -> dict[str, Any]:
        s = check_positive_int("segments", self.segments)
        if self.alpha is None:
            alpha = 1.0 / self.require_horizon("alpha")
        else:
            alpha = check_real("alpha", self.alpha, 0.0, 1.0, open_low=True)
        if self.gamma is None:
            t = self.require_horizon("gamma")
            over = self.arms * (s * math.log(self.arms * t) + math.e) / ((math.e - 1.0) * t)
            gamma = min(1.0, math.sqrt(over))
        else:
            gamma = check_real("gamma", self.gamma, 0.0, 1.0, open_low=True)
        return {"segments": s, "alpha": alpha, "gamma": gamma}

    def _init(self) -> State:
        p = self.parameters()
        return init(
            self.arms, p["gamma"], p["gamma"] / self.arms, 0.0, math.e * p["alpha"] / self.arms, self.seed
        )

    def bound(self, horizon: int | None = None, means: Any = None) -> Bound | None:
        t = self._rounds_of_bound(horizon)
        if self.alpha is not None or self.gamma is not None or t != self.horizon:
            return None
        inside = self.arms * t * (self.segments * math.log(self.arms * t) + math.e)
        return Bound(
            2.0 * math.sqrt((math.e - 1.0) * inside),
            "2 sqrt(e-1) sqrt(K T (S ln(KT) + e))",
            f"best sequence of arms in {self.segments} stretches",
            "in expectation",
            ("rewards in [0, 1], fixed beforehand",),
            "Auer, Cesa-Bianchi, Freund and Schapire 2002, Corollary 8.2 (constant as cited)",
        )
