"""Expert caches against slow twins and exhaustive search; routing streams; sizes of models."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import llm as naive
from olearn import registry
from olearn.errors import OlearnError
from olearn.optima.llm import batched_min
from olearn.policies.moe import FIFO, FTPL, LFU, LRU, Heat, LeastStale, PinHottest, Prefetch
from olearn.traces.llm import BatchTrace
from olearn.traces.llm.models import MODELS, blocks_in, bytes_per_token
from olearn.traces.llm.routing import routing_stream


@st.composite
def streams(draw, most=30):
    layers, experts = draw(st.integers(1, 3)), draw(st.integers(2, 5))
    top = draw(st.integers(1, min(3, experts)))
    number = draw(st.integers(1, most))
    seed = draw(st.integers(0, 1000))
    rng = np.random.default_rng(seed)
    of = [int(b) % layers for b in range(number)]
    picks = [rng.permutation(experts)[: rng.integers(1, top + 1)].tolist() for _ in of]
    trace = BatchTrace.from_batches(of, picks, experts)
    shared = draw(st.booleans())
    return trace, shared, draw(st.integers(top, 6))


def groups_of(trace, shared):
    layer = np.arange(trace.catalog_size) // trace.experts
    return (np.zeros_like(layer) if shared else layer), layer


@given(streams())
@settings(deadline=None)
def test_policies_equal_their_twins(case):
    trace, shared, capacity = case
    groups, layers = groups_of(trace, shared)
    told = naive.chains_of(trace.starts.tolist(), trace.items.tolist())
    g, lay = groups.tolist(), layers.tolist()
    ftpl = FTPL(capacity, groups, eta=1.0, seed=4)
    pairs = [
        (LRU(capacity, groups), naive.SlowMoELRU(capacity, g)),
        (FIFO(capacity, groups), naive.SlowMoEFIFO(capacity, g)),
        (LFU(capacity, groups), naive.SlowMoELFU(capacity, g)),
        (Heat(capacity, groups, half_life=3.0), naive.SlowMoEHeat(capacity, g, 3.0)),
        (ftpl, naive.SlowMoEFTPL(capacity, g, ftpl.state.slots.first.tolist())),
        (LeastStale(capacity, groups, layers=layers), naive.SlowLeastStale(capacity, g, lay)),
    ]
    for fast, slow in pairs:
        hits = fast.request_many(trace.starts, trace.items).tolist()
        assert hits == [h for batch in told for h in slow.request(batch)], fast.name
        assert set(np.flatnonzero(fast.state.slots.held)) == slow.held, fast.name


@given(streams())
@settings(deadline=None)
def test_pinning_nothing_is_lru_by_use_and_caches_never_overflow(case):
    trace, shared, capacity = case
    groups, layers = groups_of(trace, shared)
    for policy in (
        PinHottest(capacity, groups, share=0.5),
        PinHottest(capacity, groups, share=1.0),
        Prefetch(capacity, groups, layers=layers),
        Prefetch(capacity, groups, layers=layers, predictor="last"),
        Prefetch(capacity, groups, layers=layers, predictor="oracle", batches=(trace.starts, trace.items)),
    ):
        policy.request_many(trace.starts, trace.items)
        held = np.flatnonzero(policy.state.slots.held)
        assert np.bincount(groups[held], minlength=1).max(initial=0) <= capacity
        s = policy.stats
        assert s["loaded"] - s["evicted"] == s["occupancy"] == held.size


@given(streams(most=9))
@settings(deadline=None, max_examples=40)
def test_no_demand_policy_beats_the_optimum_which_is_exhaustive_search(case):
    trace, _, capacity = case
    groups, layers = groups_of(trace, True)
    told = naive.chains_of(trace.starts.tolist(), trace.items.tolist())
    capacity = min(capacity, 4)
    best = batched_min(trace.starts, trace.items, capacity, forced=True)
    assert best.upper_bound == best.value == naive.best_batched(told, capacity, True, [1.0] * trace.items.size)
    for policy in (LRU(capacity, groups), LFU(capacity, groups), LeastStale(capacity, groups, layers=layers)):
        assert policy.request_many(trace.starts, trace.items).sum() <= best.value


def test_moe_case(shared):
    """Item = (layer, expert); a line is a batch."""
    trace = BatchTrace.load(shared / "cases" / "moe.jsonl")
    assert (len(trace), trace.layer_names.tolist(), trace.experts) == (6, [0, 1], 8)
    assert trace.items.tolist() == [3, 7, 11, 13, 3, 2, 13, 9, 7, 3, 11, 13]
    layer = np.arange(16) // 8
    own = LRU(2, layer).request_many(trace.starts, trace.items)
    assert own.reshape(-1, 2).tolist() == [
        [False] * 2,
        [False] * 2,
        [True, False],
        [True, False],
        [False, True],
        [False, True],
    ]
    together = LRU(4, np.zeros(16, int)).request_many(trace.starts, trace.items)
    assert int(together.sum()) == 4


@pytest.mark.parametrize("name", registry.names("moe"))
def test_in_parts_is_in_one_go(name):
    trace = routing_stream(tokens=60, layers=3, experts=8, top=2, seed=1)
    kind = registry.find("moe", name)
    layer = np.arange(trace.catalog_size) // trace.experts
    more = {"layers": layer} if name in ("least-stale", "prefetch") else {}
    policy = kind(4, layer, len(trace), seed=2, **more)
    whole = policy.request_many(trace.starts, trace.items)
    policy.reset()
    first = policy.request_many(trace.starts[:51], trace.items[:100])
    other = policy.copy()
    policy.request_many([0, 2], trace.items[100:102])
    assert np.array_equal(
        np.concatenate([first, other.request_many(trace.starts[50:] - 100, trace.items[100:])]), whole
    )
    assert kind.rule
    assert kind.reference


@pytest.mark.jit_only
def test_a_good_predictor_helps_and_a_perfect_one_misses_what_no_one_could_foresee():
    trace = routing_stream(tokens=2000, layers=8, experts=32, top=2, seed=3)
    layer = np.arange(trace.catalog_size) // trace.experts
    zeros = np.zeros_like(layer)
    plain = LRU(64, zeros).request_many(trace.starts, trace.items).mean()
    rates = {}
    for accuracy in (0.0, 0.8, 1.0):
        policy = Prefetch(
            64, zeros, layers=layer, predictor="oracle", accuracy=accuracy, batches=(trace.starts, trace.items)
        )
        rates[accuracy] = policy.request_many(trace.starts, trace.items).mean()
        assert policy.stats["prefetched_used"] <= policy.stats["prefetched"]
    assert plain < rates[0.8] < rates[1.0]
    assert rates[0.0] < rates[0.8]
    assert rates[1.0] > 0.9998  # the first batch alone has no one to announce it


def test_streams_are_reproducible_and_unequal():
    a, b = (routing_stream(tokens=500, layers=2, experts=16, top=2, seed=s) for s in (1, 1))
    assert a.digest == b.digest
    assert routing_stream(tokens=500, layers=2, experts=16, top=2, seed=2).digest != a.digest
    flat = routing_stream(tokens=4000, layers=1, experts=16, top=1, alpha=0, affinity=0, seed=1)
    steep = routing_stream(tokens=4000, layers=1, experts=16, top=1, alpha=1.5, affinity=0, seed=1)
    share = [np.sort(np.bincount(t.items, minlength=16))[-1] / 4000 for t in (flat, steep)]
    assert share[0] < 0.09 < 0.3 < share[1]


def test_sizes_of_models():
    assert bytes_per_token("llama-2-7b", "fp16") == 2 * 32 * 32 * 128 * 2 == 524288
    assert bytes_per_token("llama-3.1-70b") == 327680
    assert bytes_per_token("deepseek-v3") == 61 * 576 * 2
    assert blocks_in("1gib", "llama-3.1-8b", 16) == 512
    assert all(bytes_per_token(m) > 0 for m in MODELS)
    for call, sentence in (
        (lambda: bytes_per_token("llama3"), "unknown model 'llama3'"),
        (lambda: blocks_in("ten", "llama-2-7b", 16), "a size is written 40gb"),
        (lambda: blocks_in("1kb", "llama-2-7b", 16), "1kb holds no block: one of 16 tokens"),
    ):
        with pytest.raises(OlearnError) as told:
            call()
        assert sentence in str(told.value)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "line 1: not a JSON object"),
        ('{"selected_ids": [1]}', "line 1: no layer ('layer_idx' or 'layer')"),
        ('{"layer_idx": 0}', "line 1: no experts"),
        ('{"layer_idx": -1, "selected_ids": [1]}', "line 1: the layer must be a whole number"),
        ('{"layer_idx": 0, "selected_ids": []}', "line 1: the experts must be a list"),
        ('{"layer_idx": 0, "selected_ids": [1, 1]}', "line 1: an expert stands twice in its batch"),
    ],
)
def test_bad_files_get_one_sentence(tmp_path, line, sentence):
    (tmp_path / "x.jsonl").write_text(line + "\n")
    with pytest.raises(OlearnError) as told:
        BatchTrace.load(tmp_path / "x.jsonl")
    assert sentence in str(told.value)


def test_batches_that_cannot_be_served_are_refused():
    with pytest.raises(OlearnError, match="batch 1 needs 2 experts at once, the cache has 1 slots"):
        LRU(1, [0, 0]).request_many([0, 2], [0, 1])
    with pytest.raises(OlearnError, match="batch 1 needs item 0 twice"):
        LRU(2, [0, 0]).request_many([0, 2], [0, 0])
    with pytest.raises(OlearnError, match="batch 1 needs experts of several layers"):
        LRU(2, [0, 1]).request_many([0, 2], [0, 1])
