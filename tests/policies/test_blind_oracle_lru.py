"""BlindOracle and LRU: slow twin, both leaders, and the worst that wrong predictions do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn.errors import OlearnError
from olearn.optima.paging import belady
from olearn.policies.caching.blind_oracle_lru import BlindOracleLRU
from olearn.policies.caching.lru import LRU
from tests.naive import caching_classics as naive


@given(
    st.lists(st.integers(0, 7), min_size=1, max_size=150),
    st.integers(1, 8),
    st.one_of(st.none(), st.lists(st.integers(0, 200), min_size=1, max_size=150)),
    st.sampled_from([1.0, 1.1, 2.0]),
)
def test_is_the_slow_twin(items, c, due, factor):
    twin = naive.BlindOracleLRU(c, due, factor)
    cache = BlindOracleLRU(c, 8, predictor="last-gap" if due is None else due, factor=factor)
    assert cache.request_many(items).tolist() == [twin.request(i) for i in items]
    assert set(cache) == twin.held


def next_use(items):
    after, found = {}, np.full(len(items), len(items) + 1)
    for t in range(len(items) - 1, -1, -1):
        found[t] = after.get(items[t], 10**9)
        after[items[t]] = t
    return found


def test_right_predictions_make_it_belady_and_wrong_ones_no_worse_than_a_few_times_lru():
    items = np.minimum(np.random.default_rng(2).zipf(1.2, 20_000), 500).astype(np.int32) - 1
    right = next_use(items.tolist())
    hits = BlindOracleLRU(50, 500, predictor=right).request_many(items).sum()
    assert hits == belady(items, 50, catalog_size=500).value
    lru = LRU(50, 500).request_many(items).sum()
    wrong = BlindOracleLRU(50, 500, predictor=-right)
    misses = 20_000 - wrong.request_many(items).sum()
    assert misses <= 4 * (20_000 - lru) + 8 * 50


def test_refusals_are_sentences():
    for parameters, words in (
        ({"predictor": "oracle"}, "last-gap or an array"),
        ({"predictor": [0.5]}, "got float64"),
        ({"factor": 0.5}, "factor"),
    ):
        with pytest.raises(OlearnError, match=words):
            BlindOracleLRU(2, 5, **parameters).request(0)
