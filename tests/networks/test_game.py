"""The game on the machine, and its command as people use it."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import olearn
from naive import networks as naive
from olearn.cli import main
from olearn.errors import OlearnError
from olearn.policies.networks import LRU
from olearn.traces.networks import build, poisson_times
from olearn.traces.networks.topologies import GENERATED, graph, made_network

ROWS = ["policy", "requests", "tacg", "optimum", "ratio", "update_cost", "messages", "regret", "bound"]
LINE = {
    "nodes": 3,
    "edges": [[0, 1, 1.0], [1, 2, 5.0]],
    "capacity": [1, 1, 0],
    "source": [2, 2, 2],
    "demands": [{"item": i, "path": [0, 1, 2], "rate": r} for i, r in enumerate((9.0, 4.0, 1.0))],
}


@pytest.fixture
def line(tmp_path):
    path = tmp_path / "line.json"
    path.write_text(json.dumps(LINE))
    return path


def call(*args):
    return CliRunner().invoke(main, ["network", *map(str, args)])


def test_rows_are_what_a_loop_over_the_twin_finds():
    net = naive.random_network(np.random.default_rng(3), items=4, demands=8)
    demands, times = poisson_times(net, 30.0, 1)
    result = olearn.network(net, ["lru"], requests=demands, times=times, monitor=2.0, checkpoints=7)
    (row,) = result.rows
    policy, gains, hops = LRU(net), 0.0, 0
    for d, t in zip(demands, times, strict=True):
        held = policy.placement()
        gains += 2 * naive.served(net, held, d)
        way = net.path[net.start[d] : net.start[d + 1]].tolist()
        hops += next(k for k, v in enumerate(way) if held[v, net.item[d]] or v == way[-1])
        policy.run([d], [t])
    assert row["tacg"] == pytest.approx(gains / demands.size)
    assert row["messages"] == 2 * hops
    assert row["optimum"] >= 0
    assert row["hindsight"] >= gains / 2
    assert list(row)[: len(ROWS)] == ROWS
    assert result.curve("lru", "tacg")[0, -1] == pytest.approx(row["tacg"])


def test_update_cost_counts_new_pairs_at_instants():
    """One place and two items in turn: LRU holds another one at every look that comes after an odd number."""
    line = build(2, [(0, 1, 2.0)], [1, 0], [1, 1], [(0, [0, 1], 1.0), (1, [0, 1], 1.0)])
    demands, times = np.tile([0, 1], 200), np.arange(400) + 0.5
    result = olearn.network(line, ["lru"], requests=demands, times=times, monitor=1.0)
    row = result.rows[0]
    assert 0 < row["update_cost"] <= row["looks"]
    assert 340 < row["looks"] < 460  # Poisson of mean 400, 3 deviations
    assert olearn.network(line, ["lru"], requests=demands, monitor=0.0).rows[0]["update_cost"] == 0


def test_the_command(line, tmp_path):
    out = tmp_path / "out"
    asked = ["-p", "tgonline(eta=0.05)", "-p", "pga(gamma=1)", "-p", "ewma-greedy(beta=0.05)", "-p", "lru"]
    shown = call(line, *asked, "--out", out, "--seeds", 2)
    assert shown.exit_code == 0, shown.output
    assert {"rows.csv", "curves.csv", "result.json", "olearn-network.png", "olearn-network-map.png"} <= {
        p.name for p in out.iterdir()
    }
    told = json.loads(call(line, *asked, "--json").stdout)
    assert [row["policy"] for row in told["rows"]] == asked[1::2]
    assert all(list(row)[: len(ROWS)] == ROWS for row in told["rows"])
    assert all(row["optimum"] == pytest.approx(2 * (9 * 6 + 4 * 5) / 14) for row in told["rows"])
    made = call(
        "--topology", "path:3", "--items", 30, "--capacity", 2, "--count", 500, "-p", "lru", "--no-plot"
    )
    assert made.exit_code == 0, made.output
    trace = tmp_path / "items.txt"
    trace.write_text("0\n1\n0\n2\n" * 20)
    for more in ((line,), ("--topology", "star:3", "--capacity", 1)):
        traced = json.loads(call(*more, "--requests", trace, "-p", "lru", "--json").stdout)
        assert traced["rows"][0]["requests"] == 80


def test_regret_stands_beside_a_bound_and_certificate_on_the_same_share(line):
    asked = ["tgonline", "pga", "mirror-ascent", "bsca", "lru", "leadcache", "distributed-tgonline"]
    rows = {row["policy"]: row for row in olearn.network(line, asked, seeds=1).rows}
    share = {
        "tgonline": 0.5,
        "distributed-tgonline": 0.5,
        "pga": 1 - np.exp(-1),
        "mirror-ascent": 1 - np.exp(-1),
    }
    for name, row in rows.items():
        assert row["psi"] == pytest.approx(share.get(name, 1.0))
        assert row["regret"] == pytest.approx(row["psi"] * row["hindsight"] - row["gain"])
        assert (row["certificate"] is None) == (name in ("lru", "leadcache"))
        if row["bound"] is not None:
            assert row["regret"] <= row["bound"]


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["--topology", "geent"], "did you mean 'geant'"),
        (["--topology", "path:x"], "must be a whole number"),
        (["--topology", "star:3", "--items", "5"], "above the catalogue of 5 items"),
        (["--topology", "star:3", "--queries", "9"], "at most the 4 nodes"),
        (["--topology", "bipartite:2:3:4"], "at most its 3 caches, got 4"),
        (["--topology", "star:3", "--requests", "absent.txt"], "can't read the trace"),
        (["-p", "tgonlin"], "did you mean 'tgonline'"),
        (["-p", "pga(gama=1)"], "gamma"),
        (["--topology", "star:3", "--requests", "zipf:x"], "zipf"),
    ],
)
def test_one_sentence(args, sentence):
    shown = call(*args)
    assert shown.exit_code == 2 or isinstance(shown.exception, OlearnError)
    assert sentence in (shown.output + str(shown.exception))


def test_topologies_are_what_they_say():
    sizes = {
        "path:5": (5, 4),
        "tree:2:2": (7, 6),
        "hypercube:3": (8, 12),
        "star:4": (5, 4),
        "abilene": (11, 14),
    }
    for text, (nodes, edges) in sizes.items():
        made = graph(text)
        assert (made.nodes, len(made.edges)) == (nodes, edges)
    assert all(graph(name).nodes for name in GENERATED)
    net, demands, _, _ = made_network("bipartite:4:3:2", "zipf:1", items=6, capacity=1, count=50)
    assert net.capacity.tolist() == [0] * 4 + [1] * 3 + [0]
    assert all(net.upstream[net.start[d]] == 1.0 for d in demands)  # a request saves 1 wherever its copy is
    dense, _, _, _ = made_network("geant", "zipf:0.8", items=40, capacity=2, count=10)
    checked = build(
        dense.nodes, [(a, b, w) for (a, b), w in zip(dense.edges.tolist(), dense.weights, strict=True)],
        dense.capacity.tolist(), dense.source.tolist(),
        [(int(dense.item[d]), dense.path[dense.start[d] : dense.start[d + 1]].tolist(), float(dense.rate[d]))
         for d in range(dense.demands)],
    )  # fmt: skip
    for name in ("item", "rate", "start", "path", "upstream"):
        np.testing.assert_allclose(getattr(dense, name), getattr(checked, name))
