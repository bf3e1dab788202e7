"""INFIDA against its slow twin; rounding, certificates, bounds; the acceptance run."""

import math

import numpy as np
import pytest
from delivery_networks import random_network
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import delivery as naive
from olearn import registry
from olearn.environments.delivery import COLUMNS
from olearn.environments.delivery_merged import merge, total_gain
from olearn.errors import OlearnError
from olearn.geometry.entropic import entropic_log
from olearn.optima.delivery import best_placement, price_bound, relaxed
from olearn.policies.delivery import (
    INFIDA,
    OLAG,
    Cheapest,
    INFIDAOffline,
    MostAccurate,
    StaticGreedy,
)
from olearn.traces.delivery import build, poisson_demand, sliding_demand, tree7

GAIN, UPDATES, OVER = (COLUMNS.index(c) for c in ("gain", "updates", "over"))
seeds = st.integers(0, 10_000)


@given(seeds, st.sampled_from([1e-3, 0.05, 1.0]))
@settings(max_examples=25, deadline=None)
def test_fractions_follow_the_slow_twin(seed, eta):
    net, demand = random_network(seed)
    slow = naive.infida_fractions(net, demand, eta)
    policy = INFIDA(net, eta=eta, residual="none")
    for t, row in enumerate(demand):
        assert policy.fractions() == pytest.approx(np.array(slow[t]), abs=1e-7)
        policy.serve(row[None])
    assert policy.fractions() == pytest.approx(np.array(slow[-1]), abs=1e-7)


@given(st.integers(0, 10_000), st.floats(-400, 2000))
@settings(max_examples=60, deadline=None)
def test_the_projection_in_logarithms_is_the_root(seed, far):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    v = rng.normal(size=n) * 3 + np.where(rng.random(n) < 0.4, far, 0.0)
    sizes = rng.integers(1, 6, n).astype(float)
    budget = float(rng.uniform(0.05, 0.95) * sizes.sum())
    out = np.empty(n)
    lam = float(entropic_log(v, sizes, budget, 1.0, np.empty(n), out))
    assert out == pytest.approx(np.minimum(0.0, v - lam), abs=1e-9)
    assert math.fsum(sizes * np.exp(out)) == pytest.approx(budget, rel=1e-10)


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_no_weight_is_ever_lost(seed):
    """After a million to one against a model, requests for it alone bring it back."""
    net, demand = random_network(seed)
    policy = INFIDA(net, eta=50.0, residual="none")
    policy.serve(np.tile(demand, (50, 1)))
    y = policy.fractions().reshape(-1)
    used = (y * np.tile(net.size, len(net.nodes)))[net.open]
    assert np.isfinite(y).all()
    assert used.sum() > 0 or not net.open.any()
    assert np.isfinite(policy.state.logs).all()
    again = policy.serve(demand)
    assert np.isfinite(policy.certificate(again)).all()


@given(seeds, st.sampled_from(["fill", "drop"]))
@settings(max_examples=20, deadline=None)
def test_hard_budgets_are_hard(seed, residual):
    net, demand = random_network(seed)
    rows = INFIDA(net, eta=0.1, residual=residual, seed=seed).serve(np.tile(demand, (5, 1)))
    assert rows[:, OVER].max(initial=0.0) <= 1 + 1e-9


@pytest.mark.jit_only
def test_bernoulli_keeps_the_marginals_and_the_gain():
    """20,000 draws: each mean within 5 standard errors (chance of a false alarm below 1e-4 in all)."""
    net, demand = random_network(7, bounded=False)
    policy = INFIDA(net, eta=0.05, residual="bernoulli", seed=1)
    policy.serve(demand)
    y = policy.fractions().reshape(-1)
    frozen = INFIDA(net, eta=1e-300, residual="bernoulli", seed=2)
    frozen.state.y[:] = y
    from olearn.policies.delivery.infida import draw

    draws = 20_000
    held = np.zeros(net.places)
    gains = 0.0
    entries = merge(net, demand)
    for _ in range(draws):
        draw(frozen.state)
        held += frozen.state.x
        gains += float(total_gain(entries, frozen.state.x))
    spread = 5 * np.sqrt(y * (1 - y) / draws) + 1e-12
    assert (np.abs(held / draws - y) <= spread).all()
    assert gains / draws >= (1 - 1 / math.e) * float(total_gain(entries, y)) * 0.99


@given(seeds, st.sampled_from([1e-3, 0.02, 0.3, 5.0]))
@settings(max_examples=25, deadline=None)
def test_certificate_and_bound_hold(seed, eta):
    net, demand = random_network(seed)
    demand = np.tile(demand, (10, 1))
    policy = INFIDA(net, eta=eta, residual="none", horizon=len(demand), peak=8.0)
    rows = policy.serve(demand)
    best = relaxed(net, demand)
    regret = best.upper_bound - rows[:, GAIN].sum()
    tolerance = 1e-6 * max(1.0, best.value)
    assert regret <= policy.certificate(rows)[-1] + tolerance
    assert policy.certificate(rows)[-1] <= policy.bound(len(demand)).value * (1 + 1e-9) + tolerance
    assert rows[:, GAIN].sum() >= -tolerance


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_relaxed_optimum_is_above_the_best_placement_and_certified(seed):
    net, demand = random_network(seed)
    best, lp = best_placement(net, demand), relaxed(net, demand)
    assert lp.upper_bound >= best.value - 1e-7 * max(1.0, best.value)
    assert lp.status == "optimal"
    entries = merge(net, demand)
    rng = np.random.default_rng(seed)
    any_prices = lp.dual * rng.uniform(0.5, 1.5, lp.dual.size) + rng.normal(size=lp.dual.size)
    assert price_bound(net, entries, any_prices) >= lp.value - 1e-7 * max(1.0, lp.value)
    greedy = StaticGreedy(net, demand=demand).serve(demand)[:, GAIN].sum()
    assert greedy <= best.value + 1e-7 * max(1.0, best.value)


