"""The Trace: interning, validation, slicing, digest, next use."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import traces as naive
from olearn.errors import NotSupportedError, ParameterError, TraceError
from olearn.traces import Trace
from olearn.traces._intern import Interner

KEYS = st.one_of(
    st.lists(st.integers(0, 8), min_size=1, max_size=40),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20),
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20),
    st.lists(st.text(max_size=3), min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(0, 2), st.text(max_size=1)), min_size=1, max_size=30),
)


@given(KEYS)
def test_interning_equals_its_naive_twin(keys):
    items, distinct = naive.intern(keys)
    trace = Trace.from_keys(keys)
    assert trace.items.dtype == np.int32
    assert trace.items.tolist() == items
    assert trace.keys.tolist() == distinct
    assert trace.counts().tolist() == [items.count(i) for i in range(len(distinct))]
    assert trace.first_requests.tolist() == [items.index(i) for i in range(len(distinct))]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_next_use_equals_its_naive_twin(keys):
    assert Trace.from_keys(keys).next_use().tolist() == naive.next_use(keys)


@given(st.lists(st.integers(0, 9), min_size=2, max_size=30), st.data())
def test_a_slice_is_the_trace_of_the_sliced_keys(keys, data):
    a = data.draw(st.integers(0, len(keys) - 1))
    b = data.draw(st.integers(a + 1, len(keys)))
    values = np.arange(len(keys))
    part = Trace.from_keys(keys, values, values, values)[a:b]
    again = Trace.from_keys(keys[a:b], values[a:b], values[a:b], values[a:b])
    assert part.digest == again.digest
    assert part.items.tolist() == again.items.tolist()


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (np.array([3, 1, 3], np.uint8), [3, 1]),
        (np.array([3, 1, 3], ">i4"), [3, 1]),
        (np.array([3.0, 1.0, 3.0]), [3, 1]),
        (np.array(["b", "a", "b"]), ["b", "a"]),
        (np.array(["b", 1, "b"], object), ["b", 1]),
        ([True, False, True], [True, False]),
        ([1, "1", 1], [1, "1"]),
        ([2**70, 1, 2**70], [2**70, 1]),
        (iter([5, 4, 5]), [5, 4]),
        (np.arange(10)[::-5][[0, 1, 0]], [9, 4]),
    ],
)
def test_kinds_of_keys(keys, expected):
    trace = Trace.from_keys(keys)
    assert trace.items.tolist() == [0, 1, 0]
    assert trace.keys.tolist() == expected


def test_chunked_arrow_keys_share_one_numbering():
    import pyarrow as pa

    chunks = [["a", "b"], [], ["c", "a"], ["d", "b"]]
    trace = Trace.from_keys(pa.chunked_array(chunks, pa.string()))
    assert trace.items.tolist() == [0, 1, 2, 0, 3, 1]
    assert trace.keys.tolist() == ["a", "b", "c", "d"]


@given(
    st.sampled_from(["i1", "u1", "i2", ">i4", "i8", "u8"]).flatmap(
        lambda kind: st.tuples(
            st.just(kind),
            st.integers(np.iinfo(kind).min, np.iinfo(kind).max - 9).flatmap(
                lambda low: st.lists(st.integers(low, low + 9), min_size=6, max_size=40)
            ),
        )
    )
)
def test_interning_by_table_equals_its_naive_twin(case):
    kind, keys = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("olearn.traces._intern.MANY", 1)
        trace = Trace.from_keys(np.array(keys, kind))
        assert Trace.from_keys(keys).digest == trace.digest
    items, distinct = naive.intern(keys)
    assert trace.items.tolist() == items
    assert trace.keys.tolist() == distinct
    assert trace.keys.dtype == (np.uint64 if max(keys) >= 2**63 else np.int64)


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3), min_size=1, max_size=60), st.integers(1, 9)
)
def test_interning_by_hash_equals_its_naive_twin(keys, piece):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("olearn.traces._intern.MANY", 1)
        patch.setattr("olearn.traces._intern.PIECE", piece)
        patch.setattr("olearn.traces._intern.MAX_REQUESTS", 500)
        traces = [Trace.from_keys(np.array(keys)), Trace.from_keys(np.array(keys).view(np.uint64))]
    items, distinct = naive.intern(keys)
    for trace in traces:
        assert trace.items.tolist() == items
    assert traces[0].keys.tolist() == distinct
    assert traces[1].keys.tolist() == [k % 2**64 for k in distinct]


def test_the_hash_table_grows():
    rng = np.random.default_rng(3)
    # keys that collide: multiples of 2^40 differ only in bits that the hash folds down
    keys = np.concatenate([rng.integers(0, 3000, 4000) << 40, rng.integers(-(2**62), 2**62, 3000)])
    interner = Interner(np.int64)
    items = np.concatenate([interner.add(keys[s : s + 700]) for s in range(0, keys.size, 700)])
    expected, distinct = naive.intern(keys.tolist())
    assert items.tolist() == expected
    assert interner.keys().tolist() == distinct


def test_keys_are_int64_where_they_fit():
    assert Trace.from_keys(np.array([1, 2], np.uint64)).keys.dtype == np.int64
    assert Trace.from_keys([2**64 - 1, 2]).keys.dtype == np.uint64


def test_the_digest_looks_at_every_array_and_not_at_the_name():
    base = {"keys": [1, 2, 1], "sizes": [4, 5, 4], "times": [0, 1, 2], "costs": [1.0, 2.0, 1.0]}
    same = Trace.from_keys(**base, name="other")
    digests = {Trace.from_keys(**base).digest, same.digest}
    assert len(digests) == 1
    for change in (
        {"keys": [1, 3, 1]},
        {"keys": [1, 2, 2]},
        {"sizes": [4, 5, 5]},
        {"times": [0, 1, 3]},
        {"costs": [1.0, 2.0, 1.5]},
        {"sizes": None},
        {"keys": ["1", "2", "1"]},
    ):
        digests.add(Trace.from_keys(**(base | change)).digest)
    assert len(digests) == 8


def test_arrays_are_of_the_promised_types_and_writeable():
    frozen = np.array([1, 2, 1], np.int32)
    frozen.flags.writeable = False
    trace = Trace.from_keys(frozen, sizes=frozen, times=[0.5, 1, 2], costs=frozen)
    assert [a.dtype.str for a in (trace.items, trace.sizes, trace.times, trace.costs)] == [
        "<i4", "<i4", "<f8", "<f8",
    ]  # fmt: skip
    assert all(a.flags.writeable for a in (trace.items, trace.sizes, trace.times, trace.costs))
    assert pickle.loads(pickle.dumps(trace)).digest == trace.digest
    assert "2 items, sizes, times, costs" in repr(trace)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"keys": []}, "at least one request"),
        ({"keys": np.zeros((2, 2), int)}, "one-dimensional"),
        ({"keys": 5}, "must be an array or a list, got int"),
        ({"keys": "abc"}, "must be an array or a list, got str"),
        ({"keys": {1, 2}}, "must be an array or a list, got set"),
        ({"keys": [1.5, 2.0]}, "whole numbers below 2^53, got 1.5 at position 0"),
        ({"keys": [1.0, float("nan")]}, "got nan at position 1"),
        ({"keys": [[1], [2]]}, "hashable, got list at position 0"),
        ({"keys": ["a", None]}, "got None at position 1"),
        ({"sizes": [1, -1, 1]}, "sizes must be at least 0, got -1 at position 1"),
        ({"sizes": [1, 1.5, 1]}, "sizes must be whole numbers below 2^63, got 1.5 at position 1"),
        ({"sizes": [1, 2]}, "sizes must have one value a request (3), got 2"),
        ({"sizes": [[1, 2, 3]]}, "sizes must be one-dimensional"),
        ({"sizes": [1, [2], 3]}, "sizes must be a one-dimensional array of numbers"),
        ({"sizes": ["1", "2", "3"]}, "sizes must be numbers"),
        ({"sizes": np.array([1, 2**63, 1], np.uint64)}, "below 2^63"),
        ({"times": [0, float("nan"), 1]}, "times must be finite, got nan at position 1"),
        ({"times": [0, -2, 1]}, "times must be at least 0, got -2 at position 1"),
        ({"costs": [0, -2.5, 1]}, "costs must be at least 0, got -2.5 at position 1"),
        ({"costs": [0, float("inf"), 1]}, "costs must be finite, got inf at position 1"),
    ],
)
def test_bad_input_is_one_sentence(arguments, sentence):
    with pytest.raises(TraceError) as caught:
        Trace.from_keys(**({"keys": [1, 2, 1]} | arguments))
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("items", "keys", "sentence"),
    [
        ([0, 2], [5, 6, 7], "position 1 has 2 where 1 comes next"),
        ([1, 0], [5, 6], "position 0 has 1 where 0 comes next"),
        ([0, -1], [5], "at least 0, got -1"),
        ([0, 1], [5], "each of the 2 items once"),
        ([0.0], [5], "whole numbers"),
    ],
)
def test_ids_that_are_not_dense_are_refused(items, keys, sentence):
    with pytest.raises(TraceError, match=sentence):
        Trace(np.array(items), keys)


def test_dense_ids_are_checked_across_chunks(monkeypatch):
    monkeypatch.setattr("olearn.traces._trace._CHUNK", 3)
    items = naive.intern([1, 2, 1, 3, 1, 4, 5, 2, 2, 6])[0]
    assert Trace(items, range(6)).first_requests.tolist() == [0, 1, 3, 5, 6, 9]
    with pytest.raises(TraceError, match="position 4 has 4 where 3"):
        Trace([0, 1, 1, 2, 4, 3], range(5))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.floats(0.01, 1.0), st.integers(0, 99))
def test_a_sample_has_all_requests_of_its_items(keys, share, seed):
    sizes = [2 * k for k in keys]
    trace = Trace.from_keys(keys, sizes)
    try:
        part = trace.sample(share, seed)
    except TraceError:
        assert share < 1
        return
    kept = set(part.keys.tolist())
    assert part.keys[part.items].tolist() == [k for k in keys if k in kept]
    assert part.sizes.tolist() == [2 * k for k in keys if k in kept]
    assert trace.sample(share, seed).digest == part.digest
    assert trace.sample(1.0, seed).digest == trace.digest


def test_a_sample_keeps_about_its_share_of_the_items():
    trace = Trace.from_keys(np.arange(10_000))
    # Hoeffding: off by more than 200 of 10,000 with a chance below 2 exp(-2 200^2 / 10,000) = 7e-4
    assert abs(trace.sample(0.3, seed=1).catalog_size - 3_000) < 200
    for share in (0, -0.1, 1.1, float("nan"), "x"):
        with pytest.raises(ParameterError, match="share must be a finite number in"):
            trace.sample(share)


def test_only_slices():
    trace = Trace.from_keys([1, 2, 3])
    with pytest.raises(NotSupportedError, match="slices"):
        trace[0]
    with pytest.raises(TraceError, match="none of 3 is picked"):
        trace[3:]


def test_importing_traces_is_light():
    """pyarrow, numba and matplotlib wait until they are needed; reading a file does not need numba."""
    import subprocess
    import sys

    script = (
        "import sys, olearn.traces\n"
        "heavy = {'pyarrow', 'numba', 'matplotlib', 'scipy', 'zstandard'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "olearn.traces.load('twitter')\n"
        "olearn.traces.Trace.from_keys([1, 2, 1])\n"
        "print('numba' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "False"]


def test_wide_values_get_wide_integers():
    trace = Trace.from_keys([1, 2], sizes=[5, 2**31], times=[0, 2**40])
    assert trace.sizes.dtype == trace.times.dtype == np.int64
    assert trace.sizes.tolist() == [5, 2**31]
    narrow = Trace.from_keys([1, 2], sizes=np.array([5, 2**31 - 1], np.uint32))
    assert narrow.sizes.dtype == np.int32
    assert narrow.sizes.tolist() == [5, 2**31 - 1]
