"""Combinatorial policies: definitions, reductions to single arms, the two verbs, attacked bounds."""

import copy
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import bandits as naive
from olearn._rng import new_state
from olearn.engine.bandits import simulate
from olearn.environments import ADVERSARIES, adaptive, bernoulli, constant, matrix
from olearn.errors import NotSupportedError, ParameterError, UnknownNameError
from olearn.learners.bandits import BANDITS, bandit_class
from olearn.learners.bandits._sets import dependent_round, top

SETS = [n for n in BANDITS if bandit_class(n).shape == "set"]
T = 20
few = settings(max_examples=min(20, settings().max_examples))


@st.composite
def games(draw):
    arms = draw(st.integers(1, 6))
    m = draw(st.integers(1, arms))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    kind = draw(st.sampled_from(["binary", "unit", "hard"]))
    if kind == "binary":
        table = (rng.random((T, arms)) < rng.random(arms)).astype(float)
    elif kind == "unit":
        table = rng.random((T, arms))
    else:
        table = np.full((T, arms), float(rng.integers(2)))
    return arms, m, seed, table


def steps(policy, table, history):
    """Play the table, filling the history as it goes; yields the set before its rewards are known."""
    for row in table:
        chosen = policy.pull()
        assert len(set(chosen.tolist())) == policy.m
        assert chosen.tolist() == sorted(chosen.tolist())
        chances = policy.propensity.tolist() if policy.weighted else [1.0] * policy.m
        yield chosen.tolist()
        policy.update(chosen, row[chosen])
        history.append((chosen.tolist(), row[chosen].tolist(), chances))


@few
@given(games())
def test_cucb(game):
    arms, m, _, table = game
    policy, history = bandit_class("cucb")(arms, m=m), []
    for chosen in steps(policy, table, history):
        index = naive.cucb(history, arms)
        others = [index[i] for i in range(arms) if i not in chosen]
        assert min(index[i] for i in chosen) >= max(others, default=-math.inf) - 1e-9


@few
@given(games())
def test_escb_finds_the_best_of_all_sets(game):
    arms, m, _, table = game
    policy, history = bandit_class("escb")(arms, m=m), []
    for chosen in steps(policy, table, history):
        n, _ = naive.set_sums(history, arms)
        if 0 in n:
            unplayed = n.count(0)
            assert sum(n[i] == 0 for i in chosen) == min(unplayed, m)
        else:
            index = naive.escb(history, arms, m)
            assert index[tuple(chosen)] >= max(index.values()) - 1e-9


MARGINALS = {
    "exp3-m": lambda h, k, m, p: naive.exp3_m(h, k, m, p["gamma"]),
    "osmd": lambda h, k, m, p: naive.osmd(h, k, m, p["eta"], False),
    "osmd(tsallis)": lambda h, k, m, p: naive.osmd(h, k, m, p["eta"], True),
    "hybrid": lambda h, k, m, p: naive.hybrid(h, k, m, p["gamma"]),
}
OPTIONS = {"osmd(tsallis)": {"regulariser": "tsallis"}}


@pytest.mark.parametrize("key", MARGINALS)
@pytest.mark.parametrize("rate", ["tuned", "large"])
@few
@given(games())
def test_marginals(key, rate, game):
    arms, m, seed, table = game
    options = dict(OPTIONS.get(key, {}))
    if rate == "large":  # caps bind early
        options |= {"exp3-m": {"gamma": 0.7}, "hybrid": {"gamma": 0.3}}.get(key, {"eta": 1.0})
    if key == "hybrid":
        table = table[:6]  # nested bisection is slow
    policy, history = bandit_class(key.partition("(")[0])(arms, T, m=m, seed=seed, **options), []
    for chosen in steps(policy, table, history):
        x = MARGINALS[key](history, arms, m, policy.parameters())
        np.testing.assert_allclose(policy.probabilities(), x, rtol=1e-6, atol=1e-9)
        assert policy.probabilities().sum() == pytest.approx(m, abs=1e-9)
        np.testing.assert_allclose(policy.propensity, policy.probabilities()[chosen], rtol=1e-12)


@few
@given(games())
def test_fpl(game):
    arms, m, seed, table = game
    policy = bandit_class("fpl")(arms, 5000, m=m, seed=seed)
    p = policy.parameters()
    twin = naive.FPL(arms, m, p["eta"], p["redraws"], seed)
    for chosen, row in zip(steps(policy, table, []), table, strict=True):
        assert chosen == twin.leader()
        twin.update(chosen, [row[i] for i in chosen])


