"""The kernels of HI-LCB and HI-LCB-lite: a lower confidence bound on the local model's accuracy in each bin.

The bound, for independent samples of equal law, a price beta, P(local right) = a in a bin whatever else is
known, gap D = beta - (1 - a), and every answer in before the next decision [derived here]. What is lost is D
for each offload in a bin with D > 0, and d = -D for each accepted sample in a bin with D < 0. Let f be the mean
of the n outcomes seen in the bin so far.

*D > 0, offloads.* An offload at round t means f - sqrt(alpha ln t / n) <= a - D. With m = 4 alpha ln T / D^2
and n >= m the root is at most D/2, so f <= a - D/2, for each n of chance at most exp(-n D^2 / 2) (Hoeffding).
Each offload adds an outcome, so there is at most one for each n::

    E[offloads] <= m + 1 + sum over n >= m of exp(-n D^2 / 2) <= m + 1 + T^(-2 alpha) / (1 - exp(-D^2 / 2))

*D < 0, accepted.* Accepting at round t means f - a > d + sqrt(alpha ln t / n); by the union over n at most::

    sum_n exp(-2 n (d + sqrt(alpha ln t / n))^2) <= t^(-2 alpha) sum_n exp(-2 n d^2)
                                                  = t^(-2 alpha) / (exp(2 d^2) - 1)

The sample falls into the bin with a chance independent of that, and the chances of all bins sum to 1, so these
bins together lose at most the largest d / (exp(2 d^2) - 1) times Z = sum over t = 2..T of t^(-2 alpha), which
is at most (1 - T^(1 - 2 alpha)) / (2 alpha - 1), bounded for alpha > 1/2. (At t = 1 all is offloaded.)

HI-LCB takes the largest bound of the bins up to this one. If accuracy does not fall from bin to bin, an offload
still means that the bin's own bound is low, and a wrong acceptance that in some bin up to this one, whose d is
no smaller, f - a > d + root: 1 / (exp(2 d^2) - 1) becomes its sum over these bins.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.errors import ParameterError, check_real
from olearn.policies.offloading._base import CHANCE, ROUND, STATS, BinaryPolicy
from olearn.policies.offloading._bins import bin_of_cells
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
    """What has been seen of each bin."""

    bin: np.ndarray  # int32 (n,): bin of a cell
    right: np.ndarray  # float64 (K,): sum of 1 - local loss + remote loss over the offloaded samples
    offloaded: np.ndarray  # float64 (K,)
    alpha: float
    monotone: int  # 1: a bin takes the largest bound of the bins up to it
    stats: np.ndarray  # float64 (2,)


def init(levels: np.ndarray, bins: int, axis: str, alpha: float, monotone: bool) -> State:
    return State(
        bin_of_cells(levels, bins, axis), np.zeros(bins), np.zeros(bins), alpha, int(monotone), np.zeros(STATS)
    )


@kernel(inline=True)
def _accepts(right, count, cost, wanted):
    """Whether right/count - sqrt(wanted/count) > 1 - cost, without a division or a root."""
    slack = right - (1.0 - cost) * count
    return slack > 0.0 and slack * slack > wanted * count


@kernel(inline=True)
def decide(state, sample):
    stats = state.stats
    stats[ROUND] += 1.0
    own = np.int64(state.bin[sample.cell])
    accept = False
    if state.monotone == 1:
        wanted = state.alpha * math.log(stats[ROUND])
        for b in range(own + 1):
            accept = accept or _accepts(state.right[b], state.offloaded[b], sample.cost, wanted)
    elif state.right[own] > (1.0 - sample.cost) * state.offloaded[own]:  # else no need of the logarithm
        wanted = state.alpha * math.log(stats[ROUND])
        accept = _accepts(state.right[own], state.offloaded[own], sample.cost, wanted)
    stats[CHANCE] = 0.0 if accept else 1.0
    return ACCEPT if accept else OFFLOAD


@kernel(inline=True)
def learn(state, answer):
    if answer.seen and answer.decision == OFFLOAD:
        b = state.bin[answer.cell]
        state.right[b] += 1.0 - answer.wrong + answer.remote
        state.offloaded[b] += 1.0


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


class LCBPolicy(BinaryPolicy):
    """Base of the two; see their modules."""

    needs = "offloaded"
    reference = "Chattopadhyay, Sutar, Champati and Moharir, arXiv 2508.08985"
    monotone = False
    decide_kernel, learn_kernel, run = staticmethod(decide), staticmethod(learn), staticmethod(run)

    def __init__(
        self,
        horizon: int | None = None,
        levels: Any = None,
        contexts: int = 1,
        cost: float | None = None,
        *,
        bins: int = 16,
        axis: str = "uniform",
        alpha: float = 0.52,
        gaps: Any = None,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, levels, contexts, cost, seed=seed)
        self.bins = bins
        self.axis = axis
        self.alpha = alpha
        self.gaps = gaps

    def validate(self) -> None:
        super().validate()
        bin_of_cells(self.confidences(), self.bins, self.axis)
        check_real("alpha", self.alpha, 0.5, open_low=True)
        if self.gaps is not None:
            gaps = self._gaps()
            if gaps.shape != (int(self.bins),) or (np.abs(gaps) > 1.0).any():
                raise ParameterError(
                    f"{self.name}: gaps must be {self.bins} numbers in [-1, 1], one a bin (or NaN), "
                    f"got {self.gaps!r}"
                )
            if self.monotone and (np.diff(gaps[~np.isnan(gaps)]) < 0.0).any():
                raise ParameterError(f"{self.name}: gaps must not fall from bin to bin, got {self.gaps!r}")

    def _gaps(self) -> np.ndarray:
        return np.asarray(self.gaps, dtype=np.float64)

    def bound(self, samples: int | None = None) -> Bound | None:
        """For given gaps the regret bound derived at the head of this module; None without them."""
        T = samples if samples is not None else self.horizon
        if self.gaps is None or T is None:
            return None
        self.validate()
        gaps, alpha = self._gaps(), float(self.alpha)
        gaps = gaps[~np.isnan(gaps)]
        good, bad = gaps[gaps > 0.0], -gaps[gaps < 0.0]
        with np.errstate(over="ignore", divide="ignore"):
            chance = -np.expm1(-(good**2) / 2.0)
            offloads = 4.0 * alpha * math.log(T) / good**2 + 1.0 + T ** (-2.0 * alpha) / chance
            series = 1.0 / np.expm1(2.0 * bad**2)
        if self.monotone:  # bins come in the order of their accuracy: the largest |gap| first
            series = np.cumsum(series)
        z = (1.0 - T ** (1.0 - 2.0 * alpha)) / (2.0 * alpha - 1.0)
        accepted = np.minimum(z * series, T)
        value = float(np.sum(good * np.minimum(offloads, T))) + float(np.max(bad * accepted, initial=0.0))
        assumptions = [
            "samples are independent and identically distributed, right with a chance that only the bin tells",
            "the gaps are the true ones, and the price is the same for all samples",
            "the remote answer is taken as the truth",
        ]
        if self.monotone:
            assumptions.append("accuracy does not fall from bin to bin")
        return Bound(
            min(value, T * float(np.max(np.abs(gaps), initial=0.0))),
            "sum of 4 alpha ln T / gap + gap (1 + T^(-2 alpha) / (1 - exp(-gap^2/2))) over gaps > 0, "
            "+ max of Z |gap| / (exp(2 gap^2) - 1) over gaps < 0",
            "best fixed rule on the bins, in expectation over the samples",
            "in expectation",
            tuple(assumptions),
            "derived in olearn.policies.offloading._lcb",
        )

    def bound_of_run(self, samples: int) -> Bound | None:
        return self.bound(samples)

    def bins_of(self, confidence: np.ndarray) -> np.ndarray:
        """The bin of each confidence, int32 of the same shape."""
        levels = self.confidences()
        cells = np.maximum(np.searchsorted(levels, confidence, side="right") - 1, 0)
        return bin_of_cells(levels, int(self.bins), self.axis)[cells]

    def bound_unmet(self, table: Any, local_loss: np.ndarray, offload_loss: np.ndarray) -> str:
        """Whether the table has bins without a gap, several prices, or means far from the given gaps."""
        if self.gaps is None:
            return ""
        if np.ptp(offload_loss) > 0.0:
            return "prices that differ"
        gaps, bins = self._gaps(), self.bins_of(table["confidence"])
        count = np.bincount(bins, minlength=gaps.size)
        lost = np.bincount(bins, weights=offload_loss - local_loss, minlength=gaps.size)
        for b in np.flatnonzero(count):
            if np.isnan(gaps[b]):
                return f"samples in bin {b}, which has no gap"
            # Hoeffding: with the true gaps one bin of all is that far off with chance 1e-6
            far = math.sqrt(math.log(2e6 * gaps.size) / (2.0 * count[b]))
            if abs(lost[b] / count[b] - gaps[b]) > far:
                return f"a gap of {lost[b] / count[b]:.3g} in bin {b}, given as {gaps[b]:.3g}"
        return ""

    def _init(self) -> State:
        return init(self.confidences(), int(self.bins), self.axis, float(self.alpha), self.monotone)

    def lower_bounds(self) -> np.ndarray:
        """Lower confidence bound on the accuracy of each bin, float64 (bins,); -inf where nothing is known."""
        s = self.state
        with np.errstate(divide="ignore", invalid="ignore"):
            width = np.sqrt(s.alpha * math.log(max(s.stats[ROUND], 1.0)) / s.offloaded)
            low = np.where(s.offloaded > 0, s.right / s.offloaded - width, -np.inf)
        return np.maximum.accumulate(low) if self.monotone else low

    def threshold(self, context: int = 0) -> float | None:
        """The lowest confidence from which on every bin is accepted."""
        if self.cost is None:
            return None
        levels = self.confidences()
        offload = np.flatnonzero((1.0 - self.lower_bounds() >= self.cost)[self.state.bin])
        if offload.size == 0:
            return 0.0
        return float(levels[offload[-1] + 1]) if offload[-1] + 1 < levels.size else 1.0

    def gap_bound(self, accuracy: Any, samples: int) -> float:
        """The leading term of the regret for known accuracies of the bins.

        Sum over the bins with 1 - accuracy < cost, where accepting is optimal with gap Delta = cost -
        (1 - accuracy), of 4 alpha ln(T) / Delta: at most 4 alpha ln(T) / Delta^2 offloads before the bound is
        within Delta of the truth, each losing Delta [derived; the paper's abstract says O(log T)]. The
        constant for bounds that fail is not included.

        Parameters
        ----------
        accuracy : array_like of float, shape (bins,)
            P(local answer right) in each bin.
        samples : int
            T.
        """
        if self.cost is None:
            raise ParameterError(f"{self.name}: give cost to compute gaps")
        gap = float(self.cost) - (1.0 - np.asarray(accuracy, dtype=np.float64))
        gap = gap[gap > 0.0]
        return float(np.sum(4.0 * self.alpha * math.log(samples) / gap))
