"""Online cascade: learn from the remote answers when to defer, on a logistic model of the confidence.

Rule: P(local wrong) is modelled as sigmoid(w0 + w1 z), z the log-odds of the confidence (cut at +-12,
divided by 4), one (w0, w1) a context; the start is the local model's own word, w0 = 0, w1 = -4. A sample is
deferred to the remote model iff the modelled chance exceeds beta, or, with chance min(1, explore /
sqrt(t)), to go on learning: imitation of the expert, less and less of it. Every deferred sample is one
AdaGrad step on the logistic loss.

Cost: O(1) per sample. Memory: 32 bytes a context.

Regret: none is declared. The paper's guarantee is no-regret against its own cascade class for
convex learners; this is its rule for a cascade of two models with a one-dimensional deferral model.

References
----------
.. [1] L. Nie, Z. Ding, E. Hu, C. Jermaine and S. Chaudhuri, "Online cascade learning for efficient
   inference over streams", ICML 2024, arXiv 2402.04513.

Examples
--------
>>> rule = OnlineCascade(explore=0)
>>> rule.decide(0.6, cost=0.3), rule.decide(0.8, cost=0.3)  # Chow's rule at first
(True, False)
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_state, uniform
from olearn.errors import check_real
from olearn.policies.offloading._base import CHANCE, ROUND, STATS, BinaryPolicy
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

_CUT, _SCALE = 12.0, 4.0


class State(NamedTuple):
    """The deferral model of each context."""

    weight: np.ndarray  # float64 (2 C,)
    squares: np.ndarray  # float64 (2 C,): sums of squared gradients
    rate: float
    explore: float
    rng: np.ndarray  # uint64 (4,)
    stats: np.ndarray  # float64 (2,)


def init(contexts: int, rate: float, explore: float, seed: int) -> State:
    weight = np.zeros(2 * contexts)
    weight[1::2] = -_SCALE
    return State(weight, np.zeros(2 * contexts), rate, explore, new_state(seed), np.zeros(STATS))


@kernel(inline=True)
def feature(confidence):
    """Log-odds of the confidence, cut and scaled."""
    p = min(max(confidence, 1e-9), 1.0 - 1e-9)
    return max(-_CUT, min(_CUT, math.log(p / (1.0 - p)))) / _SCALE


@kernel(inline=True)
def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, x))))


@kernel(inline=True)
def decide(state, sample):
    stats = state.stats
    stats[ROUND] += 1.0
    k = 2 * sample.context
    wrong = sigmoid(state.weight[k] + state.weight[k + 1] * feature(sample.confidence))
    eps = min(1.0, state.explore / math.sqrt(stats[ROUND]))
    stats[CHANCE] = 1.0 if wrong > sample.cost else eps
    if uniform(state.rng) < eps:
        return EXPLORE
    return OFFLOAD if wrong > sample.cost else ACCEPT


@kernel(inline=True)
def learn(state, answer):
    if answer.seen and answer.decision in (OFFLOAD, EXPLORE):
        k = 2 * answer.context
        z = feature(answer.confidence)
        wrong = sigmoid(state.weight[k] + state.weight[k + 1] * z)
        slope = wrong - (answer.wrong - answer.remote)
        for j in range(2):
            g = slope if j == 0 else slope * z
            state.squares[k + j] += g * g
            if g != 0.0:
                state.weight[k + j] -= state.rate * g / math.sqrt(state.squares[k + j])


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


class OnlineCascade(BinaryPolicy):
    __doc__ = __doc__

    name = "online-cascade"
    needs = "offloaded"
    randomised = True
    contextual = True
    rule = (
        "defer iff a logistic model of P(local wrong | confidence), learnt from deferred samples, exceeds cost"
    )
    reference = "Nie et al., ICML 2024, arXiv 2402.04513"
    decide_kernel, learn_kernel, run = staticmethod(decide), staticmethod(learn), staticmethod(run)

    def __init__(
        self,
        horizon: int | None = None,
        levels: Any = None,
        contexts: int = 1,
        cost: float | None = None,
        *,
        rate: float = 0.5,
        explore: float = 3.0,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, levels, contexts, cost, seed=seed)
        self.rate = rate
        self.explore = explore

    def validate(self) -> None:
        super().validate()
        check_real("rate", self.rate, 0.0, open_low=True)
        check_real("explore", self.explore, 0.0)

    def _init(self) -> State:
        return init(int(self.contexts), float(self.rate), float(self.explore), self.seed)

    def threshold(self, context: int = 0) -> float | None:
        """The confidence at which the modelled chance of an error is the cost."""
        if self.cost is None or not 0.0 < self.cost < 1.0:
            return None
        w0, w1 = (float(w) for w in self.state.weight[2 * context : 2 * context + 2])
        if w1 >= 0.0:  # no longer decreasing in the confidence
            return None
        z = (math.log(self.cost / (1.0 - self.cost)) - w0) / w1 * _SCALE
        return 1.0 / (1.0 + math.exp(-max(-_CUT, min(_CUT, z))))
