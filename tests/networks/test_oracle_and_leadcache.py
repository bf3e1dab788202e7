"""The warm program against the relaxed optimum, pipage against the multilinear gain, LeadCache's rule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import networks as naive
from olearn.errors import OlearnError
from olearn.geometry.networks import gain
from olearn.geometry.networks.oracle import Oracle
from olearn.optima.networks import relaxed
from olearn.policies.networks import LeadCache
from olearn.traces.networks import build
from olearn.traces.networks.topologies import made_network


def dense(net, oracle, y):
    found = np.zeros((net.nodes, net.items))
    found[oracle.cells.node, oracle.cells.item] = y
    return found


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_oracle_is_the_relaxed_optimum_for_any_weights(seed):
    rng = np.random.default_rng(seed)
    net = naive.random_network(rng, items=4, demands=7)
    if not net.capacity.any():
        return
    oracle = Oracle(net)
    for _ in range(3):
        theta = rng.integers(0, 4, net.demands).astype(float)
        value, y = oracle.solve(theta)
        again = relaxed(net.subset(np.arange(net.demands), theta))
        assert value == pytest.approx(again.value, abs=1e-6)
        assert naive.relaxed(net.subset(np.arange(net.demands), theta), dense(net, oracle, y)) == pytest.approx(
            value, abs=1e-6
        )


@given(st.integers(0, 2**32 - 1))
def test_pipage_makes_whole_and_never_loses(seed):
    rng = np.random.default_rng(seed)
    net = naive.random_network(rng, items=5, demands=8)
    if not net.capacity.any():
        return
    oracle = Oracle(net)
    y = rng.random(oracle.cells.node.size)
    for v in np.unique(oracle.cells.node):
        mine = oracle.cells.node == v
        y[mine] *= min(1.0, net.capacity[v] * (1 - 1e-12) / y[mine].sum())
    theta = rng.random(net.demands)
    whole = oracle.pipage(theta, y)
    assert set(np.unique(whole)) <= {0.0, 1.0}
    assert (np.bincount(oracle.cells.node, whole, net.nodes) <= net.capacity).all()
    values = [
        gain(net.item, theta, net.start, net.path, net.upstream, dense(net, oracle, z)) for z in (y, whole)
    ]
    assert values[1] >= values[0] - 1e-7


def test_without_noise_leadcache_follows_the_counts():
    """Item 1 was asked for most in the slots before: from the second slot on it is held."""
    line = build(2, [(0, 1, 2.0)], [1, 0], [1, 1], [(0, [0, 1], 0.5), (1, [0, 1], 0.5)])
    policy = LeadCache(line, eta=0.0, period=1.0)
    gains = policy.run([1, 0, 1, 0, 0, 1], [0.5, 1.5, 2.5, 3.5, 4.5, 5.5])
    assert gains[[2, 5]].tolist() == [2.0, 0.0]
    with pytest.raises(OlearnError, match="rounding"):
        LeadCache(line, rounding="pipag").run([0])


@pytest.mark.parametrize("rounding", ["pipage", "madow"])
def test_leadcache_learns_on_a_bipartite_network(rounding):
    net, demands, times, _ = made_network("bipartite:4:3:2", "zipf:1.2", items=30, capacity=4, count=400)
    policy = LeadCache(net, rounding=rounding, seed=1)
    gains = policy.run(demands, times)
    best = relaxed(
        net.subset(np.arange(net.demands), np.bincount(demands, minlength=net.demands).astype(float))
    )
    assert (policy.placement().sum(axis=1) <= net.capacity).all()
    assert gains[200:].mean() > 0.7 * best.value / 400  # every fifth item at random: below .5
