"""HIL-F: exponential weights over the threshold, the truth revealed after every sample.

Rule: threshold theta costs beta where p < theta (offload) and 1{local wrong} where p >= theta. Each
theta in [0, 1] has a weight w(theta), multiplied by exp(-eta loss(theta)) after a sample; sample t is
offloaded with chance q_t = (weight above p_t) / (all weight). The density is kept exactly: it is
constant between neighbouring confidences (``_thresholds.py`` says on which axis it starts).

Cost: O(log n) per sample for n distinct confidences (``_tree.py``). Memory: 20 bytes per confidence.

Regret, expected, against the best of the thresholds, on every sequence with losses in [0, 1]:
sqrt(T ln(1/lambda) / 2), where lambda is the least start weight of an interval (on the uniform axis
the smallest gap between two confidences), with eta = sqrt(8 ln(1/lambda) / T). This is Hedge with
a prior; the reference states the same bound.

With ``grid=K`` the thresholds are K points and the regret is against the best of those only.

References
----------
.. [1] V. N. Moothedath, J. P. Champati and J. Gross, "Getting the best out of both worlds: algorithms for
   hierarchical inference at the edge", arXiv 2304.00891.

Examples
--------
>>> rule = HILF(horizon=100, levels=[0.2, 0.8], seed=1)
>>> for _ in range(50):  # a local model that is wrong when unsure
...     _ = rule.decide(0.2, cost=0.3), rule.feedback(local_wrong=True)
...     _ = rule.decide(0.8, cost=0.3), rule.feedback(local_wrong=False)
>>> rule.decide(0.2, cost=0.3), rule.decide(0.8, cost=0.3)
(True, False)
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_state, uniform
from olearn.bounds import Bound
from olearn.errors import check_real
from olearn.policies.offloading._base import CHANCE, STATS, BinaryPolicy
from olearn.policies.offloading._game import (
    ACCEPT,
    BLOCKED,
    BLOCKED_LOCAL,
    OFFLOAD,
    arriving,
    book,
    due,
    next_answer,
)
from olearn.policies.offloading._thresholds import Thresholds, thresholds_of
from olearn.policies.offloading._tree import Tree, factor, multiply_from, new_tree, quantile, share_from


class State(NamedTuple):
    """Weights over thresholds."""

    tree: Tree
    first: np.ndarray  # int32 (n,): thresholds first[cell], first[cell]+1, ... offload a cell
    eta: float
    rng: np.ndarray  # uint64 (4,)
    stats: np.ndarray  # float64 (2,)


def init(found: Thresholds, eta: float, seed: int) -> State:
    return State(new_tree(found.weights), found.first, eta, new_state(seed), np.zeros(STATS))


@kernel(inline=True)
def decide(state, sample):
    chance = share_from(state.tree, 0, state.first[sample.cell])
    state.stats[CHANCE] = chance
    return OFFLOAD if uniform(state.rng) < chance else ACCEPT


@kernel(inline=True)
def learn(state, answer):
    if answer.seen:
        loss = answer.cost + answer.remote - answer.wrong
        multiply_from(state.tree, 0, state.first[answer.cell], factor(state.eta, loss))


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


class HILF(BinaryPolicy):
    __doc__ = __doc__

    name = "hil-f"
    needs = "full"
    randomised = True
    bounds_remote_errors = True
    rule = "Hedge over thresholds on the confidence, exact density, truth always revealed"
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
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, levels, contexts, cost, seed=seed)
        self.axis = axis
        self.grid = grid
        self.eta = eta

    def parameters(self) -> dict[str, Any]:
        return {"axis": self.axis, "grid": self.grid, "eta": self.rate()}

    def validate(self) -> None:
        super().validate()
        self.found()
        self.rate()

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
        return math.sqrt(8.0 * self.complexity() / self.require_horizon("eta"))

    def _init(self) -> State:
        return init(self.found(), self.rate(), self.seed)

    def threshold(self, context: int = 0) -> float:
        """The median threshold of the weights."""
        return float(self.found().values[int(quantile(self.state.tree, 0, 0.5))])

    def bound(self, samples: int | None = None) -> Bound | None:
        T = samples if samples is not None else self.horizon
        if T is None:
            return None
        c = self.complexity()
        if self.eta is None:
            value, formula = math.sqrt(T * c / 2.0), "sqrt(T ln(1/lambda) / 2)"
        else:
            value, formula = c / self.eta + self.eta * T / 8.0, "ln(1/lambda)/eta + eta T / 8"
        return Bound(
            value,
            formula,
            "best fixed threshold" if self.grid is None else "best threshold of the grid",
            "in expectation",
            (
                "losses lie in [0, 1]: cost (and the remote error, where it counts) at most 1",
                "the truth is always revealed",
            ),
            "arXiv 2304.00891 (Hedge with a prior)",
        )
