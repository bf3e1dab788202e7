"""LinUCB and LinTS against the normal equations; drift; bounds; the contextual environment."""

import copy
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import bandits as naive
from olearn.engine.bandits import simulate
from olearn.environments import bernoulli, linear, logged, random_linear
from olearn.errors import NotSupportedError, ParameterError
from olearn.learners.bandits import UCB1, LinTS, LinUCB

T = 25
few = settings(max_examples=min(20, settings().max_examples))


@st.composite
def games(draw):
    arms, d = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    seed, disjoint = draw(st.integers(0, 2**32 - 1)), draw(st.booleans())
    shared = disjoint and draw(st.booleans())
    rng = np.random.default_rng(seed)
    contexts = rng.normal(size=(T, 1 if shared else arms, d)) * draw(st.sampled_from([0.1, 1.0, 30.0]))
    return arms, d, seed, disjoint, contexts, rng.normal(size=(T, arms))


@few
@given(games(), st.sampled_from([None, 0.0, 1.5]), st.sampled_from([1.0, 0.01]))
def test_linucb(game, alpha, regularisation):
    arms, d, _, disjoint, contexts, table = game
    policy = LinUCB(
        arms, d, disjoint=disjoint, alpha=alpha, regularisation=regularisation, norm=2.0, delta=0.1, noise=0.5
    )
    history = []
    for x, row in zip(contexts, table, strict=True):
        index = naive.linucb(history, x, arms, disjoint, regularisation, alpha, 2.0, 0.1, 0.5)
        arm = policy.pull(x)
        scale = max(1.0, max(map(abs, index)))
        assert index[arm] >= max(index) - 1e-7 * scale
        policy.update(arm, row[arm])
        history.append((x, arm, row[arm]))
    for arm in range(arms):
        _, theta = naive.ridge(history, d, regularisation, arm if disjoint else None)
        got = policy.theta[arm] if disjoint else policy.theta
        np.testing.assert_allclose(got, theta, rtol=1e-6, atol=1e-7 * max(1.0, np.abs(theta).max()))


@few
@given(games())
def test_lints(game):
    arms, d, seed, disjoint, contexts, table = game
    policy = LinTS(arms, d, disjoint=disjoint, v=0.7, regularisation=0.5, seed=seed)
    stream, history = naive.Stream(seed), []
    for x, row in zip(contexts, table, strict=True):
        value = naive.lints(history, x, arms, disjoint, 0.5, 0.7, stream)
        arm = policy.pull(x)
        assert value[arm] >= max(value) - 1e-7 * max(1.0, max(map(abs, value)))
        policy.update(arm, row[arm])
        history.append((x, arm, row[arm]))


@pytest.mark.parametrize("policy", [LinUCB(3, 2, alpha=0.5), LinTS(3, 2, v=0.5, seed=3)])
def test_one_loop_is_the_two_verbs_bit_for_bit(policy):
    rng = np.random.default_rng(0)
    contexts, table = rng.normal(size=(50, 3, 2)), rng.normal(size=(50, 3))
    stepped, obtained = policy.copy(), []
    for x, row in zip(contexts, table, strict=True):
        arm = stepped.pull(x)
        assert stepped.pull(x) == arm
        stepped.update(arm, row[arm])
        obtained.append(row[arm])
    looped = policy.copy()
    assert looped.run(table, contexts).tolist() == obtained
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(looped.state, stepped.state, strict=True))


