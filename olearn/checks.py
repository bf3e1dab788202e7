"""Checks that every caching policy must pass, olearn's own and those of other packages.

>>> from olearn.policies.caching.lru import LRU
>>> len(check_policy(LRU)) > 5
True
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from olearn import registry
from olearn.errors import NotSupportedError, OlearnError, ParameterError
from olearn.policies.caching._base import CachingPolicy


class CheckFailed(OlearnError, AssertionError):
    """A policy breaks a rule; the sentence says which, and on what."""


def check_policy(policy: Any, **parameters: Any) -> list[str]:
    """Check a caching policy against the contract of ``CachingPolicy``.

    Parameters
    ----------
    policy : type or str
        A subclass of ``olearn.policies.caching._base.CachingPolicy``, or the name of a registered one.
    **parameters
        Parameters to build it with, beside capacity, catalog_size, horizon and seed.

    Returns
    -------
    list of str
        The names of the checks that passed.

    Raises
    ------
    CheckFailed
        At the first rule that is broken.

    Examples
    --------
    A third-party package tests its policy with one line::

        def test_policy():
            olearn.checks.check_policy(MyPolicy)
    """
    if isinstance(policy, str):
        policy = registry.find("caching", policy)
    if not (isinstance(policy, type) and issubclass(policy, CachingPolicy)):
        raise NotSupportedError(f"check_policy takes a subclass of CachingPolicy or a name, got {policy!r}")

    def build(items: np.ndarray, capacity: int, n: int, seed: int = 7, **options: Any) -> Any:
        more: dict[str, Any] = {"requests": items} if policy.offline else {}
        more |= options
        return policy(
            capacity=capacity, catalog_size=n, horizon=max(items.size, 1), seed=seed, **more, **parameters
        )

    passed = []
    for check in CHECKS:
        if policy.offline and check in (_grows, _respects_bound):
            continue
        check(policy, build)
        passed.append(check.__name__.strip("_").replace("_", " "))
    return passed


def _require(condition: Any, policy: Any, what: str) -> None:
    if not condition:
        raise CheckFailed(f"{policy.name or policy.__name__}: {what}")


def traces(capacity: int, n: int, length: int = 400) -> dict[str, np.ndarray]:
    """The sequences that the checks use: random, skewed, cyclic, in phases, one item only."""
    rng = np.random.default_rng(20240501)
    ranks = 1.0 / np.arange(1, n + 1)
    phases = (np.arange(length) // max(length // 8, 1)) * capacity + rng.integers(0, max(capacity, 1), length)
    return {
        "random": rng.integers(0, n, length).astype(np.int32),
        "skewed": rng.choice(n, length, p=ranks / ranks.sum()).astype(np.int32),
        "cyclic": (np.arange(length) % min(capacity + 1, n)).astype(np.int32),
        "phases": (phases % n).astype(np.int32),
        "one item": np.full(length, n - 1, np.int32),
    }


SIZES = ((1, 1), (1, 5), (3, 10), (10, 10), (8, 30))


def _declares_itself(policy: Any, build: Callable[..., Any]) -> None:
    for attribute in ("name", "rule", "reference"):
        _require(getattr(policy, attribute, ""), policy, f"the class attribute {attribute} must not be empty")
    _require(policy.name == policy.name.lower(), policy, "the name must be in lower case")
    _require(policy.__doc__, policy, "the class must have a docstring")


def _one_by_one_equals_many(policy: Any, build: Callable[..., Any]) -> None:
    for capacity, n in SIZES:
        for name, items in traces(capacity, n, 120).items():
            where = f"({name}, C={capacity}, N={n})"
            whole = build(items, capacity, n)
            many = whole.request_many(items)
            single = build(items, capacity, n)
            one = np.array([single.request(int(i)) for i in items])
            _require(
                np.array_equal(many, one),
                policy,
                f"request and request_many differ {where}",
            )
            _require(
                np.array_equal(whole.fractions(), single.fractions()) and whole.stats == single.stats,
                policy,
                f"request and request_many leave different caches {where}",
            )


def _reward_is_what_was_held(policy: Any, build: Callable[..., Any]) -> None:
    for capacity, n in SIZES:
        for name, items in traces(capacity, n, 120).items():
            cache = build(items, capacity, n)
            for i in items.tolist():
                before, inside = cache.fraction(i), i in cache
                reward = cache.request(i)
                where = f"({name}, C={capacity}, N={n})"
                _require(abs(float(reward) - before) < 1e-12, policy, f"a request earns what was held {where}")
                _require(inside == (before > 0), policy, f"'in' and fraction disagree {where}")
                _require(0.0 <= reward <= 1.0 + 1e-12, policy, f"a reward must be in [0, 1] {where}")


def _counts_what_moves(policy: Any, build: Callable[..., Any]) -> None:
    """Every request: what it brought in is fetched, what came with it fetched_other, what left evicted."""
    for capacity, n in SIZES:
        for name, items in traces(capacity, n, 120).items():
            cache = build(items, capacity, n)
            before, counted = cache.fractions(), cache.stats
            for i in items.tolist():
                cache.request(i)
                after, stats = cache.fractions(), cache.stats
                came, went = np.maximum(after - before, 0.0), np.maximum(before - after, 0.0)
                moved = {"fetched": came[i], "fetched_other": came.sum() - came[i], "evicted": went.sum()}
                for what, mass in moved.items():
                    _require(
                        abs(stats[what] - counted[what] - mass) < 1e-9,
                        policy,
                        f"a request of {i} moved {mass:g}, counted {stats[what] - counted[what]:g} as {what} "
                        f"({name}, C={capacity}, N={n})",
                    )
                before, counted = after, stats
            if not policy.fractional:
                _require(len(cache) == np.count_nonzero(before), policy, "len must be the number of items held")


def _keeps_to_its_capacity(policy: Any, build: Callable[..., Any]) -> None:
    for capacity, n in SIZES:
        for name, items in traces(capacity, n).items():
            cache = build(items, capacity, n)
            prefilled = cache.stats["occupancy"]
            cache.request_many(items)
            held, stats = float(cache.fractions().sum()), cache.stats
            where = f"({name}, C={capacity}, N={n})"
            _require(abs(held - stats["occupancy"]) < 1e-9, policy, f"the occupancy is the mass held {where}")
            flow = prefilled + stats["fetched"] + stats["fetched_other"] - stats["evicted"]
            _require(
                abs(flow - stats["occupancy"]) < 1e-6,
                policy,
                f"prefilled + fetched - evicted must be the occupancy {where}",
            )
            if not policy.soft_capacity:
                _require(stats["peak_occupancy"] <= capacity + 1e-9, policy, f"more than C were held {where}")
            if not cache.fetches_unasked:
                _require(stats["fetched_other"] == 0, policy, f"an item nobody asked for came in {where}")
            chunked = build(items, capacity, n)
            for start in range(0, items.size, 37):
                chunked.request_many(items[start : start + 37])
                held = float(chunked.fractions().sum())
                _require(abs(held - chunked.stats["occupancy"]) < 1e-9, policy, f"chunks lose count {where}")
                if not policy.soft_capacity:
                    _require(held <= capacity * (1 + 1e-6), policy, f"more than C were held {where}")


def _events_tell_what_moved(policy: Any, build: Callable[..., Any]) -> None:
    if "events" not in policy.capabilities:
        return
    for capacity, n in SIZES:
        for name, items in traces(capacity, n, 120).items():
            where = f"({name}, C={capacity}, N={n})"
            cache, whole = build(items, capacity, n), build(items, capacity, n)
            told = whole.request_many(items, events=True)
            inside = set(np.flatnonzero(cache.fractions() > 0).tolist())
            for t, i in enumerate(items.tolist()):
                one = cache.request_many(items[t : t + 1], events=True)
                left = told.evicted[told.offsets[t] : told.offsets[t + 1]].tolist()
                same = one.hits[0] == told.hits[t] and one.admitted[0] == told.admitted[t]
                _require(same and one.evicted.tolist() == left, policy, f"events depend on the chunk {where}")
                _require(bool(told.hits[t]) == (i in inside), policy, f"a hit is what was held {where}")
                _follow(inside, i, bool(told.admitted[t]), left, policy, where)
                now = set(np.flatnonzero(cache.fractions() > 0).tolist())
                _require(
                    inside == now,
                    policy,
                    f"the events of a request of {i} lead to {sorted(inside)}, held are {sorted(now)} {where}",
                )


def _follow(inside: set[int], item: int, admitted: bool, left: list[int], policy: Any, where: str) -> None:
    """Carry out the events of one request on a set: who came in, then who went out."""
    if admitted:
        _require(item not in inside, policy, f"{item} was admitted while held {where}")
        inside.add(item)
    for other in left:
        if other < 0:
            inside.add(~other)
        else:
            _require(other in inside, policy, f"{other} went out without being held {where}")
            inside.discard(other)


def _counts_bytes(policy: Any, build: Callable[..., Any]) -> None:
    if "sizes" not in policy.capabilities:
        return
    n, capacity = 20, 60
    own = np.random.default_rng(7).integers(1, 40, n)
    own[3], own[4] = capacity, capacity + 1
    for name, items in traces(8, n, 200).items():
        where = f"({name}, {capacity} bytes)"
        sizes = own[items].astype(np.int64)
        sizes[::7] += 5  # sizes change while items are held: those held keep theirs
        whole, cache = (build(items, capacity, n, unit="bytes") for _ in range(2))
        told = whole.request_many(items, sizes, events=True)
        inside: set[int] = set()
        weight: dict[int, int] = {}
        for t, i in enumerate(items.tolist()):
            one = cache.request_many(items[t : t + 1], sizes[t : t + 1], events=True)
            left = told.evicted[told.offsets[t] : told.offsets[t + 1]].tolist()
            _require(one.evicted.tolist() == left, policy, f"events depend on the chunk {where}")
            _require(bool(told.hits[t]) == (i in inside), policy, f"a hit is what was held {where}")
            if i not in inside:
                weight[i] = int(sizes[t])
            _follow(inside, i, bool(told.admitted[t]), left, policy, where)
            fits = weight[i] <= capacity
            _require(fits or i not in inside, policy, f"an item larger than the cache came in {where}")
            held = sum(weight[k] for k in inside)
            stats = cache.stats
            _require(held == stats["bytes"], policy, f"{held} bytes are held, counted {stats['bytes']} {where}")
            _require(held <= capacity, policy, f"{held} bytes are held {where}")
            now = set(cache.contents().tolist())
            _require(inside == now, policy, f"events and contents disagree {where}")
        _require(whole.stats == cache.stats, policy, f"one by one and many count differently {where}")


def _serves_hosts(policy: Any, build: Callable[..., Any]) -> None:
    """`lookup` and `admit` are `request`; what a host takes out is out, and the policy goes on."""
    has = policy.capabilities
    for capacity, n in ((1, 5), (3, 10), (8, 30)):
        for name, items in traces(capacity, n, 80).items():
            where = f"({name}, C={capacity}, N={n})"
            cache, host = build(items, capacity, n), build(items, capacity, n)
            if {"lookup", "admit"} <= host.capabilities:
                for i in items.tolist():
                    hit = cache.request(i)
                    for _ in range(2 - hit):
                        _require(host.lookup(i) == hit, policy, f"lookup is not what request says {where}")
                    if not hit:
                        _require(host.admit(i) == (i in cache), policy, f"admit is not request's miss {where}")
                same = np.array_equal(cache.fractions(), host.fractions()) and cache.stats == host.stats
                _require(same, policy, f"lookup and admit leave another cache than request {where}")
            if "peek" in has and len(cache):
                twin = cache.copy()
                _require(cache.peek() in cache, policy, f"peek names an item that is not held {where}")
                same = np.array_equal(cache.request_many(items), twin.request_many(items))
                _require(same, policy, f"peek changes the run {where}")
            for take in ("evict", "remove"):
                if take in has and len(cache):
                    item = cache.peek() if "peek" in has else int(cache.contents()[0])
                    before = len(cache)
                    gone = cache.evict() if take == "evict" else (item if cache.remove(item) else None)
                    out = gone is not None and gone not in cache and len(cache) == before - 1
                    _require(out, policy, f"{take} must take one item out {where}")
                    if "peek" in has:
                        _require(gone == item, policy, f"{take} took {gone}, peek named {item} {where}")
                    _require(not cache.remove(gone) if "remove" in has else True, policy, f"{gone} left twice")
                    cache.request_many(items)
            if "resize" in has and capacity > 1:
                left = cache.resize(capacity - 1)
                _require(not set(left) & set(cache.contents().tolist()), policy, f"resize: who left {where}")
                cache.request_many(items)
                _require(
                    policy.soft_capacity or len(cache) <= capacity - 1, policy, f"resize is not kept {where}"
                )
                cache.resize(min(capacity + 2, n))
                cache.request_many(items)
                _require(len(cache) <= capacity + 2, policy, f"resize is not kept {where}")
            if "clear" in has:
                cache.clear()
                _require(len(cache) == 0 and not cache.contents().size, policy, f"clear leaves items {where}")
                cache.request_many(items)


def _forgets_what_it_says(policy: Any, build: Callable[..., Any]) -> None:
    """Two items that the policy says it knows nothing of can change names."""
    if "forget" not in policy.capabilities:
        return
    for capacity, n in ((1, 5), (3, 10), (8, 30)):
        for name, items in traces(capacity, n, 160).items():
            where = f"({name}, C={capacity}, N={n})"
            cache = build(items, capacity, n)
            cache.request_many(items[:80])
            needed = cache.needed()
            if needed is None:  # it remembers every item, as it is made here
                continue
            held = cache.fractions() > 0
            _require(not (held & ~needed).any(), policy, f"an item that is held is not needed {where}")
            idle = np.flatnonzero(~needed)
            if idle.size < 2 or policy.soft_capacity:  # permanent random numbers go with the id
                continue
            other = np.arange(n, dtype=np.int32)
            other[idle] = np.roll(idle, 1)
            twin = cache.copy()
            same = np.array_equal(cache.request_many(items[80:]), twin.request_many(other[items[80:]]))
            _require(same, policy, f"an item that is not needed was remembered {where}")


def _same_seed_same_run(policy: Any, build: Callable[..., Any]) -> None:
    items = traces(8, 30)["skewed"]
    first, second = build(items, 8, 30), build(items, 8, 30)
    rewards = first.request_many(items)
    _require(
        np.array_equal(rewards, second.request_many(items)), policy, "the same seed must give the same run"
    )
    first.reset()
    _require(np.array_equal(rewards, first.request_many(items)), policy, "reset must lead back to the start")


def _copies_and_pickles(policy: Any, build: Callable[..., Any]) -> None:
    items = traces(8, 30)["skewed"]
    cache = build(items, 8, 30)
    cache.request_many(items[:199])
    cache.request(int(items[199]))  # single requests go by the addresses of arrays: a copy has its own
    twins = [cache.copy(), copy.copy(cache), pickle.loads(pickle.dumps(cache))]
    one = cache.copy()
    one.request(int(items[200]))
    twins.append(cache.copy())
    rest = cache.request_many(items[200:])
    for twin in twins:
        _require(
            np.array_equal(rest, twin.request_many(items[200:])),
            policy,
            "a copy must go on as its original does",
        )


def _grows(policy: Any, build: Callable[..., Any]) -> None:
    items = traces(8, 30)["skewed"]
    cache = build(items, 8, 30)
    cache.request_many(items[:200])
    before = cache.fractions()
    cache.grow(70)
    after = cache.fractions()
    _require(after.size == 70, policy, "grow must enlarge the catalogue")
    if policy.fractional:
        _require(abs(after.sum() - before.sum()) < 1e-9, policy, "growing must keep the mass held")
    else:
        _require(np.array_equal(after[:30], before), policy, "growing must keep what is held")
    cache.request_many(np.tile(np.arange(70, dtype=np.int32), 5))
    held = float(cache.fractions().sum())
    if policy.fractional:
        _require(abs(held - 8) < 1e-9, policy, "a larger catalogue must still fill the capacity")
    elif not policy.soft_capacity:
        _require(held <= 8, policy, "a larger catalogue must not lift the capacity")


def _refuses_nonsense(policy: Any, build: Callable[..., Any]) -> None:
    items = traces(3, 10, 20)["random"]
    for capacity, n in ((0, 10), (11, 10), (-1, 10), (2.5, 10), (3, 0)):
        try:
            build(items, capacity, n).validate()
        except ParameterError:
            continue
        raise CheckFailed(f"{policy.name}: capacity {capacity} of {n} items must be refused")
    cache = build(items, 3, 10)
    for bad in (-1, 10):
        try:
            cache.request(bad)
        except ParameterError:
            continue
        raise CheckFailed(f"{policy.name}: item {bad} of a catalogue of 10 must be refused")


def _respects_bound(policy: Any, build: Callable[..., Any]) -> None:
    """Regret on hard sequences against the declared bound.

    A bound in expectation is held against the mean over 30 seeds, plus 4 standard errors.
    """
    for capacity, n in SIZES:
        for name, items in traces(capacity, n).items():
            bound = build(items, capacity, n).bound(items.size)
            if bound is None:
                return
            best = np.sort(np.bincount(items, minlength=n))[::-1][:capacity].sum()
            seeds = range(30) if policy.randomised else range(1)
            rewards = np.array(
                [build(items, capacity, n, s).request_many(items).sum() for s in seeds], dtype=float
            )
            slack = 4 * rewards.std(ddof=1) / np.sqrt(rewards.size) if rewards.size > 1 else 0.0
            regret = best - rewards.mean()
            _require(
                regret <= bound.value + slack + 1e-9,
                policy,
                f"regret {regret:.4g} exceeds the bound {bound.value:.4g} ({name}, C={capacity}, N={n})",
            )


CHECKS: tuple[Callable[..., None], ...] = (
    _declares_itself,
    _one_by_one_equals_many,
    _copies_and_pickles,
    _reward_is_what_was_held,
    _counts_what_moves,
    _keeps_to_its_capacity,
    _events_tell_what_moved,
    _counts_bytes,
    _serves_hosts,
    _forgets_what_it_says,
    _same_seed_same_run,
    _grows,
    _refuses_nonsense,
    _respects_bound,
)
