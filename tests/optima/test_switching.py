"""K-switch and per-window optima equal exhaustive search; the bound for free switch times holds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import optima as naive
from olearn.errors import ParameterError
from olearn.optima import best_per_window, k_switch, static_prefilled

tiny = st.lists(st.integers(0, 3), min_size=1, max_size=8)


def earned(items, parts):
    assert parts[0][0] == 0
    assert parts[-1][1] == len(items)
    return sum(i in set(ids.tolist()) for a, b, ids in parts for i in items[a:b])


@given(tiny, st.integers(1, 3), st.integers(0, 4), st.integers(1, 8))
def test_equal_exhaustive_search(items, capacity, switches, windows):
    exact = k_switch(items, capacity, switches, windows=len(items))
    assert exact.value == naive.sequences(items, capacity, switches=switches)
    assert exact.gap == 0.0
    coarse = k_switch(items, capacity, switches, windows=windows)
    assert coarse.value <= exact.value <= coarse.upper_bound
    for best in (exact, coarse):
        assert earned(items, best.allocation) == best.value
        assert len(best.allocation) <= switches + 1
        assert all(ids.size <= capacity for _, _, ids in best.allocation)


@given(st.lists(st.integers(0, 8), min_size=1, max_size=60), st.integers(1, 5), st.integers(1, 12))
def test_the_order_of_comparators(items, capacity, window):
    dynamic = best_per_window(items, capacity, window)
    assert dynamic.gap == 0.0
    assert earned(items, dynamic.allocation) == dynamic.value
    values = [k_switch(items, capacity, k, windows=9).value for k in range(4)]
    assert values == sorted(values)
    assert values[0] == static_prefilled(items, capacity).value
    assert dynamic.value >= values[0]
    every = best_per_window(items, capacity, 1)
    assert every.value == len(items) >= dynamic.value


def test_a_change_of_popularity_is_found():
    items = np.r_[np.zeros(300), np.ones(500), np.full(200, 2)].astype(int)
    best = k_switch(items, 1, 2, windows=10)
    assert best.value == best.upper_bound == 1000
    assert [a for a, _, _ in best.allocation] == [0, 300, 800]
    assert k_switch(items, 1, 1, windows=10).value == 800


def test_one_sentence_errors():
    with pytest.raises(ParameterError, match="switches"):
        k_switch([0, 1], 1, -1)
    with pytest.raises(ParameterError, match="window"):
        best_per_window([0, 1], 1, 0)
