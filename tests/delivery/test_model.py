"""The gain of inference delivery, its supergradient and its merged form against slow twins."""

import math

import numpy as np
import pytest
from delivery_networks import random_network
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import delivery as naive
from olearn.environments.delivery import COLUMNS, Delivery, spread_load, supergradient
from olearn.environments.delivery_merged import merge, total_gain
from olearn.errors import ParameterError

seeds = st.integers(0, 10_000)


def fractions(net, seed):
    rng = np.random.default_rng(seed)
    y = rng.random((len(net.nodes), len(net.models)))
    y[rng.random(y.shape) < 0.3] = 0.0
    y[net.pinned] = 1.0
    return y


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_gain_is_serving_one_by_one_and_the_telescoped_formula(seed):
    net, demand = random_network(seed)
    y = fractions(net, seed)
    for row in demand[:3]:
        ours = net.gain(row, y.reshape(-1))
        assert ours == pytest.approx(naive.gain(net, row, y), abs=1e-9)
        assert ours == pytest.approx(naive.gain_telescoped(net, row, y), abs=1e-9)


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_supergradient_twin_and_inequality(seed):
    net, demand = random_network(seed)
    y, z = fractions(net, seed), fractions(net, seed + 1)
    for row in demand[:3]:
        g = np.zeros(net.places)
        spread_load(net.options, row)
        supergradient(net.options, row, y.reshape(-1), g)
        g = g.reshape(y.shape)
        assert g == pytest.approx(np.array(naive.supergradient(net, row, y)), abs=1e-9)
        above = net.gain(row, y.reshape(-1)) + float((g * (z - y)).sum())
        assert net.gain(row, z.reshape(-1)) <= above + 1e-8


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_merged_demand_has_the_same_gain(seed):
    net, demand = random_network(seed)
    y = np.where(net.open.reshape(len(net.nodes), -1) | net.pinned, fractions(net, seed), 0.0).reshape(-1)
    slow = math.fsum(net.gain(row, y) for row in demand)
    assert float(total_gain(merge(net, demand), y)) == pytest.approx(slow, abs=1e-7)


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_gain_is_monotone_and_submodular_on_placements(seed):
    net, demand = random_network(seed)
    rng = np.random.default_rng(seed)
    free = np.flatnonzero(net.open)
    if free.size < 2:
        return
    small = rng.random(free.size) < 0.3
    large = small | (rng.random(free.size) < 0.4)
    extra = int(rng.integers(free.size))

    def gain(chosen):
        x = net.placement()
        x[free[chosen]] = 1.0
        return math.fsum(net.gain(row, x) for row in demand)

    def add(chosen):
        more = chosen.copy()
        more[extra] = True
        return more

    assert gain(large) >= gain(small) - 1e-9
    if not large[extra]:
        assert gain(add(small)) - gain(small) >= gain(add(large)) - gain(large) - 1e-7


def test_a_shared_model_never_serves_more_than_its_limit():
    net = Delivery(
        nodes=["a", "b", "hub", "cloud"],
        edges=[("a", "hub", 1), ("b", "hub", 1), ("hub", "cloud", 50)],
        models=["m"],
        task=[0],
        size=[1],
        accuracy=[1.0],
        delay=[1],
        budget=[0, 0, 1, 0],
        repositories={"cloud": "all"},
        types=[(0, ["a", "hub", "cloud"]), (0, ["b", "hub", "cloud"])],
        alpha=0.0,
        limit=np.array([[10.0], [10.0], [10.0], [np.inf]]),
    )
    assert net.gain([30, 10], {"hub": ["m"]}) == pytest.approx(10 * 50)
    own = Delivery(**{**_arguments(net), "split": "own"})
    assert own.gain([30, 10], {"hub": ["m"]}) == pytest.approx(20 * 50)


def _arguments(net):
    return {
        "nodes": net.nodes,
        "edges": [(net.nodes[a], net.nodes[b], w) for (a, b), w in net.rtt.items()],
        "models": net.models,
        "task": net.task,
        "size": net.size,
        "accuracy": net.accuracy,
        "delay": net.delay,
        "budget": net.budget,
        "repositories": {"cloud": "all"},
        "types": [(t, [net.nodes[n] for n in p]) for t, p in net.types],
        "alpha": net.alpha,
        "limit": net.limit,
    }


GOOD = {
    "nodes": ["edge", "cloud"],
    "edges": [("edge", "cloud", 40.0)],
    "models": ["small", "large"],
    "task": [0, 0],
    "size": [1.0, 3.0],
    "accuracy": [0.6, 0.9],
    "delay": [5.0, 20.0],
    "budget": [2.0, 0.0],
    "repositories": {"cloud": "all"},
    "types": [(0, ["edge", "cloud"])],
    "alpha": 100.0,
}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"edges": []}, "the network is not connected: 'cloud' can't be reached from 'edge'"),
        ({"edges": [("edge", "sky", 1.0)]}, "an edge names the node 'sky', which the network does not have"),
        ({"edges": [("edge", "cloud", -1.0)]}, "the round-trip time of edge-cloud must be a finite number"),
        ({"types": [(0, ["edge", "sky"])]}, "the path of request type 1 names the node 'sky'"),
        ({"types": [(0, ["edge"])]}, "request type 1 (task 0, from 'edge') has no repository on its path"),
        ({"types": [(3, ["edge", "cloud"])]}, "the task of request type 1 must be 0 .. 0, got 3"),
        ({"types": []}, "give at least one request type"),
        ({"size": [1.0, -3.0]}, "size of 'large' must be a number above 0, got -3"),
        ({"accuracy": [0.6, 1.9]}, "accuracy of 'large' must be a number at least 0 and at most 1, got 1.9"),
        ({"delay": [5.0, float("nan")]}, "delay of 'large' must be a number at least 0, got nan"),
        ({"budget": [-2.0, 0.0]}, "budget of 'edge' must be a number at least 0, got -2"),
        ({"repositories": {"cloud": ["huge"]}}, "unknown model at the repository 'cloud' 'huge'"),
        ({"split": "fair"}, "unknown split 'fair'"),
        (
            {"repositories": {"cloud": ["small"]}},
            "the model 'large' (3) can be held nowhere: the largest budget is 2",
        ),
    ],
)
def test_bad_networks_get_one_sentence(change, sentence):
    with pytest.raises((ParameterError, KeyError)) as told:
        Delivery(**{**GOOD, **change})
    assert sentence in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("demand", "sentence"),
    [
        ([[1.0, 2.0]], "demand must have shape (slots, 1), got (1, 2)"),
        ([[-1.0]], "demand must be finite and at least 0, got -1.0 of type 1 in slot 1"),
        ([[1.0], [float("nan")]], "got nan of type 1 in slot 2"),
    ],
)
def test_bad_demands_get_one_sentence(demand, sentence):
    with pytest.raises(ParameterError, match="demand") as told:
        Delivery(**GOOD).check_demand(demand)
    assert sentence in str(told.value)


def test_repositories_that_cannot_serve_a_slot_are_named():
    net = Delivery(**{**GOOD, "limit": [3.0, 4.0]})
    assert net.check_demand([[7.0]]).shape == (1, 1)
    with pytest.raises(ParameterError, match="slot 1 asks 8 times for type 1: more than its repositories"):
        net.check_demand([[8.0]])


def test_columns_are_distinct():
    assert len(set(COLUMNS)) == len(COLUMNS)
