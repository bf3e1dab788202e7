"""Budgets on policies that choose among arms: twins with plain bookkeeping, and the limits themselves."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from naive import offload_arms as naive
from olearn.engine.offloading import replay_offloading
from olearn.engine.offloading.arms import replay_arms
from olearn.engine.offloading.budgets import parse_budget
from olearn.errors import OlearnError
from olearn.feedback import Feedback
from olearn.learners.bandits import Exp3IX, TsallisINF
from olearn.policies.offloading._game import KNAPSACK, TOKEN_BUCKET, VIRTUAL_QUEUE, Budget
from olearn.policies.offloading._limits import limits
from olearn.policies.offloading.ans import ANS
from olearn.policies.offloading.linucb_routing import LinUCBRouting
from olearn.policies.offloading.server_exp3_ix import ServerExp3IX
from olearn.policies.offloading.server_tsallis_inf import ServerTsallisINF
from olearn.policies.offloading.splitee import SplitEE
from olearn.policies.offloading.splitee_s import SplitEES
from olearn.policies.offloading.ucbee import UCBEE
from olearn.policies.offloading.uee_ucb import UEEUCB
from olearn.traces.offloading import read_table
from olearn.traces.offloading.exits import ExitTable, synthetic_exits
from olearn.traces.offloading.routing import RoutingTable, catalogue_routing, synthetic_routing
from olearn.traces.offloading.servers import SERVERS, Server, ServerTable, poisson_arrivals
from olearn.traces.offloading.splits import SplitTable

kinds = st.sampled_from(
    [("queue", VIRTUAL_QUEUE, 2.0), ("bucket", TOKEN_BUCKET, 1.5), ("knapsack", KNAPSACK, 3.0)]
)
rates = st.sampled_from([0.05, 0.3])


def twice(kind, rate, use, most):
    """The same budget for the kernel and for the twin."""
    name, code, scale = kind
    level = np.zeros(4)
    if name == "bucket":
        level[0] = scale
    return limits(Budget(code, rate, scale, 0.2, level), use, most), naive.Purse(name, rate, scale, 0.2)


def agree(bounds, purse, plays):
    level = bounds.budget.level
    assert level[1] == pytest.approx(purse.spent)
    assert level[2] == purse.blocked
    assert plays.spent.sum() == pytest.approx(purse.spent)


def random_exits(seed, samples, exits):
    rng = np.random.default_rng(seed)
    return ExitTable(
        rng.random((samples, exits)),
        prediction=rng.integers(0, 2, (samples, exits)),
        cost=np.sort(rng.random(exits)),
        offload_cost=0.3,
    )


cases = (st.integers(0, 2**32), st.integers(1, 50), st.integers(2, 4), st.integers(0, 2), kinds, rates)


@given(*cases, st.sampled_from(["chosen", "stand-in", "seen"]), st.sampled_from(["rate", "energy"]))
def test_exit_ucb_twin(seed, samples, exits, delay, kind, rate, side, resource):
    table = random_exits(seed, samples, exits)
    policy = SplitEE.for_table(table) if side == "chosen" else SplitEES.for_table(table, final=side)
    usage = policy.usage(table, resource)
    bounds, purse = twice(kind, rate, usage.use, usage.most)
    arrived = Feedback("chosen", delay).arrived(samples)
    plays = policy.play(table, arrived, limits=bounds)
    got = plays.choice.tolist()
    rows, cost = table["confidence"].tolist(), table.cost.tolist()
    use = [
        [
            (cost[j] if resource == "energy" else 0.0) + (1.0 if resource == "rate" else 0.3) * away
            for j, away in e
        ]
        for e in ([(j, c < 0.7 and j < exits - 1) for j, c in enumerate(row)] for row in rows)
    ]
    most = [
        (cost[j] if resource == "energy" else 0.0) + (1.0 if resource == "rate" else 0.3) * (j < exits - 1)
        for j in range(exits)
    ]
    want = naive.exit_ucb(rows, arrived, cost, 0.3, 0.7, 1.0, side, got, purse, most, use)
    assert got == want
    agree(bounds, purse, plays)


@given(*cases)
def test_ucbee_twin(seed, samples, exits, delay, kind, rate):
    table = random_exits(seed, samples, exits)
    policy = UCBEE.for_table(table, thresholds=(0.0, 0.4, 0.9))
    usage = policy.usage(table, "rate")
    bounds, purse = twice(kind, rate, usage.use, usage.most)
    arrived = Feedback("chosen", delay).arrived(samples)
    plays = policy.play(table, arrived, limits=bounds)
    got = plays.choice.tolist()
    branch, final = table["confidence"][:, 0].tolist(), table["confidence"][:, -1].tolist()
    use = [[float(b < theta) for theta in (0.0, 0.4, 0.9)] for b in branch]
    overhead = float(policy.overhead)
    want = naive.ucbee(branch, final, arrived, (0.0, 0.4, 0.9), overhead, 1.0, got, purse, [0.0, 1.0, 1.0], use)
    assert got == want
    agree(bounds, purse, plays)


@given(*cases, st.sampled_from(["rate", "energy"]))
def test_uee_twin(seed, samples, exits, delay, kind, rate, resource):
    table = random_exits(seed, samples, exits)
    policy = UEEUCB.for_table(table, alpha=0.05)
    usage = policy.usage(table, resource)
    bounds, purse = twice(kind, rate, usage.use, usage.most)
    arrived = Feedback("earlier", delay).arrived(samples)
    plays = policy.play(table, arrived, limits=bounds)
    use = table.cost.tolist() if resource == "energy" else [0.0] * (exits - 1) + [1.0]
    rows = table["prediction"].tolist()
    assert plays.choice.tolist() == naive.uee_ucb(rows, arrived, table.cost.tolist(), 0.05, purse, use)
    agree(bounds, purse, plays)


@given(*cases, st.sampled_from(["rate", "device", "upload"]), st.integers(1, 4))
def test_ans_twin(seed, samples, points, delay, kind, rate, resource, period):
    rng = np.random.default_rng(seed)
    x = rng.random((points, 2))
    x[-1] = 0.0
    front = np.sort(rng.uniform(0, 80, points))
    remote = (x @ [40.0, 70.0]) * np.exp(0.1 * rng.standard_normal((samples, 1)))
    table = SplitTable(front, remote, x, sent=np.append(rng.random(points - 1), 0.0))
    policy = ANS.for_table(table, exploration=5.0, ridge=0.5, period=period)
    usage = policy.usage(table, resource)
    assert (
        usage.most.tolist()
        == {
            "rate": [1.0] * (points - 1) + [0.0],
            "device": front.tolist(),
            "upload": table.sent.tolist(),
        }[resource]
    )
    use = usage.most / usage.most.max()
    bounds, purse = twice(kind, rate, use[None, :], use)
    arrived = Feedback("chosen", delay).arrived(samples)
    plays = policy.play(table, arrived, limits=bounds)
    got = plays.choice.tolist()
    want = naive.ans(front, x, remote, np.zeros(samples), arrived, 5.0, 0.5, period, got, purse, use.tolist())
    assert got == want
    agree(bounds, purse, plays)


@given(*cases)
def test_linucb_twin(seed, samples, arms, delay, kind, rate):
    rng = np.random.default_rng(seed)
    price = rng.random((samples, arms))
    table = RoutingTable(rng.integers(0, 2, (samples, arms)), price, features=rng.standard_normal((samples, 2)))
    policy = LinUCBRouting.for_table(table, width=0.4)
    bounds, purse = twice(kind, rate, price, price.max(axis=0))
    arrived = Feedback("chosen", delay).arrived(samples)
    plays = policy.play(table, arrived, limits=bounds)
    got = plays.choice.tolist()
    x, reward = table.router_features(), table["correct"].astype(float)
    relative = table.relative_price()
    want = naive.linucb(x, reward, relative, arrived, 0.4, 0.0, 1.0, 1.0, got, purse, price)
    assert got == want
    agree(bounds, purse, plays)


@given(*cases, st.booleans(), st.sampled_from([(ServerExp3IX, Exp3IX), (ServerTsallisINF, TsallisINF)]))
def test_server_twin(seed, samples, count, delay, kind, rate, self_load, pair):
    rng = np.random.default_rng(seed)
    servers = [
        Server(str(k), float(10 * k), *rng.uniform(50, 500, 2), price=float(p))
        for k, p in enumerate(rng.permutation(count))
    ]
    table = ServerTable(
        np.cumsum(rng.exponential(0.2, samples)),
        rng.integers(0, 100, samples),
        rng.integers(0, 100, samples),
        servers=servers,
    )
    policy = pair[0].for_table(table, seed=3, deadline=800.0, self_load=self_load)
    use = policy.usage(table, "money").most / (count - 1.0)
    bounds, purse = twice(kind, rate, use[None, :], use)
    plays = policy.play(table, np.arange(samples), limits=bounds)
    learner = pair[1](count, samples, seed=3)
    choice, loss = naive.server_choice(
        table["time"], table.work(), table.owner, table.network(), 0.8, self_load, learner, purse, use.tolist()
    )
    assert plays.choice.tolist() == choice
    assert plays.loss == pytest.approx(loss)
    agree(bounds, purse, plays)


# -- the limits, through a replay ------------------------------------------------------------------------


def splits(samples, seed=0):
    rng = np.random.default_rng(seed)
    remote = np.array([60.0, 30.0, 12.0, 0.0]) * np.exp(0.2 * rng.standard_normal((samples, 1)))
    x = np.array([[1.0, 1.0], [0.5, 1.0], [0.2, 1.0], [0.0, 0.0]])
    return SplitTable([2.0, 25.0, 40.0, 120.0], remote, x, sent=[0.6, 0.3, 0.1, 0.0])


TABLES = {
    "exits": (lambda n: synthetic_exits(n, exits=5, seed=1), ["splitee", "splitee-s", "i-splitee", "ucbee"]),
    "uee": (lambda n: synthetic_exits(n, exits=5, seed=1), ["uee-ucb(alpha=0.1)"]),
    "splits": (splits, ["ans(exploration=5)"]),
    "routing": (
        lambda n: synthetic_routing(n, seed=3),
        ["linucb-routing(width=0.2)", "lints-routing(width=0.2)"],
    ),
    "servers": (
        lambda n: poisson_arrivals(n, 4.0, seed=2),
        ["server-exp3-ix", "server-tsallis-inf", "server-exp3-ix(self_load=true)"],
    ),
}
BUDGETS = [
    *[(kind, budget) for kind in TABLES for budget in ("rate:0.15", "bucket:0.1:5", "knapsack:60")],
    ("exits", "energy:0.45"),
    ("uee", "energy:0.3"),
    ("splits", "device:30"),
    ("splits", "upload:0.15"),
    ("routing", "money:2.5"),
    ("servers", "money:0.4"),
    ("servers", "bucket(rate=0.2, depth=6, use=money)"),
    ("splits", "knapsack(total=60000, use=device)"),
]


@pytest.mark.parametrize(("kind", "budget"), BUDGETS)
def test_limits_hold(kind, budget):
    """Queue: at most limit T + V + 1, in units of the largest use; bucket and knapsack: never more."""
    table = TABLES[kind][0](1500)
    result = replay_arms(table, TABLES[kind][1], budget=budget, checkpoints=20)
    rule = parse_budget(budget)
    for row in result.rows:
        n = row["samples"] if kind != "servers" else table.ours.size
        largest = {"rate": 1.0, "energy": 1.2, "device": 120.0, "upload": 0.6, "money": 10.0}[rule.use]
        if rule.kind == "queue":
            slack = largest * (math.sqrt(n) + 1.0)
            assert row["violation"] <= slack, row["policy"]
            assert row["used"] <= rule.limit * n + slack, row["policy"]
        else:
            assert row["violation"] <= 1e-9, row["policy"]
        assert row["blocked"] >= 0.0
        curve = result.curves[row["policy"]]
        assert curve["used"][0, -1] == pytest.approx(row["used"])
        assert row["cost_best_within_budget"] >= row["cost_best_arm"] - 1e-12
        assert row["bound"] is None


@given(st.sampled_from(list(TABLES)), st.integers(1, 60), st.sampled_from([0.0, 0.1, 0.7]), st.booleans())
def test_hard_limits_hold_at_every_sample(kind, samples, limit, bucket):
    """Violation is the maximum over all prefixes: 0 for buckets and knapsacks on what arms need not use."""
    table = TABLES[kind][0](samples)
    budget = f"bucket:{limit}:2" if bucket else f"knapsack:{limit * samples}"
    for row in replay_arms(table, TABLES[kind][1], budget=budget, checkpoints=3).rows:
        assert row["violation"] <= 1e-9


@pytest.mark.jit_only
def test_budgets_are_used_and_pay():
    """A third of the frames may leave the device: the rest of the budget is not left lying about."""
    table = splits(20_000)
    row = replay_arms(table, ["ans(exploration=5)"], budget="rate:0.33").rows[0]
    assert 0.9 * 0.33 < row["used"] / 20_000 < 0.33 + 0.01
    assert row["cost"] < 1.03 * row["cost_best_within_budget"]
    exits = synthetic_exits(20_000, exits=5, seed=1)
    for name in ("splitee", "ucbee"):
        row = replay_arms(exits, [name], budget="rate:0.1").rows[0]
        assert row["used"] / 20_000 < 0.11
        assert row["regret"] < 0.06 * 20_000, name


def test_the_comparator_is_the_linear_programme():
    table = synthetic_exits(800, exits=5, seed=4)
    policy = SplitEE.for_table(table)
    losses, use = policy.losses(table), policy.usage(table, "rate").use
    lp = linprog(losses.mean(axis=0), A_ub=[use.mean(axis=0)], b_ub=[0.1], A_eq=[np.ones(5)], b_eq=[1.0]).fun
    row = replay_arms(table, ["splitee"], budget="rate:0.1").rows[0]
    assert row["cost_best_within_budget"] == pytest.approx(lp)
    assert row["regret"] == pytest.approx(800 * (row["cost"] - lp))


def test_units_are_told():
    told = replay_arms(splits(30), ["ans"], budget="upload:0.3").manifest
    assert told["budget_allows"] == pytest.approx(9.0)
    assert (told["policies"][0]["budget_unit"], told["policies"][0]["loss"]) == (
        "MB sent",
        "ms until the answer",
    )
    losses = {
        "splitee": "1 - confidence + cost of running and offloading",
        "ucbee": "1 - confidence + overhead if it went on",
        "uee-ucb": "1 if wrong + cost of the exits run",
    }
    result = replay_arms(synthetic_exits(30, exits=3), list(losses), budget="rate:0.5")
    assert {p["policy"]: p["loss"] for p in result.manifest["policies"]} == losses
    binary = replay_offloading(read_table("digits"), ["never"], cost=0.3, budget="knapsack:50").manifest
    assert (binary["budget_allows"], binary["budget_unit"]) == (50.0, "samples offloaded")


def test_what_is_used():
    table = ExitTable([[0.6, 0.9], [0.8, 0.7]], cost=[0.1, 0.3], offload_cost=0.2)
    assert SplitEE.for_table(table).usage(table, "rate").use.tolist() == [[1.0, 0.0], [0.0, 0.0]]
    energy = SplitEE.for_table(table).usage(table, "energy")
    assert energy.use == pytest.approx(np.array([[0.3, 0.3], [0.1, 0.3]]))
    assert energy.most == pytest.approx([0.3, 0.3])
    ucbee = UCBEE.for_table(table, thresholds=(0.0, 0.7)).usage(table, "energy")
    assert ucbee.use == pytest.approx(np.array([[0.1, 0.3], [0.1, 0.1]]))
    servers = poisson_arrivals(9, 1.0)
    assert ServerExp3IX.for_table(servers).usage(servers, "rate").most.tolist() == [0.0, 1.0, 1.0]
    assert ServerExp3IX.for_table(servers).usage(servers, "money").most.tolist() == [s.price for s in SERVERS]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: replay_arms(splits(9), ["ans"], budget="energy:1"),
            "a budget on ans is on rate or device or upload, got 'energy'",
        ),
        (
            lambda: replay_arms(SplitTable([0, 1], [[1, 0]], [[1], [0]]), ["ans"], budget="upload:1"),
            "a budget on upload needs a table that says what is sent",
        ),
        (
            lambda: replay_arms(
                poisson_arrivals(9, 1.0, servers=[s._replace(price=0.0) for s in SERVERS]),
                ["server-exp3-ix"],
                budget="money:1",
            ),
            "a budget on money needs servers with a price",
        ),
        (lambda: replay_arms(splits(9), ["ans"], budget="device:1"), "but '0', which uses least, takes 2"),
        (lambda: parse_budget("rate"), "budget 'rate' needs a number"),
        (
            lambda: replay_offloading(read_table("digits"), ["never"], cost=0.3, budget="device:3"),
            "a budget on device is for tables of split points",
        ),
        (
            lambda: replay_offloading(read_table("digits"), ["never"], cost=0.3, colour=3),
            "unknown option 'colour'; known: cost, feedback",
        ),
        (
            lambda: replay_arms(catalogue_routing(9), ["linucb-routing"], budget="rate:0.2"),
            "a budget on rate needs prices",
        ),
        (lambda: SplitTable([0, 1], [[1, 0]], [[1], [0]], sent=[1.0, 1.0]), "sent must hold 2 sizes in MB"),
        (lambda: Server("a", 1.0, 1.0, 1.0, -1.0) and poisson_arrivals(
            3, 1.0, servers=[Server("a", 1.0, 1.0, 1.0, -1.0), SERVERS[0]]), "price of server 'a'"),
    ],
)  # fmt: skip
def test_sentences(call, words):
    with pytest.raises(OlearnError) as error:
        call()
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_sent_and_prices_are_saved(tmp_path):
    for table, name in ((splits(5), "a.npz"), (splits(5), "a.parquet"), (poisson_arrivals(5, 1.0), "b.npz")):
        table.save(tmp_path / name)
        again = read_table(tmp_path / name)
        assert again == table
        if table.kind == "splits":
            assert again.sent.tolist() == table.sent.tolist()
            assert again[:2].sent.tolist() == table.sent.tolist()
        else:
            assert again.price().tolist() == table.price().tolist()