@pytest.mark.parametrize(
    ("sets", "options", "single", "rate"),
    [
        ("exp3-m", {"gamma": 0.2}, "exp3-auer", {"gamma": 0.2}),
        ("osmd", {"eta": 0.3}, "exp3", {"eta": 0.3}),
    ],
)
def test_sets_of_one_arm_are_the_single_arm_policy(sets, options, single, rate):
    """Exp3.M with m = 1 is Exp3 and mirror descent with negentropy is Exp3 with a fixed rate."""
    table = np.random.default_rng(1).random((80, 4))
    many, one = bandit_class(sets)(4, m=1, seed=3, **options), bandit_class(single)(4, seed=4, **rate)
    for row in table:
        np.testing.assert_allclose(many.probabilities(), one.probabilities(), rtol=1e-9)
        arm = int(many.pull()[0])
        one.update(arm, row[arm], propensity=float(many.propensity[0]))
        many.update([arm], [row[arm]])


def test_hybrid_without_its_second_term_on_one_arm_is_tsallis_inf():
    """-sum sqrt(x)/eta_t with eta_t = 1/sqrt(t) is Tsallis-INF at the rate 4/sqrt(t)."""
    table = np.random.default_rng(1).random((40, 4))
    policy, loss = bandit_class("hybrid")(4, m=1, gamma=0.0, seed=3), [0.0] * 4
    for t, row in enumerate(table, start=1):
        expected = naive.tsallis_weights(tuple(loss), 4 / math.sqrt(t))
        np.testing.assert_allclose(policy.probabilities(), expected, rtol=1e-8)
        arm = int(policy.pull()[0])
        loss[arm] += (1 - row[arm]) / expected[arm]
        policy.update([arm], [row[arm]])


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=12), st.data())
def test_top(values, data):
    m = data.draw(st.integers(1, len(values)))
    chosen = np.zeros(m, np.int64)
    top(np.array(values), chosen)
    order = sorted(range(len(values)), key=lambda i: (-values[i], i))
    assert chosen.tolist() == order[:m]


@pytest.mark.parametrize(
    "x",
    [[0.5, 0.5], [0.2, 0.9, 0.4, 0.5], [1.0, 0.3, 0.7, 0.0], [0.1] * 10, [1.0, 1.0], [1e-300, 1 - 1e-16, 1.0]],
)
def test_dependent_rounding_keeps_marginals_and_size(x):
    """5 standard errors on each marginal, at most 10 of them: false alarm 6e-6."""
    x = np.array(x)
    m, draws = round(x.sum()), 4000
    rng, chosen, hits = new_state(5), np.zeros(m, np.int64), np.zeros(x.size)
    pairs = np.zeros((x.size, x.size))
    for _ in range(draws):
        dependent_round(rng, x, np.zeros(x.size), chosen)
        assert len(set(chosen.tolist())) == m
        hits[chosen] += 1
        pairs[np.ix_(chosen, chosen)] += 1
    np.testing.assert_allclose(hits / draws, x, atol=5 * 0.5 / math.sqrt(draws))
    # negative correlation: P(i and j) <= x_i x_j
    off = ~np.eye(x.size, dtype=bool)
    assert (pairs / draws - np.outer(x, x))[off].max(initial=-1) <= 5 * 0.5 / math.sqrt(draws)


TABLE = bernoulli([0.2, 0.5, 0.8, 0.4]).rewards(40, seed=5)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("m", [1, 2, 4])
def test_one_loop_is_the_two_verbs_bit_for_bit(name, m):
    cls = bandit_class(name)
    stepped, looped, mixed = (cls(4, 40, m=m, seed=9) for _ in range(3))
    expected = []
    for row in TABLE:
        chosen = stepped.pull()
        assert chosen.tolist() == stepped.pull().tolist()
        stepped.update(chosen, row[chosen])
        expected.append(row[chosen].sum())
    assert looped.run(TABLE).tolist() == expected
    first = mixed.run(TABLE[:15]).tolist()
    mixed.pull()
    assert [*first, *mixed.copy().run(TABLE[15:])] == expected
    assert stepped.rounds == looped.rounds == 40


