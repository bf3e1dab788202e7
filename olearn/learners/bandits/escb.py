r"""ESCB: one confidence width for the whole set (combinatorial semi-bandits on m-sets).

Rule: play the set M of m arms with the largest

.. math:: \sum_{i \in M} \hat\mu_i + \sqrt{\tfrac{f(t)}{2} \sum_{i \in M} \tfrac{1}{n_i}}, \qquad
          f(t) = \ln t + 4 m \ln\ln t,

arms never played first. The width of a set is smaller than the sum of widths that CUCB uses, at the price of
a harder maximisation. Here it is exact: depth-first branch and bound over the arms in order of their mean; a
branch is cut when its means completed by the best remaining means, and its 1/n completed by the largest
remaining 1/n, can't beat the best set found.

Cost: in the worst case all C(K, m) sets, refused above a million; a few hundred nodes on typical data.
Memory: O(K m).

Regret: O(K sqrt(m) ln T / Delta_min); constants are not explicit in this form, none is declared.

References
----------
.. [1] R. Combes, M. S. Talebi, A. Proutiere and M. Lelarge, "Combinatorial bandits revisited", NIPS 2015.

Examples
--------
>>> policy = ESCB(arms=4, m=2)
>>> policy.update(policy.pull(), [0.0, 1.0])
>>> policy.pull()
array([2, 3])
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.environments._kernels import draw_set
from olearn.errors import ParameterError
from olearn.learners.bandits._sets import SetPolicy, top

#: More sets than this are refused.
LARGEST_FAMILY = 1_000_000


class State(NamedTuple):
    total: np.ndarray  # float64 (K,): sum of rewards
    pulls: np.ndarray  # float64 (K,)
    mean: np.ndarray  # float64 (K,)
    order: np.ndarray  # int64 (K,): arms by decreasing mean
    wide: np.ndarray  # float64 (K+1, m+1): sum of the r largest 1/n among order[j:]
    heads: np.ndarray  # float64 (K+1,): sums of the first means in order
    path: np.ndarray  # int64 (m,): positions in order of the branch
    chosen: np.ndarray  # int64 (m,)
    rewards: np.ndarray  # float64 (m,)
    largest: np.ndarray  # float64 (m,): scratch
    clock: np.ndarray  # int64 (2,): rounds, arms never played


def init(arms: int, m: int) -> State:
    total, pulls, mean = np.zeros((3, arms))
    return State(
        total,
        pulls,
        mean,
        np.arange(arms),
        np.zeros((arms + 1, m + 1)),
        np.zeros(arms + 1),
        np.zeros(m, np.int64),
        np.zeros(m, np.int64),
        np.zeros(m),
        np.zeros(m),
        np.array([0, arms]),
    )


@kernel
def prepare(state):
    """Sort the arms by mean and fill the tables that the bound of a branch is read from."""
    order, mean, pulls, heads, wide = state.order, state.mean, state.pulls, state.heads, state.wide
    arms, m = order.size, state.path.size
    for i in range(1, arms):  # nearly sorted from the last round
        arm = order[i]
        at = i
        while at > 0 and (
            mean[order[at - 1]] < mean[arm] or (mean[order[at - 1]] == mean[arm] and order[at - 1] > arm)
        ):
            order[at] = order[at - 1]
            at -= 1
        order[at] = arm
    heads[0] = 0.0
    for i in range(arms):
        heads[i + 1] = heads[i] + mean[order[i]]
    largest = state.largest
    for r in range(m):
        largest[r] = 0.0
    for r in range(m + 1):
        wide[arms, r] = 0.0
    for j in range(arms - 1, -1, -1):
        value = 1.0 / pulls[order[j]]
        if value > largest[m - 1]:
            at = m - 1
            while at > 0 and largest[at - 1] < value:
                largest[at] = largest[at - 1]
                at -= 1
            largest[at] = value
        wide[j, 0] = 0.0
        for r in range(m):
            wide[j, r + 1] = wide[j, r] + largest[r]


@kernel
def search(state, half):
    """The best set by depth-first branch and bound; half is f(t)/2."""
    order, mean, pulls, heads, wide = state.order, state.mean, state.pulls, state.heads, state.wide
    path, chosen = state.path, state.chosen
    arms, m = order.size, path.size
    best = -math.inf
    depth = 0
    path[0] = -1
    means, spread = 0.0, 0.0  # sums over the branch, without the entry at `depth`
    while depth >= 0:
        path[depth] += 1
        at = path[depth]
        left = m - depth  # arms still to choose, this one included
        bound = -math.inf
        if at + left <= arms:
            bound = means + heads[at + left] - heads[at] + math.sqrt(half * (spread + wide[at, left]))
        if bound <= best:  # later positions have smaller means and tables: the whole level is done
            depth -= 1
            if depth >= 0:
                means -= mean[order[path[depth]]]
                spread -= 1.0 / pulls[order[path[depth]]]
            continue
        arm = order[at]
        if left == 1:
            value = means + mean[arm] + math.sqrt(half * (spread + 1.0 / pulls[arm]))
            if value > best:
                best = value
                for d in range(m):
                    chosen[d] = order[path[d]]
        else:
            means += mean[arm]
            spread += 1.0 / pulls[arm]
            depth += 1
            path[depth] = at
    return best


@kernel
def pull(state):
    if state.clock[1] > 0:
        # arms never played first, then the largest means; means are in [0, 1]
        for i in range(state.mean.size):
            state.heads[i] = 2.0 if state.pulls[i] == 0.0 else state.mean[i]
        top(state.heads[: state.mean.size], state.chosen)
    else:
        log = math.log(max(1, state.clock[0]))
        f = max(0.0, log + (4.0 * state.path.size * math.log(log) if log > 0.0 else 0.0))
        prepare(state)
        search(state, 0.5 * f)


@kernel
def update(state, chosen, rewards):
    for j in range(chosen.size):
        arm = chosen[j]
        if state.pulls[arm] == 0.0:
            state.clock[1] -= 1
        state.pulls[arm] += 1.0
        state.total[arm] += rewards[j]
        state.mean[arm] = state.total[arm] / state.pulls[arm]
    state.clock[0] += 1


@kernel
def run(state, env, record):
    for t in range(record.rounds):
        pull(state)
        draw_set(env, record, t, state.chosen, state.rewards)
        update(state, state.chosen, state.rewards)


class ESCB(SetPolicy):
    __doc__ = __doc__

    name = "escb"
    unit_rewards = True
    rule = "play the m-set with the largest sum of means + sqrt(f(t)/2 * sum of 1/n), f = ln t + 4 m ln ln t"
    tuning = "none"
    reference = "Combes, Talebi, Proutiere and Lelarge, NIPS 2015"
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def validate(self) -> None:
        super().validate()
        family = math.comb(self.arms, self.m)
        if family > LARGEST_FAMILY:
            raise ParameterError(
                f"escb searches all sets in the worst case: at most {LARGEST_FAMILY:,}, got {family:,}"
            )

    def _init(self) -> State:
        return init(self.arms, self.m)
