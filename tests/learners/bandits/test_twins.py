"""Every policy plays, step by step, what its definition says (tests/naive/bandits.py)."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import bandits as naive
from olearn.learners.bandits import bandit_class
from olearn.learners.bandits.bayes_ucb import quantile
from olearn.learners.bandits.kl_ucb import upper_index

T = 30

INDEX = {
    "ucb1": lambda h, k, p: naive.ucb(h, k, 4),
    "ucb(alpha)": lambda h, k, p: naive.ucb(h, k, 0.5),
    "ucb-delta": lambda h, k, p: naive.ucb_delta(h, k, p["delta"]),
    "ao-ucb": lambda h, k, p: naive.ao_ucb(h, k),
    "moss": lambda h, k, p: naive.moss(h, k, T, 1),
    "kl-ucb": lambda h, k, p: naive.kl_ucb(h, k, 0),
    "kl-ucb(c)": lambda h, k, p: naive.kl_ucb(h, k, 3),
    "bayes-ucb": lambda h, k, p: naive.bayes_ucb(h, k),
    "d-ucb": lambda h, k, p: naive.d_ucb(h, k, p["gamma"], p["xi"], p["scale"]),
    "d-ucb(gamma)": lambda h, k, p: naive.d_ucb(h, k, 0.9, 0.6, 1),
    "sw-ucb": lambda h, k, p: naive.sw_ucb(h, k, p["window"], p["xi"], p["scale"]),
    "sw-ucb(window)": lambda h, k, p: naive.sw_ucb(h, k, 7, 0.6, 1),
}
OPTIONS = {
    "ucb(alpha)": {"alpha": 0.5},
    "kl-ucb(c)": {"c": 3.0},
    "d-ucb(gamma)": {"gamma": 0.9},
    "sw-ucb(window)": {"window": 7},
    "exp3(anytime)": {"horizon": None},
    "exp3(large eta)": {"eta": 3.0},
    "tsallis-inf(rv)": {"estimator": "rv"},
}
WEIGHTED = {
    "exp3": lambda h, k, p: naive.exp3(h, k, p["eta"]),
    "exp3(large eta)": lambda h, k, p: naive.exp3(h, k, 3.0),
    "exp3(anytime)": lambda h, k, p: naive.exp3(h, k, lambda t: math.sqrt(math.log(k) / (t * k))),
    "exp3-ix": lambda h, k, p: naive.exp3(h, k, p["eta"], p["gamma"]),
    "exp3-auer": lambda h, k, p: naive.exp3_auer(h, k, p["gamma"]),
    "exp3-p": lambda h, k, p: naive.exp3_p(h, k, p["gamma"], p["eta"], p["beta"]),
    "exp3-s": lambda h, k, p: naive.exp3_s(h, k, p["gamma"], p["alpha"]),
    "tsallis-inf": lambda h, k, p: naive.tsallis_inf(h, k, False),
    "tsallis-inf(rv)": lambda h, k, p: naive.tsallis_inf(h, k, True),
}

# The twins cost O(T^2) a game: fewer games than usual.
few = settings(max_examples=min(25, settings().max_examples))
games = st.tuples(st.integers(1, 5), st.integers(0, 2**32 - 1), st.sampled_from(["binary", "unit", "hard"]))


def make(key, arms, seed):
    options = {"horizon": T} | OPTIONS.get(key, {})
    return bandit_class(key.partition("(")[0])(arms, options.pop("horizon"), seed=seed, **options)


def rewards_of(kind, arms, seed):
    rng = np.random.default_rng(seed)
    if kind == "binary":
        return (rng.random((T, arms)) < rng.random(arms)).astype(float)
    if kind == "unit":
        return rng.random((T, arms))
    return np.full((T, arms), float(rng.integers(2)))  # always 0 or always 1


@pytest.mark.parametrize("key", INDEX)
@few
@given(games)
def test_index_policies(key, game):
    arms, seed, kind = game
    policy, table, history = make(key, arms, seed), rewards_of(kind, arms, seed), []
    for t in range(T):
        index = INDEX[key](history, arms, policy.parameters())
        arm = policy.pull()
        assert index[arm] >= max(index) - 1e-9, (t, index, arm)
        if max(index) == math.inf:
            assert arm == index.index(math.inf)
        policy.update(arm, table[t, arm])
        history.append((arm, table[t, arm], 1.0))


@pytest.mark.parametrize("key", WEIGHTED)
@few
@given(games)
def test_weighted_policies(key, game):
    arms, seed, kind = game
    policy, table, history = make(key, arms, seed), rewards_of(kind, arms, seed), []
    stream = naive.Stream(seed)
    for t in range(T):
        chances = WEIGHTED[key](history, arms, policy.parameters())
        np.testing.assert_allclose(policy.probabilities(), chances, rtol=1e-8, atol=1e-12, err_msg=f"round {t}")
        arm = policy.pull()
        drawn, distance = stream.choose(chances)
        assert arm == drawn or distance < 1e-9
        assert policy.propensity == pytest.approx(chances[arm], rel=1e-8, abs=1e-12)
        policy.update(arm, table[t, arm])
        history.append((arm, table[t, arm], chances[arm]))


@pytest.mark.parametrize("model", ["bernoulli", "gaussian"])
@few
@given(games)
def test_thompson(model, game):
    arms, seed, kind = game
    stream, history = naive.Stream(seed), []
    if model == "bernoulli":
        policy, table = bandit_class("thompson")(arms, seed=seed), rewards_of("binary", arms, seed)
    else:
        policy, table = (
            bandit_class("thompson-gaussian")(arms, std=0.5, seed=seed),
            rewards_of(kind, arms, seed),
        )
    for t in range(T):
        if model == "bernoulli":
            theta = naive.thompson(history, arms, stream)
        else:
            theta = naive.thompson_gaussian(history, arms, stream, 0.5)
        arm = policy.pull()
        assert theta[arm] >= max(theta) - 1e-9
        policy.update(arm, table[t, arm])
        history.append((arm, table[t, arm], 1.0))


@given(st.floats(0, 1), st.floats(0, 5) | st.floats(0, 1e-6))
def test_kl_upper_index_is_the_largest_mean_within_budget(mean, budget):
    q = upper_index(mean, budget)
    assert mean <= q <= 1.0
    # bisection on kl itself loses digits where kl is flat: an error e in kl moves q by sqrt(e)
    assert q == pytest.approx(naive.kl_upper(mean, budget), abs=3e-8)
    if q < 1.0:
        assert naive.kl(mean, q) == pytest.approx(budget, rel=1e-6, abs=1e-13)


@given(st.integers(0, 3000), st.integers(0, 3000), st.floats(1e-9, 0.9))
def test_beta_quantile(successes, failures, chance):
    from scipy.stats import beta

    a, b = 1.0 + successes, 1.0 + failures
    constant = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    assert quantile(a, b, constant, chance) == pytest.approx(float(beta.isf(chance, a, b)), rel=1e-9, abs=1e-12)