@pytest.mark.parametrize("name", SETS)
def test_refusals(name):
    policy = bandit_class(name)(4, 40, m=2, seed=1)
    policy.run(TABLE[:7])
    chosen = policy.pull()
    before = copy.deepcopy(policy.state)
    for bad, said in (
        ([0.5, float("nan")], "reward of round 7 is nan"),
        ([0.5, 1.5], r"must be in \[0, 1\]"),
        ([0.5], "one reward for each of 2 arms"),
    ):
        with pytest.raises(ParameterError, match=said):
            policy.update(chosen, bad)
    for arms in ([0], [0, 0], [0, 4], [-1, 0], [0.0, 1.0], 3):
        with pytest.raises(ParameterError, match="arms"):
            policy.update(arms, [0.5, 0.5])
    other = [i for i in range(4) if i not in chosen]
    if policy.weighted:
        with pytest.raises(ParameterError, match="give its propensity"):
            policy.update(other, [0.5, 0.5])
        with pytest.raises(ParameterError, match="propensity"):
            policy.update(other, [0.5, 0.5], propensity=[0.0, 0.5])
    else:
        with pytest.raises(NotSupportedError, match="distribution"):
            _ = policy.propensity
    assert all(np.array_equal(x, y) for x, y in zip(before, policy.state, strict=True))
    policy.update(other, [0.5, 0.5], propensity=[0.5, 0.25])
    assert policy.rounds == 8
    for m in (0, 5, 1.5):
        with pytest.raises(ParameterError, match="m must be"):
            bandit_class(name)(4, 40, m=m).pull()


def test_particular_refusals():
    with pytest.raises(ParameterError, match="at most 1,000,000, got 155,117,520"):
        bandit_class("escb")(30, m=15).pull()
    with pytest.raises(UnknownNameError, match="unknown regulariser 'l2'"):
        bandit_class("osmd")(4, 10, regulariser="l2").pull()
    with pytest.raises(ParameterError, match="sets of one size"):
        simulate(bernoulli([0.1, 0.2]), [bandit_class("cucb")(2, m=1), bandit_class("cucb")(2, m=2)], 10)


@pytest.mark.parametrize("name", SETS)
def test_catalogue(name):
    example = bandit_class(name).example()
    assert example.m == 3
    assert set(example.parameters()) >= set(type(example).tunable())
    assert all([example.rule, example.tuning, example.reference])
    assert example.bound() is None or example.bound().comparator == "best fixed set"


@pytest.mark.jit_only
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("reward", [0.0, 1.0])
def test_the_same_reward_for_ever(name, reward):
    rounds = 300_000
    policy = bandit_class(name)(4, rounds, m=2, seed=1)
    record = policy.play(constant([reward] * 4).data(), np.array([rounds]))
    assert record.gain[-1] == 2 * reward * rounds
    assert all(not np.isnan(np.asarray(field, float)).any() for field in policy.state)


@pytest.mark.parametrize("name", ["exp3-m", "osmd", "osmd(tsallis)", "hybrid"])
def test_chances_of_1e_300(name):
    policy = bandit_class(name.partition("(")[0])(3, 100, m=2, seed=1, **OPTIONS.get(name, {}))
    for chosen in ([0, 1], [1, 2], [0, 2], [0, 1]):
        for reward in (0.0, 1.0):
            policy.update(chosen, [reward, 0.5], propensity=[1e-300, 0.5])
            p = policy.probabilities()
            assert np.isfinite(p).all()
            assert p.sum() == pytest.approx(2.0, abs=1e-6)
    assert len(policy.pull()) == 2


@pytest.mark.jit_only
@pytest.mark.parametrize("m", [1, 2, 4])
@pytest.mark.parametrize("name", ["exp3-m", "osmd", "osmd(tsallis)", "fpl"])
def test_expected_regret_against_fixed_and_adaptive_opponents(name, m):
    """Mean over 24 runs less 4 standard errors, false alarm below 4e-5 each."""
    horizon, arms = 500, 5
    policy = bandit_class(name.partition("(")[0])(arms, horizon, m=m, **OPTIONS.get(name, {}))
    lure = np.zeros((horizon, arms))
    lure[: horizon // 3, :m] = 1.0
    lure[horizon // 3 :, arms - m :] = 1.0
    cycle = np.zeros((horizon, arms))
    cycle[np.arange(horizon), np.arange(horizon) % arms] = 1.0
    opponents = [matrix(lure), matrix(cycle), bernoulli([0.5, 0.5, 0.5, 0.6, 0.6])]
    for env in opponents + [adaptive(a, arms) for a in ADVERSARIES]:
        row = simulate(env, [policy], horizon, runs=24, seed=2, checkpoints=[horizon]).rows[0]
        noise = 4 * float(row.gain[:, -1].std(ddof=1)) / math.sqrt(24)
        assert row.weak_regret - noise <= policy.bound().value, env.kind


@pytest.mark.jit_only
def test_cucb_stays_below_its_bound():
    row = simulate(bernoulli([0.4, 0.5, 0.6, 0.7]), [bandit_class("cucb")(4, m=2)], 2000, runs=10).rows[0]
    assert 0 < row.mean[-1] <= row.bound.value
