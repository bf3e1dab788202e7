"""Roundings: marginals, sizes, negative correlation where claimed, movement.

Statistics: fixed seeds, so a run repeats; the thresholds are set for the chance that a *correct* rounding
fails under a fresh seed. Marginals are compared at 5 standard errors: a false alarm has a chance below
1e-6 for each coordinate, below 1e-4 for a test. Triples: 60 one-sided comparisons at 5 standard errors,
below 1e-4.
"""

import itertools
import math

import numpy as np
import pytest
from conftest import JIT_OFF
from hypothesis import given
from hypothesis import strategies as st

import olearn.geometry.rounding as rounding
from naive import geometry as naive
from olearn._rng import hash_uniform, new_key, new_state, uniform
from olearn.errors import ParameterError, UnknownNameError
from olearn.geometry import CappedSimplex
from olearn.geometry.rounding import Coupled, DepRound, Jump, Madow, Pivotal, Poisson, Swap
from olearn.geometry.rounding.coupled import coupled
from olearn.geometry.rounding.deprounding import depround
from olearn.geometry.rounding.madow import madow
from olearn.geometry.rounding.pivotal import leaves, pivotal
from olearn.geometry.rounding.poisson import poisson
from olearn.geometry.rounding.swap import swap

DRAWS = 400 if JIT_OFF else 20_000
X = np.array([0.5, 0.25, 0.75, 0.1, 0.9, 0.3, 0.2, 1.0, 0.0])  # sums to 4
SIZES = np.array([1.0, 2.0, 3.0, 0.5, 2.5, 1.5, 1.0, 2.0, 4.0])


class Reseeded:
    """A rounding with permanent randomness, with a new seed for every draw."""

    def __init__(self, kind):
        self.kind, self.seed = kind, 0

    def round(self, x):
        self.seed += 1
        return self.kind(self.seed).round(x)


ROUNDINGS = {
    "madow": lambda: Madow(1),
    "depround": lambda: DepRound(2),
    "depround sizes": lambda: DepRound(3, SIZES),
    "depround drop": lambda: DepRound(3, SIZES, "drop"),
    "poisson": lambda: Reseeded(Poisson),
    "pivotal": lambda: Reseeded(Pivotal),
    "swap": lambda: Swap(4, [4, 5]),
    "swap one part": lambda: Swap(5),
    "coupled": lambda: Reseeded(Coupled),
}


@pytest.fixture(scope="module")
def draws():
    """DRAWS sets of each rounding, made once: bool (DRAWS, 9)."""
    made = {}

    def of(name):
        if name not in made:
            kind = ROUNDINGS[name]()
            made[name] = np.array([kind.round(X) for _ in range(DRAWS)])
        return made[name]

    return of


@pytest.mark.parametrize("name", [n for n in ROUNDINGS if n != "depround drop"])
def test_marginals(name, draws):
    z = draws(name)
    error = np.sqrt(X * (1 - X) / DRAWS)
    assert (np.abs(z.mean(axis=0) - X) <= 5 * error + 1e-12).all()


def test_drop_never_uses_more_and_never_favours(draws):
    z = draws("depround drop")
    used = z @ SIZES
    assert (used <= X @ SIZES + 1e-9).all()
    assert (used > X @ SIZES - SIZES.max()).all()  # only one item is dropped
    error = np.sqrt(X * (1 - X) / DRAWS)
    assert (z.mean(axis=0) <= X + 5 * error).all()


def test_sizes_are_kept_up_to_one_item(draws):
    used = draws("depround sizes") @ SIZES
    assert (np.abs(used - X @ SIZES) < SIZES.max()).all()
    # on average exactly the budget: 5 standard errors
    assert abs(used.mean() - X @ SIZES) <= 5 * used.std() / math.sqrt(DRAWS)


@pytest.mark.parametrize("name", ["madow", "depround", "pivotal", "swap one part"])
def test_whole_sums_are_met_exactly(name, draws):
    assert (draws(name).sum(axis=1) == 4).all()


@pytest.mark.parametrize("name", [n for n in ROUNDINGS if n not in ("madow", "coupled")])
def test_negative_correlation(name, draws):
    z = draws(name).astype(float)
    for triple in itertools.combinations(range(7), 3):
        i = list(triple)
        pairs = [(z[:, i].prod(axis=1), X[i].prod())]
        if name != "depround drop":  # leaving an item out makes absence likelier
            pairs.append(((1 - z[:, i]).prod(axis=1), (1 - X[i]).prod()))
        for sample, limit in pairs:
            assert sample.mean() <= limit + 5 * math.sqrt(limit * (1 - limit) / DRAWS)


