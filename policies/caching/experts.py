r"""Experts: as good as the best of several policies, lazily, with a guarantee.

Rule: members (other caching policies) run as shadows: metadata on the full stream, no content. The real
cache follows one of them, the leader: on a real miss of an item that the leader's shadow holds, fetch it and
let go what the leader does not hold; else change nothing. Only requested items are ever fetched, the
capacity is hard. Who leads:

* *fast*: count what each member loses where members disagree (a first request is lost for all, also for a
  member that starts with items in place); hold the deficit of an idle member at :math:`A_k \le A_{lead} +
  \beta D_k`, :math:`D_k` the number of items that it holds and the real cache does not (this forgets, so
  the leader follows changes of popularity); change to the member with the least deficit when
  :math:`A_{lead} - A_k > \gamma D_k`. ``price="capacity"`` puts C for :math:`D_k`: the worst case.
* *safe*: once the real cache has lost more than
  :math:`B = \tfrac12(\sqrt{C L' \ln K} + C \ln K) + 2C` beyond the best member, the leader is drawn by the
  shrinking dartboard: weights fall by :math:`1 - \eta` with each loss, the leader stays with the chance by
  which its weight shrank, else it is drawn anew. The step is that of a guess of the best member's losses,
  which is multiplied by four, and everything drawn anew, when it is passed.

The default members were chosen by measurement (docs/experts.md): LIRS leads first, W-TinyLFU with a window
of 20 %, S3-FIFO, ARC, and FTPL, which is the one with a static-regret bound. A member is any registered
policy that reports events and keeps its capacity, given by name and parameters.

Guarantees. L' is what the best member loses where the members disagree.

* (Lemma) While k leads, (real losses) - (losses of k) + (items that k holds and the real cache does not)
  never grows: a real miss that k hits is fetched, which takes one item off the last term. So a change to k
  costs at most :math:`D_k \le C` losses, whoever chose the requests.
* *Fast phase, every sequence*, adaptive ones too: at most B + 1 losses more than the best member; after
  that it ends.
* *Safe phase*, against requests that do not depend on the draws: with A the requests that all members lose,
  an epoch with guess L has :math:`E[\text{losses}] \le A + C + (1 + \eta C)((1+\eta) L + \ln K / \eta)`:
  the dartboard loses at most :math:`(1+\eta) L + \ln K/\eta` in expectation (multiplicative weights), it
  changes at most :math:`\eta` times its losses, and each change costs at most C.
* The declared bound adds these up for the largest :math:`L' \le T`, over epochs whose guesses grow
  fourfold; it is :math:`O(\sqrt{C T \ln K})`. Against the best static set, FTPL's own bound and C (it
  starts full) come on top.
* A pure threshold rule (``safe=False``) has no vanishing regret against an adversary who always asks for
  what the real cache lacks: a constant factor of the best member only. None is declared then.
* Tracking costs nothing here: capping forgets in the fast phase. The dartboard has no tracking guarantee.

Where it must lose: a stream on which the best member changes every few requests. Each change costs up to
:math:`D_k` fetches before the new leader's items are there; the phases of `alternating` shorter than C show it.

Cost: each member's own, and about 20 ns + 10 ns a member for the follower. Memory: the members' own and 14
bytes an item, 8 a place.

Parameters
----------
members : str or sequence of str, optional
    Names with parameters; in one text separated by ``+``: ``"lru + lfu-in-cache + ftpl"``. The first leads
    first.
gamma : float, default 0.1
    How far ahead, in units of what a change costs, a member must be to lead.
beta : float, default 1
    How far behind an idle member may fall; a negative number lets it fall for ever.
price : {"difference", "capacity"}
noise : float, default 0
    Deficits begin with exponential variates of mean ``noise * C``, drawn once: the lazy perturbed leader.
safe : bool, default True

References
----------
.. [1] R. Gramacy, M. Warmuth, S. Brandt and I. Ari, "Adaptive caching by refetching", NIPS 2002.
.. [2] A. Blum and C. Burch, "On-line learning and the metrical task system problem", Machine Learning 39, 2000.
.. [3] S. Geulen, B. Voecking and M. Winkler, "Regret minimization for online buffering problems using the
   weighted majority algorithm", COLT 2010 (the shrinking dartboard).

Examples
--------
>>> cache = Experts(capacity=2, catalog_size=5, members="lru + lfu-in-cache")
>>> [cache.request(i) for i in (0, 1, 0, 2, 0, 1)]
[False, False, True, False, True, False]
>>> cache.leader, cache.stats["fetched_other"]
('lru', 0.0)
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from olearn._rng import generator, new_state
from olearn.bounds import Bound, declared
from olearn.errors import NotSupportedError, ParameterError, check_real, unknown
from olearn.policies.caching import _follower
from olearn.policies.caching._base import CAPABILITIES, CachingPolicy, extended, resized
from olearn.policies.caching._follower import FAST, LEAD, LOST, PHASE, REAL, SEEN, Follower
from olearn.policies.caching._fused import FusedTable, can_fuse
from olearn.policies.caching._ledger import OCCUPANCY, new_log, new_stats

#: Chosen by measurement; the first leads first, the last has the guarantee.
DEFAULT = ("lirs", "w-tinylfu(window=0.2)", "s3-fifo", "arc", "ftpl")
#: Where keys come and go for ever: none of these remembers every item it has seen, so memory is O(C).
BOUNDED = ("lirs", "w-tinylfu(window=0.2)", "s3-fifo", "arc", "lru")
#: In bytes: those that count them.
DEFAULT_SIZED = ("lirs", "w-tinylfu(window=0.2)", "s3-fifo", "arc", "gdsf")
PRICES = ("difference", "capacity")
#: Requests that members serve at a time before the follower does.
CHUNK = 32_768


class State:
    """The members, and the cache that follows them."""

    def __init__(self, names: list[str], members: list[CachingPolicy], follower: Follower) -> None:
        self.names = names
        self.members = members
        self.follower = follower

    @property
    def stats(self) -> np.ndarray:
        """What the real cache counts."""
        return self.follower.stats


def run(state: State, items: np.ndarray, rewards: np.ndarray, log: Any = None) -> None:
    """Serve requests: every member a chunk by its own kernel, then the follower over their events."""
    _run(state, items, None, rewards, log)


def run_sized(state: State, items: np.ndarray, sizes: np.ndarray, rewards: np.ndarray, log: Any = None) -> None:
    """The same with the sizes of the requests (int64)."""
    _run(state, items, sizes, rewards, log)


def _run(state: State, items: np.ndarray, sizes: Any, rewards: np.ndarray, log: Any) -> None:
    f, members = state.follower, state.members
    count = len(members)
    for start in range(0, items.size, CHUNK):
        part = np.ascontiguousarray(items[start : start + CHUNK])
        weights = np.zeros(0, np.int64) if sizes is None else np.ascontiguousarray(sizes[start : start + CHUNK])
        n = part.size
        hits = np.empty((count, n), np.bool_)
        admitted = np.zeros((count, n), np.bool_)
        offsets = np.zeros((count, n + 1), np.int64)
        gone = []
        for k, member in enumerate(members):
            told = member.request_many(part, None if sizes is None else weights, events=True)
            hits[k], admitted[k], offsets[k] = told.hits, told.admitted, told.offsets
            gone.append(told.evicted)
        left = np.zeros((count, max(1, *(g.size for g in gone))), np.int32)
        for k, g in enumerate(gone):
            left[k, : g.size] = g
        lost = np.empty(count, np.bool_)
        served = np.empty(n, np.bool_)
        own = None if log is None else new_log(n, n + int(f.stats[OCCUPANCY]) + 1)
        _follower.serve_many(f, part, weights, hits, admitted, offsets, left, served, lost, own)
        rewards[start : start + n] = served
        if log is not None and own is not None:
            made = int(own.logged[0])
            begin = int(log.logged[0])
            room = max(0, min(made, log.left.size - begin))
            log.left[begin : begin + room] = own.left[:room]
            log.admitted[start : start + n] = own.admitted
            log.offsets[start : start + n + 1] = own.offsets + begin
            log.logged[0] = begin + made


class Experts(CachingPolicy):
    __doc__ = __doc__

    name = "experts"
    randomised = True
    takes_sizes = True
    rule = "follow the leader among shadow policies, lazily; draw it by dartboard once that loses too much"
    reference = (
        "Gramacy, Warmuth, Brandt and Ari 2002; Geulen, Voecking and Winkler 2010; derived in the docstring"
    )
    run = staticmethod(run)
    run_sized = staticmethod(run_sized)
    capabilities = frozenset(CAPABILITIES)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        members: str | Sequence[str] | None = None,
        gamma: float = 0.1,
        beta: float = 1.0,
        price: str = "difference",
        noise: float = 0.0,
        safe: bool = True,
        seed: int = 0,
        unit: str = "items",
        lock: bool = False,
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, unit=unit, lock=lock)
        self._members = members
        self.gamma = gamma
        self.beta = beta
        self.price = price
        self.noise = noise
        self.safe = safe

    # -- parameters --------------------------------------------------------------------------------
    @property
    def members(self) -> tuple[str, ...]:
        """Names of the members, with their parameters; the first leads first."""
        chosen = self._members
        if chosen is None:
            return DEFAULT if self.unit == "items" else DEFAULT_SIZED
        if isinstance(chosen, str):
            return tuple(part.strip() for part in chosen.split("+"))
        return tuple(str(m) for m in chosen)

    def parameters(self) -> dict[str, Any]:
        return {
            "members": " + ".join(self.members),
            "gamma": self.gamma,
            "beta": self.beta,
            "price": self.price,
            "noise": self.noise,
            "safe": self.safe,
        }

    def validate(self) -> None:
        super().validate()
        names = self.members
        if not 2 <= len(names) <= _follower.MEMBERS:
            raise ParameterError(f"experts takes 2 to {_follower.MEMBERS} members, got {len(names)}")
        twice = {n for n in names if names.count(n) > 1}
        if twice:
            raise ParameterError(f"experts has the member {sorted(twice)[0]!r} twice")
        check_real("gamma", self.gamma, 0.0)
        check_real("beta", self.beta)
        check_real("noise", self.noise, 0.0)
        if self.price not in PRICES:
            raise unknown("price", str(self.price), PRICES)
        if not isinstance(self.safe, bool):
            raise ParameterError(f"safe must be true or false, got {self.safe!r}")
        self._made_members()

    def _made_members(self) -> list[CachingPolicy]:
        """Fresh members, each with a seed of its own."""
        registry = importlib.import_module("olearn.registry")  # below policies only as text
        made = []
        for k, spec in enumerate(self.members):
            seed = int(generator(self.seed, 1, k).integers(2**31))
            horizon = self.horizon
            if horizon is None:  # a member must not wait for a horizon that nobody knows
                horizon = 50 * self.capacity if self.unit == "items" else 50 * self.catalog_size
            member = registry.make(
                "caching",
                spec,
                capacity=self.capacity,
                catalog_size=self.catalog_size,
                horizon=horizon,
                seed=seed,
                **({"unit": "bytes"} if self.unit == "bytes" else {}),
            )
            member.validate()
            if "events" not in member.capabilities or member.offline:
                raise NotSupportedError(
                    f"experts can't follow {member.name}: it does not report who comes and goes"
                )
            if member.soft_capacity:
                raise NotSupportedError(
                    f"experts can't follow {member.name}: it holds more than the capacity at times"
                )
            made.append(member)
        return made

    # -- the state ---------------------------------------------------------------------------------
    def _init(self) -> State:
        made = self._made_members()
        n, count = self.catalog_size, len(made)
        places = self.places
        size = np.zeros(n, np.int64) if self.unit == "bytes" else None
        start = np.zeros(count)
        if self.noise > 0:
            start = generator(self.seed, 2).exponential(self.noise * self.capacity, count)
            start -= start.min()
        follower = Follower(
            bits=np.zeros(n, np.uint16),
            held=np.zeros(places, np.int32),
            at=np.zeros(n, np.int32),
            stack=np.zeros(2 * places, np.int32),
            top=np.zeros(1, np.int64),
            losses=np.zeros(count),
            apart=np.zeros(count),
            deficit=start,
            weights=np.ones(count),
            began=np.zeros(count),
            disagree=np.zeros(count),
            mode=np.zeros(4, np.int64),
            sums=np.zeros(3),
            tenure=np.zeros(count, np.int64),
            gamma=float(self.gamma),
            beta=float(self.beta),
            price_full=self.price == "capacity",
            safe=self.safe,
            capacity=int(self.capacity),
            size=size,
            own=None if size is None else size.copy(),
            stats=new_stats(),
            rng=new_state(self.seed, 3),
        )
        for k, member in enumerate(made):  # some members start with items nobody has asked for
            inside = member.contents() if len(member) else np.empty(0, np.int64)
            follower.bits[inside] |= np.uint16(1 << k)
            follower.apart[k] = inside.size
        return State(list(self.members), made, follower)

    def _extend(self, state: State, catalog_size: int) -> State:
        for member in state.members:
            member.grow(catalog_size)
        f = state.follower
        places = min(self.capacity, catalog_size) if self.unit == "items" else catalog_size
        more: dict[str, Any] = {
            "bits": extended(f.bits, catalog_size, 0),
            "at": extended(f.at, catalog_size, 0),
            "held": extended(f.held, places, 0),
            "stack": extended(f.stack, 2 * places, 0),
        }
        if f.size is not None:
            more["size"] = extended(f.size, catalog_size, 0)
            more["own"] = extended(f.own, catalog_size, 0)
        return State(state.names, state.members, f._replace(**more))

    def _widen(self, state: State, largest: int) -> None:
        """Sizes are kept in 8 bytes; the members see to their own."""

    # -- one request -------------------------------------------------------------------------------
    def request(self, item: int, size: int | None = None, *, evicted: list[int] | None = None) -> bool:
        """As for every policy: all members and the cache in one compiled call."""
        if evicted is None and type(item) is int and 0 <= item < self.catalog_size and not self._busy:
            if size is None:
                if self._entry is not None:
                    return bool(self._entry(self._address, item))
            elif self._entry_sized is not None and type(size) is int and 0 <= size < 2147483648:
                return bool(self._entry_sized(self._address, item, size))
        return bool(self._serve(self._id(item), self._size(size), evicted) & 1)

    def _serve(self, item: int, size: int | None, evicted: list[int] | None) -> int:
        """A request that is the first, or asks for events: hit + 2 admitted + 4 evicted."""
        if evicted is not None and not isinstance(evicted, list):
            raise ParameterError(f"evicted must be a list to be filled, got {type(evicted).__name__}")
        state = self.state
        self._enter()
        try:
            if not can_fuse(state.members):
                return self._one_by_one(state, item, size, evicted)
            for member in state.members if size is not None else ():
                member._widen(member.state, size)  # a state that changes is in no table yet
            given = (item,) if size is None else (item, size)
            if evicted is not None:
                entry, table = self._fused(size is not None, True)
                done = int(entry(table.address, *given))
                evicted[:] = table.log.left[: done >> 2].tolist()
                return done
            entry, table = self._fused(size is not None, False)
            hit = int(entry(table.address, *given))
            if self._mutex is None and table.compiled:
                self._address = table.address
                self._entry, self._entry_sized = (entry, None) if size is None else (None, entry)
            return hit
        finally:
            self._leave()

    def _fused(self, sized: bool, logged: bool) -> tuple[Any, FusedTable]:
        """The entry for one request, and the table of the states as they are now."""
        state = self.state
        table = self._table
        if not isinstance(table, FusedTable) or not table.of(state.members):
            table = FusedTable(state.follower, state.members, self.places + 2)
            self._table, self._entry, self._entry_sized = table, None, None
        key = ("fused", sized, logged, table.layout, tuple(type(m) for m in state.members))
        entry = type(self)._made.get(key)
        if entry is None:
            entry = type(self)._made[key] = table.request(sized, logged)
        return entry, table

    def _direct(self) -> Any:
        if not can_fuse(self.state.members):
            return None
        sized = self.unit == "bytes"
        logged, table = self._fused(sized, True)
        return self._fused(sized, False)[0], logged, table.address, table.log.left

    def _one_by_one(self, state: State, item: int, size: int | None, evicted: list[int] | None) -> int:
        """The same with members that have no step of their own: one call each."""
        f = state.follower
        if f.size is not None and not f.bits[item] & ~SEEN:
            f.size[item] = size
        lost = np.empty(len(state.members), np.bool_)
        gone: list[int] = []
        for k, member in enumerate(state.members):
            before = item in member
            lost[k] = not member.request(item, size, evicted=gone)
            if not before and item in member:
                _follower.member_in(f, k, item)
            for other in gone:
                if other != item or before:
                    _follower.member_out(f, k, other)
        log = new_log(1, int(f.stats[OCCUPANCY]) + 2)
        hit = int(_follower.serve(f, item, 1 if size is None else size, lost, log))
        if evicted is not None:
            evicted[:] = log.left[: int(log.logged[0])].tolist()
        return hit + 2 * int(log.admitted[0]) + 4 * int(log.logged[0])

    def request_many(self, items: Any, sizes: Any = None, *, events: bool = False) -> Any:
        told = super().request_many(items, sizes, events=events)
        if sizes is not None:  # a member's sizes may have moved to 8 bytes
            self._table = self._entry = self._entry_sized = None
        return told

    @classmethod
    def keyed(cls, unit: str) -> dict[str, Any]:
        return {"members": " + ".join(BOUNDED)} if unit == "items" else {}

    # -- the host's calls ------------------------------------------------------------------------------
    def lookup(self, item: int, *, evicted: list[int] | None = None) -> bool:
        number = self._id(item)
        if evicted is not None:
            evicted[:] = []
        if number not in self:
            return False
        return self.request(number, self._own_size(number), evicted=evicted)

    def admit(self, item: int, size: int | None = None, *, evicted: list[int] | None = None) -> bool:
        number, size = self._id(item), self._size(size)
        if evicted is not None:
            evicted[:] = []
        if number not in self:
            self._serve(number, size, evicted)
        return number in self

    def _own_size(self, item: int) -> int | None:
        own = self.state.follower.own
        return None if own is None else int(own[item])

    def peek(self) -> int | None:
        """The item that would leave next; None of an empty cache. Changes nothing that shows."""
        self._enter()
        try:
            item = int(_follower.candidate(self.state.follower))
            if item >= 0 or not len(self):
                return item if item >= 0 else None
            # The leader holds all that is here: its own choice, if that is here.
            member = self.state.members[int(self.state.follower.mode[LEAD])]
            own = member.peek() if "peek" in member.capabilities else None
            return own if own is not None and own in self else int(self.state.follower.held[0])
        finally:
            self._leave()

    def evict(self) -> int | None:
        item = self.peek()
        if item is not None:
            self.remove(item)
        return item

    def remove(self, item: int) -> bool:
        """Take `item` out of the cache; the members, who hold no content, keep what they know of it."""
        number = self._id(item)
        if number not in self:
            return False
        self._enter()
        try:
            _follower._leave(self.state.follower, number, None)
            self._taken += 1
        finally:
            self._leave()
        return True

    def _resize(self, state: State, capacity: int) -> State:
        for member in state.members:
            if "resize" not in member.capabilities:
                raise NotSupportedError(f"experts can't be resized: its member {member.name} can't")
        f = state.follower
        for k, member in enumerate(state.members):
            for gone in member.resize(capacity):
                _follower.member_out(f, k, gone)
        n = self.catalog_size
        places = min(capacity, n) if self.unit == "items" else n
        held, stack = resized(f.held, places), np.zeros(2 * places, np.int32)
        f.top[0] = 0
        return State(state.names, state.members, f._replace(held=held, stack=stack, capacity=int(capacity)))

    def needed(self) -> np.ndarray | None:
        """Ids that the cache or a member knows anything about; None if a member remembers all."""
        state = self.state
        known = state.follower.bits & ~SEEN != 0
        for member in state.members:
            own = member.needed() if "forget" in member.capabilities else None
            if own is None:
                return None
            known |= own
        state.follower.bits[~known] = 0  # an id that is given to another key was never seen
        return known

    def __contains__(self, item: object) -> bool:
        if not isinstance(item, (int, np.integer)) or not 0 <= item < self.catalog_size:
            return False
        return bool(self.state.follower.bits[item] & REAL)

    def fraction(self, item: int) -> float:
        return float(self._id(item) in self)

    def fractions(self) -> np.ndarray:
        return (self.state.follower.bits & REAL != 0).astype(np.float64)

    # -- the race ----------------------------------------------------------------------------------
    @property
    def leader(self) -> str:
        """The member that is followed."""
        return self.members[int(self.state.follower.mode[LEAD])]

    @property
    def phase(self) -> str:
        """``"fast"`` (threshold) or ``"safe"`` (dartboard)."""
        return "fast" if self.state.follower.mode[PHASE] == FAST else "safe"

    @property
    def changes(self) -> int:
        """Changes of leader so far."""
        return int(self.state.follower.mode[_follower.CHANGES])

    def losses(self) -> dict[str, float]:
        """What each member lost so far: requests, or bytes."""
        return dict(zip(self.members, self.state.follower.losses.tolist(), strict=True))

    def tenure(self) -> dict[str, int]:
        """Requests that each member has led."""
        return dict(zip(self.members, self.state.follower.tenure.tolist(), strict=True))

    def weights(self) -> dict[str, float]:
        """The chance that each member leads: 1 for the leader in the fast phase, then the dartboard's."""
        f = self.state.follower
        if f.mode[PHASE] == FAST:
            return {name: float(k == f.mode[LEAD]) for k, name in enumerate(self.members)}
        return dict(zip(self.members, (f.weights / f.weights.sum()).tolist(), strict=True))

    def bound(
        self, requests: int | None = None, *, realised: Mapping[str, float] | None = None
    ) -> Bound | None:
        t = requests if requests is not None else self.horizon
        if t is None or not self.safe or self.unit != "items":
            return None
        anchor = None
        for member in self._made_members():
            own = member.bound(t)
            fits = own is not None and own.comparator == "best static set, prefilled"
            if fits and own is not None and (anchor is None or own.value < anchor[1].value):
                anchor = (member.name, own)
        if anchor is None:
            return None
        race = regret_to_best_member(self.capacity, t, len(self.members))
        value = anchor[1].value + self.capacity + race
        return self._interfered(
            declared(
                value,
                f"({anchor[0]}'s bound) + C + O(sqrt(C T ln K)), K = {len(self.members)}",
                "best static set, prefilled",
                "in expectation",
                (*anchor[1].assumptions, "the requests do not depend on the draws (oblivious adversary)"),
                "derived in policies/caching/experts.py",
            )
        )

    def switching_cost(self) -> tuple[float, float]:
        """What following cost beyond the best member so far, and the most that the fast phase lets it be."""
        f = self.state.follower
        best = int(np.argmin(f.losses))
        spent = float(f.sums[LOST] - f.losses[best])
        return spent, float(_follower.budget(float(self.capacity), f.disagree[best], len(self.members))) + 1.0


def regret_to_best_member(capacity: int, requests: int, members: int) -> float:
    """What `experts` can lose beyond its best member in `requests` requests, in expectation.

    The fast phase's budget for the largest L', one request, and the dartboard's epochs with guesses C ln K,
    4 C ln K, ...

    Examples
    --------
    >>> regret_to_best_member(100, 10**6, 5) < 10**6 / 10
    True
    """
    log = math.log(members)
    total = float(_follower.budget(float(capacity), float(requests), members)) + 1.0 + capacity
    guess, left = max(1.0, capacity * log), float(requests)
    while left > 0.0:
        eta = float(_follower.step_size(float(capacity), guess, members))
        most = min(guess + 1.0, left)
        total += capacity + (1 + eta * capacity) * ((1 + eta) * most + log / eta) - most
        left -= most
        guess *= 4.0
    return total
