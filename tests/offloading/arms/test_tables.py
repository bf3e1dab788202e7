"""Tables of exits, split points, models and servers: builders, files, real data, a sentence a mistake."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import offload_arms as naive
from olearn.engine.offloading import replay_offloading
from olearn.errors import NotSupportedError, OlearnError
from olearn.traces.offloading import OffloadTable, read_table
from olearn.traces.offloading._layouts import adopt
from olearn.traces.offloading.drift_arms import drifting
from olearn.traces.offloading.exits import (
    ExitTable,
    digits_exits,
    exits_from_csv,
    exits_from_stages,
    synthetic_exits,
)
from olearn.traces.offloading.routing import (
    GSM8K_RATES,
    MDINFERENCE,
    MDINFERENCE_NETWORKS,
    Profile,
    RoutingTable,
    catalogue_routing,
    routing_from_csv,
    synthetic_routing,
)
from olearn.traces.offloading.servers import (
    Server,
    ServerTable,
    arrivals_from_azure,
    poisson_arrivals,
)
from olearn.traces.offloading.splits import (
    SplitTable,
    aligned,
    read_links,
    read_stats,
    split_features,
    splits_from_stats,
)

STATS = """tiny
layers,0,1,2-3,4
flops,0,400,100,50
params,0,10,0,5
output,1.0,4.0,0.5,0.01
times,{times}

block details:
0,InputLayer
1,Conv2D
2-3,Activation,MaxPooling2D
4,Dense

