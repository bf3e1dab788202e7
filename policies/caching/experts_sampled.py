r"""Experts with sampled shadows: the race is run on a sample of the items, the cache runs the winner's rule.

Rule: an item is in the sample if its hash says so (1 in `rate`); the members run as shadows of capacity C/rate
over the requests of the sample alone. The cache itself is one ordinary policy on all requests: the leader, with
its own rule and its full capacity. Every `period` requests the member with the least deficit takes over
if it is ahead by :math:`\gamma D_k`, D_k the estimated number of items that it would hold and the cache does
not (rate times those of the sample); the deficit of an idle member is held at
:math:`A_{lead} + \beta D_k`. All numbers of the sample count `rate` times.

At a change the contents stay (nothing is fetched), but what the old leader knew of them is lost: the new one
starts empty and is shown the items held, in increasing order of id.

Regret: none is declared. The sample may mislead, and a change costs more than the items that differ, since
the new leader has to learn the order of what it got. `experts` runs full shadows and has a theorem;
docs/experts.md measures both.

Cost: the leader's own, and about a `rate`-th of the members'. Memory: the leader's, a `rate`-th of the
members', and 4 bytes an item. Members must start empty (`ftpl` does not).

Parameters
----------
members : str or sequence of str, optional
    As for `experts`; by default LIRS, W-TinyLFU with a window of 20 %, S3-FIFO, ARC and LRU.
rate : int, default 16
    One in so many items is sampled.
gamma : float, default 0.1
beta : float, default 1
period : int, optional
    Requests between two decisions; by default the capacity, at least 1000.

References
----------
.. [1] C. A. Waldspurger, T. Saemundsson, I. Ahmad and N. Park, "Cache modeling and optimization using miniature
   simulations", USENIX ATC 2017 (scaled-down caches over hashed samples).

Examples
--------
>>> cache = ExpertsSampled(capacity=2, catalog_size=5, members="lru + lfu-in-cache", rate=1)
>>> [cache.request(i) for i in (0, 1, 0, 2, 0, 1)]
[False, False, True, False, True, False]
>>> cache.leader
'lru'
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.errors import NotSupportedError, ParameterError, check_positive_int, check_real
from olearn.policies.caching._base import CachingPolicy, Common, extended
from olearn.policies.caching._ledger import EVICTED, FETCHED, OCCUPANCY, PEAK, new_stats
from olearn.policies.caching.experts import BOUNDED


@kernel
def choose(key, rate, first, rank, count):
    """Number the sampled items from `first` on; there are `count` before."""
    for i in range(first, rank.size):
        if _rng.hash_uniform(key, np.uint64(i)) * rate < 1.0:
            rank[i] = count
            count += 1


class Rules(NamedTuple):
    """What a race goes by."""

    names: tuple[str, ...]
    capacity: int
    horizon: int
    seed: int
    rate: int
    gamma: float
    beta: float
    period: int

    def member(self, k: int, capacity: int, catalog_size: int, life: int) -> CachingPolicy:
        """Member k, empty, with random numbers of its own."""
        registry = importlib.import_module("olearn.registry")  # below policies only as text
        seed = int(_rng.generator(self.seed, 1, k, life).integers(2**31))
        made: CachingPolicy = registry.make(
            "caching",
            self.names[k],
            capacity=min(capacity, catalog_size),
            catalog_size=catalog_size,
            horizon=self.horizon,
            seed=seed,
        )
        return made


class State:
    """The race on the sample, and the policy that is the cache."""

    def __init__(
        self, rules: Rules, real: CachingPolicy, shadows: list[CachingPolicy], rank: np.ndarray
    ) -> None:
        self.rules = rules
        self.real = real
        self.shadows = shadows
        self.rank = rank  # int32 (N,): an item's number in the sample, -1 if it is not there
        self.deficit = np.zeros(len(shadows))  # of requests, where members disagree
        self.lost = np.zeros(len(shadows))  # requests of the sample that each member missed
        self.lead = 0
        self.changes = 0
        self.since = 0  # requests since the last decision
        self.before = new_stats()  # what earlier leaders counted
        self.stats = new_stats()

    def serve(self, items: np.ndarray) -> np.ndarray:
        """Serve requests, none beyond the next decision; whether each was a hit."""
        hits: np.ndarray = self.real.request_many(items)
        seen = self.rank[items]
        sample = seen[seen >= 0]
        if sample.size:
            lost = np.array([~shadow.request_many(sample) for shadow in self.shadows])
            apart = lost.any(axis=0) & ~lost.all(axis=0)
            self.deficit += self.rules.rate * lost[:, apart].sum(axis=1)
            self.lost += lost.sum(axis=1)
        self.since += items.size
        if self.since == self.rules.period:
            self.since = 0
            self.decide()
        return hits

    def decide(self) -> None:
        """Cap what idle members lag behind, and follow the one that is far enough ahead."""
        rules, mine = self.rules, self.deficit[self.lead]
        here = self.real.fractions() > 0.0
        sample = np.flatnonzero(self.rank >= 0)
        best, least = self.lead, mine
        for k, shadow in enumerate(self.shadows):
            if k == self.lead:
                continue
            apart = rules.rate * int(np.count_nonzero(~here[sample[shadow.contents()]]))
            self.deficit[k] = min(self.deficit[k], mine + rules.beta * apart)
            if self.deficit[k] < least and mine - self.deficit[k] > rules.gamma * apart:
                best, least = k, self.deficit[k]
        if best != self.lead:
            self.follow(best)

    def follow(self, k: int) -> None:
        """Give the contents over to member k."""
        self.account()
        self.changes += 1
        self.lead = k
        held = self.real.contents()
        self.real = self.rules.member(k, self.rules.capacity, self.rank.size, self.changes)
        self.real.request_many(held)
        own = self.real.state.stats
        own[FETCHED] -= held.size  # they were here
        self.before[:] = self.stats
        self.before[EVICTED] += held.size - len(self.real) - own[EVICTED]
        self.account()

    def account(self) -> None:
        """Add what the leader counted to what its predecessors did."""
        own = self.real.state.stats
        for cell in (FETCHED, EVICTED):
            self.stats[cell] = self.before[cell] + own[cell]
        self.stats[OCCUPANCY] = own[OCCUPANCY]
        self.stats[PEAK] = max(self.stats[PEAK], own[PEAK])


def run(state: State, items: np.ndarray, rewards: np.ndarray) -> None:
    """Serve requests up to the next decision, decide, go on."""
    start = 0
    while start < items.size:
        end = min(items.size, start + state.rules.period - state.since)
        rewards[start:end] = state.serve(items[start:end])
        start = end
    state.account()


class ExpertsSampled(CachingPolicy):
    __doc__ = __doc__

    name = "experts-sampled"
    randomised = True
    rule = "run the rule of the leader among shadows on a sample of the items; at a change contents stay"
    reference = "Waldspurger, Saemundsson, Ahmad and Park 2017 (samples); measured in docs/experts.md"
    run = staticmethod(run)
    capabilities = frozenset({"contents", "grow"})

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        members: str | Sequence[str] | None = None,
        rate: int = 16,
        gamma: float = 0.1,
        beta: float = 1.0,
        period: int | None = None,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self._members = members
        self.rate = rate
        self.gamma = gamma
        self.beta = beta
        self._period = period

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the members, with their parameters; the first leads first."""
        if self._members is None:
            return BOUNDED
        if isinstance(self._members, str):
            return tuple(part.strip() for part in self._members.split("+"))
        return tuple(str(m) for m in self._members)

    @property
    def period(self) -> int:
        """Requests between two decisions."""
        return max(1000, self.capacity) if self._period is None else self._period

    def parameters(self) -> dict[str, Any]:
        names = ("rate", "gamma", "beta", "period")
        return {"members": " + ".join(self.members), **{name: getattr(self, name) for name in names}}

    def validate(self) -> None:
        super().validate()
        if len(self.members) < 2 or len(set(self.members)) < len(self.members):
            raise ParameterError(f"experts-sampled takes 2 or more members, each once, got {self.members}")
        check_positive_int("rate", self.rate)
        check_positive_int("period", self.period)
        check_real("gamma", self.gamma, 0.0)
        check_real("beta", self.beta, 0.0)
        for k in range(len(self.members)):
            member = self._rules().member(k, self.capacity, self.catalog_size, 0)
            member.validate()
            if member.fractional or member.soft_capacity or member.offline or len(member):
                raise NotSupportedError(
                    f"experts-sampled can't run {member.name}: members hold whole items, at most the capacity, "
                    "start empty and do not read the future"
                )

    def _rules(self) -> Rules:
        horizon = self.horizon if self.horizon is not None else 50 * self.capacity
        rate, gamma, beta = int(self.rate), float(self.gamma), float(self.beta)
        return Rules(self.members, self.capacity, horizon, self.seed, rate, gamma, beta, int(self.period))

    # -- the state ---------------------------------------------------------------------------------
    def _init(self) -> State:
        rules = self._rules()
        rank = self._rank(np.empty(0, np.int32), self.catalog_size)
        small = max(1, round(self.capacity / self.rate))
        sample = max(small, int(rank.max(initial=-1)) + 1)
        shadows = [rules.member(k, small, sample, 0) for k in range(len(self.members))]
        return State(rules, rules.member(0, self.capacity, self.catalog_size, 0), shadows, rank)

    def _rank(self, before: np.ndarray, catalog_size: int) -> np.ndarray:
        rank = extended(before, catalog_size, -1)
        choose(_rng.new_key(self.seed, 2), self.rate, before.size, rank, int(before.max(initial=-1)) + 1)
        return rank

    def _extend(self, state: State, catalog_size: int) -> State:
        state.rank = self._rank(state.rank, catalog_size)
        state.real.grow(catalog_size)
        for shadow in state.shadows:
            shadow.grow(max(shadow.catalog_size, int(state.rank.max(initial=-1)) + 1))
        return state

    # -- requests ----------------------------------------------------------------------------------
    def request(self, item: int, size: int | None = None, *, evicted: list[int] | None = None) -> bool:
        """Serve one request; this policy does not report who leaves."""
        if evicted is not None:
            self._need("events")
        self._size(size)
        return bool(self.request_many([self._id(item)])[0])

    def __contains__(self, item: object) -> bool:
        return item in self.state.real

    def fraction(self, item: int) -> float:
        return float(self._id(item) in self)

    def fractions(self) -> np.ndarray:
        return self.state.real.fractions()

    @property
    def leader(self) -> str:
        """The member whose rule the cache runs."""
        return self.members[self.state.lead]

    @property
    def changes(self) -> int:
        """Changes of leader so far."""
        return self.state.changes

    def losses(self) -> dict[str, float]:
        """What each member lost so far, estimated: `rate` times its misses in the sample."""
        return dict(zip(self.members, (self.rate * self.state.lost).tolist(), strict=True))
