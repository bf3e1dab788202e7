"""Caching gain against its slow twins, optima against brute force and against the published optimum."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import networks as naive
from olearn.errors import ParameterError
from olearn.geometry.networks import gain, relaxed_gain, supergradient
from olearn.optima.networks import brute_force, greedy, relaxed
from olearn.traces.networks import load_network

LI22 = [
    "adv-SN_oscillator-abilene", "adv-SN_oscillator-path", "adv-oscillator-abilene", "adv-oscillator-path",
    "changing-dtelekom", "changing-erdos_renyi", "changing-hypercube", "stationary-balanced_tree",
    "stationary-erdos_renyi", "stationary-geant", "update-cost-dtelekom",
]  # fmt: skip


def flat(n):
    return n.item, n.rate, n.start, n.path, n.upstream


@given(st.integers(0, 2**32 - 1))
def test_gains_are_those_of_the_twins(seed):
    rng = np.random.default_rng(seed)
    net = naive.random_network(rng)
    whole = rng.integers(0, 2, (net.nodes, net.items)).astype(float)
    assert gain(*flat(net), whole) == pytest.approx(naive.gain(net, whole), abs=1e-12)
    assert relaxed_gain(*flat(net), whole) == pytest.approx(naive.gain(net, whole), abs=1e-12)
    y = rng.random(whole.shape) * (rng.random(whole.shape) < 0.5)
    multilinear, concave = gain(*flat(net), y), relaxed_gain(*flat(net), y)
    assert multilinear == pytest.approx(naive.expected_gain(net, y), abs=1e-9)
    assert concave == pytest.approx(naive.relaxed(net, y), abs=1e-9)
    assert (1 - 1 / np.e) * concave - 1e-9 <= multilinear <= concave + 1e-9


@given(st.integers(0, 2**32 - 1))
def test_supergradient_lies_above_the_relaxation_everywhere(seed):
    rng = np.random.default_rng(seed)
    net = naive.random_network(rng)
    # Quarters, so that sums of exactly 1 (the kink) are met often.
    x, y = (rng.integers(0, 5, (net.nodes, net.items)) / 4 for _ in range(2))
    slope = np.zeros_like(x)
    supergradient(*flat(net), x, 0.0, slope)
    assert relaxed_gain(*flat(net), y) <= relaxed_gain(*flat(net), x) + np.sum(slope * (y - x)) + 1e-9


@given(st.integers(0, 2**32 - 1))
def test_optima_are_ordered_as_theory_says(seed):
    net = naive.random_network(np.random.default_rng(seed))
    best, placement = brute_force(net)
    assert best == pytest.approx(naive.gain(net, placement))
    found, held = greedy(net)
    assert np.all(held.sum(axis=1) <= net.capacity)
    assert best / 2 - 1e-9 <= found <= best + 1e-9
    # Ties may go another way in the twin, so both are held to the same guarantee.
    assert best / 2 - 1e-9 <= naive.greedy(net) <= best + 1e-9
    above = relaxed(net)
    assert (1 - 1 / np.e) * above.value - 1e-7 <= best <= above.bound + 1e-9
    assert np.all(above.placement.sum(axis=1) <= net.capacity + 1e-12)
    assert above.bound - above.value <= 1e-7 * max(1.0, above.value)


@pytest.mark.parametrize("name", LI22)
def test_relaxed_optimum_is_the_published_one(shared, name):
    net = load_network(shared / "networks" / "li22" / f"{name}.json")
    best = relaxed(net)
    unit = 2 / net.rate.sum()
    assert unit * best.value == pytest.approx(net.published["relaxed_optimum"], rel=1e-6)
    assert best.bound - best.value + 1e-9 * best.value >= 0
    assert best.bound - best.value <= 1e-9 * best.value
    # The published number came from an interior-point solver and lies above the true one.
    assert unit * best.value <= net.published["relaxed_optimum"]


def test_screening_changes_nothing(shared, monkeypatch):
    import importlib

    module = importlib.import_module("olearn.optima.networks.relaxed")
    net = load_network(shared / "networks" / "li22" / "stationary-geant.json")
    full = module.relaxed(net)
    monkeypatch.setattr(module, "SCREENED", 3)
    part = module.relaxed(net)
    assert part.value == pytest.approx(full.value, rel=1e-10)
    assert part.bound == pytest.approx(full.bound, rel=1e-10)


def test_brute_force_refuses_what_is_not_tiny(shared):
    net = load_network(shared / "networks" / "li22" / "stationary-geant.json")
    with pytest.raises(ParameterError, match="brute force tries every placement"):
        brute_force(net)


def test_demands_that_stand_twice_are_merged(shared):
    net = load_network(shared / "networks" / "li22" / "stationary-geant.json")
    merged = net.merged()
    assert merged.demands < net.demands
    assert merged.total == pytest.approx(net.total, rel=1e-14)
    assert (
        json.loads((shared / "networks" / "li22" / "stationary-geant.json").read_text())["nodes"]
        == merged.nodes
    )


@given(st.integers(0, 2**32 - 1))
def test_merged_is_a_dict_of_items_and_paths(seed):
    net = naive.random_network(np.random.default_rng(seed), items=2, demands=12)
    found = {}
    for d in range(net.demands):
        key = (int(net.item[d]), tuple(net.path[net.start[d] : net.start[d + 1]].tolist()))
        found[key] = found.get(key, 0.0) + float(net.rate[d])
    one = net.merged()
    mine = [
        (int(one.item[d]), tuple(one.path[one.start[d] : one.start[d + 1]].tolist()))
        for d in range(one.demands)
    ]
    assert dict(zip(mine, one.rate.tolist(), strict=True)) == found
    assert mine == list(found)