"""
PADDED = STATS.replace("layers,0,1", "layers,0,9,1").replace("0,400", "0,0,400").replace("0,10,0", "0,0,10,0")
PADDED = PADDED.replace("1.0,4.0", "1.0,1.1,4.0").replace("0,InputLayer\n", "0,InputLayer\n9,ZeroPadding2D\n")


def one_of_each():
    return {
        "exits": synthetic_exits(30, exits=3, seed=1),
        "splits": SplitTable([0.0, 2.0], [[3.0, 0.0], [4.0, 0.0]], [[1.0], [0.0]], [0.0, 0.5], name="two"),
        "routing": catalogue_routing(20, seed=2),
        "servers": poisson_arrivals(30, 2.0, seed=3),
    }


@pytest.mark.parametrize("kind", ["exits", "splits", "routing", "servers"])
@pytest.mark.parametrize("ending", ["npz", "parquet"])
def test_saved_and_read(kind, ending, tmp_path):
    table = one_of_each()[kind]
    found = read_table(table.save(tmp_path / f"t.{ending}"))
    assert type(found) is type(table)
    assert found == table
    assert found.meta() == table.meta()
    part = found[5:12] if kind != "splits" else found[:1]
    assert type(part) is type(table)
    assert part.arms == table.arms


def test_csv_of_each_kind(tmp_path):
    tables = one_of_each()
    for kind in ("exits", "routing", "servers"):
        found = read_table(tables[kind].save(tmp_path / f"{kind}.csv"))
        assert found.kind == kind
        for name, column in tables[kind].columns.items():
            assert np.array_equal(found[name], column)
    with pytest.raises(OlearnError, match=r"saved as \.npz or \.parquet"):
        read_table(tables["splits"].save(tmp_path / "splits.csv"))


def test_binary_tables_are_not_adopted(tmp_path):
    """Columns that look like exits or models beside those of binary offloading do not change the kind."""
    for more in ("confidence_raw,confidence_scaled", "a_correct,b_correct"):
        columns = dict.fromkeys(["confidence", "local_correct", *more.split(",")], np.array([1.0]))
        assert adopt(columns, "table.csv") is None


# -- exits ---------------------------------------------------------------------------------------------


def test_exits_from_csv(tmp_path):
    file = tmp_path / "exits.csv"
    file.write_text("conf_early,conf_late,pred_early,pred_late,label\n0.4,0.9,1,2,2\n0.7,0.8,3,3,3\n")
    table = exits_from_csv(file, cost=[0.1, 0.4])
    assert table.exit_names == ("early", "late")
    assert table["correct"].tolist() == [[0, 1], [1, 1]]
    assert read_table(file).exit_names == ("early", "late")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("conf_a\n0.5\n", "at least two columns 'confidence_<exit>'"),
        ("conf_a,conf_b,correct_a\n0.5,0.6,1\n", "exit 'b' needs both"),
        (
            "conf_a,conf_b\n0.5,1.6\n",
            "between 0 and 1, got [0.5 1.6] in row 1",
        ),
        ("conf_a,conf_b\n0.5,\n", "column 'conf_b' is empty in row 1"),
        ("conf_a,conf_b\n", "no row below its header"),
        ("conf_a,conf_b,correct_a,correct_b\n0.5,0.5,1,2\n", "correct must be 0 or 1"),
    ],
)
def test_bad_exit_csv(text, words, tmp_path):
    file = tmp_path / "bad.csv"
    file.write_text(text)
    with pytest.raises(OlearnError) as error:
        exits_from_csv(file)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ExitTable([[0.5]]), "at least two exits"),
        (lambda: ExitTable([0.5, 0.6]), "one column for each"),
        (lambda: ExitTable([[0.5, math.nan]]), "probability between 0 and 1, got [0.5 nan] in row 1"),
        (lambda: ExitTable([[0.5, 0.6]], correct=[[1]]), "correct must have the shape"),
        (
            lambda: ExitTable([[0.5, 0.6]], cost=[0.2, 0.1]),
            "cost must not fall with depth, got 0.2 and then 0.1",
        ),
        (lambda: ExitTable([[0.5, 0.6]], cost=[-0.2, 0.1]), "cost must be at least 0"),
        (lambda: ExitTable([[0.5, 0.6]], cost=[0.2]), "cost must hold 2 numbers"),
        (lambda: ExitTable([[0.5, 0.6]], offload_cost=-1), "offload_cost must be a finite number in [0"),
        (lambda: ExitTable([[0.5, 0.6]], prediction=[[0.5, 1]]), "prediction must hold whole numbers"),
        (lambda: ExitTable([[0.5, 0.6]], exit_names=["a"]), "exit_names must hold 2 names"),
        (lambda: ExitTable(np.zeros((0, 2))), "no samples"),
        (lambda: synthetic_exits(10, dominance=2), "dominance"),
        (lambda: digits_exits((4, 2)), "trees must increase"),
        (lambda: SplitTable([0.0, 1.0], [[1.0, 0.5]], [[1.0], [0.0]]), "must be 0, got a delay in row 1"),
        (lambda: SplitTable([1.0, 0.0], [[1.0, 0.0]], [[1.0], [0.0]]), "front must not fall"),
        (lambda: SplitTable([0.0], [[1.0, 0.0]], [[1.0], [0.0]]), "front must hold 2 times"),
        (lambda: SplitTable([0.0, 1.0], [[1.0, 0.0]], [[1.0], [1.0]]), "last row of features must be 0"),
        (lambda: SplitTable([0.0, 1.0], [[-1.0, 0.0]], [[1.0], [0.0]]), "remote must be at least 0"),
        (lambda: SplitTable([0.0, 1.0], [[1.0, 0.0]], [[1.0], [0.0]], [1.0]), "below 1"),
        (lambda: RoutingTable([[1], [0]]), "at least two models"),
        (lambda: RoutingTable([[1, 2]]), "correct must be 0 or 1"),
        (lambda: RoutingTable([[1, 0]], price=[[1, -1]]), "price must be at least 0"),
        (lambda: RoutingTable([[1, 0]], price=[[1, 1, 1]]), "price must have the shape"),
        (lambda: RoutingTable([[1, 0]], features=[[math.inf]]), "features must be a finite number"),
        (lambda: RoutingTable([[1, 0]], models=["a", "a"]), "2 different names"),
        (lambda: RoutingTable([[1, 0]], context=[0.5]), "context must be whole numbers"),
        (lambda: RoutingTable([[1, 0]], profile=Profile([0.5], [1.0], [1.0])), "profile must hold"),
        (lambda: RoutingTable([[1, 0]]).late(10.0), "a deadline needs the column 'latency'"),
        (lambda: synthetic_routing(10, (0.5, 1.5)), "accuracy must be a finite number in (0, 1)"),
        (lambda: synthetic_routing(10, (0.5, 0.6), (1.0,)), "one number a model"),
        (lambda: catalogue_routing(10, "gpu"), "unknown machine 'gpu'"),
        (lambda: catalogue_routing(10, network="lan"), "unknown network 'lan'"),
        (lambda: ServerTable([1.0, 0.5], [1, 1], [1, 1]), "time must not go back, but does in row 2"),
        (lambda: ServerTable([0.0], [-1], [1]), "read must be at least 0"),
        (lambda: ServerTable([0.0], [1], [1], owner=[0]), "no request is ours"),
        (lambda: ServerTable([0.0, 1.0], [1, 1], [1, 1], owner=[-1, 9]), "owner must be -1 or a server 0 .. 2"),
        (lambda: ServerTable([0.0], [1], [1], servers=[Server("a", 1, 1, 1)]), "at least two servers"),
        (lambda: ServerTable([0.0], [1], [1], servers=[Server("a", 1, 0, 1)] * 2), "read of server 'a'"),
        (lambda: poisson_arrivals(10, 0.0), "rate"),
    ],
)
def test_bad_tables(make, words):
    with pytest.raises(OlearnError) as error:
        make()
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_digest_covers_the_constants():
    table = one_of_each()["exits"]
    assert table.with_costs(offload_cost=0.1) != table
    assert table.with_costs(offload_cost=table.offload_cost) == table


def test_missing_columns_are_named():
    table = ExitTable([[0.5, 0.6]])
    assert np.isnan(table.accuracy()).all()
    with pytest.raises(NotSupportedError, match="uee-ucb needs the column 'prediction'"):
        table.need("prediction", "uee-ucb")


def test_digits_are_real_and_out_of_fold():
    table = digits_exits((1, 4, 16))
    accuracy = table.accuracy()
    assert len(table) == 1797
    assert (np.diff(accuracy) > 0.03).all()
    assert 0.6 < accuracy[0] < 0.8
    assert accuracy[2] > 0.9
    assert digits_exits((1, 4, 16)) == table


def test_stages_see_no_sample_of_their_own_fold():
    """A model that has learnt its training samples by heart is at chance out of fold."""
    rng = np.random.default_rng(0)
    x, y = rng.random((200, 3)), np.repeat([0, 1], 100)

    def fit(features, labels):
        known = {tuple(f): int(label) for f, label in zip(features, labels, strict=True)}

        def stages(samples):
            assert not any(tuple(s) in known for s in samples)
            return [np.full((len(samples), 2), 0.5)] * 2

        return stages

    table = exits_from_stages(fit, x, y)
    assert table.accuracy().tolist() == [0.5, 0.5]
    with pytest.raises(OlearnError, match="folds must be at most"):
        exits_from_stages(fit, x[:101], y[:101], folds=5)


def test_synthetic_exits_obey_dominance():
    table = synthetic_exits(2000, exits=6, dominance=1.0, seed=4)
    assert table.dominance() == 1.0
    gamma = 1.0 - table.accuracy()
    differ = np.mean(table["prediction"][:, :1] != table["prediction"], axis=0)
    assert differ == pytest.approx(gamma[0] - gamma)  # strong dominance: disagreement = gap in error
    assert synthetic_exits(2000, exits=6, dominance=0.5, seed=4).dominance() < 0.9


def test_drift_from_one_table_to_another():
    """A camera that gets worse: accuracy falls; abrupt, the halves are the two tables."""
    clean, noisy = digits_exits((1, 8)), digits_exits((1, 8), noise=4.0)
    assert (noisy.accuracy() < clean.accuracy() - 0.05).all()
    table = drifting(clean, noisy, 4000, shape="abrupt", seed=1)
    assert table.exit_names == clean.exit_names
    assert table.cost.tolist() == clean.cost.tolist()
    first, second = table[:2000].accuracy(), table[2000:].accuracy()
    # 2000 draws: within 5 standard errors, false alarm below 1e-5
    assert first == pytest.approx(clean.accuracy(), abs=5 * 0.5 / math.sqrt(2000))
    assert second == pytest.approx(noisy.accuracy(), abs=5 * 0.5 / math.sqrt(2000))
    ramp = drifting(clean, noisy, 4000, seed=1)
    assert first[1] > ramp.accuracy()[1] > second[1]
    assert drifting(clean, noisy, 50, seed=2) == drifting(clean, noisy, 50, seed=2)
    with pytest.raises(OlearnError, match="same kind, arms and columns"):
        drifting(clean, digits_exits((1, 4, 8)), 10)
    with pytest.raises(OlearnError, match="make the load drift"):
        drifting(poisson_arrivals(5, 1.0), poisson_arrivals(5, 1.0), 10)


# -- split points --------------------------------------------------------------------------------------


def write_stats(folder, name, text, times):
    file = folder / name
    file.write_text(text.format(times=times))
    return file


def test_splits_by_hand(tmp_path):
    device = write_stats(tmp_path, "d-stats.csv", STATS, "1,20,10,5")
    server = write_stats(tmp_path, "s-stats.csv", STATS, "0.5,2,1,0.5")
    table = splits_from_stats(device, server, "tiny", (10.0, 8.0), samples=3, noise=0.0)
    mib = 8 * 2**20 / 1e6 / 8.0 * 1e3  # ms a MiB at 8 Mbit/s
    want = [1 + 10 + mib + 3.5, 21 + 10 + 4 * mib + 1.5, 31 + 10 + 0.5 * mib + 0.5, 36.0]
    assert table.delay() == pytest.approx(np.tile(want, (3, 1)))
    slow = splits_from_stats(device, server, "tiny", (10.0, 8.0), samples=2, noise=0.0, loads=[1.0, 3.0])
    assert slow["remote"][1, 0] - slow["remote"][0, 0] == pytest.approx(7.0)


def test_features_describe_the_remote_part(tmp_path):
    blocks = read_stats(write_stats(tmp_path, "d-stats.csv", STATS, "1,20,10,5"))["tiny"]
    x = split_features(blocks)
    assert x.shape == (4, 8)
    assert (x[-1] == 0).all()
    assert x[0].tolist() == [1, 1, 1, 1, 1, 1, 0.25, 1]  # all but the input is remote; 1 of 4 MB is sent
    assert x[1].tolist() == [0, 1, 1, 0, 1, 1, 1, 1]  # the convolution is on the device
    assert split_features(blocks, intercept=False).shape == (4, 7)


def test_blocks_of_other_library_versions_are_aligned(tmp_path):
    first = read_stats(write_stats(tmp_path, "d-stats.csv", STATS, "1,20,10,5"))["tiny"] * 3
    padded = read_stats(write_stats(tmp_path, "s-stats.csv", PADDED, "1,7,20,10,5"))["tiny"]
    second = padded + first[4:]
    a, b = aligned(first, second)
    assert [x.layers for x in a] == [x.layers for x in b]
    assert b[1].time == 27.0  # the padding's time goes to the convolution behind it
    assert sum(x.time for x in b) == sum(x.time for x in second)
    with pytest.raises(OlearnError, match="different networks"):
        aligned(first[:4], padded[::-1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.replace("output", "outputs"), "'outputs' is not a row of a stats file"),
        (
            lambda s: s.replace("times,1,20", "times,1,x"),
            "times of block 1 of 'tiny' must be a number from 0, got 'x'",
        ),
        (lambda s: s.replace("times,1,20,10,5", "times,1,20"), "must be a number from 0, got 'nothing'"),
        (lambda s: s.replace("times,1,20,10,5\n", ""), "has no row 'times'"),
        (lambda s: s.replace("tiny\n", "", 1), "line 1: a row 'layers' before the name of a model"),
        (lambda s: "", "holds no model"),
    ],
)
def test_bad_stats(change, words, tmp_path):
    file = tmp_path / "bad-stats.csv"
    file.write_text(change(STATS.format(times="1,20,10,5")))
    with pytest.raises(OlearnError) as error:
        read_stats(file)
    assert words in str(error.value)


def test_bad_links_and_builds(tmp_path):
    file = tmp_path / "net.csv"
    file.write_text("source,destination,ping(ms),bandwidth(mbps)\na,b, 20, fast\n")
    with pytest.raises(OlearnError, match="line 2: expected source,destination,ping,bandwidth"):
        read_links(file)
    device = write_stats(tmp_path, "d-stats.csv", STATS, "1,20,10,5")
    with pytest.raises(OlearnError, match=r"unknown model in d-stats\.csv 'tinny'"):
        splits_from_stats(device, device, "tinny", (1, 1))
    with pytest.raises(OlearnError, match="rate must be a finite number in"):
        splits_from_stats(device, device, "tiny", (1, 0))
    with pytest.raises(OlearnError, match="rates must hold one number for each of 5 frames"):
        splits_from_stats(device, device, "tiny", (1, 1), samples=5, rates=[1.0])
    with pytest.raises(OlearnError, match="there is no file"):
        read_stats(tmp_path / "nothing")


def test_measured_networks(shared):
    """Totals of the shared measurements, and a network whose best cut is inside."""
    folder = shared / "traces" / "scission"
    total = lambda file, model: sum(b.time for b in read_stats(folder / file)[model])  # noqa: E731
    assert total("jetsonnano-stats.csv", "mobilenet") == pytest.approx(98.8, abs=0.05)
    assert total("raspberrypi-2-stats.csv", "mobilenet") == pytest.approx(681.9, abs=0.05)
    assert total("bonarda-gpu-stats.csv", "resnet50") == pytest.approx(59.8, abs=0.05)
    assert len(read_stats(folder / "asus-stats.csv")) == 18
    assert read_links(folder / "network_stats.csv")["raspi4", "2500"] == (66.7, 1.6)
    pi, gpu = folder / "raspberrypi-2-stats.csv", folder / "bonarda-gpu-stats.csv"
    best = lambda link: int(  # noqa: E731
        splits_from_stats(pi, gpu, "mobilenet", link, samples=1, noise=0.0).delay()[0].argmin()
    )
    assert (best((66.7, 1.6)), best((20, 10)), best((20, 50))) == (91, 37, 0)
    assert splits_from_stats(pi, gpu, "mobilenet", (20, 10), samples=1, noise=0.0).linear_error() < 1.0


# -- models --------------------------------------------------------------------------------------------


def test_routing_layout(tmp_path):
    file = tmp_path / "llm.csv"
    file.write_text("row,weak_correct,strong_correct,context,feature_len\n0,1,1,b,3\n1,0,1,a,9\n")
    table = routing_from_csv(file, price=(1.0, 4.0))
    assert table.models == ("weak", "strong")
    assert table.context_names == ("a", "b")
    assert table.relative_price().tolist() == [[0.25, 1.0]] * 2
    assert table.router_features().tolist() == [[1.0, 3.0], [1.0, 9.0]]
    assert read_table(file).models == ("weak", "strong")
    with pytest.raises(OlearnError, match="price must hold 2 numbers"):
        routing_from_csv(file, price=(1.0,))


def test_a_table_without_prices_charges_the_better_model():
    rng = np.random.default_rng(0)
    domain = rng.integers(0, 5, 3000)
    weak, strong = rng.random(3000) < 0.4 + 0.1 * domain, rng.random(3000) < 0.8
    table = RoutingTable(np.column_stack([weak, strong]), context=domain, models=("weak", "strong"))
    result = replay_offloading(table, ["linucb-routing"], cost=0.1)
    # slow and obvious
    constant = sum(0.1 + (not s) for s in strong) / 3000
    best = 0.0
    for d in range(5):
        here = [t for t in range(3000) if domain[t] == d]
        best += min(sum(not weak[t] for t in here), sum(0.1 + (not strong[t]) for t in here))
    assert result.row("always strong")["cost"] == pytest.approx(constant)
    assert result.row("best arm per context")["cost"] == pytest.approx(best / 3000)
    assert any("no prices: an answer of strong, the better model, costs 1" in note for note in result.notes)
    # the order of the columns says nothing
    swapped = RoutingTable(np.column_stack([strong, weak]), models=("strong", "weak"))
    assert swapped.relative_price()[0].tolist() == [1.0, 0.0]
    # three models: nobody can tell which is dear
    three = RoutingTable(np.column_stack([weak, strong, strong]), name="three")
    assert replay_offloading(three, ["linucb-routing"]).rows[0]["cost"] < 0.4
    with pytest.raises(OlearnError, match="'three' has none for its 3 models: add a column '<model>_price'"):
        replay_offloading(three, ["linucb-routing"], cost=0.1)


def test_the_published_pair_at_a_price(shared):
    table = read_table(shared / "traces" / "routellm" / "gsm8k_correct.csv")
    result = replay_offloading(table, ["linucb-routing"], cost=0.1)
    assert result.row("always strong")["cost"] == pytest.approx(1 - 0.8567 + 0.1, abs=5e-5)
    assert result.row("always weak")["cost"] == pytest.approx(1 - 0.6384, abs=5e-5)


@pytest.mark.parametrize(
    ("table", "policy", "options", "sentence"),
    [
        (OffloadTable([0.5, 0.6], [0, 1]), "never", {}, "give cost, the price of offloading"),
        (OffloadTable([0.5, 0.6], [0, 1]), "never", {"cost": 0.1, "remote": "counted"}, "remote_correct"),
        (OffloadTable([0.5, 0.6], [0, 1]), "never", {"cost": 0.1, "budget": "energy:0.1"}, "energy"),
        (ExitTable([[0.6, 0.9]] * 3), "splitee", {"objective": "error"}, "'correct'"),
        (ExitTable([[0.6, 0.9]] * 3), "splitee", {"budget": "money:1"}, "money"),
        (SplitTable([0, 1], [[2, 0]] * 3, [[1], [0]]), "ans", {"cost": 0.1}, "cost has no meaning"),
        (SplitTable([0, 1], [[2, 0]] * 3, [[1], [0]]), "ans", {"budget": "upload:1"}, "upload"),
        (RoutingTable([[0, 1, 1]] * 3), "linucb-routing", {"cost": 0.1}, "<model>_price"),
        (RoutingTable([[0, 1, 1]] * 3), "linucb-routing(trade=0.1)", {}, "<model>_price"),
        (RoutingTable([[0, 1]] * 3), "linucb-routing", {"budget": "money:1"}, "price"),
        (RoutingTable([[0, 1, 1]] * 3), "linucb-routing", {"budget": "rate:0.5"}, "needs prices"),
        (ServerTable([0, 1, 2], [9, 9, 9], [9, 9, 9]), "server-exp3-ix", {"cost": 0.1}, "cost has no meaning"),
    ],
)
def test_a_cost_that_needs_an_absent_column_is_refused(table, policy, options, sentence):
    with pytest.raises(OlearnError, match=sentence):
        replay_offloading(table, [policy], **options)


def test_routing_columns_by_name(tmp_path):
    """The layout of RouteLLM's own files: a column a model, true or false."""
    file = tmp_path / "gsm8k.csv"
    file.write_text("prompt,mistralai/Mixtral,gpt-4\nhow many?,True,False\nwhy?,False,True\n")
    table = routing_from_csv(file, models=["mistralai/Mixtral", "gpt-4"], price=[0.24, 10])
    assert table.models == ("mistralai/Mixtral", "gpt-4")
    assert table["correct"].tolist() == [[1, 0], [0, 1]]
    assert table["price"].tolist() == [[0.24, 10.0]] * 2
    with pytest.raises(OlearnError, match="unknown column of gsm8k"):
        routing_from_csv(file, models=["gpt4"])
    assert RoutingTable([[1, 0]], price=[1, 2])["price"].tolist() == [[1.0, 2.0]]


