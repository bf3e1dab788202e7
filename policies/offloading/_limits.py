"""Budgets on a choice among arms: what arms use, which are forbidden now, what was wanted.

The budget itself, its price and its bookkeeping are those of binary offloading (``_game.py``): here a use
belongs to an arm. A round, as each policy writes it::

    charge = price_of_use(limits.budget)       # opens the round
    score of arm k:  its own score - charge * (what it uses, or is expected to use)
    best among the arms that are not forbidden; ``wish`` notes the best of all
    spent = pay(limits, row, best)

An arm is forbidden if the most that it can use is; the arm that uses least never is, so there is always one
left. Uses are counted above what every arm takes anyway, in units of the largest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.policies.offloading._game import BLOCKS, NO_BUDGET, Budget, forbids, no_budget, spend


class Limits(NamedTuple):
    """A budget and what the arms use of it; A arms."""

    budget: Budget
    use: np.ndarray  # float64 (n, A): of each arm on each sample; (1, A) where samples do not differ
    most: np.ndarray  # float64 (A,): the most that each can use on a sample, known beforehand
    taken: np.ndarray  # float64 (A,): sum of the uses seen, for policies that learn them
    wanted: np.ndarray  # float64 (2,): the arm that would have been chosen without limits, and its use
    free: int  # arm with the least `most`: never forbidden


def limits(budget: Budget, use: np.ndarray, most: np.ndarray) -> Limits:
    """Limits at the start of a run."""
    return Limits(
        budget,
        np.ascontiguousarray(use, dtype=np.float64),
        np.array(most, dtype=np.float64),
        np.zeros(most.size),
        np.zeros(2),
        int(np.argmin(most)),
    )


def no_limits(arms: int) -> Limits:
    """Limits that never bind."""
    return limits(no_budget(), np.zeros((1, arms)), np.zeros(arms))


@kernel(inline=True)
def use_of(limits, row, arm):
    """What an arm uses on a sample."""
    return limits.use[row if limits.use.shape[0] > 1 else 0, arm]


@kernel(inline=True)
def wish(limits, arm, use):
    """Note the arm that would have been chosen without limits, and what it is expected to use."""
    limits.wanted[0] = arm
    limits.wanted[1] = use


@kernel(inline=True)
def pay(limits, row, arm):
    """Book the arm chosen; returns what it used."""
    if limits.budget.kind == NO_BUDGET:
        return 0.0
    used = use_of(limits, row, arm)
    wanted = used
    if limits.wanted[0] != arm:
        wanted = limits.wanted[1]
        limits.budget.level[BLOCKS] += 1.0
    spend(limits.budget, used, wanted)
    return used


@kernel(inline=True)
def forbidden(limits, arm):
    """Whether the budget forbids an arm now."""
    return forbids(limits.budget, limits.most[arm])
