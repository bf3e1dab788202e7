"""The cache behind `experts`: it follows one of several shadows, lazily.

Shadows are other policies' metadata: they see every request and hold no content. The follower is told what
each of them did (hit, came in, went out) and keeps the real cache:

* on a real miss of an item that the leader's shadow holds after the request, the item is fetched; to make
  room, items that the leader does not hold leave (there are some: if the leader held everything that
  the real cache does, and the item, all would fit);
* otherwise nothing moves. So only requested items are ever fetched, and the capacity is hard.

A first request counts as lost for every shadow, also for one that started with the item in place.

One small integer an item says which shadows hold it, and whether the real cache does. ``apart[k]``, the
weight of what shadow k holds and the real cache does not, is kept by differences. Candidates to leave are a
stack: what the leader has let go last goes first; after a change of leader one scan of the real cache
refills it.

Cost: O(members + their evictions) a request, O(C) a change of leader.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn import _rng
from olearn._jit import AHEAD, kernel, prefetch
from olearn.policies.caching._ledger import (
    BYTES,
    EVICTED,
    FETCHED,
    FETCHED_BYTES,
    OCCUPANCY,
    PEAK,
    PEAK_BYTES,
    SIZE_CHANGES,
    TOO_LARGE,
    Log,
    note_entered,
    note_left,
)

#: The bit of the real cache, and that of items requested before; shadows have the bits below.
REAL = np.uint16(1 << 15)
SEEN = np.uint16(1 << 14)
MEMBERS = 14
#: Cells of ``mode``: the leader, the phase, changes of leader so far, epoch of the dartboard.
LEAD, PHASE, CHANGES, EPOCH = range(4)
FAST, SAFE = range(2)
#: Cells of ``sums``: what the real cache lost, what all members lost together, the dartboard's guess.
LOST, TOGETHER, GUESS = range(3)


class Follower(NamedTuple):
    """The real cache and the race between its shadows."""

    bits: np.ndarray  # uint16 (N,): who holds the item
    held: np.ndarray  # int32 (places,): items of the real cache, in no order
    at: np.ndarray  # int32 (N,): place in `held`
    stack: np.ndarray  # int32 (room,): candidates to leave, the last first
    top: np.ndarray  # int64 (1,)
    losses: np.ndarray  # float64 (K,): what each member lost, requests that all lost included
    apart: np.ndarray  # float64 (K,): weight of what it holds and the real cache does not
    deficit: np.ndarray  # float64 (K,): losses where members disagree, capped for idle members
    weights: np.ndarray  # float64 (K,): of the dartboard
    began: np.ndarray  # float64 (K,): losses where members disagree, since the epoch began
    disagree: np.ndarray  # float64 (K,): losses where members disagree, since the start
    mode: np.ndarray  # int64 (4,)
    sums: np.ndarray  # float64 (3,)
    tenure: np.ndarray  # int64 (K,): requests that each member led
    gamma: float
    beta: float
    price_full: bool  # a change is priced at the capacity, not at what is apart
    safe: bool
    capacity: int
    size: Any  # int64 (N,) or None: the size of each item that a member holds
    own: Any  # int64 (N,) or None: the size of each item in the real cache, of the request it came in with
    stats: np.ndarray
    rng: np.ndarray  # uint64 (4,)


@kernel(inline=True)
def _weigh(size, item):
    if size is None:
        return 1.0
    return float(size[item])


@kernel(inline=True)
def _resize(size, item, weight):
    if size is not None:
        size[item] = weight


@kernel(inline=True)
def _room(f, weight):
    """What is missing for `weight` to fit, in the unit of the capacity; at most 0 if it fits."""
    if f.size is None:
        return f.stats[OCCUPANCY] + 1.0 - f.capacity
    return f.stats[BYTES] + weight - f.capacity


@kernel(inline=True)
def member_in(f, k, item):
    """Member k took `item` in."""
    f.bits[item] |= np.uint16(1) << np.uint16(k)
    if not f.bits[item] & REAL:
        f.apart[k] += _weigh(f.size, item)


@kernel(inline=True)
def member_out(f, k, item):
    """Member k let `item` go; if it leads, the item is the next candidate to leave."""
    f.bits[item] &= ~(np.uint16(1) << np.uint16(k))
    if not f.bits[item] & REAL:
        f.apart[k] -= _weigh(f.size, item)
    elif k == f.mode[LEAD]:
        _push(f, item)


@kernel(inline=True)
def _push(f, item):
    if f.top[0] == f.stack.size:
        _scan(f)
        return
    f.stack[f.top[0]] = item
    f.top[0] += 1


@kernel
def _scan(f):
    """Refill the stack: all of the real cache that the leader does not hold."""
    lead = np.uint16(1) << np.uint16(f.mode[LEAD])
    top = 0
    for i in range(np.int64(f.stats[OCCUPANCY])):
        if not f.bits[f.held[i]] & lead:
            f.stack[top] = f.held[i]
            top += 1
    f.top[0] = top


@kernel(inline=True)
def _leave(f, item, log):
    """Take `item` out of the real cache."""
    stats = f.stats
    weight = _weigh(f.size, item)
    copy = _weigh(f.own, item)
    last = np.int64(stats[OCCUPANCY]) - 1
    place = f.at[item]
    moved = f.held[last]
    f.held[place] = moved
    f.at[moved] = place
    f.bits[item] &= ~REAL
    for k in range(f.apart.size):
        if f.bits[item] & (np.uint16(1) << np.uint16(k)):
            f.apart[k] += weight
    stats[OCCUPANCY] = last
    if f.size is not None:
        stats[BYTES] -= copy
    stats[EVICTED] += 1.0
    note_left(log, item)


@kernel(inline=True)
def _enter(f, item, copy, log):
    """Put `item`, of the weight `copy`, into the real cache; there is room."""
    stats = f.stats
    weight = _weigh(f.size, item)
    _resize(f.own, item, np.int64(copy))
    place = np.int64(stats[OCCUPANCY])
    f.held[place] = item
    f.at[item] = place
    for k in range(f.apart.size):
        if f.bits[item] & (np.uint16(1) << np.uint16(k)):
            f.apart[k] -= weight
    f.bits[item] |= REAL
    stats[OCCUPANCY] = place + 1
    stats[PEAK] = max(stats[PEAK], place + 1.0)
    stats[FETCHED] += 1.0
    if f.size is not None:
        stats[BYTES] += copy
        stats[PEAK_BYTES] = max(stats[PEAK_BYTES], stats[BYTES])
        stats[FETCHED_BYTES] += copy
    note_entered(log)


@kernel
def candidate(f):
    """The next item to leave because the leader does not hold it, -1 if there is none."""
    lead = np.uint16(1) << np.uint16(f.mode[LEAD])
    for attempt in range(2):
        for _ in range(f.top[0]):
            item = f.stack[f.top[0] - 1]
            if f.bits[item] & REAL and not f.bits[item] & lead:
                return item
            f.top[0] -= 1
        if attempt == 0:
            _scan(f)
    return -1


@kernel(inline=True)
def _make_room(f, item, weight, log):
    """Let go what the leader does not hold until `item` fits; says whether it does."""
    lead = np.uint16(1) << np.uint16(f.mode[LEAD])
    scanned = False
    while _room(f, weight) > 0.0:
        if f.top[0] == 0:
            if scanned:
                return False
            scanned = True
            _scan(f)
            if f.top[0] == 0:
                return False
        f.top[0] -= 1
        victim = f.stack[f.top[0]]
        if f.bits[victim] & REAL and not f.bits[victim] & lead and victim != item:
            _leave(f, victim, log)
    return True


@kernel(inline=True)
def _follow(f, leader):
    """Change the leader."""
    if leader != f.mode[LEAD]:
        f.mode[LEAD] = leader
        f.mode[CHANGES] += 1
        _scan(f)


@kernel
def budget(capacity, losses, members):
    """What the fast phase may lose against the best member before the safe one begins."""
    log = math.log(members)
    return 0.5 * (math.sqrt(capacity * losses * log) + capacity * log) + 2.0 * capacity


@kernel
def step_size(capacity, guess, members):
    """The dartboard's step for a best member that loses `guess`."""
    return min(0.5, math.sqrt(math.log(members) / (capacity * guess)))


