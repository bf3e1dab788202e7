"""Environments: reward tables, comparators, adversaries, texts, and the constants."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn.environments import (
    ADVERSARIES,
    adaptive,
    bernoulli,
    constant,
    gaussian,
    lai_robbins,
    matrix,
    minimax_lower,
    parse_environment,
    uniform,
)
from olearn.environments import _kernels as kernels
from olearn.errors import NotSupportedError, OlearnError, ParameterError

ROUNDS = 4000


@pytest.mark.parametrize(
    ("env", "std"),
    [
        (bernoulli([0.1, 0.5, 0.9]), np.sqrt([0.09, 0.25, 0.09])),
        (gaussian([-1.0, 0.0, 2.0], std=1.5), np.full(3, 1.5)),
        (uniform([0.2, 0.5, 0.8], half_width=0.2), np.full(3, 0.2 / math.sqrt(3))),
        (constant([0.2, 0.5, 0.8]), np.zeros(3)),
    ],
)
def test_moments_of_the_table(env, std):
    """6 standard errors on 3 means, 3 deviations and 3 correlations: false alarm 2e-8 each."""
    table = env.rewards(ROUNDS, seed=3)
    np.testing.assert_allclose(table.mean(axis=0), env.means[0], atol=6 * std.max() / math.sqrt(ROUNDS) + 1e-9)
    np.testing.assert_allclose(table.std(axis=0), std, atol=6 * 1.3 * std.max() / math.sqrt(ROUNDS) + 1e-9)
    if std.max() > 0:
        centred = (table - env.means[0]) / std
        across = centred[:, 0] * centred[:, 1]
        along = centred[1:, 0] * centred[:-1, 0]
        assert abs(across.mean()) < 6 * 1.5 / math.sqrt(ROUNDS)
        assert abs(along.mean()) < 6 * 1.5 / math.sqrt(ROUNDS)


def test_a_table_depends_on_seed_and_run_alone():
    env = bernoulli([0.5] * 4)
    first = env.rewards(50, seed=1, run=2)
    assert np.array_equal(first, env.rewards(80, seed=1, run=2)[:50])
    assert not np.array_equal(first, env.rewards(50, seed=1, run=3))
    assert not np.array_equal(first, env.rewards(50, seed=2, run=2))


def test_phases():
    env = constant([[1.0, 0.0], [0.25, 0.5], [0.0, 1.0]], breaks=[3, 5])
    assert env.rewards(7)[:, 0].tolist() == [1, 1, 1, 0.25, 0.25, 0, 0]
    assert env.cumulative_means([0, 3, 4, 7]).tolist() == [[0, 0], [3, 0], [3.25, 0.5], [3.5, 3.0]]
    assert env.best_value(7) == 3.5
    assert env.dynamic_value(7) == 3 + 1 + 2
    assert env.best_value(7, m=2) == env.dynamic_value(7, m=2) == 6.5
    # the cursor starts again with round 0
    data = env.data()
    for _ in range(2):
        table = np.empty((7, 2))
        kernels.fill_table(data, table)
        assert table[:, 1].tolist() == [0, 0, 0, 0.5, 0.5, 1, 1]


@given(st.integers(1, 20), st.integers(1, 4), st.integers(0, 2**32 - 1), st.data())
def test_comparators_of_a_matrix_by_brute_force(rounds, arms, seed, data):
    table = np.random.default_rng(seed).random((rounds, arms))
    m = data.draw(st.integers(1, arms))
    env = matrix(table)
    assert env.rewards(rounds).tolist() == table.tolist()
    marks = np.arange(1, rounds + 1)
    for t, best, dynamic in zip(marks, env.best_value(marks, m), env.dynamic_value(marks, m), strict=True):
        assert best == pytest.approx(sum(sorted(table[:t].sum(axis=0))[-m:]))
        assert dynamic == pytest.approx(sum(sum(sorted(row)[-m:]) for row in table[:t]))


@pytest.mark.parametrize("adversary", ADVERSARIES)
def test_adaptive_rewards_follow_the_plays(adversary):
    env = adaptive(adversary, 3)
    data = env.data()
    plays, totals = np.zeros(3), np.zeros(3)
    rng = np.random.default_rng(0)
    for t in range(60):
        row = {
            "punish-leader": np.where(np.arange(3) == plays.argmax(), 0.0, 1.0),
            "reward-rarest": np.where(np.arange(3) == plays.argmin(), 1.0, 0.0),
            "switch-when-found": np.where(plays > (t + 1) / 2, 0.25, 0.75),
        }[adversary]
        arm = int(rng.integers(3)) if t % 2 else 1
        assert kernels.draw(data, t, arm) == row[arm]
        plays[arm] += 1
        totals += row
        assert data.memory[0].tolist() == totals.tolist()
    with pytest.raises(NotSupportedError, match="depends on the plays"):
        env.rewards(5)


@pytest.mark.parametrize(
    ("text", "env"),
    [
        ("bernoulli:0.1,0.9", bernoulli([0.1, 0.9])),
        (" Bernoulli : 0.1 , 0.9 ", bernoulli([0.1, 0.9])),
        ("gaussian:0,1;std=2", gaussian([0, 1], std=2)),
        ("gaussian:-1,1", gaussian([-1, 1])),
        ("uniform:.4,.6;half_width=.3", uniform([0.4, 0.6], 0.3)),
        ("constant:1", constant([1])),
        ("bernoulli:0.9,0.1/0.1,0.9@50", bernoulli([[0.9, 0.1], [0.1, 0.9]], [50])),
        ("reward-rarest:7", adaptive("reward-rarest", 7)),
    ],
)
def test_texts(text, env):
    assert parse_environment(text) == env
    assert repr(parse_environment(text)) == repr(env)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bernouli:0.1", "did you mean 'bernoulli'"),
        ("bernoulli", "after a colon"),
        ("bernoulli:", "after a colon"),
        ("bernoulli:a,b", "numbers separated by commas"),
        ("bernoulli:0.1,1.2", r"in \[0, 1\], got 1.2"),
        ("bernoulli:0.1,nan", "finite"),
        ("bernoulli:0.1,0.2/0.3@5", "same number of arms"),
        ("bernoulli:0.1,0.2/0.3,0.4", "2 phases need 1 breaks, got 0"),
        ("bernoulli:0.1/0.2/0.3@9,5", "breaks must increase"),
        ("bernoulli:0.1/0.2@0", "breaks must be a whole number"),
        ("gaussian:0,1;sdt=2", "no option 'sdt', allowed is 'std'"),
        ("bernoulli:0,1;std=2", "no option 'std'"),
        ("gaussian:0,1;std=0", "std must be"),
        ("uniform:0.5", "half width"),
        ("punish-leader:x", "number of arms"),
        ("punish-leader:0", "arms must be"),
        ("matrix:/no/such/file", "no file"),
    ],
)
def test_bad_texts_say_what_is_wrong(text, said):
    with pytest.raises(OlearnError, match=said):
        parse_environment(text)


def test_matrices_from_files(tmp_path):
    table = np.array([[0.0, 1.0], [0.5, 0.25]])
    np.save(tmp_path / "r.npy", table)
    (tmp_path / "r.csv").write_text("0,1\n0.5,0.25\n")
    (tmp_path / "bad.csv").write_text("0,1\n0.5,oops\n")
    assert parse_environment(f"matrix:{tmp_path / 'r.npy'}") == matrix(table)
    assert parse_environment(f"matrix:{tmp_path / 'r.csv'}") == matrix(table)
    with pytest.raises(ParameterError, match="can't read"):
        parse_environment(f"matrix:{tmp_path / 'bad.csv'}")


def test_matrices_are_checked():
    with pytest.raises(ParameterError, match=r"reward of round 1 is nan \(arm 0\)"):
        matrix([[0.0, 1.0], [float("nan"), 1.0]])
    with pytest.raises(ParameterError, match=r"shape \(rounds, arms\)"):
        matrix([1.0, 2.0])
    with pytest.raises(ParameterError, match="at most the 2 rows"):
        matrix([[0.0], [1.0]]).rewards(3)


def test_unit_rewards():
    assert bernoulli([0, 1]).unit_rewards
    assert uniform([0.3, 0.7], 0.3).unit_rewards
    assert not uniform([0.3, 0.7], 0.31).unit_rewards
    assert not gaussian([0.5]).unit_rewards
    assert not matrix([[2.0]]).unit_rewards
    assert adaptive("punish-leader", 2).unit_rewards


def test_constants_refuse_nonsense():
    with pytest.raises(ParameterError, match="means"):
        lai_robbins([])
    with pytest.raises(ParameterError, match="arms"):
        minimax_lower(0, 10)
    assert minimax_lower(100, 4) == 4 / 20
