"""What holds for every policy: the two verbs, one loop equal to them, refusals, K = 1, T = 1."""

import copy
import pickle

import numpy as np
import pytest

from olearn.environments import bernoulli
from olearn.errors import NotSupportedError, ParameterError, UnknownNameError
from olearn.learners.bandits import BANDITS, bandit_class

SINGLE = [n for n in BANDITS if bandit_class(n).shape == "arm"]
TABLE = bernoulli([0.2, 0.5, 0.8]).rewards(60, seed=5)


def played(policy, table, start=0):
    """A loop over the two verbs."""
    obtained = []
    for row in table[start:]:
        arm = policy.pull()
        policy.update(arm, row[arm])
        obtained.append(row[arm])
    return obtained


def same_state(a, b):
    return all(np.array_equal(x, y, equal_nan=True) for x, y in zip(a.state, b.state, strict=True))


@pytest.mark.parametrize("name", SINGLE)
def test_one_loop_is_the_two_verbs_bit_for_bit(name):
    cls = bandit_class(name)
    stepped, looped, mixed = (cls(3, 60, seed=9) for _ in range(3))
    expected = played(stepped, TABLE)
    assert looped.run(TABLE).tolist() == expected
    assert same_state(stepped, looped)
    # half by hand, then a pull that is pending when the loop takes over
    first = played(mixed, TABLE[:20])
    mixed.pull()
    assert [*first, *mixed.run(TABLE[20:])] == expected
    assert same_state(stepped, mixed)
    assert stepped.rounds == looped.rounds == mixed.rounds == 60


@pytest.mark.parametrize("name", SINGLE)
def test_pull_twice_is_pull_once(name):
    policy = bandit_class(name)(3, 60, seed=2)
    for row in TABLE:
        arm = policy.pull()
        before = copy.deepcopy(policy.state)
        assert policy.pull() == arm
        assert all(np.array_equal(x, y) for x, y in zip(before, policy.state, strict=True))
        policy.update(arm, row[arm])


@pytest.mark.parametrize("name", SINGLE)
def test_seeds_copies_pickles_and_reset(name):
    cls = bandit_class(name)
    policy, again = cls(3, 60, seed=4), cls(3, 60, seed=4)
    assert policy.run(TABLE[:30]).tolist() == again.run(TABLE[:30]).tolist()
    twins = [policy.copy(), pickle.loads(pickle.dumps(policy))]
    rest = policy.run(TABLE[30:]).tolist()
    for twin in twins:
        assert twin.run(TABLE[30:]).tolist() == rest
    policy.reset()
    again.reset()
    assert policy.rounds == 0
    assert policy.run(TABLE).tolist() == again.run(TABLE).tolist()


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), None, "x"])
def test_a_bad_reward_is_refused_with_its_round_and_changes_nothing(name, bad):
    policy = bandit_class(name)(3, 60, seed=4)
    played(policy, TABLE[:7])
    arm = policy.pull()
    before = copy.deepcopy(policy.state)
    with pytest.raises(ParameterError, match=r"reward of round 7 .*must be"):
        policy.update(arm, bad)
    assert all(np.array_equal(x, y) for x, y in zip(before, policy.state, strict=True))
    table = TABLE.copy()
    table[3, 1] = np.nan
    with pytest.raises(ParameterError, match="reward of round 3 is nan"):
        policy.run(table)


@pytest.mark.parametrize("name", SINGLE)
def test_rewards_out_of_the_unit_interval(name):
    policy = bandit_class(name)(3, 60)
    arm = policy.pull()
    if policy.unit_rewards:
        with pytest.raises(ParameterError, match=r"must be in \[0, 1\]"):
            policy.update(arm, 1.5)
        with pytest.raises(NotSupportedError, match=r"rewards in \[0, 1\]"):
            policy.run(np.full((3, 3), 1.5))
    else:
        policy.update(arm, 1.5)