def test_features_fall_back_to_domains():
    assert RoutingTable([[1, 0], [0, 1]], context=[1, 0]).router_features().tolist() == [[0, 1], [1, 0]]
    assert RoutingTable([[1, 0], [0, 1]]).router_features().tolist() == [[1], [1]]


def test_synthetic_marginals():
    """Marginals of 40,000 prompts within 5 standard errors (false alarm below 1e-5); a feature that helps."""
    table = synthetic_routing(40_000, seed=1)
    assert table.accuracy() == pytest.approx(GSM8K_RATES, abs=5 * 0.5 / 200)
    assert np.corrcoef(table["features"][:, 0], table["correct"][:, 0])[0, 1] < -0.3


def test_published_catalogue():
    table = catalogue_routing(4000, "p2", "campus", seed=1)
    assert len(MDINFERENCE) == 23
    assert table.profile.accuracy.max() == pytest.approx(0.826)
    mean, deviation = MDINFERENCE_NETWORKS["campus"]
    assert (table["latency"] > 0).all()
    assert table["latency"].mean(axis=0) == pytest.approx(table.profile.mean, rel=0.01)
    # normal draws redrawn while not positive: the mean of a normal truncated at 0
    a = -mean / deviation
    lift = math.exp(-0.5 * a * a) / math.sqrt(2 * math.pi) / (0.5 * math.erfc(a / math.sqrt(2)))
    assert table["transfer"].mean() / 2 == pytest.approx(mean + deviation * lift, rel=0.03)


