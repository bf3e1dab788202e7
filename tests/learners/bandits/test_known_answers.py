"""Numbers that were computed elsewhere: divergences, indices, constants, bounds, mean regrets."""

import math

import numpy as np
import pytest

from olearn.engine.bandits import simulate
from olearn.environments import bernoulli, bernoulli_kl, gaussian_lower, lai_robbins, minimax_lower
from olearn.learners.bandits import bandit_class
from olearn.learners.bandits.kl_ucb import upper_index


@pytest.mark.parametrize(
    ("p", "q", "value"), [(0.1, 0.9, 1.757779), (0.4, 0.5, 0.020135), (0.01, 0.99, 4.503217), (0.5, 0.5, 0.0)]
)
def test_bernoulli_divergence(p, q, value):
    assert bernoulli_kl(p, q) == pytest.approx(value, abs=1.5e-6)


def test_divergence_at_the_edges():
    assert bernoulli_kl(0, 0) == bernoulli_kl(1, 1) == 0.0
    assert bernoulli_kl(0.5, 0) == bernoulli_kl(0.5, 1) == math.inf
    assert bernoulli_kl(0, 0.5) == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("mean", "budget", "value"),
    [
        (0.1, 0.2, 0.378391),
        (0.5, 0.2, 0.787088),
        (0.9, 0.2, 0.994489),
        (0.1, 0.4, 0.519475),
        (0.1, 0.9, 0.734714),
        (0.5, 0.4, 0.871035),
        (0.5, 0.9, 0.956809),
        (0.9, 0.4, 0.999285),
    ],
)
def test_kl_ucb_index(mean, budget, value):
    # the published figures come from bisections that stop early, right to a few 1e-6
    assert upper_index(mean, budget) == pytest.approx(value, abs=5e-6)


@pytest.mark.parametrize(
    ("means", "constant"),
    [
        ((0.9, 0.8), 2.2521),
        ((0.5, 0.45), 9.9833),
        (tuple(i / 10 for i in range(1, 10)), 7.5165),
        ((0.5, *[0.4] * 9), 44.6971),
        ((0.3,), 0.0),
        ((0.4, 0.4), 0.0),
    ],
)
def test_lai_robbins_constant(means, constant):
    assert lai_robbins(means) == pytest.approx(constant, abs=5.1e-5)


def test_lai_robbins_of_normal_rewards_is_two_sigma_squared_over_the_gap():
    assert lai_robbins([0.0, 0.5, 1.0], std=2.0) == pytest.approx(8.0 / 0.5 + 8.0 / 1.0)


BOUNDS = [
    ("exp3", {}, (52.66, 678.61, 6786.14)),
    ("exp3-auer", {}, (97.61, 1258.01, 12580.13)),  # 2 sqrt(e-1); the page rounds it up to 2.63
    ("tsallis-inf", {}, (179.89, 1265.91, 12650.11)),
    ("exp3-ix", {"delta": 0.1}, (335.88, 2243.12, 22404.25)),
    ("exp3-p", {"delta": 0.1}, (398.63, 3494.86, 34948.62)),
]


@pytest.mark.parametrize(("name", "options", "values"), BOUNDS)
def test_bound_table(name, options, values):
    for (arms, horizon), value in zip([(2, 1000), (10, 10_000), (10, 1_000_000)], values, strict=True):
        bound = bandit_class(name)(arms, horizon, **options).bound()
        assert bound.value == pytest.approx(value, abs=0.0051)


def test_auer_constant_is_below_its_rounded_form():
    for arms, horizon, value in ((2, 1000, 97.92), (10, 10_000, 1262.01), (10, 1_000_000, 12_620.12)):
        assert 2.63 * math.sqrt(horizon * arms * math.log(arms)) == pytest.approx(value, abs=0.0051)
        assert bandit_class("exp3-auer")(arms, horizon).bound().value <= value


def test_lower_bounds():
    for arms, horizon, value in ((2, 1000, 2.24), (10, 10_000, 15.81), (10, 1_000_000, 158.11)):
        assert minimax_lower(arms, horizon) == pytest.approx(value, abs=0.0051)
    assert minimax_lower(1, 100) == 0.0
    assert gaussian_lower(10, 10_000) == pytest.approx(300 / 27)


def test_ucb1_bound_is_the_theorem():
    means = np.array([0.9, 0.8, 0.5])
    expected = 8 * math.log(1000) * (10 + 2.5) + (1 + math.pi**2 / 3) * 0.5
    assert bandit_class("ucb1")(3).bound(1000, means).value == pytest.approx(expected)


def test_moss_declares_nothing_for_gaps_above_one():
    policy = bandit_class("moss")(2, 1000, scale=4)
    assert policy.bound(1000, [0.0, 1.0]).value == pytest.approx(39 * math.sqrt(2000) + 1)
    assert policy.bound(1000, [0.0, 5.0]) is None


ENV = {"A": bernoulli(np.arange(1, 10) / 10), "D": bernoulli([0.9, 0.8])}
# mean pseudo-regret at T = 1e4 and its standard error, from independent loops
TABLE = [
    ("ucb", {"alpha": 1.0}, (101.7, 0.5), (30.4, 0.4)),
    ("ucb", {"alpha": 0.5}, (53.0, 0.6), (17.0, 0.4)),
    ("ucb1", {}, (332.4, 0.8), (89.0, 0.5)),
    ("moss", {}, (87.7, 0.4), (29.4, 0.3)),
    ("thompson", {}, (41.8, 0.5), (9.5, 0.4)),
    ("kl-ucb", {}, (59.1, 1.0), (14.1, 0.5)),
    ("exp3", {}, (352.3, 1.1), (89.9, 0.6)),
    ("tsallis-inf", {}, (164.3, 1.0), (37.6, 0.6)),
]


@pytest.mark.jit_only
@pytest.mark.parametrize(("name", "options", "wide", "narrow"), TABLE)
def test_mean_pseudo_regret(name, options, wide, narrow):
    """Within 4 standard errors of both means; 16 comparisons give a false alarm with chance 1e-3."""
    for env, (reference, error) in ((ENV["A"], wide), (ENV["D"], narrow)):
        policy = bandit_class(name)(env.arms, 10_000, **options)
        row = simulate(env, [policy], 10_000, runs=200, seed=0, checkpoints=[10_000]).rows[0]
        tolerance = 4.0 * math.hypot(error, float(row.stderr[-1]))
        assert abs(float(row.mean[-1]) - reference) <= tolerance
