"""Declared bounds under attack: noise, fixed matrices made to hurt, adversaries that watch the plays."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn.engine.bandits import simulate
from olearn.environments import ADVERSARIES, adaptive, bernoulli, constant, gaussian, matrix
from olearn.learners.bandits import bandit_class

T, RUNS = 600, 24
EXPECTED = [
    ("exp3", {}),
    ("exp3", {"horizon": None}),
    ("exp3-auer", {}),
    ("tsallis-inf", {}),
    ("tsallis-inf", {"estimator": "rv"}),
]
LIKELY = [("exp3-ix", {"delta": 0.05}), ("exp3-p", {"delta": 0.05})]


def make(name, options, arms, horizon=T):
    options = {"horizon": horizon} | options
    return bandit_class(name)(arms, options.pop("horizon"), **options)


def hard_matrices(arms):
    """Oblivious sequences of rewards that have broken implementations before."""
    rng = np.random.default_rng(3)
    gap = math.sqrt(arms / T)
    lure = np.zeros((T, arms))  # good for a third of the time, then another arm for the rest
    lure[: T // 3, 0] = 1.0
    lure[T // 3 :, arms - 1] = 1.0
    cycle = np.zeros((T, arms))
    cycle[np.arange(T), np.arange(T) % arms] = 1.0
    return {
        "lure": lure,
        "cycle": cycle,
        "alternating": np.tile(np.array([[1.0, 0.0], [0.0, 1.0]]), (T // 2, 1))[:, np.arange(arms) % 2],
        "least gap": (rng.random((T, arms)) < 0.5 + gap / 2 * (np.arange(arms) == arms // 2)).astype(float),
        "one good arm": np.tile((np.arange(arms) == arms - 1).astype(float), (T, 1)),
    }


@pytest.mark.jit_only
@pytest.mark.parametrize(("name", "options"), EXPECTED)
@pytest.mark.parametrize("arms", [2, 7])
def test_expected_regret_against_fixed_sequences(name, options, arms):
    """The mean over runs estimates the expectation; 4 standard errors on top, false alarm below 4e-5 each."""
    for label, table in hard_matrices(arms).items():
        policy = make(name, options, arms)
        row = simulate(matrix(table), [policy], T, runs=RUNS, seed=1, checkpoints=[T]).rows[0]
        assert row.mean[-1] - 4 * row.stderr[-1] <= policy.bound(T).value, label


@pytest.mark.jit_only
@pytest.mark.parametrize(("name", "options"), LIKELY)
@pytest.mark.parametrize("arms", [2, 7])
def test_high_probability_bounds(name, options, arms):
    """At most 6 of 48 runs over a bound that fails with chance 1/20: false alarm 0.8 % were it tight."""
    policy = make(name, options, arms)
    bound = policy.bound().value
    games = [matrix(m) for m in hard_matrices(arms).values()] + [adaptive(a, arms) for a in ADVERSARIES]
    for env in games:
        regret = simulate(env, [policy], T, runs=48, seed=2, checkpoints=[T]).rows[0].regret[:, -1]
        assert (regret > bound).sum() <= 6, env.kind


@pytest.mark.jit_only
@pytest.mark.parametrize(("name", "options"), EXPECTED)
@pytest.mark.parametrize("adversary", ADVERSARIES)
def test_weak_regret_against_adaptive_adversaries(name, options, adversary):
    """max over arms of E[their rewards - ours]: the statement in expectation that survives adaptivity."""
    policy = make(name, options, 5)
    row = simulate(adaptive(adversary, 5), [policy], T, runs=RUNS, seed=3, checkpoints=[T]).rows[0]
    noise = 4 * float(row.gain[:, -1].std(ddof=1)) / math.sqrt(RUNS)
    assert row.weak_regret - noise <= policy.bound(T).value


@pytest.mark.parametrize(("name", "options"), [*EXPECTED, *LIKELY])
@given(st.integers(2, 5), st.integers(0, 2**31), st.booleans())
def test_regret_on_random_sequences(name, options, arms, seed, sorted_rows):
    """A single run on noise stays below the bound with room to spare."""
    rng = np.random.default_rng(seed)
    table = rng.random((200, arms)) ** rng.integers(1, 4)
    if sorted_rows:
        table = np.sort(table, axis=0)
    policy = make(name, options | {"seed": seed}, arms, horizon=200 if "horizon" not in options else None)
    regret = table.sum(axis=0).max() - policy.run(table).sum()
    assert regret <= policy.bound(200).value


@pytest.mark.jit_only
@pytest.mark.parametrize("segments", [1, 4])
def test_exp3_s_follows_a_changing_best_arm(segments):
    table = np.zeros((T, 4))
    for s in range(segments):
        table[s * T // segments : (s + 1) * T // segments, s % 4] = 1.0
    policy = bandit_class("exp3-s")(4, T, segments=segments)
    row = simulate(matrix(table), [policy], T, runs=RUNS, seed=5, checkpoints=[T]).rows[0]
    assert row.dynamic_regret[:, -1].mean() <= policy.bound().value
    assert policy.bound().value < T or segments > 1  # the attack could fail


STOCHASTIC = [("ucb1", {}), ("ucb-delta", {}), ("moss", {}), ("moss", {"scale": 4.0})]
MEANS = ([0.5, 0.6], [0.1, 0.1, 0.2, 0.9], [0.49, 0.5, 0.5], [1.0, 0.0], [0.5])


@pytest.mark.jit_only
@pytest.mark.parametrize(("name", "options"), STOCHASTIC)
def test_stochastic_bounds(name, options):
    for means in MEANS:
        for env in (bernoulli(means), constant(means), gaussian(means)):
            policy = make(name, options, len(means))
            row = simulate(env, [policy], T, runs=RUNS, seed=6, checkpoints=[T]).rows[0]
            if env.kind == "gaussian" and policy.bound_needs_unit():
                assert row.bound is None
                continue
            assert row.mean[-1] <= row.bound.value + 1e-9
            free = policy.bound(T)  # the bound that doesn't look at the gaps
            assert free is None or row.mean[-1] <= free.value


@pytest.mark.parametrize(("name", "options"), STOCHASTIC)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=5), st.integers(0, 2**31))
def test_stochastic_bounds_on_random_means(name, options, means, seed):
    """One run of 200 rounds; the bounds hold in expectation and are loose enough for single runs."""
    env = bernoulli(means)
    policy = make(name, options, len(means), horizon=200)
    row = simulate(env, [policy], 200, runs=1, seed=seed, checkpoints=[200]).rows[0]
    for bound in (policy.bound(200, means), policy.bound(200)):
        assert bound is None or row.mean[-1] <= bound.value + 1e-9


@pytest.mark.jit_only
def test_window_and_discount_follow_a_change_that_thompson_misses():
    """Means swap half way; the difference is many standard errors."""
    env = bernoulli([[0.9, 0.1], [0.1, 0.9]], breaks=[5000])
    policies = [bandit_class(n)(2, 10_000) for n in ("thompson", "d-ucb", "sw-ucb")]
    stuck, discounted, window = simulate(env, policies, 10_000, runs=20, seed=0, checkpoints=[10_000]).rows
    assert discounted.dynamic_regret.mean() < 0.5 * stuck.dynamic_regret.mean()
    assert window.dynamic_regret.mean() < 0.5 * stuck.dynamic_regret.mean()
