"""The public contract of every caching policy, the declared bounds, the statistics of sampling."""

import importlib.metadata
import os
import subprocess
import sys

import numpy as np
import pytest

import naive.caching as naive
import olearn
from olearn import checks, registry
from olearn.errors import NotSupportedError, ParameterError
from olearn.policies.caching import FIFO, FTPL, LFU, LRU, OGB, OGD, OMD, Belady

NAMES = registry.names("caching")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.jit_only
def test_policy_passes_the_public_checks(name):
    assert "declares itself" in checks.check_policy(registry.find("caching", name))


class Cheat(LRU):
    """Claims a hit for everything."""

    name = "cheat"

    def request_many(self, items):
        return np.ones(len(items), bool)


class Boast(OGD):
    """Declares a bound that it does not keep."""

    name = "boast"

    def bound(self, requests=None):
        return super().bound(requests)._replace(value=0.01)


class Hoard(LRU):
    """Holds one item more than it may."""

    name = "hoard"

    def _init(self):
        return super()._init()._replace(capacity=self.capacity + 1)


class Prefetch(LRU):
    """Brings the next item in as well, and counts that as one more fetch of what was asked for."""

    name = "prefetch"

    def request(self, item):
        reward = super().request(item)
        super().request((item + 1) % self.catalog_size)
        return reward

    def request_many(self, items):
        return np.array([self.request(int(i)) for i in items], bool)


class Drift(LRU):
    """Earns the same either way, but request_many leaves another cache behind."""

    name = "drift"

    def request_many(self, items):
        rewards = super().request_many(items)
        super().request_many(items[:1])
        return rewards


class Silent(LRU):
    """Says that it is empty."""

    name = "silent"

    def __len__(self):
        return 0


class Mute(FIFO):
    """Counts who leaves and tells nobody."""

    name = "mute"

    def request_many(self, items, sizes=None, *, events=False):
        told = super().request_many(items, sizes, events=events)
        return told._replace(evicted=told.evicted[:0], offsets=0 * told.offsets) if events else told


class Fat(LRU):
    """Takes a byte more than it has."""

    name = "fat"

    def _init(self):
        return super()._init()._replace(capacity=self.capacity + (self.unit == "bytes"))


class Curious(LRU):
    """Peeking is a request."""

    name = "curious"

    def peek(self):
        item = super().peek()
        super().request(item)
        return item


class Sticky(LRU):
    """Keeps what the host takes out."""

    name = "sticky"

    def remove(self, item):
        return item in self

    def evict(self):
        return None


class Eager(LRU):
    """Inserts when it is only asked."""

    name = "eager"

    def lookup(self, item, *, evicted=None):
        return self.request(item)


class Absent(FIFO):
    """Says that it remembers nobody."""

    name = "absent"

    def needed(self):
        return np.zeros(self.catalog_size, bool)


class Shared(LRU):
    """Copies point at the memory of their original."""

    name = "shared"

    def __getstate__(self):
        return self.__dict__

    def __deepcopy__(self, memo):
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (Mute, "the events of a request of"),
        (Fat, "an item larger than the cache came in|bytes are held"),
        (Curious, "peek changes the run|peek named"),
        (Sticky, "evict must take one item out"),
        (Eager, "lookup is not what request says"),
        (Absent, "an item that is held is not needed"),
        (Shared, "a copy must go on as its original does"),
        (Cheat, "request and request_many differ"),
        (Boast, "exceeds the bound"),
        (Hoard, "more than C"),
        (Prefetch, r"a request of \d+ moved 0, counted 2 as fetched"),
        (Drift, "leave different caches"),
        (Silent, "len must be the number of items held"),
    ],
)
def test_the_checks_catch_a_broken_policy(policy, said):
    with pytest.raises(checks.CheckFailed, match=said):
        checks.check_policy(policy)


@pytest.mark.parametrize("wrong", [3, LRU(2, 5), dict])
def test_the_checks_take_a_policy_and_nothing_else(wrong):
    with pytest.raises(NotSupportedError, match="takes a subclass of CachingPolicy or a name"):
        checks.check_policy(wrong)


