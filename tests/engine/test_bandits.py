"""Many runs at once: pairing, independence of rows, comparators, bounds and errors."""

import numpy as np
import pytest

from olearn.engine.bandits import default_checkpoints, duel, simulate
from olearn.environments import adaptive, bernoulli, gaussian, matrix
from olearn.errors import NotSupportedError, ParameterError
from olearn.learners.bandits import MOSS, UCB1, Exp3, TsallisINF

ENV = bernoulli([0.2, 0.5, 0.8])


def test_adding_or_reordering_policies_changes_no_row():
    both = simulate(ENV, [UCB1(3), Exp3(3, 90)], 90, runs=4, seed=7)
    turned = simulate(ENV, [TsallisINF(3), Exp3(3, 90), UCB1(3)], 90, runs=6, seed=7)
    assert np.array_equal(both.rows[0].regret, turned.rows[2].regret[:4])
    assert np.array_equal(both.rows[1].regret, turned.rows[1].regret[:4])
    assert np.array_equal(both.rows[1].gain, turned.rows[1].gain[:4])


def test_a_run_is_the_policy_on_the_reward_table():
    """Stepping through the table by hand gives the plays and the pseudo-regret of the fused loop."""
    result = simulate(ENV, [UCB1(3)], 50, runs=2, seed=3, checkpoints=np.arange(1, 51))
    for run in range(2):
        table, policy = ENV.rewards(50, seed=3, run=run), UCB1(3)
        gain, pseudo = [], []
        for row in table:
            arm = policy.pull()
            policy.update(arm, row[arm])
            gain.append(row[arm])
            pseudo.append(0.8 - ENV.means[0, arm])
        np.testing.assert_allclose(result.rows[0].gain[run], np.cumsum(gain), atol=1e-12)
        np.testing.assert_allclose(result.rows[0].regret[run], np.cumsum(pseudo), atol=1e-12)


def test_templates_stay_as_they_are():
    policy = UCB1(3)
    policy.update(policy.pull(), 1.0)
    simulate(ENV, [policy], 40, runs=2)
    assert policy.rounds == 1


def test_regret_against_a_matrix_and_against_an_adversary():
    table = np.random.default_rng(0).random((40, 3))
    row = simulate(matrix(table), [UCB1(3)], 40, runs=2, checkpoints=[10, 40]).rows[0]
    policy = UCB1(3)
    gained = policy.run(table)
    for at, t in enumerate((10, 40)):
        assert row.regret[0, at] == pytest.approx(table[:t].sum(axis=0).max() - gained[:t].sum())
        assert row.dynamic_regret[0, at] == pytest.approx(table[:t].max(axis=1).sum() - gained[:t].sum())
    assert np.array_equal(row.regret[0], row.regret[1])
    row = simulate(adaptive("punish-leader", 3), [UCB1(3)], 40, runs=2).rows[0]
    assert row.dynamic_regret is None
    assert row.weak_regret == pytest.approx(row.regret[:, -1].mean())  # deterministic: E and max commute


def test_hindsight_regret_is_that_of_the_tables():
    result = simulate(ENV, [UCB1(3)], 40, runs=3, seed=2, checkpoints=[10, 40])
    row = result.rows[0]
    got = result.hindsight_regret(row)
    for run in range(3):
        table, policy = ENV.rewards(40, seed=2, run=run), UCB1(3)
        gained = policy.run(table)
        for at, t in enumerate((10, 40)):
            assert got[run, at] == pytest.approx(table[:t].sum(axis=0).max() - gained[:t].sum())
    fixed = simulate(matrix(ENV.rewards(40)), [UCB1(3)], 40, runs=1)
    assert fixed.hindsight_regret(fixed.rows[0]) is fixed.rows[0].regret
    assert "regret_mean" in str(result)


@pytest.mark.parametrize("name", ["punish-leader", "reward-rarest", "switch-when-found"])
def test_an_adversary_of_ones_own_is_the_built_in_one(name):
    """The fused loop against a built-in adversary, and the same adversary as a Python function."""

    def own(t, plays, rewards):
        if name == "punish-leader":
            rewards[:] = np.arange(3) != plays.argmax()
        elif name == "reward-rarest":
            rewards[:] = np.arange(3) == plays.argmin()
        else:
            rewards[:] = np.where(plays > (t + 1) / 2, 0.25, 0.75)

    policy = Exp3(3, 60, seed=5)
    game = duel(policy.copy(), own, 60)
    record = policy.play(adaptive(name, 3).data(), np.arange(1, 61), trace=True)
    assert record.trace[:, 0].tolist() == game.arms.tolist()
    np.testing.assert_allclose(record.gain, game.gain)
    np.testing.assert_allclose(record.arm_gain.max(axis=1) - record.gain, game.regret)


