"""Linear routers and MDInference: twins with full inverses, budgets, the published catalogue, mistakes."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from naive import offload_arms as naive
from olearn.engine.offloading.arms import best_mix, replay_arms
from olearn.errors import OlearnError
from olearn.feedback import Feedback
from olearn.policies.offloading.lints_routing import LinTSRouting
from olearn.policies.offloading.linucb_routing import LinUCBRouting
from olearn.policies.offloading.mdinference import MDInference
from olearn.traces.offloading.routing import RoutingTable, catalogue_routing, synthetic_routing


def random_table(seed, samples, arms, d):
    rng = np.random.default_rng(seed)
    return RoutingTable(
        rng.integers(0, 2, (samples, arms)),
        rng.random((samples, arms)) + 0.01,
        features=rng.standard_normal((samples, d)),
    )


@given(
    st.integers(0, 2**32),
    st.integers(1, 50),
    st.integers(2, 4),
    st.integers(1, 6),
    st.integers(0, 3),
    st.sampled_from(["known", "learnt"]),
    st.sampled_from([1.0, 0.9]),
)
def test_linucb_twin(seed, samples, arms, d, delay, price, discount):
    table = random_table(seed, samples, arms, d)
    arrived = Feedback("chosen", delay).arrived(samples)
    policy = LinUCBRouting.for_table(table, width=0.4, trade=0.3, price=price, discount=discount, ridge=0.7)
    got = policy.play(table, arrived).choice.tolist()
    relative = table.relative_price()
    reward = table["correct"] - (0.3 * relative if price == "learnt" else 0.0)
    trade = 0.3 if price == "known" else 0.0
    x = table.router_features()
    assert got == naive.linucb(x, reward, relative, arrived, 0.4, trade, 0.7, discount, got)


@pytest.mark.parametrize("discount", [1.0, 0.999])
def test_inverses_do_not_drift(discount):
    table = random_table(5, 6000, 2, 8)
    policy = LinUCBRouting.for_table(table, discount=discount)
    choice = policy.play(table, np.arange(6000)).choice
    x, A, b = table.router_features(), np.eye(9), np.zeros(9)
    for t in range(5999):
        if choice[t] == 0:
            A = discount * A + np.outer(x[t], x[t]) + (1 - discount) * np.eye(9)
            b = discount * b + table["correct"][t, 0] * x[t]
    assert policy.state.inverse[0] == pytest.approx(np.linalg.inv(A), rel=1e-6, abs=1e-9)
    assert policy.state.theta[0] == pytest.approx(np.linalg.solve(A, b), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("cls", [LinUCBRouting, LinTSRouting])
@pytest.mark.parametrize("discount", [1e-6, 0.5, 0.9, 0.99])
def test_forgetting_keeps_the_regularisation(cls, discount):
    """Features that stop to occur: without ridge the inverse overflows, and one model is asked for ever."""
    n, rng = 4000, np.random.default_rng(2)
    half = np.arange(n) < n // 2
    features = np.where(half[:, None], rng.standard_normal((n, 3)), 0.0)
    good = np.where(half, 0, 1)
    correct = np.column_stack([good == 0, good == 1])
    table = RoutingTable(correct, features=features)
    policy = cls.for_table(table, discount=discount, ridge=0.5, seed=1)
    choice = policy.play(table, np.arange(n)).choice
    state = policy.state
    assert np.isfinite(state.inverse).all()
    assert np.isfinite(state.theta).all()
    assert np.linalg.eigvalsh(state.inverse).max() <= 1.0 / 0.5 * (1 + 1e-9)
    if discount >= 0.9:
        assert (choice[-500:] == 1).mean() > 0.9


def test_thompson_draws_the_right_law():
    """The first choice between two models with N(0, 1) indices is even; prices shift it by the normal law.

    2000 seeds, tolerance 5 standard errors: false alarm below 1e-6.
    """
    gap, count = 0.5, 2000
    second = [LinTSRouting(2, 1, width=1.0, trade=gap, seed=s).decide([1.0], [1.0, 0.0]) for s in range(count)]
    want = 0.5 * math.erfc(-gap / 2.0)  # P(N(0, 2) < gap)
    assert np.mean(second) == pytest.approx(want, abs=5 * math.sqrt(0.25 / count))


def test_lints_is_linucb_without_width():
    table = random_table(3, 200, 3, 4)
    a = LinTSRouting.for_table(table, width=0.0, trade=0.2).play(table, np.arange(200)).choice
    b = LinUCBRouting.for_table(table, width=0.0, trade=0.2).play(table, np.arange(200)).choice
    assert a.tolist() == b.tolist()


@pytest.mark.parametrize("cls", [LinUCBRouting, LinTSRouting])
def test_one_prompt_at_a_time_is_the_run(cls):
    table = random_table(4, 150, 3, 3)
    whole = cls.for_table(table, trade=0.2, seed=7).play(table, np.arange(150)).choice.tolist()
    policy, single = cls.for_table(table, trade=0.2, seed=7), []
    for t in range(150):
        single.append(policy.decide(table.router_features()[t], table.relative_price()[t]))
        policy.feedback(float(table["correct"][t, single[-1]]))
    assert single == whole


def test_router_beats_both_models():
    table = synthetic_routing(8000, seed=1)
    row = replay_arms(table, ["linucb-routing(width=0.2)"], cost=0.2).rows[0]
    assert row["regret"] < 0
    assert row["cost_clairvoyant"] < row["cost"] < row["cost_best_arm"]


def test_contexts_are_worth_something():
    table = synthetic_routing(8000, contexts=4, features=0, seed=2)
    assert table.router_features().shape[1] == 4
    row = replay_arms(table, ["linucb-routing"], cost=0.25).rows[0]
    assert row["cost_best_per_context"] < row["cost_best_arm"]
    assert row["cost"] < row["cost_best_arm"]


@pytest.mark.parametrize("budget", ["rate:0.2", "money:2.5", "bucket:0.1:5", "knapsack:300"])
@pytest.mark.parametrize("policy", ["linucb-routing(width=0.1)", "lints-routing(width=0.1)"])
def test_budgets_are_kept(budget, policy):
    """Queue: at most limit T + V + 1 (in units of the largest use); bucket and knapsack: hard."""
    table = synthetic_routing(3000, seed=3)
    row = replay_arms(table, [policy], budget=budget).rows[0]
    name, limit = budget.split(":")[0], float(budget.split(":")[1])
    if name == "bucket":
        assert row["used"] <= 0.1 * 3000 + 5 + 1e-9
    elif name == "knapsack":
        assert row["used"] <= 300 + 1e-9
    else:
        unit = 10.0 if name == "money" else 1.0
        assert row["used"] <= limit * 3000 + unit * (math.sqrt(3000) + 1)
        assert row["used"] > 0.8 * limit * 3000
    assert row["violation"] >= 0.0
    assert row["cost"] < row["cost_first"]  # better than the weak model alone


def test_a_budget_needs_a_policy_that_keeps_it():
    with pytest.raises(OlearnError, match="mdinference takes no budget: it takes the most accurate"):
        replay_arms(catalogue_routing(50), ["mdinference"], budget="rate:0.2")
    with pytest.raises(OlearnError, match="on rate or money, got 'energy'"):
        replay_arms(synthetic_routing(50), ["linucb-routing"], budget="energy:1")


@given(st.integers(0, 2**32), st.integers(2, 6), st.floats(0.0, 1.0))
def test_best_mix_is_the_linear_programme(seed, arms, rate):
    rng = np.random.default_rng(seed)
    costs, uses = rng.random(arms), rng.random(arms)
    uses[0] = 0.0
    lp = linprog(costs, A_ub=[uses], b_ub=[rate], A_eq=[np.ones(arms)], b_eq=[1.0])
    assert best_mix(costs, uses, rate) == pytest.approx(lp.fun, abs=1e-9)


# -- MDInference -----------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.integers(2, 6), st.floats(0.0, 3.0))
def test_mdinference_twin(seed, arms, gamma):
    rng = np.random.default_rng(seed)
    accuracy = np.round(rng.random(arms), 1)  # ties
    mean, deviation = np.round(rng.uniform(1, 50, arms)), rng.uniform(0, 5, arms)
    transfer = rng.uniform(0, 120, 30)
    policy = MDInference(accuracy, mean, deviation, deadline=100.0, gamma=gamma)
    got = policy._choose(transfer).tolist()
    want = naive.mdinference(accuracy.tolist(), mean.tolist(), deviation.tolist(), 100.0, gamma, transfer)
    assert got == want


@pytest.mark.parametrize(
    ("machine", "left", "model"),
    [
        ("p2", 200.0, "nasnet_large"),  # 112.6 + 0.3 ms, 82.6 %
        ("p2", 112.0, "inception_v4"),  # nasnet_large no longer fits; 80.1 %
        ("p2", 55.0, "inception_v3"),  # 31.1 ms, 77.9 %; inception_resnet_v2 (50.9 ms) is less accurate
        ("p2", 6.0, "mobilenet_v1_1.0_224"),  # 5.43 + 0.11 ms, 71.0 %
        ("p2", 5.5, "mobilenet_v1_1.0_192"),  # ... which 5.54 ms misses by 0.04
        ("p2", 2.0, "mobilenet_v1_0.25_128"),  # nothing fits: the fastest, 2.45 ms
        ("c5", 200.0, "nasnet_mobile"),  # 101 ms on the CPU
        ("c5", 600.0, "inception_v4"),
        ("c5", 2000.0, "nasnet_large"),
        ("c5", 3.0, "mobilenet_v1_0.25_128"),
    ],
)
def test_published_catalogue(machine, left, model):
    table = catalogue_routing(1, machine)
    policy = MDInference.for_table(table, deadline=3000.0)
    assert table.models[policy.decide(3000.0 - left)] == model


def test_mdinference_tracks_the_deadline():
    """Over the campus network accuracy rises with the deadline and late answers vanish."""
    table = catalogue_routing(2000, "p2", "campus", seed=1)
    rows = [replay_arms(table, [f"mdinference(deadline={d})"]).rows[0] for d in (100, 200, 400, 1000)]
    assert all(a["cost"] > b["cost"] for a, b in itertools.pairwise(rows))
    assert all(r["cost"] <= r["cost_best_arm"] + 0.01 for r in rows)
    assert rows[-1]["accuracy"] == pytest.approx(0.826, abs=0.03)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LinUCBRouting(1, 2).state, "arms must be a whole number of at least 2, got 1"),
        (lambda: LinUCBRouting(2, 0).state, "dimension"),
        (lambda: LinUCBRouting(2, 2, width=-1).state, "width"),
        (lambda: LinUCBRouting(2, 2, discount=0.0).state, "discount"),
        (lambda: LinUCBRouting(2, 2, price="free").state, "price must be 'known' or 'learnt', got 'free'"),
        (lambda: LinUCBRouting(2, 2).decide([1.0]), "features must be 2 finite numbers"),
        (lambda: LinUCBRouting(2, 1).decide([1.0], [1.0]), "price must be 2 numbers"),
        (lambda: LinUCBRouting(2, 1).feedback(1.0), "call decide before feedback"),
        (lambda: MDInference([0.5], [1.0], [1.0]).state, "need one number a model"),
        (lambda: MDInference([0.5, 0.6], [1.0, 2.0], [1.0, 1.0], deadline=-1).state, "deadline"),
        (lambda: MDInference.for_table(synthetic_routing(5)), "mdinference needs the models' profile"),
    ],
)
def test_mistakes(make, words):
    with pytest.raises(OlearnError) as error:
        make()
    assert words in str(error.value)