@kernel(inline=True)
def _threshold(f):
    """The fast phase: the member with the least deficit, if it is ahead by gamma times the price."""
    lead = f.mode[LEAD]
    mine = f.deficit[lead]
    best = lead
    least = mine
    for k in range(f.deficit.size):
        apart = np.float64(f.capacity) if f.price_full else f.apart[k]
        cap = mine + f.beta * f.apart[k]
        if k != lead and f.beta >= 0.0 and f.deficit[k] > cap:
            f.deficit[k] = cap
        if f.deficit[k] < least and mine - f.deficit[k] > f.gamma * apart:
            least = f.deficit[k]
            best = k
    _follow(f, best)


@kernel
def _draw(f):
    total = 0.0
    for k in range(f.weights.size):
        total += f.weights[k]
    _follow(f, np.int64(_rng.categorical(f.rng, f.weights, total)))


@kernel
def _begin_epoch(f):
    """All weights 1, the step for a guess that is four times the last, a leader drawn anew."""
    members = f.weights.size
    log = math.log(members)
    f.sums[GUESS] = 4.0 * f.sums[GUESS] if f.mode[EPOCH] > 0 else max(1.0, f.capacity * log)
    f.mode[EPOCH] += 1
    f.weights[:] = 1.0
    f.began[:] = 0.0
    _draw(f)


