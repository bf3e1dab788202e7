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

    def build(items: np.ndarray, capacity: int, n: int, seed: int = 7) -> Any:
        more: dict[str, Any] = {"requests": items} if policy.offline else {}
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
    cache.request_many(items[:200])
    twins = [cache.copy(), copy.copy(cache), pickle.loads(pickle.dumps(cache))]
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
    _reward_is_what_was_held,
    _counts_what_moves,
    _keeps_to_its_capacity,
    _same_seed_same_run,
    _copies_and_pickles,
    _grows,
    _refuses_nonsense,
    _respects_bound,
)
