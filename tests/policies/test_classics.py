"""The classics equal their slow twins, request by request: hits, who came in, who went out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive.caching_classics as naive
from olearn import _rng, registry

#: Name, twin, and parameters that reach the corners of small caches.
TWINS = [
    ("clock", naive.Clock, {}),
    ("sieve", naive.Sieve, {}),
    ("lfu-in-cache", naive.LFUInCache, {}),
    ("2q", naive.TwoQ, {}),
    ("2q", naive.TwoQ, {"kin": 0.5, "kout": 1.5}),
    ("slru", naive.SLRU, {}),
    ("slru", naive.SLRU, {"segments": 2}),
    ("slru", naive.SLRU, {"segments": 7}),
    ("arc", naive.ARC, {}),
    ("s3-fifo", naive.S3FIFO, {}),
    ("s3-fifo", naive.S3FIFO, {"small": 0.4, "ghost": 2.0, "threshold": 1}),
    ("lirs", naive.LIRS, {}),
    ("lirs", naive.LIRS, {"hir": 0.4, "stack": 1.2}),
    ("lfu-da", naive.LFUDA, {}),
    ("gdsf", naive.GDSF, {}),
    ("lru-k", naive.LRUK, {}),
    ("lru-k", naive.LRUK, {"k": 3}),
    ("car", naive.CAR, {}),
    ("w-tinylfu", naive.WTinyLFU, {}),
    ("w-tinylfu", naive.WTinyLFU, {"window": 0.3, "protected": 0.5}),
]
IDS = ["-".join([n, *(f"{k}={v}" for k, v in p.items())]) for n, _, p in TWINS]


@st.composite
def games(draw, max_items=14, max_length=150):
    """(requests, capacity, catalogue); some runs repeat a block of requests, as loops do."""
    n = draw(st.integers(1, max_items))
    capacity = draw(st.integers(1, n))
    items = draw(st.lists(st.integers(0, n - 1), max_size=max_length))
    if draw(st.booleans()):
        items = (items[: max_length // 5] * 6)[:max_length]
    return np.array(items, dtype=np.int32), capacity, n


@st.composite
def sized_games(draw):
    """(requests, sizes, capacity in bytes, catalogue): sizes may change between requests."""
    items, _, n = draw(games())
    own = draw(st.lists(st.integers(1, 9), min_size=n, max_size=n))
    sizes = np.array([own[i] for i in items], dtype=np.int64)
    if draw(st.booleans()) and items.size:
        at = draw(st.integers(0, items.size - 1))
        sizes[at:] = np.maximum(sizes[at:] - 1, 1)
    return items, sizes, draw(st.integers(1, 60)), n


def _same(cache, twin, items, sizes):
    hits = []
    events = cache.request_many(items, sizes, events=True)
    for t, i in enumerate(items.tolist()):
        hits.append(twin.request(i, 1 if sizes is None else int(sizes[t])))
        gone = events.evicted[events.offsets[t] : events.offsets[t + 1]].tolist()
        assert (hits[-1], twin.admitted, sorted(twin.out)) == (
            events.hits[t],
            events.admitted[t],
            sorted(gone),
        ), f"request {t}"
    assert cache.stats["occupancy"] == len(list(cache))
    return hits


@pytest.mark.parametrize(("name", "twin", "parameters"), TWINS, ids=IDS)
@given(game=games())
def test_unit_sizes(name, twin, parameters, game):
    items, capacity, n = game
    cache = registry.make("caching", name, capacity=capacity, catalog_size=n, **parameters)
    other = twin(capacity, **parameters)
    other.sizes = 1
    hits = _same(cache, other, items, None)
    plain = registry.make("caching", name, capacity=capacity, catalog_size=n, **parameters)
    assert plain.request_many(items).tolist() == hits
    assert cache.stats["peak_occupancy"] <= capacity


@pytest.mark.parametrize(("name", "twin", "parameters"), TWINS, ids=IDS)
@given(game=sized_games())
def test_sizes(name, twin, parameters, game):
    items, sizes, capacity, n = game
    cache = registry.make("caching", name, capacity=capacity, catalog_size=n, unit="bytes", **parameters)
    _same(cache, twin(capacity, **parameters), items, sizes)
    assert cache.stats["peak_bytes"] <= capacity


@st.composite
def interference(draw):
    """A game and what a host does between the requests."""
    items, capacity, n = draw(games())
    calls = st.sampled_from(["request", "request", "request", "evict", "remove", "peek", "resize", "grow"])
    return items, capacity, n, [draw(calls) for _ in items]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [*((n, p) for n, _, p in TWINS), ("lecar", {}), ("hyperbolic", {}), ("lhd", {})],
    ids=[*IDS, "lecar", "hyperbolic", "lhd"],
)
@given(game=interference())
def test_hosts_may_interfere(name, parameters, game):
    """Whatever a host does, the contents are those that the events say, within the capacity."""
    items, capacity, n, calls = game
    cache = registry.make("caching", name, capacity=capacity, catalog_size=n, **parameters)
    inside = set()
    for i, call in zip(items.tolist(), calls, strict=True):
        if call == "evict" and inside:
            inside.remove(cache.evict())
        elif call == "remove" and i in inside:
            cache.remove(i)
            inside.remove(i)
        elif call == "peek" and "peek" in cache.capabilities:
            following = cache.peek()
            assert (following in inside) if inside else following is None
        elif call == "resize":
            inside -= set(cache.resize(max(1, i % n)))
        elif call == "grow":
            cache.grow(cache.catalog_size + 1)
        gone = []
        assert cache.request(i, evicted=gone) == (i in inside)
        if i not in inside and i in cache:
            inside.add(i)
        inside -= set(gone)
        assert set(cache) == inside
        assert len(inside) <= cache.capacity
    assert len(cache) == len(inside)


#: Randomised policies: the twin draws from the same generator.
DRAWN = [
    ("lecar", naive.LeCaR, "uniform", {}),
    ("lecar", naive.LeCaR, "uniform", {"rate": 2.0, "discount": 0.5}),
    ("hyperbolic", naive.Hyperbolic, "below", {"sample": 3}),
    ("lhd", naive.LHD, "below", {"sample": 3, "period": 7}),
    ("lhd", naive.LHD, "below", {}),
]


def _drawing(twin, kind, capacity, seed, parameters):
    state = _rng.new_state(seed)
    if kind == "uniform":
        return twin(capacity, uniform=lambda: float(_rng.uniform(state)), **parameters)
    return twin(capacity, below=lambda n: int(_rng.below(state, n)), **parameters)


@pytest.mark.parametrize(("name", "twin", "kind", "parameters"), DRAWN)
@given(game=games(), seed=st.integers(0, 3))
def test_randomised_unit_sizes(name, twin, kind, parameters, game, seed):
    items, capacity, n = game
    cache = registry.make("caching", name, capacity=capacity, catalog_size=n, seed=seed, **parameters)
    _same(cache, _drawing(twin, kind, capacity, seed, parameters), items, None)


@pytest.mark.parametrize(("name", "twin", "kind", "parameters"), DRAWN)
@given(game=sized_games(), seed=st.integers(0, 3))
def test_randomised_sizes(name, twin, kind, parameters, game, seed):
    items, sizes, capacity, n = game
    cache = registry.make(
        "caching", name, capacity=capacity, catalog_size=n, seed=seed, unit="bytes", **parameters
    )
    _same(cache, _drawing(twin, kind, capacity, seed, parameters), items, sizes)
    assert cache.stats["peak_bytes"] <= capacity
