"""H2T2: two thresholds on a binary score: answer 0 below, 1 above, offload in between.

Rule: the score s = P(class 1) lies in one of K equal steps. A pair lo <= hi answers 0 where the step is
below lo, 1 where it is hi or more, and offloads in between; errors cost `false_negative` and
`false_positive`, offloading beta. Each pair has a weight, multiplied by exp(-eta estimated loss);
with chance eps a sample is offloaded to learn, otherwise a pair is drawn from the weights. The class is
known only for explored samples, whose error losses are divided by eps.

Since lo <= hi, the loss of a pair is beta + [step < lo] (error if 0 - beta) + [step >= hi] (error if 1 - beta):
a part of lo plus a part of hi. So the weight of a pair is u(lo) v(hi), and the (K+1)(K+2)/2 pairs cost O(K).
Logarithms of u and v are kept.

Cost: O(K) per sample. Memory: 16 (K+1) bytes.

Regret, expected, against the best pair of the grid, on every sequence with losses in [0, 1]:
3 (T^2 ln M / 2)^(1/3), M = (K+1)(K+2)/2, eta and eps as in HIL-N [derived: the same three terms; the
reference gives the order T^(2/3) from memory of the paper]. Against the best *single* threshold it may
be far below: it may also correct the local model's answer.

References
----------
.. [1] H2T2: hierarchical inference with two thresholds, arXiv 2509.15674.

Examples
--------
>>> rule = H2T2(horizon=1000, steps=4, eta=0.2, eps=0.3)
>>> for i in range(300):  # a score of .45 is a coin flip, the others are right
...     for score, wrong in ((0.1, False), (0.45, i % 2 == 0), (0.9, False)):
...         offloaded = rule.decide(max(score, 1 - score), cost=0.2, score=score)
...         rule.feedback(local_wrong=wrong if offloaded else None)
>>> [round(x, 2) for x in rule.thresholds()]
[0.25, 0.75]
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_state, uniform
from olearn.bounds import Bound
from olearn.errors import check_positive_int, check_real
from olearn.policies.offloading._base import CHANCE, STATS, BinaryPolicy
from olearn.policies.offloading._game import (
    ANSWER_0,
    ANSWER_1,
    BLOCKED,
    BLOCKED_LOCAL,
    EXPLORE,
    OFFLOAD,
    arriving,
    book,
    due,
    next_answer,
)

#: The most by which a logarithm moves in a round: their sums stay finite at any rate and horizon.
LARGEST = 1e100


class State(NamedTuple):
    """Logarithms of the weights of the two thresholds; that of a pair lo <= hi is their sum."""

    low: np.ndarray  # float64 (K+1,)
    high: np.ndarray  # float64 (K+1,)
    negative: float  # cost of answering 0 wrongly
    positive: float  # cost of answering 1 wrongly
    eta: float
    eps: float
    rng: np.ndarray  # uint64 (4,)
    stats: np.ndarray  # float64 (2,)


def init(steps: int, negative: float, positive: float, eta: float, eps: float, seed: int) -> State:
    return State(
        np.zeros(steps + 1), np.zeros(steps + 1), negative, positive, eta, eps, new_state(seed), np.zeros(STATS)
    )


@kernel(inline=True)
def step_of(score, steps):
    return min(int(score * steps), steps - 1)


@kernel(inline=True)
def best_log(low, high):
    """The largest logarithm of a weight over the pairs lo <= hi."""
    so_far, best = -np.inf, -np.inf
    for k in range(low.size):
        so_far = max(so_far, low[k])
        best = max(best, so_far + high[k])
    return best


@kernel(inline=True)
def decide(state, sample):
    # The heaviest low may stand above the heaviest high, a pair that is not allowed: scaled apart, all allowed
    # weights may vanish. So weights are taken relative to the heaviest allowed pair, and a sum over lo is kept
    # as exp(peak) * sum until it meets its hi.
    low, high = state.low, state.high
    steps = low.size - 1
    at = step_of(sample.score, steps)
    best = best_log(low, high)
    zero, one, middle = 0.0, 0.0, 0.0
    peak, below = -np.inf, 0.0  # lo <= min(hi, at)
    for k in range(at + 1):
        top = max(peak, low[k])
        below = below * math.exp(peak - top) + math.exp(low[k] - top)
        peak = top
        one += below * math.exp(peak + high[k] - best)
    over, above = -np.inf, 0.0  # at < lo <= hi
    for k in range(at + 1, steps + 1):
        top = max(over, low[k])
        above = above * math.exp(over - top) + math.exp(low[k] - top)
        over = top
        zero += above * math.exp(over + high[k] - best)
        middle += below * math.exp(peak + high[k] - best)
    total = zero + one + middle  # at least 1
    eps = state.eps
    state.stats[CHANCE] = eps + (1.0 - eps) * (middle / total)
    if uniform(state.rng) < eps:
        return EXPLORE
    drawn = uniform(state.rng) * total
    if drawn < middle:
        return OFFLOAD
    return ANSWER_0 if drawn < middle + zero else ANSWER_1


@kernel(inline=True)
def learn(state, answer):
    low, high = state.low, state.high
    steps = low.size - 1
    at = step_of(answer.score, steps)
    if_zero = 0.0
    if_one = 0.0
    if answer.seen and answer.decision == EXPLORE:
        truth = (answer.score > 0.5) == (answer.wrong == 0.0)
        if_zero = ((state.negative if truth else 0.0) - answer.remote) / state.eps
        if_one = ((0.0 if truth else state.positive) - answer.remote) / state.eps
    f = max(-LARGEST, min(LARGEST, state.eta * (if_zero - answer.cost)))
    for k in range(at + 1, steps + 1):
        low[k] -= f
    g = max(-LARGEST, min(LARGEST, state.eta * (if_one - answer.cost)))
    for k in range(at + 1):
        high[k] -= g


@kernel
def run(state, stream, arrival, budget, record, begin, end):
    for t in range(begin, end):
        while due(arrival, t):
            answer = next_answer(stream, arrival, record)
            if answer.decision != BLOCKED_LOCAL:
                learn(state, answer)
        sample = arriving(stream, budget, t)
        decision = BLOCKED_LOCAL
        chance = 0.0
        if sample.cost < BLOCKED:
            decision = decide(state, sample)
            chance = state.stats[CHANCE]
        book(stream, budget, record, t, sample.cost, decision, chance)


class H2T2(BinaryPolicy):
    __doc__ = __doc__

    name = "h2t2"
    needs = "offloaded"
    columns = ("scores of two classes",)
    randomised = True
    rule = "exponential weights over pairs of thresholds on a binary score: 0 below, 1 above, offload between"
    reference = "arXiv 2509.15674"
    decide_kernel, learn_kernel, run = staticmethod(decide), staticmethod(learn), staticmethod(run)

    def __init__(
        self,
        horizon: int | None = None,
        levels: Any = None,
        contexts: int = 1,
        cost: float | None = None,
        *,
        steps: int = 32,
        false_negative: float = 1.0,
        false_positive: float = 1.0,
        eta: float | None = None,
        eps: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, levels, contexts, cost, seed=seed)
        self.steps = steps
        self.false_negative = false_negative
        self.false_positive = false_positive
        self.eta = eta
        self.eps = eps

    def parameters(self) -> dict[str, Any]:
        return {
            "steps": self.steps,
            "false_negative": self.false_negative,
            "false_positive": self.false_positive,
            "eta": self.rate(),
            "eps": self.exploration(),
        }

    def validate(self) -> None:
        super().validate()
        check_positive_int("steps", self.steps)
        check_real("false_negative", self.false_negative, 0.0, 1.0, open_low=True)
        check_real("false_positive", self.false_positive, 0.0, 1.0, open_low=True)
        self.exploration()

    def complexity(self) -> float:
        """ln of the number of pairs."""
        k = check_positive_int("steps", self.steps)
        return math.log((k + 1) * (k + 2) / 2)

    def rate(self) -> float:
        """The learning rate in use."""
        if self.eta is not None:
            return check_real("eta", self.eta, 0.0, open_low=True)
        return (2.0 * self.complexity() ** 2 / self.require_horizon("eta") ** 2) ** (1.0 / 3.0)

    def exploration(self) -> float:
        """The chance of exploring in use."""
        if self.eps is not None:
            return check_real("eps", self.eps, 0.0, 1.0, open_low=True)
        return min(1.0, math.sqrt(self.rate() / 2.0))

    def _init(self) -> State:
        return init(
            int(self.steps),
            float(self.false_negative),
            float(self.false_positive),
            self.rate(),
            self.exploration(),
            self.seed,
        )

    def thresholds(self) -> tuple[float, float]:
        """The pair (lo, hi) of the largest weight; of equal ones the widest."""
        u, v = self.state.low, self.state.high
        table = np.where(np.tri(u.size, dtype=bool).T, u[:, None] + v[None, :], -np.inf)
        best = np.argwhere(table >= table.max() - 1e-9 * max(1.0, abs(float(table.max()))))
        lo, hi = best[np.argmax(best[:, 1] - best[:, 0])]
        return float(lo / (u.size - 1)), float(hi / (u.size - 1))

    def bound(self, samples: int | None = None) -> Bound | None:
        T = samples if samples is not None else self.horizon
        if T is None:
            return None
        c = self.complexity()
        eta = self.eta if self.eta is not None else (2.0 * c**2 / T**2) ** (1.0 / 3.0)
        eps = self.eps if self.eps is not None else min(1.0, math.sqrt(eta / 2.0))
        return Bound(
            eps * T + c / eta + eta * T / (2.0 * eps),
            "eps T + ln(M)/eta + eta T/(2 eps) = 3 (T^2 ln(M) / 2)^(1/3)",
            "best pair of thresholds of the grid",
            "in expectation",
            (
                "losses lie in [0, 1]: cost at most 1, remote answers taken as the truth",
                "samples do not depend on earlier decisions",
            ),
            "derived; order T^(2/3) as in arXiv 2509.15674",
        )