@pytest.mark.jit_only
def test_the_inverse_does_not_drift():
    """2e5 updates with features in nearly the same direction; the inverse is still that of V."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=(1, 6))
    contexts = base + 1e-3 * rng.normal(size=(5000, 6))
    env = linear(rng.normal(size=(2, 6)), contexts, std=0.1)
    policy = LinUCB(2, 6, disjoint=True, alpha=1.0)
    policy.play(env.data(), np.array([200_000]))
    state = policy.state
    for m in range(2):
        gram = np.tril(state.gram[m]) + np.tril(state.gram[m], -1).T
        np.testing.assert_allclose(state.inverse[m] @ gram, np.eye(6), atol=1e-6)
        np.testing.assert_allclose(state.theta[m], np.linalg.solve(gram, state.target[m]), rtol=1e-6, atol=1e-8)
        assert state.logdet[m] == pytest.approx(np.linalg.slogdet(gram)[1], rel=1e-9)


@pytest.mark.jit_only
@pytest.mark.parametrize("seed", range(3))
def test_linucb_stays_below_its_bound(seed):
    """A bound that fails with chance 1/20 and is loose by a factor of ten and more: 8 runs stay below it."""
    env = random_linear(5, 4, std=0.5, seed=seed)
    policy = LinUCB(5, 4, 2000, noise=0.5)
    row = simulate(env, [policy], 2000, runs=8, seed=seed).rows[0]
    assert row.bound is not None
    assert 0 < row.regret[:, -1].max() <= row.bound.value


def test_a_bound_is_declared_only_for_what_the_policy_was_told():
    env = random_linear(3, 2, std=0.5)
    for options in ({"noise": 0.1}, {"norm": 0.5}, {"alpha": 1.0}, {"regularisation": 0.5}):
        assert simulate(env, [LinUCB(3, 2, 50, **options)], 50, runs=1).rows[0].bound is None
    assert simulate(env, [LinUCB(3, 2, 50)], 50, runs=1).rows[0].bound is not None
    assert simulate(env, [LinTS(3, 2)], 50, runs=1).rows[0].bound is None


def test_environment():
    env = random_linear(4, 3, rows=20, shared=True, seed=1)
    assert (env.arms, env.dimension, env.contexts.shape) == (4, 3, (20, 1, 3))
    np.testing.assert_allclose(np.linalg.norm(env.contexts, axis=2), 1.0)
    best = env.means.max(axis=1)
    assert env.best_value(50) == pytest.approx(2 * best.sum() + best[:10].sum())
    env = logged([[1.0], [2.0]], [[0.0, 1.0], [1.0, 0.0]])
    assert env.best_value(2) == 2.0
    for build, said in (
        (lambda: linear([1.0], [[[1.0, 2.0]]]), "theta must have 2 columns"),
        (lambda: linear([[1.0]] * 3, [[[1.0], [2.0]]]), "3 rows, the contexts 2 arms"),
        (lambda: linear([1.0], [[float("nan")]]), "row 0 is not"),
        (lambda: logged([[1.0]], [[1.0], [2.0]]), "must agree"),
        (lambda: linear([1.0], [[1.0]], std=-1), "std"),
    ):
        with pytest.raises(ParameterError, match=said):
            build()


def test_refusals():
    policy = LinUCB(3, 2)
    with pytest.raises(ParameterError, match="pull needs the contexts"):
        policy.pull()
    with pytest.raises(ParameterError, match="disjoint=True"):
        policy.pull([1.0, 0.0])
    with pytest.raises(ParameterError, match=r"contexts must have shape \(3, 2\)"):
        policy.pull([[1.0, 0.0]] * 2)
    with pytest.raises(ParameterError, match="contexts of round 0 must be finite"):
        policy.pull([[1.0, math.inf]] * 3)
    with pytest.raises(ParameterError, match="give the contexts"):
        policy.update(0, 1.0)
    x = np.eye(3, 2)
    policy.pull(x)
    before = copy.deepcopy(policy.state)
    with pytest.raises(ParameterError, match="reward of round 0 is nan"):
        policy.update(0, math.nan)
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, policy.state, strict=True))
    policy.update(1, 1.0, contexts=x)
    assert policy.rounds == 1
    with pytest.raises(NotSupportedError, match="needs contexts"):
        simulate(bernoulli([0.1, 0.2, 0.3]), [policy], 10)
    with pytest.raises(NotSupportedError, match="doesn't look at contexts"):
        simulate(random_linear(3, 2), [UCB1(3)], 10)
    with pytest.raises(ParameterError, match="3 arms and 2 features"):
        simulate(random_linear(3, 4), [policy], 10)
    for cls, options in ((LinUCB, {"delta": 0}), (LinUCB, {"alpha": -1}), (LinTS, {"v": -1})):
        with pytest.raises(ParameterError, match=next(iter(options))):
            cls(3, 2, **options).pull(x)


@pytest.mark.parametrize("cls", [LinUCB, LinTS])
def test_catalogue_and_small_sizes(cls):
    example = cls.example()
    assert set(example.parameters()) >= set(cls.tunable())
    assert all([cls.rule, cls.tuning, cls.reference])
    policy = cls(1, 1)
    for reward in (0.0, 1.0, -1e6):
        assert policy.pull([0.0]) == 0
        policy.update(0, reward)
    assert np.isfinite(policy.theta).all()
