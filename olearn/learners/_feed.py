"""Where a learner's gradients come from: a matrix, a loss function, or an adversary, in one compiled call.

A :class:`Feed` is data for :func:`respond`, which every compiled loop calls: it sees the point that the
learner plays and answers with the loss and its (sub)gradient. Small integer codes instead of function
arguments: a loop that takes a function compiles once for every function, and never reaches the disk cache.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from olearn import _rng
from olearn._jit import kernel

#: Kinds of feed. Up to HINGE the gradient is that of a loss of ``<a_t, x>`` with target ``b_t``.
MATRIX, SQUARED, ABSOLUTE, LOGISTIC, HINGE, DISTANCE = range(6)
RANDOM, CYCLIC, ALTERNATING, PUNISH, ORTHOGONAL, SHIFTING = range(6, 12)


class Feed(NamedTuple):
    """Data behind :func:`respond`; the adversaries' arrays are written in place."""

    kind: int
    data: np.ndarray  # float64 (T, d): gradients, features, or points; (0, d) for an adversary
    target: np.ndarray  # float64 (T,) or (1,): targets
    gradient: np.ndarray  # float64 (d,): the gradient answered last
    memory: np.ndarray  # float64 (d,): probabilities, or the sum of gradients so far
    low: float  # range of the losses of an adversary
    high: float
    rounds: np.ndarray  # int64 (2,): rounds answered, length of a block
    rng: np.ndarray  # uint64 (4,)


def matrix(gradients: np.ndarray) -> Feed:
    """The feed of a fixed matrix, float64 C-contiguous of shape (T, d)."""
    return _template(gradients.shape[1])._replace(data=gradients)


@functools.lru_cache(64)
def _template(dimension: int) -> Feed:
    """A feed without data; a matrix uses none of its arrays, so all matrices share them."""
    return build(MATRIX, dimension)


def build(
    kind: int,
    dimension: int,
    *,
    data: np.ndarray | None = None,
    target: Any = 0.0,
    memory: Any = 0.0,
    low: float = 0.0,
    high: float = 1.0,
    block: int = 1,
    seed: int = 0,
) -> Feed:
    """A feed with the right dtypes everywhere, so that each loop compiles once."""
    d = int(dimension)
    return Feed(
        int(kind),
        np.zeros((0, d)) if data is None else np.ascontiguousarray(data, np.float64),
        np.ascontiguousarray(np.atleast_1d(target), np.float64),
        np.zeros(d),
        np.array(np.broadcast_to(np.asarray(memory, np.float64), (d,))),
        float(low),
        float(high),
        np.array([0, block], np.int64),
        _rng.new_state(seed),
    )


@kernel
def respond(feed, t, x):
    """The loss of playing `x` in round `t`; its subgradient goes to ``feed.gradient``."""
    kind = feed.kind
    g = feed.gradient
    d = g.size
    if kind <= HINGE:
        a = feed.data[t]
        s = 0.0
        for i in range(d):
            s += a[i] * x[i]
        if kind == MATRIX:
            for i in range(d):
                g[i] = a[i]
            return s
        b = feed.target[t]
        slope, value = slope_of(kind, s, b)
        for i in range(d):
            g[i] = slope * a[i]
        return value
    if kind == DISTANCE:
        a = feed.data[t]
        s = 0.0
        for i in range(d):
            g[i] = x[i] - a[i]
            s += g[i] * g[i]
        return 0.5 * s
    _adversary(feed, x)
    feed.rounds[0] += 1
    s = 0.0
    for i in range(d):
        s += g[i] * x[i]
    return s


@kernel
def slope_of(kind, s, b):
    """Derivative in s, and value, of a loss of the prediction `s` for the target `b`."""
    if kind == SQUARED:
        return s - b, 0.5 * (s - b) * (s - b)
    if kind == ABSOLUTE:
        return (1.0 if s > b else (-1.0 if s < b else 0.0)), abs(s - b)
    m = b * s
    if kind == LOGISTIC:
        if m > 0.0:
            e = math.exp(-m)
            return -b * e / (1.0 + e), math.log1p(e)
        e = math.exp(m)
        return -b / (1.0 + e), math.log1p(e) - m
    return (-b if m < 1.0 else 0.0), max(0.0, 1.0 - m)