def test_madow_has_positive_correlation():
    """Why it claims none: items at distance 1 along the line are chosen together."""
    comb = Madow(1)
    z = np.array([comb.round([0.5, 0.5, 0.5, 0.5]) for _ in range(200)])
    assert (z[:, 0] == z[:, 2]).all()


# Multiples of 1/64 and powers of two as sizes: floats are exact, so the twins meet every decision alike.
exact = st.integers(0, 64).map(lambda i: i / 64)
exact_vectors = st.lists(exact, min_size=1, max_size=12)


def drawn(seed, count=400):
    """The uniforms that a generator state made from `seed` gives."""
    state = new_state(seed)
    return [uniform(state) for _ in range(count)]


@given(exact_vectors, st.integers(0, 999))
def test_madow_and_poisson_equal_their_twins(x, seed):
    chosen, u = np.empty(len(x), np.uint8), drawn(seed, 1)[0]
    count = madow(np.array(x), u, chosen)
    assert chosen.astype(bool).tolist() == naive.madow(x, u)
    assert count == chosen.sum()
    key = new_key(seed)
    count = poisson(key, np.array(x), chosen)
    assert chosen.tolist() == [hash_uniform(key, i) < v for i, v in enumerate(x)]
    assert count == chosen.sum()


@given(
    exact_vectors,
    st.lists(st.sampled_from([0.5, 1.0, 2.0, 4.0]), min_size=12, max_size=12),
    st.integers(0, 999),
)
def test_depround_equals_its_twin(x, sizes, seed):
    sizes = sizes[: len(x)]
    chosen = np.empty(len(x), np.uint8)
    for s, given_sizes in ((np.empty(0), [1.0] * len(x)), (np.array(sizes), sizes)):
        for number, residual in enumerate(("bernoulli", "drop")):
            count = depround(new_state(seed), np.array(x), s, number, chosen)
            assert chosen.astype(bool).tolist() == naive.depround(x, given_sizes, residual, drawn(seed))
            assert count == chosen.sum()


@given(exact_vectors, st.integers(0, 999))
def test_pivotal_equals_its_twin(x, seed):
    key, m = new_key(seed), leaves(len(x))
    chosen = np.empty(len(x), np.uint8)
    count = pivotal(key, np.array(x), np.empty(2 * m), np.empty(2 * m, np.int64), chosen)
    assert chosen.astype(bool).tolist() == naive.pivotal(x, lambda v: hash_uniform(key, v))
    assert count == chosen.sum()


@given(st.lists(st.tuples(exact, exact, st.booleans()), min_size=1, max_size=12), st.integers(0, 999))
def test_coupled_equals_its_twin(triples, seed):
    x, x_next = (np.array([t[i] for t in triples]) for i in (0, 1))
    held = [(t[2] and t[0] > 0) or t[0] == 1 for t in triples]
    now = np.array(held, np.uint8)
    count = coupled(new_state(seed), x, x_next, now, np.empty(x.size), np.empty(0))
    assert now.astype(bool).tolist() == naive.coupled(x, x_next, held, drawn(seed))
    assert count == now.sum()


@given(st.lists(st.lists(exact, min_size=1, max_size=5), min_size=1, max_size=3), st.integers(0, 999))
def test_swap_equals_its_twin(parts, seed):
    x, lengths = [v for part in parts for v in part], [len(part) for part in parts]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    chosen, n = np.empty(len(x), np.uint8), len(x)
    count = swap(new_state(seed), np.array(x), starts, np.empty(n + 1), np.empty(n, np.uint8), chosen)
    assert chosen.astype(bool).tolist() == naive.swap(x, lengths, drawn(seed))
    assert count == chosen.sum()


fraction = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.5, 1 / 3, 1e-12, 1 - 1e-12]))


@given(st.lists(fraction, min_size=1, max_size=20), st.integers(0, 2**40))
def test_sums_are_rounded_down_or_up(x, seed):
    total = math.fsum(x)
    allowed = {math.floor(total + 1e-9), math.ceil(total - 1e-9)}
    if abs(total - round(total)) < 1e-9:
        allowed = {round(total)}
    for kind in (Madow(seed), Madow(seed, permanent=True), DepRound(seed), Pivotal(seed), Swap(seed)):
        z = kind.round(x)
        assert int(z.sum()) in allowed, kind
        assert not z[np.array(x) == 0.0].any()
        assert z[np.array(x) == 1.0].all()
    for kind in (Poisson(seed), Coupled(seed)):
        z = kind.round(x)
        assert not z[np.array(x) == 0.0].any()
        assert z[np.array(x) == 1.0].all()