def test_a_duel_refuses_bad_rewards_with_their_round():
    def spoils(t, plays, rewards):
        rewards[:] = np.nan if t == 3 else 0.5

    with pytest.raises(ParameterError, match="reward of round 3 is"):
        duel(Exp3(2, 10), spoils, 10)


def test_weak_regret_is_at_most_the_mean_regret():
    row = simulate(adaptive("punish-leader", 4), [Exp3(4, 200)], 200, runs=8).rows[0]
    assert row.weak_regret <= row.regret[:, -1].mean() + 1e-9


def test_bounds_appear_only_where_they_apply():
    policies = [UCB1(2), MOSS(2, 100), Exp3(2, 100)]
    rows = simulate(bernoulli([0.4, 0.6]), policies, 100, runs=2).rows
    assert all(row.bound is not None for row in rows)
    rows = simulate(bernoulli([[0.4, 0.6], [0.6, 0.4]], [50]), policies, 100, runs=2).rows
    assert [row.bound is None for row in rows] == [True, True, False]
    rows = simulate(gaussian([0.4, 0.6], std=2.0), policies[:2], 100, runs=2).rows
    assert [row.bound is None for row in rows] == [True, True]
    rows = simulate(gaussian([0.4, 0.6]), [MOSS(2, 100, scale=4)], 100, runs=2).rows
    assert rows[0].bound is not None


def test_constants_of_a_result():
    result = simulate(ENV, [UCB1(3)], 100, runs=1)
    assert result.lai_robbins() == pytest.approx(0.3 / 0.2231436 + 0.6 / 0.8317766)
    assert result.minimax_lower() == pytest.approx(np.sqrt(300) / 20)
    assert np.isnan(result.rows[0].stderr).all()
    assert simulate(adaptive("punish-leader", 3), [UCB1(3)], 100, runs=1).lai_robbins() is None
    table = result.table()[0]
    assert {"policy", "horizon", "runs", "regret_mean", "regret_stderr", "bound", "steps_per_second"} <= set(
        table
    )


def test_checkpoints():
    marks = default_checkpoints(10_000)
    assert marks[0] == 1
    assert marks[-1] == 10_000
    assert (np.diff(marks) > 0).all()
    assert default_checkpoints(1).tolist() == [1]
    assert simulate(ENV, [UCB1(3)], 50, runs=1, checkpoints=[7]).checkpoints.tolist() == [7, 50]


def test_errors():
    with pytest.raises(ParameterError, match="has 2 arms, the environment 3"):
        simulate(ENV, [UCB1(2)], 10)
    with pytest.raises(ParameterError, match="at least one policy"):
        simulate(ENV, [], 10)
    with pytest.raises(ParameterError, match="at most the 5 rows"):
        simulate(matrix(np.zeros((5, 3))), [UCB1(3)], 10)
    with pytest.raises(ParameterError, match="checkpoints must be between"):
        simulate(ENV, [UCB1(3)], 10, checkpoints=[20])
    with pytest.raises(ParameterError, match="increasing"):
        simulate(ENV, [UCB1(3)], 10, checkpoints=[5, 5])
    with pytest.raises(NotSupportedError, match="exp3 needs rewards"):
        simulate(gaussian([0.0, 0.0, 1.0]), [Exp3(3, 10)], 10)
    with pytest.raises(ParameterError, match="runs"):
        simulate(ENV, [UCB1(3)], 10, runs=0)


def test_one_policy_alone_and_what_is_none():
    alone = simulate(bernoulli([0.2, 0.8]), UCB1(2), 50, 3)
    listed = simulate(bernoulli([0.2, 0.8]), [UCB1(2)], 50, 3)
    assert [r["regret_mean"] for r in alone.table()] == [r["regret_mean"] for r in listed.table()]
    for wrong in (["ucb1"], [UCB1]):
        with pytest.raises(NotSupportedError, match="a policy is a bandit such as"):
            simulate(bernoulli([0.2, 0.8]), wrong, 50, 3)