@kernel
def _adversary(feed, x):
    kind = feed.kind
    g, memory = feed.gradient, feed.memory
    low, span = feed.low, feed.high - feed.low
    d = g.size
    t = feed.rounds[0]
    if kind == RANDOM:
        for i in range(d):
            g[i] = low + span * (1.0 if _rng.uniform(feed.rng) < memory[i] else 0.0)
    elif kind == CYCLIC:
        for i in range(d):
            g[i] = low + span * (1.0 if i == t % d else 0.0)
    elif kind == ALTERNATING:
        for i in range(d):  # the first round breaks the tie by half a unit, so that each leader is wrong next
            hit = i % 2 == t % 2
            g[i] = low + span * (1.0 if hit else 0.0) * (0.5 if t == 0 else 1.0)
    elif kind == PUNISH:
        best = 0
        for i in range(1, d):
            if x[i] > x[best]:
                best = i
        for i in range(d):
            g[i] = low + span * (1.0 if i == best else 0.0)
    elif kind == SHIFTING:
        leader = (t // feed.rounds[1]) % d
        for i in range(d):
            g[i] = low + span * (0.0 if i == leader else 1.0)
    else:
        _orthogonal(feed, x)


@kernel
def _orthogonal(feed, x):
    """A vector of length `high` with no component along the play nor, where it can, along the sum so far.

    Against such gradients the player's loss is 0 while the comparator's gain is the norm of the sum,
    which grows like the square root of the rounds: the minimax adversary of the Euclidean ball.
    """
    g, total = feed.gradient, feed.memory
    d = g.size
    for i in range(d):
        g[i] = _rng.normal(feed.rng)
    xx = 0.0
    for i in range(d):
        xx += x[i] * x[i]
    if xx > 0.0:
        s = 0.0
        for i in range(d):
            s += g[i] * x[i]
        for i in range(d):
            g[i] -= s / xx * x[i]
    if d > 2:
        # remove the part of `total` that is orthogonal to x, so that both products vanish
        sx = 0.0
        if xx > 0.0:
            for i in range(d):
                sx += total[i] * x[i]
            sx /= xx
        q = 0.0
        s = 0.0
        size = 0.0
        for i in range(d):
            r = total[i] - sx * x[i]
            q += r * r
            s += g[i] * r
            size += total[i] * total[i]
        if q > 1e-18 * size:  # else `total` is along x, and r is rounding
            for i in range(d):
                g[i] -= s / q * (total[i] - sx * x[i])
    norm = 0.0
    for i in range(d):
        norm += g[i] * g[i]
    norm = math.sqrt(norm)
    side = 0.0
    for i in range(d):
        side += g[i] * total[i]
    scale = feed.high / norm if norm > 0.0 else 0.0
    if side < 0.0:
        scale = -scale
    for i in range(d):
        g[i] *= scale
        total[i] += g[i]


@kernel(inline=True)
def record(rows, t, x):
    """Copy `x` to row t, if there are rows."""
    if rows.shape[0] > 0:
        row = rows[t]
        for i in range(x.size):
            row[i] = x[i]


_LARGEST = np.finfo(np.float64).max
_BLOCK = 4096


@kernel
def first_bad(G, low, high):
    """Flat index of the first entry outside [low, high] or not finite, -1 if there is none."""
    low, high = max(low, -_LARGEST), min(high, _LARGEST)  # then a NaN or an infinity fails the comparison
    entries = G.reshape(G.size)
    for start in range(0, G.size, _BLOCK):
        a = entries[start : min(start + _BLOCK, G.size)]
        good = 0
        for i in range(a.size):  # a count, not an exit, so that the compiler can vectorise it
            good += 1 if a[i] >= low and a[i] <= high else 0
        if good < a.size:
            for i in range(a.size):
                if not (a[i] >= low and a[i] <= high):
                    return start + i
    return -1
