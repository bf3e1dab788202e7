r"""KL-UCB: the largest mean that the data of an arm do not rule out.

Rule: after one pull of each arm, pull the arm with the largest

.. math:: q_i = \max\{q \in [\hat\mu_i, 1] : n_i \, \mathrm{kl}(\hat\mu_i, q) \le \ln t + c \ln\ln t\},

kl the Bernoulli divergence, c = 0 in practice and 3 in the proofs (ties: the arm pulled last, then the lowest).

Fast, and still exact: only the winner's index is solved for. Against a candidate value q the test
"is q_i above q?" is ``n_i (h_i - m_i ln q - (1-m_i) ln(1-q)) < f`` with h_i kept from the last pull: two
logarithms for all arms together. Starting from the last winner one or two indices are solved in a round,
each by Newton's method from the right, where kl(m, .) is convex and increasing, so the iterates
fall onto the solution without a safeguard.

Cost: O(K) multiplications and about 10 logarithms a round. Memory: 40 bytes an arm.

Regret, with c = 3: limsup R/ln T <= sum Delta/kl(mu_i, mu*), the Lai-Robbins constant, for independent rewards
in [0, 1] with fixed means; no finite-time bound is declared.

References
----------
.. [1] A. Garivier and O. Cappe, "The KL-UCB algorithm for bounded stochastic bandits and beyond", COLT 2011.

Examples
--------
>>> round(upper_index(0.1, 0.2), 6)
0.378392
>>> policy = KLUCB(arms=2)
>>> for reward in (0.0, 1.0, 1.0):
...     policy.update(policy.pull(), reward)
>>> policy.pull()
1
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.environments._kernels import account, draw
from olearn.errors import check_real
from olearn.learners.bandits._base import IndexPolicy
from olearn.learners.bandits._shared import first_unplayed


class State(NamedTuple):
    total: np.ndarray  # float64 (K,): sum of rewards
    pulls: np.ndarray  # float64 (K,): pulls
    mean: np.ndarray  # float64 (K,)
    entropy: np.ndarray  # float64 (K,): m ln m + (1-m) ln(1-m)
    clock: np.ndarray  # int64 (3,): rounds, arms never pulled, last winner
    c: float


def init(arms: int, c: float) -> State:
    total, pulls, mean, entropy = np.zeros((4, arms))
    return State(total, pulls, mean, entropy, np.array([0, arms, 0]), float(c))


@kernel
def negative_entropy(m):
    h = 0.0
    if m > 0.0:
        h += m * math.log(m)
    if m < 1.0:
        h += (1.0 - m) * math.log1p(-m)
    return h


@kernel
def largest_mean(m, h, d):
    """max{q: kl(m, q) <= d} for d >= 0; h is the negative entropy of m."""
    if m >= 1.0 or d <= 0.0:
        return m
    # two upper bounds on the solution: Pinsker's, and ln(m/q) >= ln m
    gap = (1.0 - m) * math.exp(-(d - (m * math.log(m) if m > 0.0 else 0.0)) / (1.0 - m))
    if m <= 0.0:
        return 1.0 - gap
    q = min(1.0 - gap, m + math.sqrt(0.5 * d))
    if q >= 1.0:
        return 1.0
    for _ in range(60):
        excess = h - m * math.log(q) - (1.0 - m) * math.log1p(-q) - d
        step = excess * q * (1.0 - q) / (q - m)
        if not step > 1e-16 * q:
            break
        q -= step
    return max(q, m)


@kernel
def pull(state):
    if state.clock[1] > 0:
        return first_unplayed(state.pulls)
    f = math.log(state.clock[0])
    if state.c > 0.0:
        f = max(0.0, f + state.c * math.log(max(f, 1e-300)))
    count, mean, entropy = state.pulls, state.mean, state.entropy
    best = state.clock[2]
    q = largest_mean(mean[best], entropy[best], f / count[best])
    start = best
    log_q, log_rest = math.log(max(q, 1e-300)), math.log(max(1.0 - q, 1e-300))
    for i in range(mean.size):
        if q >= 1.0:
            break
        m = mean[i]
        above = m > q or count[i] * (entropy[i] - m * log_q - (1.0 - m) * log_rest) < f
        if above and i != start:
            value = largest_mean(m, entropy[i], f / count[i])
            if value > q:
                q = value
                best = i
                log_q, log_rest = math.log(max(q, 1e-300)), math.log(max(1.0 - q, 1e-300))
    state.clock[2] = best
    return best


@kernel
def update(state, arm, reward):
    if state.pulls[arm] == 0.0:
        state.clock[1] -= 1
    state.pulls[arm] += 1.0
    state.total[arm] += reward
    m = min(1.0, max(0.0, state.total[arm] / state.pulls[arm]))
    state.mean[arm] = m
    state.entropy[arm] = negative_entropy(m)
    state.clock[0] += 1


@kernel
def run(state, env, record):
    for t in range(record.rounds):
        arm = pull(state)
        reward = draw(env, t, arm)
        update(state, arm, reward)
        account(env, record, t, arm, reward)


def upper_index(mean: float, budget: float) -> float:
    """The largest q in [mean, 1] with kl(mean, q) <= budget, to about 1e-13.

    Parameters
    ----------
    mean : float in [0, 1]
    budget : float, at least 0
        In KL-UCB, (ln t + c ln ln t) / n.
    """
    m = check_real("mean", mean, 0.0, 1.0)
    d = check_real("budget", budget, 0.0)
    return float(largest_mean(m, negative_entropy(m), d))


class KLUCB(IndexPolicy):
    __doc__ = __doc__

    name = "kl-ucb"
    unit_rewards = True
    rule = "pull argmax of the largest q with n kl(mean, q) <= ln t + c ln ln t"
    tuning = "c = 0 (the proofs need 3)"
    reference = "Garivier and Cappe, COLT 2011"
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def __init__(self, arms: int, horizon: int | None = None, *, c: float = 0.0, seed: int = 0) -> None:
        super().__init__(arms, horizon, seed=seed)
        self.c = c

    def validate(self) -> None:
        super().validate()
        check_real("c", self.c, 0.0)

    def _init(self) -> State:
        return init(self.arms, self.c)
