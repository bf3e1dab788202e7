"""Random numbers inside kernels: a generator whose state is an array, and a counter-based hash.

One seed reproduces a run bit for bit, compiled or not, on one process or many: every state comes
from ``numpy.random.SeedSequence(seed)`` and belongs to one policy alone, so a policy's stream does
not depend on what runs beside it. Vectors drawn once, when a policy is made, use
``numpy.random.Generator(PCG64(SeedSequence(seed)))`` (:func:`generator`).

References
----------
.. [1] D. Blackman and S. Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47(4),
   2021 (xoshiro256++).
.. [2] G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators",
   OOPSLA 2014 (the SplitMix64 finaliser behind :func:`hash_uniform`).
"""

from __future__ import annotations

import math

import numpy as np

from olearn._jit import kernel
from olearn.errors import ParameterError

_11, _17, _19, _23, _41, _45 = (np.uint64(k) for k in (11, 17, 19, 23, 41, 45))
_27, _30, _31 = np.uint64(27), np.uint64(30), np.uint64(31)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_TO_UNIT = 1.0 / (1 << 53)


def seed_sequence(seed: int | np.random.SeedSequence | None, *stream: int) -> np.random.SeedSequence:
    """The root of a policy's randomness; `stream` numbers give independent sub-streams."""
    if isinstance(seed, np.random.SeedSequence):
        root = seed
    else:
        try:
            root = np.random.SeedSequence(seed)
        except (TypeError, ValueError):
            raise ParameterError(f"seed must be a whole number of at least 0, got {seed!r}") from None
    if not stream:
        return root
    return np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, *stream))


def new_state(seed: int | np.random.SeedSequence | None, *stream: int) -> np.ndarray:
    """A fresh generator state, uint64 of shape (4,), for :func:`uniform` and its neighbours."""
    return seed_sequence(seed, *stream).generate_state(4, np.uint64)


def new_key(seed: int | np.random.SeedSequence | None, *stream: int) -> np.uint64:
    """A fresh key for :func:`hash_uniform`."""
    return np.uint64(seed_sequence(seed, *stream).generate_state(1, np.uint64)[0])


def generator(seed: int | np.random.SeedSequence | None, *stream: int) -> np.random.Generator:
    """A NumPy generator for vectors drawn once, outside kernels."""
    return np.random.Generator(np.random.PCG64(seed_sequence(seed, *stream)))


@kernel(inline=True)
def next_u64(state):
    """Next 64 random bits (xoshiro256++); advances `state` (uint64, shape (4,)) in place."""
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    total = s0 + s3
    result = ((total << _23) | (total >> _41)) + s0
    shifted = s1 << _17
    s2 ^= s0
    s3 ^= s1
    state[1] = s1 ^ s2
    state[0] = s0 ^ s3
    state[2] = s2 ^ shifted
    state[3] = (s3 << _45) | (s3 >> _19)
    return result


@kernel(inline=True)
def uniform(state):
    """A float uniform on [0, 1) with 53 random bits."""
    return np.float64(next_u64(state) >> _11) * _TO_UNIT


@kernel(inline=True)
def below(state, n):
    """A whole number uniform on {0, ..., n-1}; its bias is at most n / 2**53."""
    return np.int64(uniform(state) * n)


@kernel
def exponential(state):
    """A standard exponential."""
    return -math.log(1.0 - uniform(state))


@kernel
def gumbel(state):
    """A standard Gumbel (mode 0)."""
    return -math.log(exponential(state) + 1e-300)


@kernel
def normal(state):
    """A standard normal (Marsaglia's polar method; the second variate is not kept)."""
    x = 0.0
    r = 2.0
    while r >= 1.0 or r == 0.0:
        x = 2.0 * uniform(state) - 1.0
        y = 2.0 * uniform(state) - 1.0
        r = x * x + y * y
    return x * math.sqrt(-2.0 * math.log(r) / r)


@kernel
def gamma(state, shape):
    """A gamma variate with the given shape (> 0) and scale 1 (Marsaglia-Tsang squeeze)."""
    boost = 1.0
    a = shape
    if a < 1.0:
        boost = (1.0 - uniform(state)) ** (1.0 / a)
        a += 1.0
    d = a - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    value = -1.0
    while value < 0.0:
        x = normal(state)
        v = 1.0 + c * x
        if v > 0.0:
            v = v * v * v
            if math.log(1.0 - uniform(state)) < 0.5 * x * x + d - d * v + d * math.log(v):
                value = d * v
    return value * boost


@kernel
def beta(state, a, b):
    """A beta variate with parameters a, b > 0, from two gammas."""
    x = gamma(state, a)
    y = gamma(state, b)
    return x / (x + y)


@kernel
def categorical(state, probabilities, total):
    """An index drawn with chance ``probabilities[i] / total``; the last positive one absorbs rounding."""
    left = uniform(state) * total
    last = 0
    for i in range(probabilities.size):
        if probabilities[i] > 0.0:
            last = i
            left -= probabilities[i]
            if left < 0.0:
                return i
    return last


@kernel(inline=True)
def hash_uniform(key, index):
    """The permanent random number of `index`: uniform on (0, 1), the same at every call, no memory."""
    z = key + (np.uint64(index) + np.uint64(1)) * _GOLDEN
    z = (z ^ (z >> _30)) * _MIX1
    z = (z ^ (z >> _27)) * _MIX2
    z = z ^ (z >> _31)
    return (np.float64(z >> _11) + 0.5) * _TO_UNIT
