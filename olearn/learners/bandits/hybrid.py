r"""HYBRID: semi-bandits on m-sets, best of both worlds.

Follow the regularised leader on the marginals {0 <= x <= 1, sum x = m},

.. math:: x_t = \arg\min \langle x, \hat L \rangle
          + \frac{1}{\eta_t} \sum_i \left(-\sqrt{x_i} + \gamma (1-x_i)\ln(1-x_i)\right),

eta_t = 1/sqrt(t), gamma = 1 if m <= K/2 else min(1, 1/sqrt(ln(K/(K-m)))); a set with these marginals is drawn
by DepRound. With the loss l = -reward in [-1, 0] the estimate of every arm is (l + 1) 1[i in set]/x_i - 1.

The multiplier and, for each arm, its marginal come from nested safeguarded Newton iterations, both
warm-started from the last round.

Cost: O(K) times about 15 evaluations with a logarithm each. Memory: 40 bytes an arm.

Regret: adversarial O(sqrt(m K T)), and O((K-m) sqrt(ln(K/(K-m)) T)) for m > K/2; stochastic
O(sum ln T / Delta); constants are not explicit in this form, none is declared.

References
----------
.. [1] J. Zimmert, H. Luo and C.-Y. Wei, "Beating stochastic and adversarial semi-bandits optimally and
   simultaneously", ICML 2019.

Examples
--------
>>> policy = Hybrid(arms=4, m=2, seed=1)
>>> policy.probabilities()
array([0.5, 0.5, 0.5, 0.5])
>>> policy.update(policy.pull(), [0.0, 1.0])
>>> round(float(policy.probabilities().sum()), 9)
2.0
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_state
from olearn.environments._kernels import draw_set
from olearn.errors import check_real
from olearn.learners.bandits._sets import SetPolicy, dependent_round
from olearn.learners.bandits._shared import LARGEST_STEP


class State(NamedTuple):
    loss: np.ndarray  # float64 (K,): estimated cumulative losses
    p: np.ndarray  # float64 (K,): the marginals x of the coming round
    draw: np.ndarray  # float64 (K,): marginals of the last draw
    work: np.ndarray  # float64 (K,): scratch
    multiplier: np.ndarray  # float64 (1,)
    chosen: np.ndarray  # int64 (m,)
    rewards: np.ndarray  # float64 (m,)
    clock: np.ndarray  # int64 (1,): rounds
    rng: np.ndarray  # uint64 (4,)
    gamma: float


def init(arms: int, m: int, gamma: float, seed: int) -> State:
    x = np.full(arms, m / arms)
    ints = np.zeros(m, np.int64)
    clock = np.zeros(1, np.int64)
    return State(
        np.zeros(arms),
        x,
        x.copy(),
        np.zeros(arms),
        np.zeros(1),
        ints,
        np.zeros(m),
        clock,
        new_state(seed),
        float(gamma),
    )


@kernel
def marginal(a, gamma, x):
    """x in (0, 1) with 1/(2 sqrt x) + gamma (ln(1-x) + 1) = a; `x` is the starting point.

    Newton's method in u = 1/(2 sqrt x) > 1/2, where the left side is increasing and concave (and nearly
    linear for small x): from below it can't overshoot. Without the logarithm x = 1 if a <= 1/2.
    """
    if a > 1e99:
        return 1e-200  # 1/(4 a^2), kept where its powers are still positive
    if gamma == 0.0:
        return 1.0 if a <= 0.5 else 0.25 / (a * a)
    if a < 0.5 + gamma * (math.log(1e-15) + 1.0):
        return 1.0 - 1e-15
    low = 0.5
    u = 0.5 / math.sqrt(min(max(x, 1e-200), 1.0 - 1e-15))
    for _ in range(60):
        square = 0.25 / (u * u)
        rest = max(1.0 - square, 1e-16)
        value = u + gamma * (math.log(rest) + 1.0) - a
        moved = u - value / (1.0 + 2.0 * gamma * square / (u * rest))
        if value < 0.0:
            low = max(low, u)
        if moved <= low:
            moved = 0.5 * (low + u)
        if abs(moved - u) <= 1e-15 * u:
            break
        u = moved
    return 0.25 / (u * u)


@kernel
def solve(loss, x, m, eta, gamma, start):
    """Fill x with the minimiser; returns the multiplier lam with x_i = marginal(eta (loss_i - lam))."""
    arms = loss.size
    low_loss, high_loss = loss[0], loss[0]
    for i in range(1, arms):
        low_loss = min(low_loss, loss[i])
        high_loss = max(high_loss, loss[i])
    # at the marginal m/K every arm would have a = level: the multiplier lies between the two shifts
    level = 0.5 * math.sqrt(arms / m) + gamma * (math.log1p(-m / arms) + 1.0)
    left, right = low_loss - level / eta, high_loss - level / eta
    lam = min(max(start, left), right)
    for _ in range(100):
        mass, slope = 0.0, 0.0
        for i in range(arms):
            x[i] = marginal(eta * (loss[i] - lam), gamma, x[i])
            power = 4.0 * x[i] * math.sqrt(x[i])
            slope += eta * power / (1.0 + gamma * power / max(1.0 - x[i], 1e-300))
            mass += x[i]
        if mass < m:
            left = lam
        else:
            right = lam
        if abs(mass - m) <= 1e-12 * arms:
            break
        moved = lam - (mass - m) / slope
        if not (moved > left and moved < right):
            moved = 0.5 * (left + right)
        if moved == lam:
            break
        lam = moved
    return lam


@kernel
def pull(state):
    dependent_round(state.rng, state.p, state.work, state.chosen)
    for i in range(state.p.size):
        state.draw[i] = state.p[i]


@kernel
def update(state, chosen, rewards):
    loss = state.loss
    arms, m = loss.size, chosen.size
    state.clock[0] += 1
    if m == arms:
        for i in range(arms):
            state.p[i] = 1.0
        return
    # the -1 of every arm is a common shift and changes nothing
    for j in range(m):
        arm = chosen[j]
        loss[arm] += min(LARGEST_STEP, (1.0 - rewards[j]) / state.draw[arm])
    low = loss[0]
    for i in range(1, arms):
        low = min(low, loss[i])
    if low > 1e6:  # large common parts would cost digits
        for i in range(arms):
            loss[i] -= low
        state.multiplier[0] -= low
    eta = 1.0 / math.sqrt(state.clock[0] + 1.0)
    state.multiplier[0] = solve(loss, state.p, m, eta, state.gamma, state.multiplier[0])


@kernel
def run(state, env, record):
    for t in range(record.rounds):
        pull(state)
        draw_set(env, record, t, state.chosen, state.rewards)
        update(state, state.chosen, state.rewards)


class Hybrid(SetPolicy):
    __doc__ = __doc__

    name = "hybrid"
    randomised = True
    unit_rewards = True
    weighted = True
    rule = "FTRL with sum -sqrt(x) + gamma (1-x) ln(1-x) on {0<=x<=1, sum x = m}, eta_t = 1/sqrt(t), DepRound"
    tuning = "gamma = 1 if m <= K/2 else min(1, 1/sqrt(ln(K/(K-m)))); no horizon needed"
    reference = "Zimmert, Luo and Wei, ICML 2019"
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def __init__(
        self, arms: int, horizon: int | None = None, *, m: int = 1, gamma: float | None = None, seed: int = 0
    ) -> None:
        super().__init__(arms, horizon, m=m, seed=seed)
        self.gamma = gamma

    def parameters(self) -> dict[str, Any]:
        if self.gamma is not None:
            # without the second term nothing keeps the marginals of larger sets below 1
            gamma = check_real("gamma", self.gamma, 0.0, open_low=self.m > 1)
        elif 2 * self.m <= self.arms or self.m == self.arms:
            gamma = 1.0
        else:
            gamma = min(1.0, 1.0 / math.sqrt(math.log(self.arms / (self.arms - self.m))))
        return {"m": self.m, "gamma": gamma}

    def validate(self) -> None:
        super().validate()
        self.parameters()

    def _init(self) -> State:
        return init(self.arms, self.m, self.parameters()["gamma"], self.seed)

    def probabilities(self) -> np.ndarray:
        """The chance of each arm to be in the set of the coming round, float64 (arms,)."""
        return np.array(self.state.p)
