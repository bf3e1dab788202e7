"""Reward tables that are never stored, and the accounting of a fused bandit loop.

A stochastic environment is a table ``reward[t, arm]`` given by a counter hash of (key, t, arm): the
same cell has the same value whoever asks and in whatever order. Two policies therefore face the same
table (common random numbers), a fused loop and a step-by-step one see the same rewards, and the best
arm in hindsight is well defined. An adaptive adversary fills its row from the plays so far.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import hash_uniform

#: Kinds of environment; the ones from ADAPTIVE on read the plays.
BERNOULLI, GAUSSIAN, UNIFORM, CONSTANT, MATRIX = range(5)
PUNISH_LEADER, REWARD_RAREST, SWITCH_WHEN_FOUND = 5, 6, 7
ADAPTIVE = PUNISH_LEADER

_SECOND = np.uint64(0xD1B54A32D192ED03)


class Env(NamedTuple):
    """An environment as data: what :func:`draw` needs and nothing else."""

    kind: int
    means: np.ndarray  # float64 (P, K): mean reward of each arm in each phase
    breaks: np.ndarray  # int64 (P-1,): first round of phases 1, 2, ...
    scale: np.ndarray  # float64 (K,): standard deviation or half width
    table: np.ndarray  # float64 (T, K) for MATRIX, else (1, 1)
    key: np.uint64
    cursor: np.ndarray  # int64 (1,): the phase of the last round asked for
    memory: np.ndarray  # float64 (3, K): total reward of each arm, plays, rewards of this round


class Record(NamedTuple):
    """What a fused loop leaves behind."""

    rounds: int
    checkpoints: np.ndarray  # int64 (C+1,): rounds at which to note, increasing, then -1
    gain: np.ndarray  # float64 (C,): reward so far
    value: np.ndarray  # float64 (C,): mean reward of the arms played so far
    arm_gain: np.ndarray  # float64 (C, K): reward of each arm so far, adaptive environments only
    plays: np.ndarray  # int64 (P, K): pulls of each arm in each phase
    trace: np.ndarray  # int64 (T, m) to keep every arm played, (0, m) to keep none
    totals: np.ndarray  # float64 (2,): running gain; running value (contextual loops)
    cursor: np.ndarray  # int64 (1,)


def new_record(
    checkpoints: np.ndarray, shape: tuple[int, ...], adaptive: bool, m: int = 1, trace: bool = False
) -> Record:
    """An empty record; `checkpoints` is increasing and ends with the horizon, `shape` that of the means."""
    marks = np.append(np.asarray(checkpoints, np.int64), -1)
    size = marks.size - 1
    return Record(
        int(marks[-2]),
        marks,
        np.zeros(size),
        np.zeros(size),
        np.zeros((size, shape[1]) if adaptive else (1, 1)),
        np.zeros(shape, np.int64),
        np.zeros((int(marks[-2]) if trace else 0, m), np.int64),
        np.zeros(2),
        np.zeros(1, np.int64),
    )


@kernel
def phase_of(env, t):
    """The phase that round `t` (from 0) belongs to; rounds are asked for in order, or from 0 again."""
    phase = env.cursor[0]
    if t == 0:
        phase = 0
    while phase < env.breaks.size and t >= env.breaks[phase]:
        phase += 1
    env.cursor[0] = phase
    return phase


@kernel
def adaptive_row(env, t):
    """Fill the rewards of round `t` from the plays so far (memory[1]) and add them up (memory[0])."""
    total, plays, row = env.memory[0], env.memory[1], env.memory[2]
    arms = plays.size
    most, least = 0, 0
    for i in range(arms):
        if plays[i] > plays[most]:
            most = i
        if plays[i] < plays[least]:
            least = i
    for i in range(arms):
        if env.kind == PUNISH_LEADER:  # the favourite pays nothing
            row[i] = 0.0 if i == most else 1.0
        elif env.kind == REWARD_RAREST:  # only the arm played least pays
            row[i] = 1.0 if i == least else 0.0
        else:  # whoever holds more than half of the plays pays a quarter, the others three
            row[i] = 0.25 if plays[i] > 0.5 * (t + 1) else 0.75
        total[i] += row[i]


@kernel
def normal_cell(key, index):
    """The standard normal of a cell (Box-Muller on two hashes)."""
    radius = math.sqrt(-2.0 * math.log(hash_uniform(key, index)))
    return radius * math.cos(2.0 * math.pi * hash_uniform(key ^ _SECOND, index))


@kernel
def draw_rare(env, t, arm):
    """Rewards of the kinds that are not Bernoulli."""
    if env.kind == MATRIX:
        return env.table[t, arm]
    if env.kind >= ADAPTIVE:
        adaptive_row(env, t)
        env.memory[1, arm] += 1.0
        return env.memory[2, arm]
    mean = env.means[phase_of(env, t), arm]
    index = t * env.means.shape[1] + arm
    if env.kind == GAUSSIAN:
        return mean + env.scale[arm] * normal_cell(env.key, index)
    if env.kind == UNIFORM:
        return mean + env.scale[arm] * (2.0 * hash_uniform(env.key, index) - 1.0)
    return mean


@kernel(inline=True)
def draw(env, t, arm):
    """The reward of `arm` in round `t` (from 0)."""
    if env.kind == BERNOULLI:
        mean = env.means[0, arm] if env.breaks.size == 0 else env.means[phase_of(env, t), arm]
        return 1.0 if hash_uniform(env.key, t * env.means.shape[1] + arm) < mean else 0.0
    return draw_rare(env, t, arm)


@kernel
def note(env, record):
    """Write a checkpoint."""
    at = record.cursor[0]
    record.gain[at] = record.totals[0]
    # from the counts, which are exact: a running sum of means would drift over 1e8 rounds
    value = 0.0
    for phase in range(record.plays.shape[0]):
        for i in range(record.plays.shape[1]):
            value += record.plays[phase, i] * env.means[phase, i]
    record.value[at] = value
    if env.kind >= ADAPTIVE:
        for i in range(env.memory.shape[1]):
            record.arm_gain[at, i] = env.memory[0, i]
    record.cursor[0] = at + 1


@kernel(inline=True)
def account(env, record, t, arm, reward):
    """Book one play."""
    record.totals[0] += reward
    record.plays[env.cursor[0], arm] += 1
    if t < record.trace.shape[0]:
        record.trace[t, 0] = arm
    if t + 1 == record.checkpoints[record.cursor[0]]:
        note(env, record)


@kernel
def draw_set(env, record, t, chosen, rewards):
    """Rewards of a set of arms in round `t`, booked one by one (combinatorial bandits)."""
    if env.kind >= ADAPTIVE:
        adaptive_row(env, t)
    for j in range(chosen.size):
        arm = chosen[j]
        if env.kind >= ADAPTIVE:
            env.memory[1, arm] += 1.0
            rewards[j] = env.memory[2, arm]
        else:
            rewards[j] = draw(env, t, arm)
        record.totals[0] += rewards[j]
        record.plays[env.cursor[0], arm] += 1
        if t < record.trace.shape[0]:
            record.trace[t, j] = arm
    if t + 1 == record.checkpoints[record.cursor[0]]:
        note(env, record)


@kernel
def fill_table(env, table):
    """Write the first rows of an oblivious environment's reward table."""
    for t in range(table.shape[0]):
        for arm in range(table.shape[1]):
            table[t, arm] = draw(env, t, arm)
