"""Catalogues, topologies, demands and files of inference delivery."""

import json

import numpy as np
import pytest
from delivery_networks import random_network

from olearn.errors import OlearnError, TraceError
from olearn.traces.delivery import (
    CATALOGUES,
    TOPOLOGIES,
    arrivals_demand,
    build,
    catalogue,
    load_network,
    poisson_demand,
    save_network,
    sliding_demand,
)


def test_catalogues_have_their_published_numbers():
    first = catalogue("yolov4").models[0]
    assert (first.name, first.size, first.accuracy) == ("yolov4-608", 245.0, 0.657)
    assert first.delay == pytest.approx(1000 / 34)
    known = {m.name: m for m in catalogue("mdinference").models}
    assert len(known) == 23
    assert known["inception_v3"].accuracy == 0.779
    assert known["inception_v3"].delay == pytest.approx(31.108)
    assert all(m.size > 0 for m in known.values())
    assert all(catalogue(n).source for n in CATALOGUES)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_topologies_are_trees_with_a_cloud(topology):
    net = build(topology, tasks=2)
    assert len(net.rtt) == 2 * (len(net.nodes) - 1)
    assert net.pinned[0].all()
    assert all(path[-1] == 0 for _, path in net.types)


def test_unknown_names_get_the_nearest():
    with pytest.raises(OlearnError, match="did you mean 'tree7'"):
        build("tree")
    with pytest.raises(OlearnError, match="did you mean 'yolov4'"):
        catalogue("yolo4")


def test_demands_have_the_volume_that_was_asked_for():
    net = build("tree7", tasks=4)
    demand = poisson_demand(net, slots=200, rate=10.0, alpha=1.0, seed=1)
    # 4 entries x 4 tasks x 10 requests; a Poisson total, 5 standard deviations
    assert abs(demand.sum() / 200 - 160) < 5 * np.sqrt(160 / 200)
    first = demand[:, [task == 0 for task, _ in net.types]].sum()
    last = demand[:, [task == 3 for task, _ in net.types]].sum()
    assert 3.4 < first / last < 4.6
    moved = sliding_demand(net, slots=8, rate=1000.0, alpha=2.0, period=4, seed=1)
    tasks = np.array([task for task, _ in net.types])
    leader = [np.argmax(np.bincount(tasks, weights=row)) for row in moved]
    assert leader == [0] * 4 + [1] * 4
    arrivals = arrivals_demand(net, np.concatenate([np.zeros(5), np.ones(30), [2.0]]), slots=2, seed=1)
    assert arrivals.sum(axis=1).tolist() == [5.0, 31.0]


@pytest.mark.parametrize("seed", range(6))
def test_files_keep_everything(tmp_path, seed):
    net, demand = random_network(seed)
    again = load_network(save_network(net, tmp_path / "net.json", demand))
    assert np.array_equal(again.demand, demand)
    y = np.random.default_rng(seed).random(net.places)
    for row in demand:
        assert again.network.gain(row, y) == pytest.approx(net.gain(row, y), abs=1e-9)
    assert again.network.split == net.split


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda d: d.pop("alpha"), "the file has no 'alpha'"),
        (lambda d: d.update(edge=[]), "the file has an unknown field 'edge' (did you mean 'edges'?)"),
        (lambda d: d["models"][0].pop("size"), "model 1 has no 'size'"),
        (
            lambda d: d["models"][0].update(delay={"moon": 3}),
            "names the node 'moon', which the network does not have",
        ),
        (lambda d: d["types"][0].update(path="edge"), "must be a list of nodes, got 'edge'"),
        (
            lambda d: d["types"][0].update(rate=-1),
            "rate of request type 1 must be a finite number of at least 0",
        ),
        (lambda d: d.update(demand=[[1.0, 2.0]]), "demand must have shape"),
        (lambda d: d.update(nodes=[]), '"nodes" must be an object'),
    ],
)
def test_bad_files_get_one_sentence_with_their_name(tmp_path, change, sentence):
    path = save_network(build("path3", tasks=1), tmp_path / "net.json")
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(TraceError) as told:
        load_network(path)
    assert sentence in str(told.value)
    assert "net.json" in str(told.value)
    assert "\n" not in str(told.value)


def test_what_is_no_json_is_said(tmp_path):
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(TraceError, match="is not JSON"):
        load_network(tmp_path / "x.json")
    with pytest.raises(TraceError, match="can't be read"):
        load_network(tmp_path / "absent.json")
