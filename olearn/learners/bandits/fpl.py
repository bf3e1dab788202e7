r"""FPL with geometric resampling: semi-bandits with nothing but a linear oracle.

Rule: draw Z_i ~ Exp(1) for every arm and play the set of m arms with the smallest
:math:`\eta \hat L_i - Z_i`. The chance of an arm to be in the set has no formula; with fresh draws of Z, the
number N_i of redraws until arm i is in the leader again has mean 1/chance. Every arm of the set gets
:math:`\hat L_i \leftarrow \hat L_i + l_i \min(N_i, M)`, l = 1 - reward.

eta = sqrt(L/(2 K T)), M = ceil(sqrt(K T)/(e m sqrt(2 L))), L = ln(K/m) + 1.

Cost: about K/m redraws in a round on average, at most M, of K logarithms each. Memory: 16 bytes an arm.

Regret in expectation, rewards fixed beforehand: m L/eta + 2 eta m K T + K T/(e M) <= 3 m sqrt(2 K T L) (the
first expression as cited, the last step re-derived).

References
----------
.. [1] G. Neu and G. Bartok, "Importance weighting without importance weights: an efficient algorithm for
   combinatorial semi-bandits", JMLR 17, 2016.

Examples
--------
>>> policy = FPL(arms=4, horizon=1000, m=2, seed=1)
>>> policy.update(policy.pull(), [0.0, 1.0])
>>> policy.rounds
1
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import exponential, new_state
from olearn.bounds import Bound
from olearn.environments._kernels import draw_set
from olearn.errors import check_positive_int, check_real
from olearn.learners.bandits._sets import SetPolicy, top


class State(NamedTuple):
    loss: np.ndarray  # float64 (K,): estimated cumulative losses
    score: np.ndarray  # float64 (K,): Z - eta loss
    waiting: np.ndarray  # float64 (m,): redraws so far of each arm of the set, 0 once it came up
    chosen: np.ndarray  # int64 (m,)
    again: np.ndarray  # int64 (m,): the set of a redraw
    rewards: np.ndarray  # float64 (m,)
    clock: np.ndarray  # int64 (1,): rounds
    rng: np.ndarray  # uint64 (4,)
    eta: float
    most: int  # redraws in a round, M


def init(arms: int, m: int, eta: float, most: int, seed: int) -> State:
    loss, score = np.zeros((2, arms))
    waiting, rewards = np.zeros((2, m))
    chosen, again = np.zeros((2, m), np.int64)
    return State(
        loss,
        score,
        waiting,
        chosen,
        again,
        rewards,
        np.zeros(1, np.int64),
        new_state(seed),
        float(eta),
        int(most),
    )


@kernel
def leader(state, chosen):
    """The perturbed leader with fresh perturbations."""
    for i in range(state.loss.size):
        state.score[i] = exponential(state.rng) - state.eta * state.loss[i]
    top(state.score, chosen)


@kernel
def pull(state):
    leader(state, state.chosen)


@kernel
def update(state, chosen, rewards):
    m = chosen.size
    waiting = state.waiting
    for j in range(m):
        waiting[j] = 0.0
    found = 0
    redraws = 0
    while found < m and redraws < state.most:
        redraws += 1
        if redraws < state.most:
            leader(state, state.again)
        for j in range(m):
            if waiting[j] == 0.0:
                came = redraws == state.most
                for k in range(m):
                    if redraws < state.most and state.again[k] == chosen[j]:
                        came = True
                if came:
                    waiting[j] = redraws
                    found += 1
    for j in range(m):
        state.loss[chosen[j]] += (1.0 - rewards[j]) * waiting[j]
    state.clock[0] += 1


@kernel
def run(state, env, record):
    for t in range(record.rounds):
        pull(state)
        draw_set(env, record, t, state.chosen, state.rewards)
        update(state, state.chosen, state.rewards)


class FPL(SetPolicy):
    __doc__ = __doc__

    name = "fpl"
    randomised = True
    unit_rewards = True
    rule = (
        "play the m smallest of eta L - Exp(1), L_i += (1 - reward) * (redraws until i is in the leader again)"
    )
    tuning = "eta = sqrt(L/(2KT)), M = ceil(sqrt(KT)/(e m sqrt(2L))), L = ln(K/m) + 1 (needs the horizon)"
    reference = "Neu and Bartok, JMLR 2016"
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def __init__(
        self,
        arms: int,
        horizon: int | None = None,
        *,
        m: int = 1,
        eta: float | None = None,
        redraws: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(arms, horizon, m=m, seed=seed)
        self.eta = eta
        self.redraws = redraws

    def parameters(self) -> dict[str, Any]:
        log = math.log(self.arms / self.m) + 1.0
        if self.eta is not None:
            eta = check_real("eta", self.eta, 0.0, open_low=True)
        else:
            eta = math.sqrt(log / (2.0 * self.arms * self.require_horizon("eta")))
        if self.redraws is not None:
            most = check_positive_int("redraws", self.redraws)
        else:
            size = self.arms * self.require_horizon("redraws")
            most = math.ceil(math.sqrt(size) / (math.e * self.m * math.sqrt(2.0 * log)))
        return {"m": self.m, "eta": eta, "redraws": most}

    def validate(self) -> None:
        super().validate()
        self.parameters()

    def _init(self) -> State:
        p = self.parameters()
        return init(self.arms, self.m, p["eta"], p["redraws"], self.seed)

    def bound(self, horizon: int | None = None, means: Any = None) -> Bound | None:
        t = self._rounds_of_bound(horizon)
        if self.eta is not None or self.redraws is not None or t != self.horizon:
            return None
        log = math.log(self.arms / self.m) + 1.0
        return Bound(
            3.0 * self.m * math.sqrt(2.0 * self.arms * t * log),
            "3 m sqrt(2 K T (ln(K/m) + 1))",
            "best fixed set",
            "in expectation",
            ("rewards in [0, 1], fixed beforehand",),
            "Neu and Bartok 2016, Theorem 1 (as cited)",
        )
