"""Prefix caches against slow twins, golden counts, and an optimum that is proved."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import llm as naive
from olearn import registry
from olearn.errors import OlearnError
from olearn.optima.llm import batched_min, prefix_optimum, price_bound
from olearn.policies.prefix import FIFO, FTPL, LFU, LRU, Clairvoyant, CostAware
from olearn.traces.llm import ChainTrace


@st.composite
def chains(draw, most=25, letters=4, depth=4):
    """Chains over a small alphabet: much sharing, much eviction."""
    words = draw(st.lists(st.permutations(range(letters)), min_size=1, max_size=most))
    cut = [draw(st.integers(0, depth)) for _ in words]
    trace = ChainTrace.from_ids([w[:k] for w, k in zip(words, cut)], block_tokens=16)
    return trace, draw(st.integers(1, 8))


@given(chains())
@settings(deadline=None)
def test_policies_equal_their_twins(case):
    trace, capacity = case
    parents = trace.parents.tolist()
    told = naive.chains_of(trace.starts.tolist(), trace.blocks.tolist())
    ftpl = FTPL(capacity, trace.parents, eta=1.5, seed=3)
    noise = ftpl.state.first.tolist()
    pairs = [
        (LRU(capacity, trace.parents), naive.SlowLRU(capacity, parents)),
        (LFU(capacity, trace.parents), naive.SlowLFU(capacity, parents)),
        (CostAware(capacity, trace.parents, attention=2.0), naive.SlowCostAware(capacity, parents, 2.0)),
        (ftpl, naive.SlowFTPL(capacity, parents, noise)),
        (
            Clairvoyant(capacity, trace.parents, chains=(trace.starts, trace.blocks)),
            naive.SlowClairvoyant(capacity, parents, told),
        ),
    ]
    for fast, slow in pairs:
        hits = fast.request_many(trace.starts, trace.blocks).tolist()
        assert hits == [slow.request(c) for c in told], fast.name
        assert set(np.flatnonzero(fast.state.held)) == slow.held, fast.name
        assert len(fast) == len(slow.held) <= capacity
    assert FIFO(capacity, trace.parents).request_many(trace.starts, trace.blocks).tolist() == naive.fifo(
        capacity, told
    )


@given(chains())
@settings(deadline=None)
def test_what_is_held_is_closed_under_prefixes(case):
    trace, capacity = case
    for kind in (LRU, LFU, CostAware):
        policy = kind(capacity, trace.parents)
        for r in range(len(trace)):
            policy.request(trace.blocks[trace.starts[r] : trace.starts[r + 1]])
            held = np.flatnonzero(policy.state.held)
            above = trace.parents[held]
            assert policy.state.held[above[above >= 0]].all()


@given(chains(most=7, letters=3, depth=3), st.booleans(), st.integers(0, 3))
@settings(deadline=None, max_examples=40)
def test_batched_optimum_is_exhaustive_search(case, forced, seed):
    trace, capacity = case
    batches = naive.chains_of(trace.starts.tolist(), trace.blocks.tolist())
    if forced:
        capacity = max(capacity, max(map(len, batches)))
    capacity = max(1, min(capacity, 5 if not forced else 6))
    worth = [1.0] * trace.blocks.size
    best = batched_min(trace.starts, trace.blocks, capacity, forced=forced)
    assert best.value == naive.best_batched(batches, capacity, forced, worth)
    assert best.upper_bound == best.value
    some = np.random.default_rng(seed).integers(0, 2, len(trace)).nonzero()[0]
    assert price_bound(trace.starts, trace.blocks, capacity, some, forced=forced) >= best.value


@given(chains(most=7, letters=3, depth=3), st.integers(0, 4))
@settings(deadline=None, max_examples=40)
def test_prefix_optimum_bounds_everything_and_is_attained_on_full_blocks(case, warm):
    trace, capacity = case
    capacity = min(capacity, 5)
    batches = naive.chains_of(trace.starts.tolist(), trace.blocks.tolist())
    worth = trace.tokens.astype(float)
    worth[: trace.starts[min(warm, len(trace))]] = 0.0
    best = prefix_optimum(trace.starts, trace.blocks, capacity, trace.tokens, warm_up=warm)
    assert best.value == naive.best_batched(batches, capacity, False, worth.tolist())
    assert best.upper_bound == best.value
    hits = best.allocation
    for a, b in zip(trace.starts, trace.starts[1:]):  # whole prefixes
        assert not (np.diff(hits[a:b].astype(int)) > 0).any() or not worth[a:b].all()


def test_partial_blocks_keep_a_valid_bound():
    rng = np.random.default_rng(0)
    for _ in range(40):
        words = [rng.permutation(4)[: rng.integers(1, 4)].tolist() for _ in range(6)]
        lengths = [16 * (len(w) - 1) + int(rng.integers(1, 17)) for w in words]
        trace = ChainTrace.from_ids(words, 16, lengths)
        batches = naive.chains_of(trace.starts.tolist(), trace.blocks.tolist())
        for capacity in (1, 2, 3):
            best = prefix_optimum(trace.starts, trace.blocks, capacity, trace.tokens)
            exact = naive.best_batched(batches, capacity, False, trace.tokens.astype(float).tolist())
            assert best.value <= exact <= best.upper_bound


@pytest.fixture(scope="module")
def mooncake(shared):
    return ChainTrace.load(shared / "traces" / "mooncake" / "conversation_trace.jsonl")


@pytest.mark.jit_only
def test_golden_counts(shared, mooncake):
    """Hit tokens of kvcache-simulator 0.1.3, second half measured."""
    found = 0
    for row in csv.DictReader((shared / "golden" / "kvcache_prefix.csv").open()):
        warm = int(row["warmup_requests"])
        assert mooncake.requested()[warm:].sum() == int(row["total_tokens"])
        assert mooncake.catalog_size == int(row["unique_prefix_blocks"])
        if row["policy"] == "ceiling":
            policy = LRU(mooncake.catalog_size, mooncake.parents)
        else:
            capacity = int(row["cache_blocks"])
            if row["policy"] == "optimal":
                policy = Clairvoyant(capacity, mooncake.parents, chains=(mooncake.starts, mooncake.blocks))
            else:
                policy = {"fifo": FIFO, "lru": LRU}[row["policy"]](capacity, mooncake.parents)
        hits = policy.request_many(mooncake.starts, mooncake.blocks)
        assert mooncake.saved(hits)[warm:].sum() == int(row["hit_tokens"]), row
        found += 1
    assert found == 8


@pytest.mark.jit_only
def test_the_optimum_on_a_real_trace_is_certified_within_a_thousandth(mooncake):
    best = prefix_optimum(mooncake.starts, mooncake.blocks, 2000, mooncake.tokens, warm_up=6015)
    assert 18054257 <= best.value <= best.upper_bound <= 1.001 * best.value


@pytest.mark.parametrize("name", registry.names("prefix"))
def test_in_parts_is_in_one_go(name):
    rng = np.random.default_rng(5)
    words = [rng.permutation(6)[: rng.integers(0, 6)].tolist() for _ in range(200)]
    trace = ChainTrace.from_ids(words)
    kind = registry.find("prefix", name)
    more = {"chains": (trace.starts, trace.blocks)} if kind.offline else {}
    policy = kind(20, trace.parents, len(trace), seed=2, **more)
    whole = policy.request_many(trace.starts, trace.blocks)
    policy.reset()
    cut = int(trace.starts[77])
    first = policy.request_many(trace.starts[:78], trace.blocks[:cut])
    other = policy.copy()
    policy.request_many(trace.starts[77:80] - cut, trace.blocks[cut : trace.starts[79]])
    second = other.request_many(trace.starts[77:] - cut, trace.blocks[cut:])
    assert np.array_equal(np.concatenate([first, second]), whole)
    assert other.stats["occupancy"] <= 20
    assert kind.rule
    assert kind.reference


def test_qwen_case(shared):
    """A block counts only if every earlier block hit; the same id behind another block is another block."""
    trace = ChainTrace.load(shared / "cases" / "qwen.jsonl", block_tokens=128)
    assert trace.starts.tolist() == [0, 5, 10, 13]
    hits = LRU(100, trace.parents).request_many(trace.starts, trace.blocks)
    assert hits.tolist() == [0, 4, 0]
    assert trace.saved(hits).tolist() == [0, 512, 0]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("[1]", "line 1: not a JSON object with 'hash_ids'"),
        ('{"hash_ids": 3}', "line 1: 'hash_ids' must be a list"),
        ('{"hash_ids": [1, 2, 1]}', "line 1: block 1 stands twice in its chain"),
        ('{"hash_ids": [1], "input_length": -5}', "line 1: 'input_length' must be"),
        ('{"hash_ids": [1], "timestamp": -5}', "line 1: 'timestamp' must be"),
        ('{"hash_ids": [1, 2]}', "does not say how many tokens a block has"),
        ('{"hash_ids": [1, 2], "input_length": 20, "block_size": 64}', "too few; is the block size right?"),
    ],
)
def test_bad_files_get_one_sentence(tmp_path, line, sentence):
    (tmp_path / "x.jsonl").write_text(line + "\n")
    with pytest.raises(OlearnError) as told:
        ChainTrace.load(tmp_path / "x.jsonl")
    assert sentence in str(told.value)
    assert "\n" not in str(told.value)


def test_bad_chains_get_one_sentence():
    with pytest.raises(OlearnError, match="block 1 at position 0 does not follow its parent 0"):
        LRU(2, [-1, 0]).request([1])
    with pytest.raises(OlearnError, match="capacity must be"):
        LRU(0, [-1]).request([0])
    with pytest.raises(OlearnError, match="the parent of block 0 must be -1"):
        LRU(1, [0]).request([0])
    with pytest.raises(OlearnError, match="give chains"):
        _ = Clairvoyant(1, [-1]).state
    with pytest.raises(OlearnError, match="give horizon"):
        _ = FTPL(1, [-1]).state
