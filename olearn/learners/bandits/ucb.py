r"""UCB: optimism by a confidence width of the sub-Gaussian kind.

Rule: after one pull of each arm, pull the arm with the largest :math:`\hat\mu_i + c_t / \sqrt{n_i}`,
where n_i counts its pulls and t all pulls so far (ties: lowest arm):

* ``UCB1`` [1]_: :math:`c_t = \sqrt{2 \ln t}`;
* ``UCB(alpha)``: :math:`c_t = \sqrt{\alpha \ln t / 2}`, so alpha = 4 is UCB1;
* ``UCBDelta`` [2]_: :math:`c = \sqrt{2 \ln(1/\delta)}`, default delta = 1/T^2;
* ``AOUCB`` [2]_: :math:`c_t = \sqrt{2 \ln(1 + t \ln^2 t)}`.

Cost: O(K) a round, one logarithm, no square root but the one of the pulled arm. Memory: 32 bytes an arm.

References
----------
.. [1] P. Auer, N. Cesa-Bianchi and P. Fischer, "Finite-time analysis of the multiarmed bandit
   problem", Machine Learning 47, 2002.
.. [2] T. Lattimore and C. Szepesvari, *Bandit Algorithms*, Cambridge 2020, chapters 7 and 8.

Examples
--------
>>> policy = UCB1(arms=2)
>>> for reward in (0.0, 1.0, 1.0):
...     policy.update(policy.pull(), reward)
>>> policy.pull(), policy.rounds
(1, 3)
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.environments._kernels import account, draw
from olearn.errors import check_real
from olearn.learners.bandits._base import IndexPolicy
from olearn.learners.bandits._shared import first_unplayed


class State(NamedTuple):
    """Counts and means; the width of an arm changes only with its own pulls."""

    total: np.ndarray  # float64 (K,): sum of rewards
    pulls: np.ndarray  # float64 (K,): pulls
    mean: np.ndarray  # float64 (K,)
    width: np.ndarray  # float64 (K,): 1/sqrt(pulls)
    clock: np.ndarray  # int64 (2,): rounds, arms never pulled
    alpha: float  # c_t^2 = alpha ln t / 2 + constant, plus the AO-UCB term if asked
    constant: float
    ao: int


def init(arms: int, alpha: float, constant: float, ao: bool) -> State:
    total, pulls, mean, width = np.zeros((4, arms))
    return State(total, pulls, mean, width, np.array([0, arms]), float(alpha), float(constant), int(ao))


@kernel(inline=True)
def pull(state):
    t = state.clock[0]
    if state.clock[1] > 0:
        return first_unplayed(state.pulls)
    square = state.constant
    if state.alpha > 0.0:
        square += 0.5 * state.alpha * math.log(t)
    if state.ao:
        log = math.log(t)
        square += 2.0 * math.log(1.0 + t * log * log)
    c = math.sqrt(square)
    mean, width = state.mean, state.width
    best = 0
    top = mean[0] + c * width[0]
    for i in range(1, mean.size):
        index = mean[i] + c * width[i]
        best = i if index > top else best  # selects, not branches: nobody can predict them
        top = index if index > top else top
    return best


@kernel(inline=True)
def update(state, arm, reward):
    if state.pulls[arm] == 0.0:
        state.clock[1] -= 1
    state.pulls[arm] += 1.0
    state.total[arm] += reward
    inverse = 1.0 / state.pulls[arm]
    state.mean[arm] = state.total[arm] * inverse
    state.width[arm] = math.sqrt(inverse)
    state.clock[0] += 1


@kernel
def run(state, env, record):
    for t in range(record.rounds):
        arm = pull(state)
        reward = draw(env, t, arm)
        update(state, arm, reward)
        account(env, record, t, arm, reward)


class _UCB(IndexPolicy):
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)


class UCB(_UCB):
    """UCB with width sqrt(alpha ln t / (2 n)); see :mod:`olearn.learners.bandits.ucb`.

    Parameters
    ----------
    alpha : float, default 4
        4 is UCB1; 1/2 and 1 explore less and have no finite-time bound here.

    Examples
    --------
    >>> UCB(arms=3, alpha=1).parameters()
    {'alpha': 1}
    """

    name = "ucb"
    rule = "pull argmax mean + sqrt(alpha ln t / (2 n))"
    tuning = "alpha = 4 (UCB1)"
    reference = "Auer, Cesa-Bianchi and Fischer, Machine Learning 2002"

    def __init__(self, arms: int, horizon: int | None = None, *, alpha: float = 4.0, seed: int = 0) -> None:
        super().__init__(arms, horizon, seed=seed)
        self.alpha = alpha

    def validate(self) -> None:
        super().validate()
        check_real("alpha", self.alpha, 0.0, open_low=True)

    def _init(self) -> State:
        return init(self.arms, self.alpha, 0.0, False)

    def bound(self, horizon: int | None = None, means: Any = None) -> Bound | None:
        gaps = self._gaps(means)
        if gaps is None or self.alpha != 4:
            return None
        t = self._rounds_of_bound(horizon)
        value = 8.0 * math.log(t) * float((1.0 / gaps).sum()) + (1.0 + math.pi**2 / 3.0) * float(gaps.sum())
        return Bound(
            value,
            "8 sum ln T / Delta + (1 + pi^2/3) sum Delta",
            "best arm",
            "in expectation",
            ("rewards are independent, in [0, 1], and their means don't change",),
            "Auer, Cesa-Bianchi and Fischer 2002, Theorem 1",
        )


class UCB1(UCB):
    """UCB1: width sqrt(2 ln t / n); see :mod:`olearn.learners.bandits.ucb`.

    Examples
    --------
    >>> round(UCB1(arms=2).bound(1000, means=[0.5, 0.4]).value, 2)
    553.05
    """

    name = "ucb1"
    rule = "pull argmax mean + sqrt(2 ln t / n)"
    tuning = "none"

    def __init__(self, arms: int, horizon: int | None = None, *, seed: int = 0) -> None:
        super().__init__(arms, horizon, seed=seed)


class UCBDelta(_UCB):
    """UCB(delta) for 1-sub-Gaussian rewards; see :mod:`olearn.learners.bandits.ucb`.

    Parameters
    ----------
    delta : float in (0, 1), optional
        Chance that one confidence width fails; default 1/T^2.

    Examples
    --------
    >>> policy = UCBDelta(arms=3, horizon=100)
    >>> policy.parameters(), round(policy.bound().value, 1)
    ({'delta': 0.0001}, 303.4)
    """

    name = "ucb-delta"
    rule = "pull argmax mean + sqrt(2 ln(1/delta) / n)"
    tuning = "delta = 1/T^2 (needs the horizon)"
    reference = "Lattimore and Szepesvari, Bandit Algorithms, Theorems 7.1 and 7.2"

    def __init__(
        self, arms: int, horizon: int | None = None, *, delta: float | None = None, seed: int = 0
    ) -> None:
        super().__init__(arms, horizon, seed=seed)
        self.delta = delta

    def _delta(self) -> float:
        if self.delta is not None:
            return check_real("delta", self.delta, 0.0, 1.0, open_low=True, open_high=True)
        # one round only: 1/T^2 would be 1, no width at all
        return 1.0 / max(2, self.require_horizon("delta")) ** 2

    def parameters(self) -> dict[str, Any]:
        return {"delta": self._delta()}

    def validate(self) -> None:
        super().validate()
        self._delta()

    def bound_needs_unit(self) -> bool:
        return False

    def _init(self) -> State:
        return init(self.arms, 0.0, 2.0 * math.log(1.0 / self._delta()), False)

    def bound(self, horizon: int | None = None, means: Any = None) -> Bound | None:
        if self.delta is not None:
            return None
        t = self._rounds_of_bound(horizon)
        if t != self.horizon:
            return None  # delta is tuned for the horizon
        gaps = self._gaps(means)
        assumptions = ("rewards are independent and 1-sub-Gaussian, their means don't change",)
        if gaps is None:
            return Bound(
                8.0 * math.sqrt(t * self.arms * math.log(t)) + 3.0 * (self.arms - 1),
                "8 sqrt(T K ln T) + 3 sum Delta",
                "best arm",
                "in expectation",
                (*assumptions, "gaps are at most 1"),
                "Lattimore and Szepesvari 2020, Theorem 7.2",
            )
        return Bound(
            3.0 * float(gaps.sum()) + 16.0 * math.log(t) * float((1.0 / gaps).sum()),
            "3 sum Delta + sum 16 ln T / Delta",
            "best arm",
            "in expectation",
            assumptions,
            "Lattimore and Szepesvari 2020, Theorem 7.1",
        )


class AOUCB(_UCB):
    """Asymptotically optimal UCB for 1-sub-Gaussian rewards; see :mod:`olearn.learners.bandits.ucb`.

    The regret divided by ln T has a limit superior of at most sum 2/Delta; no finite-time bound is declared.

    Examples
    --------
    >>> AOUCB(arms=2).pull()
    0
    """

    name = "ao-ucb"
    rule = "pull argmax mean + sqrt(2 ln(1 + t ln^2 t) / n)"
    tuning = "none"
    reference = "Lattimore and Szepesvari, Bandit Algorithms, Theorem 8.1"

    def _init(self) -> State:
        return init(self.arms, 0.0, 0.0, True)