@pytest.mark.parametrize("name", SINGLE)
def test_one_arm_and_one_round(name):
    cls = bandit_class(name)
    assert cls(1, 5).run(np.array([[0.0], [1.0], [0.5], [1.0], [0.0]])).sum() == 2.5
    assert cls(4, 1).run(np.ones((1, 4))).tolist() == [1.0]
    assert cls(1, 1).run(np.zeros((1, 1))).tolist() == [0.0]


@pytest.mark.parametrize("name", SINGLE)
def test_an_update_for_another_arm(name):
    policy = bandit_class(name)(3, 60, seed=1)
    other = (policy.pull() + 1) % 3
    if policy.weighted:
        with pytest.raises(ParameterError, match="give its propensity"):
            policy.update(other, 1.0)
        with pytest.raises(ParameterError, match="propensity must be"):
            policy.update(other, 1.0, propensity=0.0)
        policy.update(other, 0.25, propensity=0.125)
        assert policy.propensity == 0.125
    else:
        policy.update(other, 1.0)
        with pytest.raises(NotSupportedError, match="distribution"):
            _ = policy.propensity
    assert policy.rounds == 1


@pytest.mark.parametrize("name", SINGLE)
def test_arms_horizon_seed_and_arm_numbers_are_checked(name):
    cls = bandit_class(name)
    for arguments in ((0, 10), (2.5, 10), (3, 0)):
        with pytest.raises(ParameterError, match="whole number"):
            cls(*arguments).pull()
    with pytest.raises(ParameterError, match="seed"):
        cls(3, 10, seed=-1).pull()
    for arm in (-1, 3, 1.0, "a"):
        with pytest.raises(ParameterError, match="arm must be between 0 and 2"):
            cls(3, 10).update(arm, 0.5)
    with pytest.raises(ParameterError, match="has 3 arms"):
        cls(3, 10).run(np.zeros((4, 2)))


@pytest.mark.parametrize("name", SINGLE)
def test_whole_floats_are_numbers_of_arms_and_rounds(name):
    cls = bandit_class(name)
    assert cls(np.int64(3), 60.0, seed=4).run(TABLE).tolist() == cls(3.0, 60, seed=4).run(TABLE).tolist()


@pytest.mark.parametrize("name", SINGLE)
def test_texts_and_catalogue(name):
    cls = bandit_class(name)
    example = cls.example()
    assert cls.name == name
    assert all([cls.rule, cls.tuning, cls.reference])
    assert set(example.parameters()) >= set(cls.tunable())
    bound = example.bound()
    assert bound is None or (bound.value > 0 and bound.formula and bound.source and bound.assumptions)
    assert cls.__name__ in repr(example)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ucb", {"alpha": 0}),
        ("ucb", {"alpha": float("nan")}),
        ("ucb-delta", {"delta": 1.0}),
        ("moss", {"scale": -1}),
        ("kl-ucb", {"c": -1}),
        ("bayes-ucb", {"c": -1}),
        ("thompson", {"a": 0}),
        ("thompson-gaussian", {"std": 0}),
        ("exp3", {"eta": 0}),
        ("exp3-ix", {"gamma": -1}),
        ("exp3-auer", {"gamma": 1.1}),
        ("exp3-p", {"delta": 0}),
        ("exp3-s", {"segments": 0}),
        ("d-ucb", {"gamma": 1.5}),
        ("sw-ucb", {"window": 0}),
    ],
)
def test_bad_parameters(name, options):
    with pytest.raises(ParameterError, match=next(iter(options))):
        bandit_class(name)(3, 100, **options).pull()


def test_names():
    with pytest.raises(UnknownNameError, match=r"did you mean 'exp3-ix'"):
        bandit_class("exp3ix")
    with pytest.raises(UnknownNameError, match="unknown estimator 'iv'"):
        bandit_class("tsallis-inf")(2, estimator="iv").pull()


@pytest.mark.parametrize(
    "name", ["moss", "ucb-delta", "exp3-ix", "exp3-auer", "exp3-p", "exp3-s", "d-ucb", "sw-ucb"]
)
def test_a_missing_horizon_says_what_to_give(name):
    with pytest.raises(ParameterError, match="give horizon"):
        bandit_class(name)(3).pull()
