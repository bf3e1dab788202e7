"""HIL-N: exponential weights over the threshold, the truth revealed only where a sample is offloaded.

Rule: with chance eps the sample is offloaded to learn (exploration); otherwise it is offloaded with
chance q_t, the share of weight above p_t as in HIL-F. Every threshold is charged an unbiased estimate of
its loss: beta where it offloads, (1{local wrong} / eps) 1{explored} where it accepts.

``estimator="propensity"`` uses every offloaded sample instead of the explored ones alone: 1{local
wrong} / P(offloaded), with the probability stored when the decision was drawn. It is unbiased too, its
second moment is smaller, and the same bound holds [derived here; not in the paper].

Cost: O(log n) per sample for n distinct confidences. Memory: 20 bytes per confidence.

Regret, expected, against the best of the thresholds, on every sequence with losses in [0, 1]:
3 (T^2 ln(1/lambda) / 2)^(1/3) with eta = (2 ln^2(1/lambda) / T^2)^(1/3) and eps = min(1, sqrt(eta / 2)): the
sum of eps T (exploration), ln(1/lambda)/eta and eta T / (2 eps). While eps is cut at 1 the regret is at
most T, and the sum is still a bound.

The bound is below 0.1 T only after tens of thousands of samples (``bound_vacuous_until(0.1)``), and on
short traces the exploration alone makes HIL-N dearer than the better constant rule.

References
----------
.. [1] V. N. Moothedath, J. P. Champati and J. Gross, "Getting the best out of both worlds: algorithms for
   hierarchical inference at the edge", arXiv 2304.00891.

Examples
--------
>>> rule = HILN(horizon=1000, levels=[0.2, 0.8], seed=1)
>>> round(rule.exploration(), 3)
0.093
>>> offloaded = rule.decide(0.2, cost=0.3)
>>> rule.feedback(local_wrong=True if offloaded else None)
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_state, uniform
from olearn.bounds import Bound
from olearn.errors import check_real, unknown
from olearn.policies.offloading._base import CHANCE, STATS, BinaryPolicy
from olearn.policies.offloading._game import (
    ACCEPT,
    BLOCKED,
    BLOCKED_LOCAL,
    EXPLORE,
    OFFLOAD,
    arriving,
    book,
    due,
    next_answer,
)
from olearn.policies.offloading._thresholds import Thresholds, thresholds_of
from olearn.policies.offloading._tree import Tree, factor, multiply_from, new_tree, quantile, share_from

ESTIMATORS = ("explored", "propensity")


class State(NamedTuple):
    """Weights over thresholds."""

    tree: Tree
    first: np.ndarray  # int32 (n,): thresholds first[cell], first[cell]+1, ... offload a cell
    eta: float
    eps: float
    propensity: int  # 1: use every offloaded sample
    rng: np.ndarray  # uint64 (4,)
    stats: np.ndarray  # float64 (2,)


def init(found: Thresholds, eta: float, eps: float, propensity: bool, seed: int) -> State:
    return State(
        new_tree(found.weights), found.first, eta, eps, int(propensity), new_state(seed), np.zeros(STATS)
    )


@kernel(inline=True)
def decide(state, sample):
    share = share_from(state.tree, 0, state.first[sample.cell])
    state.stats[CHANCE] = state.eps + (1.0 - state.eps) * share
    if uniform(state.rng) < state.eps:
        return EXPLORE
    return OFFLOAD if uniform(state.rng) < share else ACCEPT


@kernel(inline=True)
def learn(state, answer):
    wrong = 0.0
    if answer.seen:
        if state.propensity == 1:
            if answer.decision in (OFFLOAD, EXPLORE):
                wrong = (answer.wrong - answer.remote) / answer.chance
        elif answer.decision == EXPLORE:
            wrong = (answer.wrong - answer.remote) / state.eps
    multiply_from(state.tree, 0, state.first[answer.cell], factor(state.eta, answer.cost - wrong))


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


class HILN(BinaryPolicy):
    __doc__ = __doc__

    name = "hil-n"
    needs = "offloaded"
    randomised = True
    rule = "Hedge over thresholds on the confidence, exact density, truth revealed only when offloaded"
    reference = "Moothedath, Champati and Gross, arXiv 2304.00891"
    decide_kernel, learn_kernel, run = staticmethod(decide), staticmethod(learn), staticmethod(run)

    def __init__(
        self,
        horizon: int | None = None,
        levels: Any = None,
        contexts: int = 1,
        cost: float | None = None,
        *,
        axis: str = "uniform",
        grid: int | None = None,
        eta: float | None = None,
        eps: float | None = None,
        estimator: str = "explored",
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, levels, contexts, cost, seed=seed)
        self.axis = axis
        self.grid = grid
        self.eta = eta
        self.eps = eps
        self.estimator = estimator

    def parameters(self) -> dict[str, Any]:
        return {
            "axis": self.axis,
            "grid": self.grid,
            "eta": self.rate(),
            "eps": self.exploration(),
            "estimator": self.estimator,
        }

    def validate(self) -> None:
        super().validate()
        if self.estimator not in ESTIMATORS:
            raise unknown("estimator", str(self.estimator), ESTIMATORS)
        self.exploration()

    def found(self) -> Thresholds:
        """The thresholds in play and their start weights."""
        return thresholds_of(self)

    def groups(self) -> tuple[np.ndarray, int]:
        found = self.found()
        return found.first, found.values.size

    def complexity(self) -> float:
        """ln(1/lambda), lambda the least start weight of a threshold; at least ln 2, so that a rate exists."""
        return max(math.log(1.0 / float(self.found().weights.min())), math.log(2.0))

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
        return init(self.found(), self.rate(), self.exploration(), self.estimator == "propensity", self.seed)

    def threshold(self, context: int = 0) -> float:
        """The median threshold of the weights."""
        return float(self.found().values[int(quantile(self.state.tree, 0, 0.5))])

    def bound(self, samples: int | None = None) -> Bound | None:
        T = samples if samples is not None else self.horizon
        if T is None:
            return None
        c = self.complexity()
        eta = self.eta if self.eta is not None else (2.0 * c**2 / T**2) ** (1.0 / 3.0)
        eps = self.eps if self.eps is not None else min(1.0, math.sqrt(eta / 2.0))
        return Bound(
            eps * T + c / eta + eta * T / (2.0 * eps),
            "eps T + ln(1/lambda)/eta + eta T/(2 eps) = 3 (T^2 ln(1/lambda) / 2)^(1/3)",
            "best fixed threshold" if self.grid is None else "best threshold of the grid",
            "in expectation",
            (
                "losses lie in [0, 1]: cost at most 1, remote answers taken as the truth",
                "samples do not depend on earlier decisions",
            ),
            "arXiv 2304.00891; re-derived",
        )