@kernel
def _dartboard(f, lost, weight):
    """The safe phase: the leader stays with the chance that keeps it distributed by the weights."""
    members = f.weights.size
    eta = step_size(f.capacity, f.sums[GUESS], members)
    lead = f.mode[LEAD]
    stays = 1.0
    largest = 0.0
    best = math.inf
    for k in range(members):
        if lost[k]:
            factor = (1.0 - eta) ** weight
            f.weights[k] *= factor
            if k == lead:
                stays = factor
            f.began[k] += weight
        largest = max(largest, f.weights[k])
        best = min(best, f.began[k])
    if largest < 1e-200:  # only ratios count
        for k in range(members):
            f.weights[k] /= largest
    if best > f.sums[GUESS]:
        _begin_epoch(f)
    elif stays < 1.0 and _rng.uniform(f.rng) >= stays:
        _draw(f)


@kernel(inline=True)
def serve(f, item, size, lost, log):
    """Serve one request, after the members' events; ``lost[k]`` (bool): member k missed.

    Returns whether it was a hit.
    """
    weight = 1.0
    if f.size is not None:
        weight = float(size)
    if not f.bits[item] & SEEN:  # what a member started with, for free, nobody could have had
        f.bits[item] |= SEEN
        for k in range(lost.size):
            lost[k] = True
    agree = True
    for k in range(lost.size):
        agree = agree and lost[k] == lost[0]
        if lost[k]:
            f.losses[k] += weight
    hit = f.bits[item] & REAL != 0
    if not hit:
        f.sums[LOST] += weight
    elif weight != _weigh(f.own, item):
        f.stats[SIZE_CHANGES] += 1.0
    f.tenure[f.mode[LEAD]] += 1
    if not agree:
        for k in range(lost.size):
            if lost[k]:
                f.deficit[k] += weight
                f.disagree[k] += weight
        if f.mode[PHASE] == FAST:
            _threshold(f)
        else:
            _dartboard(f, lost, weight)
    if not hit and f.bits[item] & (np.uint16(1) << np.uint16(f.mode[LEAD])):
        fits = True
        if f.size is not None and weight > f.capacity:
            fits = False
            f.stats[TOO_LARGE] += 1.0
        if fits and _make_room(f, item, weight, log):
            _enter(f, item, weight, log)
    if f.safe and f.mode[PHASE] == FAST and not hit:
        least = f.losses[0]
        disagree = f.disagree[0]
        for k in range(1, lost.size):
            if f.losses[k] < least:
                least = f.losses[k]
                disagree = f.disagree[k]
        # No budget is below 2 C: most requests need no logarithm.
        ahead = f.sums[LOST] - least
        if ahead > 2.0 * f.capacity and ahead > budget(f.capacity, disagree, lost.size):
            f.mode[PHASE] = SAFE
            _begin_epoch(f)
    return hit


@kernel
def serve_many(f, items, sizes, hits, admitted, offsets, left, rewards, lost, log):
    """Serve a chunk of requests from the events of the K members.

    ``hits``, ``admitted`` (bool, (K, T)), ``offsets`` (int64, (K, T + 1)), ``left`` (int32, (K, room)): as in
    ``Log``, a row a member; ``lost`` (bool, (K,)) is a workspace.
    """
    members = hits.shape[0]
    for t in range(items.size):
        item = items[t]
        if t + AHEAD < items.size:
            prefetch(f.bits, items[t + AHEAD])
            for k in range(members):  # what members let go lies anywhere
                p = offsets[k, t + AHEAD]
                if p < left.shape[1]:
                    prefetch(f.bits, left[k, p])
        size = 1
        if f.size is not None:
            size = sizes[t]
            if not f.bits[item] & ~SEEN:
                _resize(f.size, item, size)
        for k in range(members):
            lost[k] = not hits[k, t]
            if admitted[k, t]:
                member_in(f, k, item)
            for p in range(offsets[k, t], offsets[k, t + 1]):  # the newcomer itself can be among them
                if left[k, p] >= 0:
                    member_out(f, k, left[k, p])
                else:
                    member_in(f, k, ~left[k, p])
        if log is None:
            rewards[t] = serve(f, item, size, lost, None)
        else:
            log.offsets[t] = log.logged[0]
            rewards[t] = serve(f, item, size, lost, Log(log.left, log.admitted, log.offsets, log.logged, t))
    if log is not None:
        log.offsets[items.size] = log.logged[0]