def test_routellm(shared):
    table = read_table(shared / "traces" / "routellm" / "gsm8k_correct.csv")
    assert len(table) == 1319
    assert table.accuracy() == pytest.approx(GSM8K_RATES, abs=5e-5)


# -- servers -------------------------------------------------------------------------------------------


def test_azure_layout(shared):
    table = arrivals_from_azure(shared / "traces" / "azure_llm_2023" / "AzureLLMInferenceTrace_conv.csv")
    assert len(table) == 19_366
    assert table["read"].mean() == pytest.approx(1154.7, abs=0.05)
    assert table["write"].mean() == pytest.approx(211.1, abs=0.05)
    assert table["time"][-1] / 60 == pytest.approx(58.4, abs=0.1)
    assert table["time"][1] == pytest.approx(4.314579, abs=1e-6)


def test_azure_layout_small(tmp_path):
    file = tmp_path / "azure.csv"
    rows = ["2023-11-16 18:15:46.6805900,374,44", "2023-11-16 18:15:48.1805901,10,5"]
    file.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "\n".join(rows) + "\n")
    table = arrivals_from_azure(file, background=0.0, speedup=2.0)
    assert table["time"] == pytest.approx([0.0, 0.75], abs=1e-6)
    assert read_table(file).kind == "servers"
    file.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,1,1\n")
    with pytest.raises(OlearnError, match="TIMESTAMP 'yesterday' in row 1 is not a date and a time"):
        arrivals_from_azure(file)
    file.write_text("TIMESTAMP,Tokens\n1,1\n")
    with pytest.raises(OlearnError, match="no column 'ContextTokens'"):
        arrivals_from_azure(file)


