"""What is written is read back: every format that can be written, any keys and columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn.errors import NotSupportedError, OlearnError, UnknownNameError
from olearn.traces import Trace, load, save
from olearn.traces.writers import WRITERS, format_of

INTEGERS = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2**64 - 1) | st.integers(0, 9)
TEXTS = st.text(max_size=6) | st.sampled_from(
    ["item", "007", "1e5", "a,b", "#x", "1 2", "-0", "NaN", "null", "a:1", "\x1f", "a\x1fb", "\x85", "a\u2028b"]
)


def keys_of(kind):
    return st.lists(kind, min_size=1, max_size=30)


@st.composite
def traces(draw):
    keys = draw(keys_of(INTEGERS) | keys_of(TEXTS))
    if all(isinstance(k, int) for k in keys) and min(keys) < 0 and max(keys) >= 2**63:
        keys = [k % 2**63 for k in keys]
    length = len(keys)

    def column(values):
        return draw(st.none() | st.lists(values, min_size=length, max_size=length))

    sizes = column(st.integers(0, 2**62))
    times = column(st.integers(0, 2**62)) or column(st.floats(0, 1e300))
    costs = column(st.floats(0, 1e300))
    return Trace.from_keys(keys, sizes, times, costs)


def same_columns(one, other, names):
    for name in names:
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None), name
        assert a is None or np.array_equal(a, b), name


@given(traces())
def test_npz_keeps_everything(tmp_path_factory, trace):
    path = save(trace, tmp_path_factory.getbasetemp() / "t.npz")
    again = load(path)
    assert again.digest == trace.digest
    assert again.keys.dtype == trace.keys.dtype


@given(traces())
def test_csv_and_txt_keep_everything_or_refuse(tmp_path_factory, trace):
    for name in ("t.csv", "t.txt"):
        path = tmp_path_factory.getbasetemp() / name
        try:
            save(trace, path)
        except NotSupportedError:
            assert trace.keys.dtype == object
            continue
        again = load(path, format=path.suffix[1:])
        assert np.array_equal(again.items, trace.items)
        assert [str(k) for k in again.keys] == [str(k) for k in trace.keys]
        if name == "t.csv":
            same_columns(again, trace, ("sizes", "times", "costs"))


@given(traces())
def test_oracle_general_keeps_what_it_can_hold_or_refuses(tmp_path_factory, trace):
    path = tmp_path_factory.getbasetemp() / "t.oracleGeneral"
    try:
        save(trace, path)
    except NotSupportedError:
        assert max(0 if c is None else c.max() for c in (trace.sizes, trace.times)) >= 2**32
        return
    again = load(path)
    assert np.array_equal(again.items, trace.items)
    if trace.keys.dtype != object and trace.keys.min() >= 0:
        assert np.array_equal(again.keys, trace.keys)
    assert np.array_equal(again.sizes, np.ones(len(trace)) if trace.sizes is None else trace.sizes)
    expected = np.arange(len(trace)) if trace.times is None else np.floor(trace.times)
    assert np.array_equal(again.times, expected)


@pytest.mark.parametrize("ending", ["gz", "xz", "zst"])
@pytest.mark.parametrize("name", ["t.csv", "t.txt", "t.oracleGeneral", "t.oracleGeneral.bin", "t.npz"])
def test_compressed_by_the_ending(name, ending, tmp_path):
    trace = Trace.from_keys(np.arange(5_000) % 70, np.arange(5_000) % 3, np.arange(5_000))
    plain, packed = save(trace, tmp_path / name), save(trace, tmp_path / f"{name}.{ending}")
    assert np.array_equal(load(packed).items, trace.items)
    assert load(packed).digest == load(plain).digest
    if "npz" not in name:
        assert packed.stat().st_size < 0.5 * plain.stat().st_size
    before = packed.read_bytes()
    assert save(trace, packed).read_bytes() == before  # no time stamp inside


@pytest.mark.parametrize(
    ("path", "format", "expected"),
    [
        ("a.csv", None, "csv"),
        ("a.b.NPZ", None, "npz"),
        ("a.oracleGeneral", None, "oracleGeneral"),
        ("a.oraclegeneral.bin.zst", None, "oracleGeneral"),
        ("a.txt.gz", None, "txt"),
        ("a.csv", "TXT", "txt"),
    ],
)
def test_the_format_of_a_file_to_write(path, format, expected):
    assert format_of(path, format) == expected


def test_unknown_formats_to_write():
    for path, format, sentence in (
        ("a", None, "the ending '' belongs to no format to write; give one of: npz, csv, txt, oracleGeneral"),
        ("a.cvs", None, "did you mean 'csv'?"),
        ("a.gz", None, "the ending '' belongs"),
        ("a.csv", "vscsi", "unknown format to write 'vscsi'"),
    ):
        with pytest.raises((NotSupportedError, UnknownNameError)) as caught:
            format_of(path, format)
        assert sentence in str(caught.value)


@pytest.mark.parametrize("format", WRITERS)
def test_what_fails_half_way_leaves_the_old_file(format, tmp_path, monkeypatch):
    def broken(trace, file):
        file.write(b"half")
        raise OlearnError("no more")

    monkeypatch.setitem(WRITERS, format, broken)
    path = tmp_path / "t"
    path.write_bytes(b"precious")
    with pytest.raises(OlearnError, match="no more"):
        save(Trace.from_keys([1]), path, format)
    assert path.read_bytes() == b"precious"
    assert [p.name for p in tmp_path.iterdir()] == ["t"]


def test_keys_that_are_neither_numbers_nor_text_are_refused_by_npz(tmp_path):
    with pytest.raises(NotSupportedError, match="only traces with integer or string keys"):
        save(Trace.from_keys([(1, 2), (3, 4)]), tmp_path / "t.npz")
    assert not list(tmp_path.iterdir())


def test_save_and_load_of_the_class(tmp_path):
    trace = Trace.from_keys(["a", "b"])
    assert Trace.load(trace.save(tmp_path / "x.npz")).digest == trace.digest
    assert Trace.load(trace.save(tmp_path / "y", "csv"), "csv").keys.tolist() == ["a", "b"]
