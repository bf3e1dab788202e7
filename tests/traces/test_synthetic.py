"""Generators: the laws they state, the adversaries' properties, seeds.

Statistical tests run on fixed seeds; the level given with each is the chance that a right generator
would have failed at a fresh seed.
"""

import numpy as np
import pytest
from conftest import JIT_OFF
from scipy import stats

from naive import caching, traces
from olearn.errors import OlearnError
from olearn.traces import Trace, synthetic
from olearn.traces.synthetic._draw import draw
from olearn.traces.synthetic.zipf import weights

T = 4_000 if JIT_OFF else 200_000
LEVEL = 1e-3


def by_key(trace, items):
    counts = np.zeros(items, np.int64)
    counts[trace.keys] = trace.counts()
    return counts


def chi_square(counts, chances):
    """p-value that the counts come from the chances; cells below 5 expected are put together."""
    expected = counts.sum() * chances / chances.sum()
    rare = expected < 5
    if rare.any():
        counts = np.append(counts[~rare], counts[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
    return stats.chisquare(counts, expected).pvalue


@pytest.mark.parametrize("alpha", [0.0, 0.8, 1.5])
def test_zipf_follows_its_law(alpha):
    trace = synthetic.zipf(T, 300, alpha, seed=5)
    assert len(trace) == T
    assert chi_square(by_key(trace, 300), weights(300, alpha)) > LEVEL


def test_zipf_requests_are_independent():
    """Pairs of neighbours (each request in one pair) fill a table as the product law says."""
    trace = synthetic.zipf(T, 8, 1.0, seed=6)
    keys = trace.keys[trace.items]
    pairs = np.bincount(8 * keys[::2] + keys[1::2], minlength=64)
    chances = np.outer(weights(8, 1.0), weights(8, 1.0)).ravel()
    assert chi_square(pairs, chances) > LEVEL


@pytest.mark.parametrize("law", [[1.0], [0.0, 3.0, 1.0, 0.0, 2.0], np.arange(50.0) ** 2])
def test_alias_draws(law):
    from olearn._rng import new_state

    law = np.asarray(law)
    counts = np.bincount(draw(new_state(2), law, T), minlength=law.size)
    assert counts.sum() == T
    assert not counts[law == 0].any()
    assert law.size == 1 or chi_square(counts[law > 0], law[law > 0]) > LEVEL


def test_shifting_zipf_is_zipf_in_every_period_with_other_ranks():
    items, period = 40, T // 4
    trace = synthetic.shifting_zipf(T, items, 1.2, seed=3, period=period)
    keys = trace.keys[trace.items]
    tops = []
    for start in range(0, T, period):
        counts = np.bincount(keys[start : start + period], minlength=items)
        order = np.argsort(-counts)
        tops.append(order[0])
        # Sorting by count fits a little too well: the test is one-sided, on the safe side.
        assert chi_square(counts[order], weights(items, 1.2)) > LEVEL
    assert tops[0] == 0
    assert len(set(tops)) > 1


def test_rotation_moves_every_item_by_the_shift():
    items, period = 30, T // 4
    trace = synthetic.shifting_zipf(T, items, 1.0, seed=3, period=period, change="rotate", shift=4)
    keys = trace.keys[trace.items]
    for number, start in enumerate(range(0, T, period)):
        counts = np.bincount(keys[start : start + period], minlength=items)
        # the item of rank r has key r - 4 number
        assert chi_square(np.roll(counts, 4 * number), weights(items, 1.0)) > LEVEL


@pytest.mark.parametrize("volume", ["pareto", "exponential"])
@pytest.mark.parametrize("lifespan_law", ["pareto", "exponential"])
def test_shot_noise_follows_its_model(volume, lifespan_law):
    import importlib

    module = importlib.import_module("olearn.traces.synthetic.shot_noise")
    items = 400
    law = {"volume": volume, "volume_shape": 1.5, "lifespan": 0.02, "lifespan_law": lifespan_law}
    trace = synthetic.shot_noise(T, items, seed=4, **law)
    born = module.shots(items, 4, **law)
    keys = trace.keys[trace.items]
    assert (np.diff(trace.times) >= 0).all()
    # level 1e-3 each: births uniform, volumes, lifespans, requests an item, ages exponential
    assert stats.kstest(born.births, "uniform").pvalue > LEVEL
    pareto, exponential = stats.pareto(1.5), stats.expon
    assert stats.kstest(born.volumes, (pareto if volume == "pareto" else exponential()).cdf).pvalue > LEVEL
    lifespans = stats.pareto(2.0, scale=0.01) if lifespan_law == "pareto" else exponential(scale=0.02)
    assert stats.kstest(born.lifespans, lifespans.cdf).pvalue > LEVEL
    assert chi_square(by_key(trace, items), born.volumes) > LEVEL
    ages = (trace.times - born.births[keys]) / born.lifespans[keys]
    assert ages.min() >= 0
    assert stats.kstest(ages, "expon").pvalue > LEVEL


def test_shot_noise_items_live_shortly():
    trace = synthetic.shot_noise(T, 200, seed=1, lifespan=0.001)
    spans = [np.ptp(trace.times[trace.items == i]) for i in range(0, trace.catalog_size, 20)]
    assert max(spans) < 0.2


@pytest.mark.parametrize("items", [2, 5, 17])
def test_lru_has_no_hit_on_the_cycle(items):
    trace = synthetic.cyclic(items * 20, items, seed=1)
    assert sum(caching.lru(trace.items.tolist(), items - 1)) == 0
    assert sum(caching.lru(trace.items.tolist(), items)) == items * 19
    assert sorted(trace.keys.tolist()) == list(range(items))
    counts = trace.counts()
    assert (counts == 20).all()  # any static set of items - 1 hits a share of 1 - 1/items


@pytest.mark.parametrize("tie", ["oldest", "newest", "random"])
def test_lfu_stays_below_a_quarter_on_the_alternation_and_a_static_set_hits_half(tie):
    rng = np.random.default_rng(0)
    rule = {
        "oldest": lambda held: held[0],
        "newest": lambda held: held[-1],
        "random": lambda held: held[rng.integers(len(held))],
    }[tie]
    capacity, phases = 5, 400
    trace = synthetic.alternating(2 * capacity * phases, 2 * capacity, seed=9)
    keys = trace.keys[trace.items]
    # The first halves' hits are a sum of 400 independent terms in [0, C] with mean at most C/2, over
    # 2 C 400 requests: by Hoeffding above 0.25 + 0.05 with a chance below exp(-2 400 0.1^2) = 3e-4.
    hits = traces.lfu_hits(keys.tolist(), capacity, rule)
    assert hits / len(trace) <= 0.30
    second_halves = keys.reshape(phases, 2, capacity)
    assert all(set(a) == set(range(5)) or set(a) == set(range(5, 10)) for a in second_halves.reshape(-1, 5))
    assert trace.counts().tolist() == [phases] * 2 * capacity  # either group: half of all requests


def test_mixture_takes_each_part_in_its_own_order():
    parts = [synthetic.zipf(T, 50, 1.0, seed=1), synthetic.cyclic(T, 7), synthetic.zipf(T, 20, 0.5, seed=2)]
    trace = synthetic.mixture(parts, [0.5, 0.2, 0.3], requests=T, seed=8)
    keys = trace.keys[trace.items]
    source = np.digitize(keys, [50, 57])
    assert chi_square(np.bincount(source, minlength=3), np.array([0.5, 0.2, 0.3])) > LEVEL
    for k, offset in enumerate([0, 50, 57]):
        own = keys[source == k] - offset
        assert np.array_equal(own, parts[k].keys[parts[k].items[: own.size]])


def test_mixture_of_shared_catalogues_sizes_and_names():
    a = Trace.from_keys(["x", "y"] * 10, sizes=[1, 2] * 10, costs=[0.5, 1.5] * 10)
    b = Trace.from_keys(["y", "z"] * 10, sizes=[3, 4] * 10, costs=[2.5, 3.5] * 10)
    shared = synthetic.mixture([a, b], seed=1, shared=True)
    assert sorted(shared.keys) == ["x", "y", "z"]
    apart = synthetic.mixture([a, b], seed=1)
    assert sorted(apart.keys) == ["0:x", "0:y", "1:y", "1:z"]
    expected = {"0:x": (1, 0.5), "0:y": (2, 1.5), "1:y": (3, 2.5), "1:z": (4, 3.5)}
    for key, size, cost in zip(apart.keys[apart.items], apart.sizes, apart.costs):
        assert expected[key] == (size, cost)
    assert len(apart) >= 20  # stops when the part whose turn it is has no more


@pytest.mark.parametrize("name", synthetic.GENERATORS)
def test_one_seed_is_one_trace(name):
    generate = synthetic.GENERATORS[name]
    one, again, other = (generate(500, 20, seed=s, sizes="lognormal") for s in (3, 3, 4))
    assert one.digest == again.digest
    assert one.digest != other.digest
    assert one.sizes.min() >= 1
    plain = generate(500, 20, seed=3)
    assert plain.sizes is None
    assert np.array_equal(plain.items, one.items)
    given = generate(500, 20, seed=3, sizes=np.arange(20) + 100)
    assert np.array_equal(given.sizes, given.keys[given.items] + 100)


@pytest.mark.parametrize(("law", "quantile"), [("lognormal", 0.5), ("pareto", 0.5), ("uniform", 0.5)])
def test_sizes_follow_their_law(law, quantile):
    mean = 1e6  # so large that rounding up does not matter
    sizes = synthetic.item_sizes(5_000, law, seed=7, mean=mean)
    frozen = {
        "lognormal": stats.lognorm(1.5, scale=mean * np.exp(-1.125)),
        "pareto": stats.pareto(1.5, scale=mean / 3),
        "uniform": stats.uniform(0, 2 * mean),
    }[law]
    assert abs(frozen.mean() / mean - 1) < 1e-9
    assert stats.kstest(sizes, frozen.cdf).pvalue > LEVEL


def test_generated_numbers_are_pinned():
    """The stream of one seed is part of the interface: results in papers are made from it."""
    assert synthetic.zipf(12, 5, 1.0, seed=42).keys.tolist() == [0, 1, 4, 3]
    assert synthetic.zipf(1000, 50, 0.9, seed=1).digest == "90a8c479ef5d007682a9f6c4fe90e0c9"


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: synthetic.zipf(0, 5), "requests must be a whole number of at least 1, got 0"),
        (lambda: synthetic.zipf(5, 0), "items must be a whole number of at least 1, got 0"),
        (lambda: synthetic.zipf(5, 2**31), "items must be at most"),
        (lambda: synthetic.zipf(5, 5, -1), "alpha must be a finite number"),
        (lambda: synthetic.zipf(5, 5, float("nan")), "alpha must be a finite number"),
        (lambda: synthetic.zipf(5, 5, seed=-1), "seed must be a whole number"),
        (lambda: synthetic.zipf(5, 5, sizes="lognorm"), "did you mean 'lognormal'"),
        (lambda: synthetic.zipf(5, 5, sizes=[1, 2]), "one number an item (5), got shape (2,)"),
        (lambda: synthetic.zipf(5, 1, sizes=[-1]), "sizes must be at least 0"),
        (lambda: synthetic.shifting_zipf(5, 5, period=0), "period must be"),
        (lambda: synthetic.shifting_zipf(5, 5, change="rotte"), "did you mean 'rotate'"),
        (lambda: synthetic.shot_noise(5, 5, volume="zipf"), "unknown law of volumes"),
        (lambda: synthetic.shot_noise(5, 5, lifespan=0), "lifespan must be"),
        (lambda: synthetic.shot_noise(5, 5, lifespan_shape=1), "lifespan_shape must be"),
        (lambda: synthetic.alternating(5, 5), "items must be even"),
        (lambda: synthetic.mixture([]), "at least one Trace"),
        (lambda: synthetic.mixture([synthetic.cyclic(5, 2)], [1, 2]), "weights must be 1 finite numbers"),
        (lambda: synthetic.mixture([synthetic.cyclic(5, 2)], [0]), "weights must be 1 finite numbers"),
        (
            lambda: synthetic.mixture([synthetic.cyclic(5, 2)], requests=6),
            "5 requests and the mixture takes 6",
        ),
        (
            lambda: synthetic.mixture([synthetic.cyclic(5, 2), synthetic.cyclic(5, 2, sizes=[1, 2])]),
            "need sizes, or none",
        ),
        (lambda: synthetic.item_sizes(5, mean=0), "mean must be"),
    ],
)
def test_bad_parameters_are_one_sentence(call, sentence):
    with pytest.raises(OlearnError) as caught:
        call()
    assert sentence in str(caught.value)
