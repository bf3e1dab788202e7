"""Bad networks: one clear sentence each."""

import json

import pytest

from olearn.errors import TraceError
from olearn.traces.networks import load_network

GOOD = {
    "nodes": 3,
    "edges": [[0, 1, 2.0], [1, 2, 5.0]],
    "capacity": [1, 1, 0],
    "source": [2, 2],
    "demands": [{"item": 0, "path": [0, 1, 2], "rate": 1.0}],
}


def put(tmp_path, **changed):
    where = tmp_path / "net.json"
    where.write_text(json.dumps({k: v for k, v in (GOOD | changed).items() if v is not None}))
    return where


def test_a_good_one(tmp_path):
    net = load_network(put(tmp_path, remark="kept"))
    assert (net.name, net.nodes, net.items, net.demands) == ("net", 3, 2, 1)
    assert net.upstream.tolist() == [7.0, 5.0, 0.0]
    assert net.published == {"remark": "kept"}


def demand(**changed):
    return {"demands": [GOOD["demands"][0] | changed]}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"edges": [[0, 1, 2.0]]}, "disconnected: no way from node 0 to node 2"),
        (
            {"edges": [[0, 1, -2.0], [1, 2, 5.0]]},
            r"weight of edge 0 \(0-1\) must be a finite number of at least 0",
        ),
        ({"edges": [[0, 1, float("nan")], [1, 2, 5.0]]}, "finite number"),
        ({"edges": [[0, 1], [1, 2, 5.0]]}, r"edge 0 must be \[node, node, weight\]"),
        ({"edges": [[0, 7, 1.0], [1, 2, 5.0]]}, "edge 0 names node 7, which is absent"),
        ({"edges": [[0, 1, 1.0], [1, 0, 1.0], [1, 2, 5.0]]}, "stands twice"),
        ({"edges": [[0, 0, 1.0], [1, 2, 5.0]]}, "joins node 0 with itself"),
        ({"capacity": [1, 3, 0]}, "capacity of node 1 is 3, above the catalogue of 2 items"),
        ({"capacity": [1, -1, 0]}, "capacity of node 1 must be a whole number of at least 0"),
        ({"capacity": [1]}, "one entry a node: 3, got 1"),
        ({"source": []}, "source is empty"),
        ({"source": [2, 9]}, "source of item 1 names node 9"),
        ({"nodes": 0}, "number of nodes"),
        ({"nodes": None}, "no field 'nodes'"),
        ({"edges": "x"}, "field 'edges' must be a list"),
        ({"demands": []}, "at least one demand"),
        ({"demands": [{"item": 0}]}, "demand 0 must be an object with item, path and rate"),
        (demand(item=2), "asks for item 2, which has no designated server"),
        (demand(path=[0, 2]), "from node 0 to 2, but there is no such edge"),
        (demand(path=[0, 8, 2]), "path of demand 0 names node 8, which is absent"),
        (demand(path=[0, 1]), "ends at node 1, but the designated server of item 0 is 2"),
        (demand(path=[0, 1, 0, 1, 2]), "visits a node twice"),
        (demand(path=[]), "path of demand 0 is empty"),
        (demand(path=3), "must be a list of nodes"),
        (demand(rate=-1), "rate of demand 0 must be a finite number of at least 0, got -1"),
        (demand(rate="often"), "rate of demand 0 must be a number"),
    ],
)
def test_bad_ones(tmp_path, changed, said):
    with pytest.raises(TraceError, match=said):
        load_network(put(tmp_path, **changed))


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"[1]", "one JSON object, got a list"), (b"{", "no JSON: line 1, column 2"), (b"\xff\xfe", "not text")],
)
def test_bad_files(tmp_path, content, said):
    where = tmp_path / "net.json"
    where.write_bytes(content)
    with pytest.raises(TraceError, match=said):
        load_network(where)


def test_no_file(tmp_path):
    with pytest.raises(TraceError, match="can't read"):
        load_network(tmp_path / "absent.json")