@given(
    st.lists(st.tuples(fraction, st.sampled_from([0.5, 1.0, 3.0, 7.25])), min_size=1, max_size=15),
    st.integers(0, 99),
)
def test_sized_rounding_stays_in_its_budget(pairs, seed):
    x, sizes = (np.array(v) for v in zip(*pairs, strict=True))
    dropped = DepRound(seed, sizes, "drop").round(x) @ sizes
    assert dropped <= x @ sizes + 1e-7
    kept = DepRound(seed, sizes).round(x) @ sizes
    assert abs(kept - x @ sizes) <= sizes.max() + 1e-7


@pytest.mark.parametrize("parts", [[3, 3, 3], [1, 8], [2, 2, 5]])
def test_swap_fills_every_part(parts):
    rng = np.random.default_rng(0)
    draw = Swap(1, parts)
    for _ in range(20):
        regions = [CappedSimplex(n, int(rng.integers(0, n + 1))) for n in parts]
        x = np.concatenate([r.project(rng.normal(size=r.n)) for r in regions])
        z = draw.round(x)
        for part, share in zip(
            np.split(z, np.cumsum(parts)[:-1]), np.split(x, np.cumsum(parts)[:-1]), strict=True
        ):
            assert part.sum() == round(share.sum())


def test_swap_keeps_marginals_across_equal_parts():
    """The same comb slides over all parts; merging must break the correlation that it brings."""
    draw = Swap(3, [2] * 4)
    z = np.array([draw.round(np.full(8, 0.5)) for _ in range(DRAWS // 4)])[:, ::2].astype(float)
    # all four first items at once: 1/16 at most (5 standard errors, chance below 1e-6)
    limit = 1 / 16
    assert z.prod(axis=1).mean() <= limit + 5 * math.sqrt(limit * (1 - limit) / (DRAWS // 4))


def walk(n, k, steps, seed):
    """Fractions of a random walk on the capped simplex, as online gradient ascent makes them."""
    rng = np.random.default_rng(seed)
    region = CappedSimplex(n, k)
    x = region.centre()
    path = [x]
    for _ in range(steps):
        y = x.copy()
        y[rng.integers(n)] += 0.2
        x = region.project(y)
        path.append(x)
    return path


def movement(kind, path):
    sets = np.array([kind.round(x) for x in path])
    return (sets[1:] != sets[:-1]).sum(), sets


@pytest.mark.parametrize("kind", [Poisson, Coupled])
def test_movement_is_the_one_norm(kind):
    """Expected movement = sum |x' - x|_1, over seeds; 5 standard errors (chance below 1e-6)."""
    path = walk(20, 5, 30, 0)
    norm = sum(np.abs(b - a).sum() for a, b in itertools.pairwise(path))
    moves = np.array([movement(kind(seed), path)[0] for seed in range(20 if JIT_OFF else 400)])
    assert abs(moves.mean() - norm) <= 5 * moves.std() / math.sqrt(moves.size)


@pytest.mark.jit_only
def test_coupled_keeps_its_marginals_along_the_way():
    path = walk(12, 4, 40, 3)
    last = np.array([movement(Coupled(seed), path)[1][-1] for seed in range(4000)])
    x = path[-1]
    assert (np.abs(last.mean(axis=0) - x) <= 5 * np.sqrt(x * (1 - x) / 4000) + 1e-12).all()
    # the size is right on average and closer to k than that of independent items
    sizes = last.sum(axis=1)
    assert abs(sizes.mean() - 4) <= 5 * sizes.std() / math.sqrt(4000)
    assert sizes.var() < 0.75 * (x * (1 - x)).sum()


@pytest.mark.jit_only
def test_movement_of_the_others():
    """What the table of the package says: pivotal stays within its depth, a permanent comb does not."""
    n, k = 256, 64
    path = walk(n, k, 200, 1)
    norm = sum(np.abs(b - a).sum() for a, b in itertools.pairwise(path))
    mean = {
        name: np.mean([movement(make(seed), path)[0] for seed in range(10)]) / norm
        for name, make in {
            "pivotal": Pivotal,
            "comb": lambda s: Madow(s, permanent=True),
            "fresh": Madow,
            "poisson": Poisson,
        }.items()
    }
    assert mean["pivotal"] < math.log2(n) + 1
    assert mean["poisson"] < mean["pivotal"] < mean["comb"] < mean["fresh"]


@pytest.mark.jit_only
def test_attack_the_movement_bound_of_pivotal():
    """Worst of many pairs: random, sparse, opposite ends, one small fraction between large ones.

    2000 keys a pair; 5 standard errors over the bound would be a false alarm below 1e-6 a pair.
    """
    rng = np.random.default_rng(5)
    keys = [new_key(seed) for seed in range(2000)]
    worst = 0.0
    for n in (2, 3, 8, 17):
        m = leaves(n)
        fraction, carrier = np.empty(2 * m), np.empty(2 * m, np.int64)
        a, b = np.empty(n, np.uint8), np.empty(n, np.uint8)
        pairs = [(rng.random(n), rng.random(n)) for _ in range(2)]
        for scale in (1e-2, 0.1):
            x = rng.choice([0.0, 1e-3, 0.01, 0.5, 0.999, 1.0], n)
            y = np.clip(x + scale * rng.choice([-1, 0, 1], n), 0, 1)
            pairs += [(x, y), (y, x)]
        first, last = np.full(n, 0.5), np.full(n, 0.5)
        first[0] = last[-1] = 0.6
        pairs.append((first, last))
        for x, y in pairs:
            norm = np.abs(x - y).sum()
            if norm == 0.0:
                continue
            moves = np.empty(len(keys))
            for t, key in enumerate(keys):
                pivotal(key, x, fraction, carrier, a)
                pivotal(key, y, fraction, carrier, b)
                moves[t] = np.count_nonzero(a != b)
            bound = (2 * math.ceil(math.log2(n)) + 1) * norm
            assert moves.mean() <= bound + 5 * moves.std() / math.sqrt(len(keys))
            assert (
                moves.mean() >= norm - 5 * moves.std() / math.sqrt(len(keys)) - 1e-12
            )  # nothing beats the 1-norm
            worst = max(worst, moves.mean() / bound)
    assert worst > 0.3  # the attack comes near enough to mean something


def test_what_never_enters():
    """Poisson and coupled sets take in only items whose fraction grew."""
    path = walk(20, 5, 50, 4)
    for kind in (Poisson(1), Coupled(1)):
        before = kind.round(path[0])
        for a, b in itertools.pairwise(path):
            after = kind.round(b)
            assert not (after & ~before & (b <= a)).any()
            assert not (before & ~after & (b >= a)).any()
            before = after


def test_jump_follows_the_distribution():
    rng = np.random.default_rng(2)
    path = rng.dirichlet(np.ones(4), size=6)
    runs = 300 if JIT_OFF else 10_000
    seen, moves = np.zeros((6, 4)), np.zeros(6)
    for seed in range(runs):
        draw, last = Jump(seed), 0
        for t, x in enumerate(path):
            item = draw.pick(x)
            seen[t, item] += 1
            moves[t] += item != last
            last = item
    # 24 marginals and 5 total variations at 5 standard errors: chance below 2e-5
    assert (np.abs(seen / runs - path) <= 5 * np.sqrt(path * (1 - path) / runs)).all()
    variation = 0.5 * np.abs(np.diff(path, axis=0)).sum(axis=1)
    assert (np.abs(moves[1:] / runs - variation) <= 5 * np.sqrt(variation * (1 - variation) / runs)).all()


def test_one_seed_is_one_run():
    for make in (Madow, DepRound, Poisson, Pivotal, Swap, Coupled):
        a, b = make(seed=9), make(seed=9)
        for x in walk(9, 3, 5, 0):
            np.testing.assert_array_equal(a.round(x), b.round(x))
    draw = Coupled(1)
    first = draw.round(X)
    draw.round(X[::-1])
    draw.reset()
    np.testing.assert_array_equal(draw.round(X), first)


REFUSED = [
    (lambda: Madow().round([0.5, 1.5]), "x must lie between 0 and 1, got 1.5 at position 1"),
    (lambda: Madow().round([math.nan]), "x must lie between 0 and 1, got nan at position 0"),
    (lambda: Madow().round([]), "x must be a vector of at least one number"),
    (lambda: Madow().round("x"), "x must be a vector of numbers between 0 and 1, got 'x'"),
    (lambda: Madow(-1), "seed must be a whole number of at least 0, got -1"),
    (lambda: DepRound(sizes=[1.0, -2.0]), "sizes must be larger than 0, got -2.0 at position 1"),
    (lambda: DepRound(sizes=[1.0, 2.0]).round([0.5]), "one number for each of the 2 sizes, got 1"),
    (lambda: Swap(parts=[2, 2]).round([0.5]), "x must have 4 numbers, one for each item of the parts, got 1"),
    (lambda: Swap(parts=[0]), "parts must be a whole number of at least 1, got 0"),
    (lambda: Jump().pick([0.5, 0.6]), "x must sum to 1, got 1.1"),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED)
def test_refused_in_one_sentence(call, sentence):
    with pytest.raises(ParameterError, match=sentence):
        call()


def test_other_refusals():
    with pytest.raises(UnknownNameError, match="did you mean 'drop'"):
        DepRound(residual="dropp")
    draw = Coupled()
    draw.round([0.5, 0.5])
    with pytest.raises(ParameterError, match="2 numbers as before, got 3"):
        draw.round([0.5, 0.5, 0.5])
    with pytest.raises(AttributeError, match="no attribute"):
        rounding.Dice  # noqa: B018
    assert set(rounding.__all__) <= set(dir(rounding))
