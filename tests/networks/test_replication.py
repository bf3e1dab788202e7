"""Path replication against lists, and the published gains."""

import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import networks as naive
from olearn.traces.networks import load_network, poisson

NAMES = {"lru": "LRU", "fifo": "FIFO", "lfu": "LFU", "random": "Random"}


def policy(name):
    return getattr(importlib.import_module(f"olearn.policies.networks.{name}"), NAMES[name])


@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(NAMES)))
def test_twin(seed, name):
    rng = np.random.default_rng(seed)
    net = naive.random_network(rng, items=5)
    if not net.capacity.any():
        return
    ours = policy(name)(net, seed=1)
    lists = [[] for _ in range(net.nodes)]  # least wanted first
    seen = np.zeros((net.nodes, net.items), dtype=int)
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
            seen[v, i] += 1
            if k == hit:
                if name in ("lru", "lfu"):
                    lists[v].remove(i)
                    lists[v].append(i)
                continue
            if len(lists[v]) == net.capacity[v]:
                if name == "random":  # whichever it drew, it is one that was there
                    victim = next(j for j in lists[v] if not now[v, j])
                elif name == "lfu":
                    victim = min(lists[v], key=lambda j: seen[v, j])  # the first of equals: used longest ago
                else:
                    victim = lists[v][0]
                lists[v].remove(victim)
            lists[v].append(i)
        assert all(sorted(held) == np.flatnonzero(now[v]).tolist() for v, held in enumerate(lists))


@pytest.mark.parametrize("graph", ["geant", "erdos_renyi", "balanced_tree"])
@pytest.mark.parametrize("name", ["lru", "fifo"])
def test_published_gain(shared, graph, name):
    """Means of 5 fixed seeds within .035 of the published values (deviations between seeds are below .01).

    Random replacement is not here: the published rule is another one than ours (see reproduce-networks).
    """
    net = load_network(shared / "networks" / "li22" / f"stationary-{graph}.json")
    ours = []
    for seed in range(5):
        requests = poisson(net, 100.0, seed)
        walked = 2 * (net.upstream[net.start[:-1]][requests] - policy(name)(net, seed=seed).run(requests))
        ours.append((2 * net.total / net.rate.sum() - walked.mean()) / net.published["relaxed_optimum"])
    assert np.mean(ours) == pytest.approx(net.published["published"][name], abs=0.02 + 0.015)


def test_lfu_served_one_by_one(shared):
    """Published rows of LFU hang on an artefact of the start; served in order a prototype found .766."""
    net = load_network(shared / "networks" / "li22" / "stationary-geant.json")
    ours = []
    for seed in range(5):
        requests = poisson(net, 100.0, seed)
        walked = 2 * (net.upstream[net.start[:-1]][requests] - policy("lfu")(net, seed=seed).run(requests))
        ours.append((2 * net.total / net.rate.sum() - walked.mean()) / net.published["relaxed_optimum"])
    assert np.mean(ours) == pytest.approx(0.766, abs=0.05)
