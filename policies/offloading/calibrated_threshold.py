"""Calibrated threshold: learn how often the local model is right at each confidence, then apply Chow's rule.

Rule: P(right | bin) is estimated by (s c + right) / (s + n): n offloaded samples of the bin, the bin's mean
confidence c as a prior worth s samples. ``method="isotonic"`` then makes the estimates increasing (pool
adjacent violators, weighted, every `refit` answers). A sample is offloaded iff 1 - estimate > beta, or to
explore, with chance min(1, explore t^(-1/3)): without exploration a bin once accepted is never corrected.

Cost: O(1) per sample, O(bins) every `refit` answers. Memory: 40 bytes per bin, 4 per level.

Regret: none is declared. With explore = 0 it can be linear.

References
----------
.. [1] C. K. Chow, "On optimum recognition error and reject tradeoff", IEEE Trans. Inf. Theory 16(1), 1970.
.. [2] B. Zadrozny and C. Elkan, "Transforming classifier scores into accurate multiclass probability
   estimates", KDD 2002 (binning and isotonic regression).

Examples
--------
>>> rule = CalibratedThreshold(levels=[0.2, 0.95], bins=2, explore=0)
>>> rule.decide(0.95, cost=0.3)  # believes the confidence at first
False
>>> for _ in range(20):
...     _ = rule.decide(0.2, cost=0.3), rule.feedback(local_wrong=False)
>>> rule.decide(0.2, cost=0.3)  # right all the time, whatever it says
False
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_state, uniform
from olearn.errors import check_positive_int, check_real, unknown
from olearn.policies.offloading._base import CHANCE, ROUND, STATS, BinaryPolicy
from olearn.policies.offloading._bins import bin_means, bin_of_cells
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
from olearn.policies.offloading._isotonic import isotonic

METHODS = ("isotonic", "bins")


class State(NamedTuple):
    """Counts and the calibration made of them."""

    bin: np.ndarray  # int32 (n,)
    right: np.ndarray  # float64 (K,): prior included
    weight: np.ndarray  # float64 (K,): prior included
    estimate: np.ndarray  # float64 (K,)
    block: np.ndarray  # float64 (3, K): scratch of the isotonic fit
    isotonic: int
    refit: int
    explore: float
    answers: np.ndarray  # int64 (1,)
    rng: np.ndarray  # uint64 (4,)
    stats: np.ndarray  # float64 (2,)


def init(
    levels: np.ndarray,
    bins: int,
    axis: str,
    prior: float,
    isotonic: bool,
    refit: int,
    explore: float,
    seed: int,
) -> State:
    cells = bin_of_cells(levels, bins, axis)
    centre = bin_means(levels, cells, bins)
    count = np.full(bins, prior)
    return State(
        cells,
        centre * prior,
        count,
        centre.copy(),
        np.zeros((3, bins)),
        int(isotonic),
        refit,
        explore,
        np.zeros(1, np.int64),
        new_state(seed),
        np.zeros(STATS),
    )


@kernel(inline=True)
def decide(state, sample):
    stats = state.stats
    stats[ROUND] += 1.0
    eps = 0.0
    if state.explore > 0.0:
        eps = min(1.0, state.explore * stats[ROUND] ** (-1.0 / 3.0))
    offload = 1.0 - state.estimate[state.bin[sample.cell]] > sample.cost
    stats[CHANCE] = 1.0 if offload else eps
    if uniform(state.rng) < eps:
        return EXPLORE
    return OFFLOAD if offload else ACCEPT


@kernel(inline=True)
def learn(state, answer):
    if answer.seen and answer.decision in (OFFLOAD, EXPLORE):
        b = state.bin[answer.cell]
        state.right[b] += 1.0 - answer.wrong + answer.remote
        state.weight[b] += 1.0
        state.answers[0] += 1
        if state.isotonic == 0:
            state.estimate[b] = state.right[b] / state.weight[b]
        elif state.answers[0] % state.refit == 0:
            isotonic(state.right, state.weight, state.block, state.estimate)


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


class CalibratedThreshold(BinaryPolicy):
    __doc__ = __doc__

    name = "calibrated-threshold"
    needs = "offloaded"
    randomised = True
    rule = "estimate P(right | confidence) by bins or isotonic regression, offload iff it is below 1 - cost"
    reference = "Chow 1970 on calibrated scores (Zadrozny and Elkan, KDD 2002)"
    decide_kernel, learn_kernel, run = staticmethod(decide), staticmethod(learn), staticmethod(run)

    def __init__(
        self,
        horizon: int | None = None,
        levels: Any = None,
        contexts: int = 1,
        cost: float | None = None,
        *,
        bins: int = 32,
        axis: str = "uniform",
        method: str = "isotonic",
        prior: float = 1.0,
        refit: int = 16,
        explore: float = 0.5,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, levels, contexts, cost, seed=seed)
        self.bins = bins
        self.axis = axis
        self.method = method
        self.prior = prior
        self.refit = refit
        self.explore = explore

    def validate(self) -> None:
        super().validate()
        bin_of_cells(self.confidences(), self.bins, self.axis)
        if self.method not in METHODS:
            raise unknown("method", str(self.method), METHODS)
        check_real("prior", self.prior, 0.0, open_low=True)
        check_positive_int("refit", self.refit)
        check_real("explore", self.explore, 0.0)

    def _init(self) -> State:
        return init(
            self.confidences(),
            int(self.bins),
            self.axis,
            float(self.prior),
            self.method == "isotonic",
            int(self.refit),
            float(self.explore),
            self.seed,
        )

    def threshold(self, context: int = 0) -> float | None:
        """The lowest confidence from which on every bin is accepted."""
        if self.cost is None:
            return None
        levels = self.confidences()
        offload = np.flatnonzero((1.0 - self.state.estimate > self.cost)[self.state.bin])
        if offload.size == 0:
            return 0.0
        return float(levels[offload[-1] + 1]) if offload[-1] + 1 < levels.size else 1.0
