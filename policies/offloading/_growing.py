"""The kernels of Hedge-HI and Hedge-HI-Restart: thresholds that appear as confidences are first seen.

The thresholds that the confidences seen so far tell apart form groups of leaves of one tree (``_tree.py``).
A group counts as one expert: its weight is spread evenly over its leaves. A confidence seen for the first
time splits its group in two, and *each* part gets the weight of the whole: three suffix products.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_state, uniform
from olearn.bounds import Bound
from olearn.errors import check_positive_int, check_real
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
from olearn.policies.offloading._tree import Tree, factor, multiply_from, new_tree, quantile, refill, share_from

ETA, EPS = 0, 1


class State(NamedTuple):
    """Weights over the thresholds told apart so far."""

    tree: Tree
    seen: np.ndarray  # uint8 (n,): confidences met
    stands_for: np.ndarray  # int32 (n,): leaves from here on offload a cell
    rates: np.ndarray  # float64 (2,): learning rate, exploration
    restart: int  # decision before which to start anew; 0 for never
    horizon: float
    scratch: np.ndarray  # float64 (2 * tree.size,)
    answers: np.ndarray  # int64 (1,): answers learnt from; they come in the order of the decisions
    rng: np.ndarray  # uint64 (4,)
    stats: np.ndarray  # float64 (2,)


def init(cells: int, eta: float, eps: float, restart: int, horizon: float, seed: int) -> State:
    tree = new_tree(np.ones(cells + 1))
    return State(
        tree,
        np.zeros(cells, np.uint8),
        np.arange(1, cells + 1, dtype=np.int32),
        np.array([eta, eps]),
        restart,
        horizon,
        np.zeros(2 * tree.size),
        np.zeros(1, np.int64),
        new_state(seed),
        np.zeros(STATS),
    )


@kernel
def split(state, cell):
    """Tell the thresholds below and above a confidence apart from now on."""
    state.seen[cell] = 1
    left = cell
    while left > 0 and state.seen[left - 1] == 0:
        left -= 1
    right = cell + 1
    while right < state.seen.size and state.seen[right] == 0:
        right += 1
    # the group is leaves left .. right; its parts are left .. cell and cell + 1 .. right
    lower = cell - left + 1.0
    upper = float(right - cell)
    whole = lower + upper
    multiply_from(state.tree, 0, left, whole / lower)
    multiply_from(state.tree, 0, cell + 1, lower / upper)
    multiply_from(state.tree, 0, right + 1, upper / whole)


@kernel
def start_anew(state):
    """Equal weights on the groups known now; a new confidence counts as the next lower known one."""
    size = state.tree.size
    groups = 1
    begin = 0
    for cell in range(state.seen.size + 1):
        if cell == state.seen.size or state.seen[cell] == 1:
            for leaf in range(begin, cell + 1):
                state.scratch[size + leaf] = 1.0 / (cell + 1 - begin)
            begin = cell + 1
            groups += cell < state.seen.size
    lower = 0
    for cell in range(state.seen.size):
        if state.seen[cell] == 1:
            lower = cell + 1
        state.stands_for[cell] = lower
    refill(state.tree, 0, state.scratch)
    c = math.log(max(groups, 2))
    state.rates[ETA] = (2.0 * c * c / state.horizon**2) ** (1.0 / 3.0)
    state.rates[EPS] = min(1.0, math.sqrt(state.rates[ETA] / 2.0))


@kernel(inline=True)
def decide(state, sample):
    stats = state.stats
    stats[ROUND] += 1.0
    if state.restart > 0 and stats[ROUND] == state.restart + 1.0:
        start_anew(state)
    if state.seen[sample.cell] == 0 and (state.restart == 0 or stats[ROUND] <= state.restart):
        split(state, sample.cell)
    share = share_from(state.tree, 0, state.stands_for[sample.cell])
    eps = state.rates[EPS]
    stats[CHANCE] = eps + (1.0 - eps) * share
    if uniform(state.rng) < eps:
        return EXPLORE
    return OFFLOAD if uniform(state.rng) < share else ACCEPT


@kernel(inline=True)
def learn(state, answer):
    state.answers[0] += 1
    if state.restart > 0 and state.answers[0] <= state.restart and state.stats[ROUND] > state.restart:
        return  # a late answer about a sample before the restart: drawn with another rate, now forgotten
    wrong = 0.0
    if answer.seen and answer.decision == EXPLORE:
        wrong = (answer.wrong - answer.remote) / state.rates[EPS]
    multiply_from(state.tree, 0, state.stands_for[answer.cell], factor(state.rates[ETA], answer.cost - wrong))


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


class GrowingPolicy(BinaryPolicy):
    """Base of the two; see their modules."""

    needs = "offloaded"
    randomised = True
    reference = "Al-Atat, Datta, Moharir and Champati, 'Regret bounds for online learning for HI', 2024"
    decide_kernel, learn_kernel, run = staticmethod(decide), staticmethod(learn), staticmethod(run)

    def __init__(
        self,
        horizon: int | None = None,
        levels: Any = None,
        contexts: int = 1,
        cost: float | None = None,
        *,
        distinct: int | None = None,
        eta: float | None = None,
        eps: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, levels, contexts, cost, seed=seed)
        self.distinct = distinct
        self.eta = eta
        self.eps = eps

    def parameters(self) -> dict[str, Any]:
        return {"distinct": self.count(), "eta": self.rate(), "eps": self.exploration()}

    def validate(self) -> None:
        super().validate()
        self.count()
        self.exploration()

    def count(self) -> int:
        """Number of distinct confidences that the rates are tuned for."""
        if self.distinct is not None:
            return check_positive_int("distinct", self.distinct)
        return int(self.confidences().size)

    def bound_unmet(self, table: Any, local_loss: np.ndarray, offload_loss: np.ndarray) -> str:
        levels = self.confidences()
        met = np.unique(np.searchsorted(levels, table["confidence"], side="right")).size
        if met > self.count():
            return f"{met:,} distinct confidences, tuned for {self.count():,}"
        return ""

    def rate(self) -> float:
        """The learning rate in use (until a restart)."""
        if self.eta is not None:
            return check_real("eta", self.eta, 0.0, open_low=True)
        c = self.count() * math.log(2.0)
        return (2.0 * c**2 / self.require_horizon("eta") ** 2) ** (1.0 / 3.0)

    def exploration(self) -> float:
        """The chance of exploring in use (until a restart)."""
        if self.eps is not None:
            return check_real("eps", self.eps, 0.0, 1.0, open_low=True)
        return min(1.0, math.sqrt(self.rate() / 2.0))

    def threshold(self, context: int = 0) -> float:
        """The median threshold of the weights."""
        leaf = int(quantile(self.state.tree, 0, 0.5))
        levels = self.confidences()
        return float(levels[leaf]) if leaf < levels.size else 1.0


def growing_bound(T: int, count: int, eta: float | None, eps: float | None) -> Bound:
    """eps T + N ln 2 / eta + eta T / (2 eps)."""
    c = count * math.log(2.0)
    rate = eta if eta is not None else (2.0 * c**2 / T**2) ** (1.0 / 3.0)
    explore = eps if eps is not None else min(1.0, math.sqrt(rate / 2.0))
    return Bound(
        explore * T + c / rate + rate * T / (2.0 * explore),
        "eps T + N ln2/eta + eta T/(2 eps) = 3 (T^2 N ln2 / 2)^(1/3)",
        "best fixed threshold",
        "in expectation",
        (
            "losses lie in [0, 1]: cost at most 1, remote answers taken as the truth",
            "samples do not depend on earlier decisions",
            f"at most {count} distinct confidences",
        ),
        "derived; the order is that of the paper's abstract",
    )
