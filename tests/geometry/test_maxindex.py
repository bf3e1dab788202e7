"""The bitmap with a maximum equals a Python set, at every level boundary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn.errors import ParameterError
from olearn.geometry.maxindex import bitmap_clear, bitmap_has, bitmap_max, bitmap_new, bitmap_set, top_bit


@pytest.mark.parametrize("k", range(64))
def test_top_bit(k):
    assert top_bit(np.uint64(1 << k)) == k
    assert top_bit(np.uint64((1 << (k + 1)) - 1)) == k
    assert top_bit(np.uint64((1 << k) | 1)) == k


@pytest.mark.parametrize(("n", "levels"), [(1, 1), (64, 1), (65, 2), (4096, 2), (4097, 3), (20_000_000, 5)])
def test_shape(n, levels):
    words, offsets = bitmap_new(n)
    assert offsets.size == levels + 1
    assert offsets[-1] == words.size
    assert offsets[-1] - offsets[-2] == 1  # the root is one word
    assert words.nbytes < n / 8 * 1.1 + 64
    for i in {0, n // 2, n - 1}:
        bitmap_set(words, offsets, i)
        assert bitmap_max(words, offsets) == i
    for i in sorted({0, n // 2, n - 1}, reverse=True):
        assert bitmap_max(words, offsets) == i
        bitmap_clear(words, offsets, i)
    assert not words.any()
    assert bitmap_max(words, offsets) == -1


@given(st.sampled_from([1, 63, 64, 65, 4095, 4096, 4097, 300_000]), st.data())
def test_equals_a_set(n, data):
    words, offsets = bitmap_new(n)
    model = set()
    near = st.one_of(st.integers(0, n - 1), st.integers(max(0, n - 3), n - 1), st.integers(0, min(70, n - 1)))
    for add, i in data.draw(st.lists(st.tuples(st.booleans(), near), max_size=40)):
        if add:
            bitmap_set(words, offsets, i)
            model.add(i)
        else:
            bitmap_clear(words, offsets, i)
            model.discard(i)
        assert bitmap_has(words, i) == (i in model)
        assert bitmap_max(words, offsets) == max(model, default=-1)
    for i in model:
        bitmap_clear(words, offsets, i)
    assert not words.any()


def test_refuses_nothing_to_hold():
    with pytest.raises(ParameterError, match="n must be"):
        bitmap_new(0)
