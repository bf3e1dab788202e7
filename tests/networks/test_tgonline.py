"""TGOnline against a twin that keeps all weights, its certificate against brute force, published gains."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import networks as naive
from olearn.errors import OlearnError
from olearn.optima.networks import brute_force
from olearn.policies.networks import DistributedTGOnline, TGOnline
from olearn.traces.networks import build, load_network, poisson, sent


@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([TGOnline, DistributedTGOnline]))
def test_selectors_are_hedge_on_the_rewards_of_the_rule(seed, coupled, kind):
    """Replays the contents that the policy had and feeds every item its reward, in linear weights."""
    rng = np.random.default_rng(seed)
    net = naive.random_network(rng)
    if not net.capacity.any():
        return
    policy = kind(net, eta=0.07, coupled=coupled, colours=3, seed=seed % 1000)
    state = getattr(policy.state, "tables", policy.state)
    node = np.repeat(np.arange(net.nodes), net.capacity)
    weights = np.ones((len(node), net.items))
    earned = np.zeros(len(node))
    for d in rng.integers(0, net.demands, 40):
        before = state.holds.copy()
        gain = policy.run(np.array([d]))[0]
        i = net.item[d]
        upstream = dict(
            zip(net.path[net.start[d] : net.start[d + 1]], net.upstream[net.start[d] :], strict=False)
        )
        slots = state.slot[state.first[state.way[d]] : state.first[state.way[d] + 1]]
        assert sorted(slots) == [s for s in range(len(node)) if node[s] in list(upstream)[:-1]]
        if not coupled:
            continue  # contents are drawn inside; the coupled ones are seen
        covered = 0.0
        for s in slots:
            own = upstream[node[s]]
            rewards = np.full(net.items, covered)
            rewards[i] = max(covered, own)
            earned[s] += (weights[s] / weights[s].sum()) @ (rewards - covered)
            weights[s] *= np.exp(0.07 * (rewards - covered))
            if before[s] == i:
                covered = max(covered, own)
        assert gain == covered
    if coupled:
        p = weights / weights.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(np.exp(policy.log_weights() - state.norm[:, None]), p, atol=1e-12)
        np.testing.assert_allclose(state.earned, earned, atol=1e-9)
    np.testing.assert_allclose(np.exp(policy.log_weights() - state.norm[:, None]).sum(axis=1), 1.0, atol=1e-12)
    assert np.all(policy.regrets() <= policy.regret_bounds() + 1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_certificate_covers_the_best_static_placement(seed):
    """gain >= (OPT - regrets) / 2; the gain is random, so 5 % of OPT are allowed (16,000 requests)."""
    net = naive.random_network(np.random.default_rng(seed), demands=6)
    if not net.capacity.any() or not net.rate.any():
        pytest.skip("nothing to place or nothing to ask for")
    requests = poisson(net, 16_000 / net.rate.sum(), seed)
    policy = TGOnline(net, eta=0.02, seed=seed)
    gain = policy.run(requests).sum()
    counts = np.bincount(requests, minlength=net.demands).astype(float)
    best, _ = brute_force(net.subset(np.arange(net.demands), counts))
    assert gain >= (best - policy.regrets().sum()) / 2 - 0.05 * best


@pytest.mark.parametrize(
    ("name", "eta", "published", "deviation"),
    [("geant", "0.0005", 0.925, 0.016), ("erdos_renyi", "0.0005", 0.926, 0.009)],
)
@pytest.mark.jit_only
def test_published_gain(shared, name, eta, published, deviation):
    """Mean of 20 fixed seeds within .02 + 2.5 deviations of the published value (the best over eta)."""
    net = load_network(shared / "networks" / "li22" / f"stationary-{name}.json")
    by_eta = net.published["published"]["tgonline"]["by_eta"]
    total = 2 * net.total / net.rate.sum()
    ours = []
    for seed in range(20):
        requests = poisson(net, 100.0, seed)
        walked = 2 * (
            net.upstream[net.start[:-1]][requests] - TGOnline(net, eta=float(eta), seed=seed).run(requests)
        )
        ours.append((total - walked.mean()) / net.published["relaxed_optimum"])
    assert abs(np.mean(ours) - by_eta[eta]) <= 0.02 + 2.5 * deviation


def test_requests_of_a_trace_need_their_demands():
    line = build(2, [(0, 1, 2.0)], [1, 0], [1, 1], [(0, [0, 1], 1.0)])
    assert sent(line, np.zeros(3, dtype=int)).tolist() == [0, 0, 0]
    with pytest.raises(OlearnError, match="request 1 is for item 1, which some query node has no demand for"):
        sent(line, np.array([0, 1]))
    with pytest.raises(OlearnError, match="asks for item 5"):
        sent(line, np.array([5]))
    with pytest.raises(OlearnError, match="every capacity is 0"):
        TGOnline(build(2, [(0, 1, 2.0)], [0, 0], [1], [(0, [0, 1], 1.0)]))
    with pytest.raises(OlearnError, match="coupled selectors need frozen colours"):
        TGOnline(line, coupled=True, redrawn=True)


@given(st.integers(0, 2**32 - 1))
def test_a_floor_is_what_the_published_code_does(seed):
    """p e^{eta r} + floor, normalised, for every item; coupled, to see the contents."""
    rng = np.random.default_rng(seed)
    net = naive.random_network(rng)
    if not net.capacity.any():
        return
    policy = TGOnline(net, eta=0.6, floor=0.01, coupled=True, colours=3, seed=seed % 1000)
    state = policy.state
    node = np.repeat(np.arange(net.nodes), net.capacity)
    p = np.full((len(node), net.items), 1 / net.items)
    for d in rng.integers(0, net.demands, 60):
        before, i = state.holds.copy(), net.item[d]
        policy.run(np.array([d]))
        low, high = net.start[d], net.start[d + 1]
        upstream = dict(zip(net.path[low:high].tolist(), net.upstream[low:high], strict=True))
        covered = 0.0
        for s in state.slot[state.first[state.way[d]] : state.first[state.way[d] + 1]]:
            rewards = np.full(net.items, covered)
            rewards[i] = max(covered, upstream[node[s]])
            p[s] = p[s] * np.exp(0.6 * rewards) + 0.01
            p[s] /= p[s].sum()
            if before[s] == i:
                covered = max(covered, upstream[node[s]])
    np.testing.assert_allclose(state.scale[:, :1] * (state.linear + state.scale[:, 1:]), p, atol=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_redrawn_colours_are_hedge_in_a_hash_table(seed):
    """Every selector that learnt is the normalised exponential of its entries."""
    rng = np.random.default_rng(seed)
    net = naive.random_network(rng)
    if not net.capacity.any():
        return
    policy = TGOnline(net, eta=0.07, redrawn=True, colours=4, seed=seed % 1000)
    gains = policy.run(rng.integers(0, net.demands, 300))
    state = policy.state
    whole = np.zeros((len(state.norm), net.items))
    there = state.key >= 0
    np.add.at(whole, np.divmod(state.key[there], net.items), state.value[there])
    assert there.sum() == state.entries[0]
    np.testing.assert_allclose(np.exp(whole - state.norm[:, None]).sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(whole.max(axis=1), state.best, atol=1e-12)
    for a, e in enumerate(state.head):
        chained = []
        while e >= 0:
            chained.append(int(state.key[e]) - a * net.items)
            e = state.chain[e]
        assert sorted(chained) == np.flatnonzero(whole[a]).tolist()
    assert (gains >= 0).all()
    assert np.all(policy.regrets() <= policy.regret_bounds() + 1e-9)
    assert (policy.placement().sum(axis=1) <= net.capacity).all()


def test_the_table_grows_without_losing_anything():
    """4,000 items through one slot of 3 colours: more entries than the first table has places."""
    line = build(2, [(0, 1, 2.0)], [1, 0], [1] * 4000, [(i, [0, 1], 1.0) for i in range(4000)])
    policy = TGOnline(line, eta=0.1, redrawn=True, colours=3, seed=1)
    policy.run(np.tile(np.arange(4000), 3))
    assert len(policy.state.key) > 1024
    assert policy.state.entries[0] > 4000
    np.testing.assert_allclose(
        [sum(np.exp(policy.state.value[policy.state.key // 4000 == a]))
         + 4000 - (policy.state.key // 4000 == a).sum() for a in range(3)],
        np.exp(policy.state.norm), rtol=1e-9)  # fmt: skip


def test_messages_by_kind():
    """Three requests of one demand over two edges: nobody holds the item at first, then the query node does."""
    line = build(3, [(0, 1, 1.0), (1, 2, 5.0)], [1, 1, 0], [2, 2], [(i, [0, 1, 2], 1.0) for i in range(2)])
    policy = DistributedTGOnline(line, eta=50.0, coupled=True, seed=4)
    policy.state.tables.holds[:] = 1
    gains, messages = np.empty(3), np.empty(3)
    policy.serve(np.zeros(3, dtype=np.int32), np.arange(3.0), gains, messages)
    assert gains.tolist() == [0.0, 6.0, 6.0]
    assert messages.tolist() == [4 + 2 + 4, 4, 4]  # the probe, the query with its answer; list and return
    told = policy.sent()
    assert [told[k] for k in ("query", "answer", "exploration", "return", "probe")] == [2, 2, 4, 6, 4]
    assert told["entries"] > 0


def test_distributed_and_central_earn_the_same_on_average(shared):
    net = load_network(shared / "networks" / "li22" / "stationary-geant.json")
    rows = []
    for kind in (TGOnline, DistributedTGOnline):
        rows.append([kind(net, seed=s).run(poisson(net, 30.0, s)).mean() for s in range(8)])
    spread = np.std(np.subtract(*rows), ddof=1) / np.sqrt(8)
    assert abs(np.mean(rows[0]) - np.mean(rows[1])) < 4 * spread + 1e-9
