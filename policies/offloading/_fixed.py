"""The kernels of the rules that never learn: offload below a threshold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.policies.offloading._base import CHANCE, STATS
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


class State(NamedTuple):
    """The threshold: samples with a lower confidence are offloaded; NaN means 1 - cost."""

    threshold: float
    stats: np.ndarray  # float64 (2,)


def init(threshold: float) -> State:
    return State(threshold, np.zeros(STATS))


@kernel(inline=True)
def decide(state, sample):
    threshold = state.threshold
    if threshold != threshold:
        threshold = 1.0 - sample.cost
    offload = sample.confidence < threshold
    state.stats[CHANCE] = 1.0 if offload else 0.0
    return OFFLOAD if offload else ACCEPT


@kernel(inline=True)
def learn(state, answer):
    pass


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