@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(2, 4), st.floats(0.1, 20.0))
def test_queues_twin(seed, samples, count, rate):
    rng = np.random.default_rng(seed)
    owner = rng.integers(-1, count, samples)
    owner[0] = -1
    servers = [Server(str(k), float(k), *rng.uniform(50, 500, 2)) for k in range(count)]
    table = ServerTable(
        np.cumsum(rng.exponential(1 / rate, samples)),
        rng.integers(0, 100, samples),
        rng.integers(0, 100, samples),
        owner,
        servers=servers,
    )
    want = naive.queue_delays(table["time"], table.work(), table.owner, table.network()) * 1e3
    assert table.delays() == pytest.approx(want, rel=1e-9, abs=1e-6)


def test_queue_is_m_m_1():
    """Poisson arrivals and exponential work: the mean time in system is 1/(mu - lambda).

    400,000 requests at load 0.5; the mean's standard error is about 0.4 %, the tolerance 3 %: false alarm
    below 1e-9. The requests of ours come at Poisson times too, so they see time averages.
    """
    servers = [Server("a", 0.0, 1.0, 100.0), Server("b", 0.0, 1.0, 1e9)]
    table = poisson_arrivals(
        400_000, 1.0, read=0.0, write=1e4, servers=servers, background=0.5, weights=[1, 0], seed=1
    )
    scaled = ServerTable(
        table["time"], np.zeros(len(table)), table["write"] / 100, table["owner"], servers=servers
    )
    lam, mu = 0.5, 1.0
    assert scaled.work()[:, 0].mean() == pytest.approx(1.0, rel=0.02)
    assert scaled.delays()[:, 0].mean() / 1e3 == pytest.approx(1 / (mu - lam), rel=0.03)