@pytest.mark.parametrize("policy", [OGD, OMD])
def test_bounds_hold_against_an_adaptive_adversary(policy):
    """The adversary asks for the item with the smallest fraction, or for the least fresh of the leaders."""
    for capacity, n, horizon in ((1, 2, 300), (2, 5, 400), (5, 10, 400), (3, 30, 300)):
        for greedy in (True, False):
            cache = policy(capacity, n, horizon)
            counts = np.zeros(n)
            earned = 0.0
            for t in range(horizon):
                x = cache.fractions()
                # Either the worst for the next reward, or the worst among items that build an optimum.
                pool = np.arange(n) if greedy else np.argsort(-counts, kind="stable")[: capacity + 1]
                item = int(pool[np.argmin(x[pool])])
                earned += cache.request(item)
                counts[item] += 1
                regret = np.sort(counts)[::-1][:capacity].sum() - earned
                assert regret <= cache.bound(t + 1).value + 1e-9


@pytest.mark.parametrize("step", [0.05, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("policy", [OGD, OMD])
def test_bounds_hold_at_any_step(policy, step):
    rng = np.random.default_rng(11)
    for items in (rng.integers(0, 8, 300), np.arange(300) % 4, np.repeat(np.arange(30), 10) % 8):
        items = items.astype(np.int32)
        cache = policy(3, 8, eta=step)
        regret = naive.best_static(items.tolist(), 3) - cache.request_many(items).sum()
        assert regret <= cache.bound(items.size).value + 1e-9


def test_known_values_of_the_bounds():
    assert OGD(100, 1000, 10_000).bound().value == pytest.approx(np.sqrt(100 * 0.9 * 10_000))
    ftpl = FTPL(100, 1000, 10_000).bound().value
    loose = 2 * np.pi**-0.25 * np.log(10 * np.e) ** 0.25 * np.sqrt(100 * 10_000)
    assert 0.98 * loose < ftpl < loose  # binom(N, C) < (N e/C)^C
    omd = OMD(100, 1000, 10_000_000).bound().value
    assert omd == pytest.approx(np.sqrt(2 * 100 * np.log(10) * 10_000_000), rel=0.01)


@pytest.mark.jit_only
def test_ogb_earns_what_ogd_earns_on_average():
    """z-test over 300 seeds; |z| > 4.5 has a chance of 7e-6 under the null hypothesis."""
    rng = np.random.default_rng(3)
    items = (rng.zipf(1.3, 4000) % 200).astype(np.int32)
    fractional = OGD(10, 200, 4000).request_many(items).sum()
    hits = np.array([OGB(10, 200, 4000, seed=s).request_many(items).sum() for s in range(300)])
    z = (hits.mean() - fractional) / (hits.std(ddof=1) / np.sqrt(hits.size))
    assert abs(z) < 4.5


@pytest.mark.jit_only
def test_ogb_occupancy_has_mean_c_and_small_variance():
    """Mean of 400 final occupancies within 4.5 standard errors of C; variance at most C (1 - C/N) + noise."""
    rng = np.random.default_rng(4)
    items = (rng.zipf(1.3, 2000) % 100).astype(np.int32)
    occupancy = []
    for seed in range(400):
        cache = OGB(20, 100, 2000, seed=seed)
        cache.request_many(items)
        occupancy.append(cache.stats["occupancy"])
    occupancy = np.array(occupancy)
    assert abs(occupancy.mean() - 20) < 4.5 * np.sqrt(20 * 0.8 / 400)
    # A sample variance of 400 exceeds 1.35 times the true one with a chance below 1e-5.
    assert occupancy.var(ddof=1) < 1.35 * 20 * 0.8


@pytest.mark.jit_only
def test_ftpl_mean_regret_is_below_its_bound():
    rng = np.random.default_rng(9)
    for items in (
        rng.integers(0, 50, 3000),
        np.arange(3000) % 11,
        (np.arange(3000) // 300) * 5 + rng.integers(0, 5),
    ):
        items = items.astype(np.int32) % 50
        best = naive.best_static(items.tolist(), 10)
        regrets = [best - FTPL(10, 50, 3000, seed=s).request_many(items).sum() for s in range(60)]
        assert np.mean(regrets) <= FTPL(10, 50, 3000).bound().value


def test_classical_policies_collapse_on_their_adversaries():
    cyclic = np.arange(2000, dtype=np.int32) % 11
    assert LRU(10, 11).request_many(cyclic).sum() == 0
    assert OGD(10, 11, 2000).request_many(cyclic).mean() == pytest.approx(10 / 11, abs=0.02)


def test_one_request_from_python():
    cache = OGB(capacity=1000, catalog_size=100_000, horizon=10_000_000)
    assert cache.request(5) in (True, False)
    assert cache.request_many([1, 2, 3]).shape == (3,)
    assert isinstance(5 in cache, bool)
    assert len(cache) == cache.stats["occupancy"]
    assert len(list(cache)) == len(cache)


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([0, 1, 99], "got 99 at position 2"),
        ([-1], "got -1 at position 0"),
        ([0.5], "whole numbers"),
        ([[1, 2]], "one-dimensional"),
    ],
)
def test_bad_items_are_refused(items, said):
    with pytest.raises(ParameterError, match=said):
        LRU(2, 5).request_many(items)


def test_parameters_are_checked():
    for eta in (0, -1, float("nan"), "x"):
        with pytest.raises(ParameterError, match="eta"):
            OGD(2, 5, 10, eta=eta).request(0)
    with pytest.raises(ParameterError, match="give horizon"):
        OGB(2, 5).request(0)
    with pytest.raises(NotSupportedError, match="reads the future"):
        Belady(2, 5).request(0)
    with pytest.raises(ParameterError, match="must be served the requests it was given"):
        Belady(2, 5, requests=[0, 1, 2]).request_many([0, 2])


def test_third_party_policy_can_be_replayed():
    class Mine(LFU):
        """Someone else's policy."""

        name = "mine"

    result = olearn.replay([1, 2, 1, 3, 1] * 20, [Mine, "lfu"], capacity=2, offline=False)
    assert [r["policy"] for r in result.rows] == ["mine", "lfu"]
    assert result.rows[0]["reward"] == result.rows[1]["reward"]


def test_a_policy_of_another_package_is_found_by_its_entry_point(tmp_path):
    """A real installed distribution in miniature: metadata, entry point, module; used by a real command."""
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[olearn.policies]\nnever-evict = theirs:NeverEvict\n")
    (tmp_path / "theirs.py").write_text(
        "from olearn.policies.caching.fifo import FIFO\n"
        "class NeverEvict(FIFO):\n"
        '    """Theirs."""\n'
        '    name = "never-evict"\n'
    )
    (tmp_path / "t.txt").write_text("a\nb\na\n" * 50)
    command = [sys.executable, "-m", "olearn", "replay", "t.txt", "-p", "never-evict", "-c", "1", "--no-plot"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    out = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    assert "never-evict" in out.stdout
    wrong = subprocess.run(
        [*command[:5], "-p", "never-evic"], cwd=tmp_path, env=environment, capture_output=True
    )
    assert wrong.returncode == 2
    assert b"did you mean" in wrong.stderr


def test_a_broken_package_does_not_take_the_others_down(monkeypatch):
    entries = [
        importlib.metadata.EntryPoint("lost", "no_such_module:Lost", registry.ENTRY_POINTS),
        importlib.metadata.EntryPoint("plain", "builtins:dict", registry.ENTRY_POINTS),
        importlib.metadata.EntryPoint("Mine", "olearn.policies.caching.lru:LRU", registry.ENTRY_POINTS),
    ]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: entries)
    registry.classes.cache_clear()
    try:
        with pytest.warns(UserWarning, match="of another package can't be loaded") as told:
            known = registry.names("caching")
        assert [str(w.message).split()[2] for w in told] == ["no_such_module:Lost", "builtins:dict"]
        assert sorted({*NAMES, "mine"}) == known
        assert registry.find("caching", "Mine") is LRU
    finally:
        registry.classes.cache_clear()


@pytest.mark.parametrize("name", ["lru", "ogb", "omd"])
def test_a_request_takes_any_whole_number_and_nothing_else(name):
    policy = registry.find("caching", name)(3, 10, horizon=100)
    twin = policy.copy()
    for item in (np.int32(4), np.uint64(4), np.int8(9), np.int64(0)):
        assert policy.request(item) == twin.request(int(item))
    for wrong in (1.0, 1.5, "1", None):
        with pytest.raises(ParameterError, match="item must be a whole number"):
            policy.request(wrong)
    np.testing.assert_array_equal(policy.request_many(range(10)), twin.request_many(range(10)))
