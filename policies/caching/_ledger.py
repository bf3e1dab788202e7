"""What a step books, in one place: counts, bytes and events.

A step asks whether something has to leave first (:func:`full`) and whether the item can enter at all
(:func:`too_large`), and it tells who came in (:func:`entered`) and who went out (:func:`left`). What that
costs depends on the types of two things, known when a kernel compiles: ``state.size`` is None where
every item weighs 1, and ``log`` is None where nobody asks for events. numba drops the branches of an
argument that is None, so the unit path is what a hand-written loop is.

A state that uses these kernels has the fields ``capacity`` (int: items or bytes), ``size`` (int32 or
int64 (N,): what each item held weighs; or None) and ``stats`` (float64 (STATS,)).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from olearn._jit import kernel

#: Cells of the ``stats`` array (float64) that every state carries. The first five count items (or mass, for
#: fractions). The others are for caches that count bytes: held now, at most, brought in; requests whose
#: size was not that of the copy held (which keeps its size); misses of an item larger than the cache.
(
    FETCHED,
    FETCHED_OTHER,
    EVICTED,
    OCCUPANCY,
    PEAK,
    BYTES,
    PEAK_BYTES,
    FETCHED_BYTES,
    SIZE_CHANGES,
    TOO_LARGE,
) = range(10)
STATS = 10


def new_stats(start: float = 0.0) -> np.ndarray:
    """The stats of a fresh cache that holds `start` items."""
    stats = np.zeros(STATS)
    stats[OCCUPANCY] = stats[PEAK] = start
    return stats


class Log(NamedTuple):
    """Events of a chunk of T requests: ``left[offsets[t]:offsets[t+1]]`` went out in request t."""

    left: np.ndarray  # int32 (K,): ids that went out, in order; ~id: one that came in without being asked for
    admitted: np.ndarray  # bool (T,): whether the item requested came in
    offsets: np.ndarray  # int64 (T+1,)
    logged: np.ndarray  # int64 (1,): entries of `left` so far, also those there was no room for
    now: int  # t


def new_log(requests: int, room: int) -> Log:
    """An empty log for `requests` requests and `room` entries.

    Where only the requested item can come in, no more can go out than came in or was there: `requests`
    + the items held is room enough. To use a log again, set ``logged`` and ``admitted`` to 0.
    """
    return Log(
        np.empty(room, np.int32),
        np.zeros(requests, np.bool_),
        np.zeros(requests + 1, np.int64),
        np.zeros(1, np.int64),
        0,
    )


@kernel(inline=True)
def full(state, item):
    """Whether something must leave before `item` fits."""
    return _full(state.stats, state.capacity, state.size, item)


@kernel(inline=True)
def _full(stats, capacity, size, item):
    if size is None:
        return stats[OCCUPANCY] >= capacity
    return stats[BYTES] + size[item] > capacity


@kernel(inline=True)
def excess(state, item):
    """How much has to leave before `item` fits, in the unit of the capacity; 0 or less if nothing."""
    return _excess(state.stats, state.capacity, state.size, item)


@kernel(inline=True)
def _excess(stats, capacity, size, item):
    if size is None:
        return stats[OCCUPANCY] + 1.0 - capacity
    return stats[BYTES] + size[item] - capacity


@kernel(inline=True)
def weight(state, item):
    """What `item` takes of the capacity: 1, or its bytes."""
    return _weight(state.size, item)


@kernel(inline=True)
def _weight(size, item):
    if size is None:
        return 1.0
    return float(size[item])


@kernel(inline=True)
def too_large(state, item):
    """Whether `item` is larger than the whole cache, so that it must not enter; such a miss is counted."""
    return _too_large(state.stats, state.capacity, state.size, item)


@kernel(inline=True)
def _too_large(stats, capacity, size, item):
    if size is None:
        return False
    if size[item] <= capacity:
        return False
    stats[TOO_LARGE] += 1.0
    return True


@kernel(inline=True)
def entered(state, item, log):
    """Book that the item requested came in."""
    stats = state.stats
    stats[FETCHED] += 1.0
    held = stats[OCCUPANCY] + 1.0
    stats[OCCUPANCY] = held
    if held > stats[PEAK]:
        stats[PEAK] = held
    _weigh_in(stats, state.size, item)
    note_entered(log)


@kernel(inline=True)
def _weigh_in(stats, size, item):
    if size is not None:
        weight = float(size[item])
        stats[FETCHED_BYTES] += weight
        stats[BYTES] += weight
        stats[PEAK_BYTES] = max(stats[PEAK_BYTES], stats[BYTES])


@kernel(inline=True)
def left(state, item, log):
    """Book that an item went out."""
    stats = state.stats
    stats[EVICTED] += 1.0
    stats[OCCUPANCY] -= 1.0
    _weigh_out(stats, state.size, item)
    note_left(log, item)


@kernel(inline=True)
def _weigh_out(stats, size, item):
    if size is not None:
        stats[BYTES] -= float(size[item])


@kernel(inline=True)
def note_entered(log):
    """The event that the item requested came in, for a step that keeps its counts itself."""
    if log is not None:
        log.admitted[log.now] = True


@kernel(inline=True)
def note_left(log, item):
    """The event that an item went out, for a step that keeps its counts itself."""
    if log is not None:
        n = log.logged[0]
        if n < log.left.size:
            log.left[n] = item
        log.logged[0] = n + 1


@kernel(inline=True)
def note_unasked(log, item):
    """The event that `item` came in though nobody asked for it."""
    note_left(log, ~item)


@kernel(inline=True)
def weigh(state, item, held, size):
    """Take a request's size, ahead of the step: a copy held keeps the size that it came in with."""
    if not held:
        state.size[item] = size
    elif state.size[item] != size:
        state.stats[SIZE_CHANGES] += 1.0
