"""Path replication against lists, and the published gains."""

import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import networks as naive
from olearn.errors import OlearnError
from olearn.traces.networks import build, load_network, poisson

NAMES = {"lru": "LRU", "fifo": "FIFO", "lfu": "LFU", "random": "Random"}


def policy(name):
    return getattr(importlib.import_module(f"olearn.policies.networks.{name}"), NAMES[name])


@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(NAMES)))
def test_twin(seed, name):
    """Lists, least wanted first; for LFU sorted by uses since they came, of equals the one that came first."""
    rng = np.random.default_rng(seed)
    net = naive.random_network(rng, items=5)
    if not net.capacity.any():
        return
    ours = policy(name)(net, seed=1, **({"replace": "uniform"} if name == "random" else {}))
    lists = [[] for _ in range(net.nodes)]
    uses = {}
    for d in rng.integers(0, net.demands, 60):
        i, low, last = net.item[d], net.start[d], net.start[d + 1] - 1
        gain = ours.run(np.array([d]))[0]
        now = ours.placement()
        hit = next((k for k in range(low, last) if i in lists[net.path[k]]), last)
        assert gain == net.upstream[hit]
        for k in range(low, min(hit + 1, last)):
            v = net.path[k]
            if not net.capacity[v]:
                continue
            if k == hit:
                uses[v, i] += 1
                if name == "lru":
                    lists[v].remove(i)
                    lists[v].append(i)
                continue
            if len(lists[v]) == net.capacity[v]:
                if name == "random":  # whichever it drew, it is one that was there
                    victim = next(j for j in lists[v] if not now[v, j])
                elif name == "lfu":
                    victim = min(lists[v], key=lambda j: uses[v, j])
                    if uses[v, victim] > 1:
                        continue
                else:
                    victim = lists[v][0]
                lists[v].remove(victim)
            lists[v].append(i)
            uses[v, i] = 1
        assert all(sorted(held) == np.flatnonzero(now[v]).tolist() for v, held in enumerate(lists))
        assert np.array_equal(ours.held(), np.flatnonzero(now))


def test_random_by_priorities_may_refuse_the_newcomer():
    """One place, two items in turn: the held one stays where its priority is above; half ."""
    line = build(2, [(0, 1, 2.0)], [1, 0], [1, 1], [(0, [0, 1], 1.0), (1, [0, 1], 1.0)])
    stayed = sum(policy("random")(line, seed=s).run([0, 1, 0])[2] == 2.0 for s in range(400))
    assert 160 <= stayed <= 240  # Bernoulli(1/2): outside with probability below 1e-4
    always = [policy("random")(line, replace="uniform", seed=s).run([0, 1, 0])[2] for s in range(20)]
    assert always == [0.0] * 20


def test_lfu_together_is_a_start_where_all_demands_met():
    line = build(2, [(0, 1, 2.0)], [1, 0], [1, 1], [(0, [0, 1], 1.0), (1, [0, 1], 1.0)])
    assert policy("lfu")(line, start="together").placement()[0].tolist() == [False, True]
    with pytest.raises(OlearnError, match="start"):
        policy("lfu")(line, start="togehter").run([0])


@pytest.mark.parametrize("graph", ["geant", "erdos_renyi", "balanced_tree"])
@pytest.mark.parametrize("name", ["lru", "fifo", "random"])
def test_published_gain(shared, graph, name):
    """Means of 5 fixed seeds within .035 of the published values (deviations between seeds are below .01)."""
    net = load_network(shared / "networks" / "li22" / f"stationary-{graph}.json")
    ours = []
    for seed in range(5):
        requests = poisson(net, 100.0, seed)
        walked = 2 * (net.upstream[net.start[:-1]][requests] - policy(name)(net, seed=seed).run(requests))
        ours.append((2 * net.total / net.rate.sum() - walked.mean()) / net.published["relaxed_optimum"])
    assert np.mean(ours) == pytest.approx(net.published["published"][name], abs=0.02 + 0.015)


@pytest.mark.parametrize("graph", ["geant", "erdos_renyi", "balanced_tree"])
def test_lfu_with_the_published_start(shared, graph):
    """Published rows of LFU hang on an artefact of the start, which is followed to within .05."""
    net = load_network(shared / "networks" / "li22" / f"stationary-{graph}.json")
    ours = []
    for seed in range(5):
        requests = poisson(net, 100.0, seed)
        lfu = policy("lfu")(net, start="together", seed=seed)
        walked = 2 * (net.upstream[net.start[:-1]][requests] - lfu.run(requests))
        ours.append((2 * net.total / net.rate.sum() - walked.mean()) / net.published["relaxed_optimum"])
    assert np.mean(ours) == pytest.approx(net.published["published"]["lfu"], abs=0.05)
