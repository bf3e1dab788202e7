"""EXP4 over thresholds and contexts: one threshold for each context, learnt from offloaded samples.

Rule: an expert is a threshold for every context, K^C of them for K thresholds and C contexts. Their weights
factor into one family of weights a context, so the share q of experts that offload is a sum over the
thresholds of the sample's own context. A sample is offloaded with chance p = gamma + (1 - gamma) q. Experts
that offload are charged beta, those that accept 1{local wrong} / p where the sample was offloaded: unlike
in textbook EXP4 it is offloading that reveals both losses, so the estimate divides by its chance.

Cost: O(log K) per sample. Memory: 12 K C bytes (``_tree.py``).

Regret, expected, against the best threshold of each context (those of the grid, or all with
``grid=none``), on every sequence with losses in [0, 1]: 3 (T^2 C ln(1/lambda) / 2)^(1/3), with c = C
ln(1/lambda), eta = (2 c^2 / T^2)^(1/3), gamma = min(1, sqrt(eta / 2)). It is gamma T + c/eta + eta
T/(2 gamma), because the estimates' second moment q beta^2 + (1 - q)/p is at most 1/gamma [derived].
lambda is the least start weight of a threshold (1/K on a grid).

References
----------
.. [1] P. Auer, N. Cesa-Bianchi, Y. Freund and R. Schapire, "The nonstochastic multiarmed bandit problem",
   SIAM J. Comput. 32(1), 2002.

Examples
--------
>>> rule = EXP4(horizon=2000, contexts=2, grid=8, eta=0.05, gamma=0.2)
>>> for _ in range(500):
...     for c in (0, 1):  # the local model is right in context 1 only
...         offloaded = rule.decide(0.6, cost=0.3, context=c)
...         rule.feedback(local_wrong=(c == 0) if offloaded else None)
>>> rule.threshold(0) > 0.6 > rule.threshold(1)
True
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
    EXPLORE,
    OFFLOAD,
    arriving,
    book,
    due,
    next_answer,
)
from olearn.policies.offloading._thresholds import Thresholds, thresholds_of
from olearn.policies.offloading._tree import Tree, factor, multiply_from, new_tree, quantile, share_from


class State(NamedTuple):
    """Weights over the thresholds of each context."""

    tree: Tree  # one tree a context
    first: np.ndarray  # int32 (n,): thresholds first[cell], first[cell]+1, ... offload a cell
    eta: float
    gamma: float
    rng: np.ndarray  # uint64 (4,)
    stats: np.ndarray  # float64 (2,)


def init(found: Thresholds, contexts: int, eta: float, gamma: float, seed: int) -> State:
    return State(new_tree(found.weights, contexts), found.first, eta, gamma, new_state(seed), np.zeros(STATS))


@kernel(inline=True)
def decide(state, sample):
    share = share_from(state.tree, sample.context * state.tree.size, state.first[sample.cell])
    state.stats[CHANCE] = state.gamma + (1.0 - state.gamma) * share
    if uniform(state.rng) < state.gamma:
        return EXPLORE
    return OFFLOAD if uniform(state.rng) < share else ACCEPT


@kernel(inline=True)
def learn(state, answer):
    wrong = 0.0
    if answer.seen and answer.decision in (OFFLOAD, EXPLORE):
        wrong = (answer.wrong - answer.remote) / answer.chance
    base = answer.context * state.tree.size
    multiply_from(state.tree, base, state.first[answer.cell], factor(state.eta, answer.cost - wrong))


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


class EXP4(BinaryPolicy):
    __doc__ = __doc__

    name = "exp4"
    needs = "offloaded"
    randomised = True
    contextual = True
    rule = "exponential weights over one threshold a context, losses divided by the chance of offloading"
    reference = "Auer et al., SIAM J. Comput. 2002, with the feedback of hierarchical inference"
    decide_kernel, learn_kernel, run = staticmethod(decide), staticmethod(learn), staticmethod(run)

    def __init__(
        self,
        horizon: int | None = None,
        levels: Any = None,
        contexts: int = 1,
        cost: float | None = None,
        *,
        axis: str = "uniform",
        grid: int | None = 64,
        eta: float | None = None,
        gamma: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, levels, contexts, cost, seed=seed)
        self.axis = axis
        self.grid = grid
        self.eta = eta
        self.gamma = gamma

    def parameters(self) -> dict[str, Any]:
        return {"axis": self.axis, "grid": self.grid, "eta": self.rate(), "gamma": self.exploration()}

    def validate(self) -> None:
        super().validate()
        self.exploration()
        self.found()

    def found(self) -> Thresholds:
        """The thresholds in play and their start weights."""
        return thresholds_of(self)

    def groups(self) -> tuple[np.ndarray, int]:
        found = self.found()
        return found.first, found.values.size

    def complexity(self) -> float:
        """C ln(1/lambda), at least C ln 2, so that a rate exists."""
        return self.contexts * max(math.log(1.0 / float(self.found().weights.min())), math.log(2.0))

    def rate(self) -> float:
        """The learning rate in use."""
        if self.eta is not None:
            return check_real("eta", self.eta, 0.0, open_low=True)
        return (2.0 * self.complexity() ** 2 / self.require_horizon("eta") ** 2) ** (1.0 / 3.0)

    def exploration(self) -> float:
        """The chance of exploring in use."""
        if self.gamma is not None:
            return check_real("gamma", self.gamma, 0.0, 1.0, open_low=True)
        return min(1.0, math.sqrt(self.rate() / 2.0))

    def _init(self) -> State:
        return init(self.found(), int(self.contexts), self.rate(), self.exploration(), self.seed)

    def threshold(self, context: int = 0) -> float:
        """The median threshold of the context's weights."""
        tree = self.state.tree
        return float(self.found().values[int(quantile(tree, context * tree.size, 0.5))])

    def bound(self, samples: int | None = None) -> Bound | None:
        T = samples if samples is not None else self.horizon
        if T is None:
            return None
        c = self.complexity()
        eta = self.eta if self.eta is not None else (2.0 * c**2 / T**2) ** (1.0 / 3.0)
        gamma = self.gamma if self.gamma is not None else min(1.0, math.sqrt(eta / 2.0))
        each = "best threshold per context"
        return Bound(
            gamma * T + c / eta + eta * T / (2.0 * gamma),
            "gamma T + C ln(1/lambda)/eta + eta T/(2 gamma) = 3 (T^2 C ln(1/lambda) / 2)^(1/3)",
            each if self.grid is None else f"{each}, of the grid",
            "in expectation",
            (
                "losses lie in [0, 1]: cost at most 1, remote answers taken as the truth",
                "samples do not depend on earlier decisions",
            ),
            "derived",
        )