@pytest.fixture(scope="module")
def seven():
    net = tree7()
    demand = poisson_demand(net, slots=300, rate=60.0, alpha=1.2, seed=1)
    return net, demand, relaxed(net, demand)


@pytest.mark.jit_only
def test_acceptance_run_of_the_seven_node_tree(seven):
    """Section 1.6 of the reference: fractions .97 / .98, placements .90 (drop), .91 (Bernoulli), .93 (fill)."""
    net, demand, best = seven
    per_slot = best.value / len(demand)
    assert best.status == "optimal"
    rows = INFIDA(net, eta=0.05, residual="none").serve(demand)
    assert rows[:, GAIN].mean() >= 0.97 * per_slot
    assert rows[-50:, GAIN].mean() >= 0.98 * per_slot
    for residual, least in (("drop", 0.90), ("bernoulli", 0.91), ("fill", 0.93)):
        shares = [
            INFIDA(net, eta=0.05, residual=residual, seed=s).serve(demand)[:, GAIN].mean() / per_slot
            for s in range(5)
        ]
        assert np.mean(shares) >= least, residual


@pytest.mark.jit_only
def test_the_certificate_is_not_vacuous(seven):
    """At eta .005 the reference has .073 of the optimum certified, .036 suffered."""
    net, demand, best = seven
    policy = INFIDA(net, eta=0.005, residual="none")
    rows = policy.serve(demand)
    certified = policy.certificate(rows)[-1] / best.value
    suffered = 1 - rows[:, GAIN].sum() / best.value
    assert certified == pytest.approx(0.073, abs=0.005)
    assert suffered == pytest.approx(0.036, abs=0.005)


@pytest.mark.jit_only
def test_refresh_periods_load_fewer_models(seven):
    net, demand, _ = seven
    updates = {}
    for refresh in (1, 10, 50, "dynamic"):
        rows = INFIDA(net, eta=0.05, refresh=refresh, seed=3).serve(demand)
        updates[refresh] = rows[:, UPDATES].sum()
    assert updates[1] > 5 * updates[10] > 10 * updates[50] / 2
    assert updates[10] > updates["dynamic"]
    slots = np.flatnonzero(rows[:, UPDATES] > 0) + 1
    assert set(slots) <= {1 + k * (k + 1) // 2 for k in range(30)}


@pytest.mark.jit_only
def test_order_of_policies_when_popularity_slides():
    net = tree7()
    demand = sliding_demand(net, slots=300, period=30, seed=2)
    totals = {
        p.name: p.serve(demand)[:, GAIN].sum()
        for p in (
            INFIDA(net, eta=0.05, residual="none"),
            OLAG(net),
            Cheapest(net),
            MostAccurate(net),
            StaticGreedy(net, demand=demand),
            INFIDAOffline(net, eta=0.01, demand=demand),
        )
    }
    assert totals["infida"] > totals["olag"]
    assert totals["infida"] > totals["static-greedy"]
    assert totals["cheapest"] < totals["olag"]
    assert totals["most-accurate"] < totals["olag"]


@pytest.mark.parametrize("name", registry.names("delivery"))
def test_every_policy_in_parts_is_the_policy_in_one_go(name):
    net = build("path3", tasks=3)
    demand = poisson_demand(net, slots=40, seed=4)
    kind = registry.find("delivery", name)
    more = {"demand": demand} if kind.offline else {}

    def fresh():
        return kind(net, 40, peak=float(demand.max()), seed=5, **more)

    whole = fresh().serve(demand)
    first = fresh()
    parts = [first.serve(demand[:13])]
    second = first.copy()
    first.serve(demand[13:20])  # must not touch the copy
    parts.append(second.serve(demand[13:]))
    assert np.array_equal(np.concatenate(parts), whole)
    first.reset()
    assert np.array_equal(first.serve(demand), whole)
    assert kind.rule
    assert kind.reference
    assert (whole[:, OVER] <= 1 + 1e-9).all()
    assert set(first.placement()) <= {"regional", "edge"}


@pytest.mark.parametrize(
    ("build_policy", "sentence"),
    [
        (lambda n: INFIDA(n), "infida: give horizon (number of slots) or eta"),
        (lambda n: INFIDA(n, horizon=10), "infida: give eta, or peak"),
        (lambda n: INFIDA(n, eta=-1), "eta must be a finite number"),
        (lambda n: INFIDA(n, eta=1, residual="keep"), "unknown residual 'keep'"),
        (lambda n: INFIDA(n, eta=1, refresh=0), "refresh (or 'dynamic') must be a whole number of at least 1"),
        (lambda n: OLAG(n, refresh=1.5), "refresh must be a whole number of at least 1, got 1.5"),
        (lambda n: StaticGreedy(n), "static-greedy knows the future: give demand"),
    ],
)
def test_bad_parameters_get_one_sentence(build_policy, sentence):
    with pytest.raises(OlearnError) as told:
        _ = build_policy(build("path3", tasks=1)).state
    assert sentence in str(told.value)
