"""The tree of odds against a plain vector of weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn.policies.offloading._thresholds import AXES, thresholds
from olearn.policies.offloading._tree import multiply_from, new_tree, quantile, refill, share_from

factors = st.floats(0.01, 100.0)


@given(
    st.lists(st.floats(0.01, 10.0), min_size=1, max_size=9),
    st.lists(st.tuples(st.integers(0, 10), factors), max_size=20),
)
def test_suffix_products_and_shares(weights, products):
    plain = np.array(weights)
    tree = new_tree(plain, trees=2)
    second = tree.size
    for first, f in products:
        multiply_from(tree, second, first, f)
        plain[first:] *= f
        if first == 0:  # a factor on everything is not kept: only relative weights are
            plain /= f
    for first in range(plain.size + 2):
        assert share_from(tree, second, first) == pytest.approx(
            plain[first:].sum() / plain.sum(), rel=1e-9, abs=1e-15
        )
        untouched = np.array(weights)
        assert share_from(tree, 0, first) == pytest.approx(untouched[first:].sum() / untouched.sum(), rel=1e-9)


@given(st.lists(st.floats(0.01, 10.0), min_size=1, max_size=9), st.floats(0.001, 0.999))
def test_quantile(weights, q):
    shares = np.cumsum(weights) / np.sum(weights)
    leaf = int(quantile(new_tree(np.array(weights)), 0, q))
    assert shares[leaf] >= q - 1e-9
    assert leaf == 0 or shares[leaf - 1] <= q + 1e-9


def test_refill_forgets():
    tree = new_tree(np.array([1.0, 2.0, 3.0]))
    for _ in range(300):
        multiply_from(tree, 0, 1, 50.0)
    assert share_from(tree, 0, 1) == 1.0
    assert abs(tree.exponent).max() > 0
    total = np.zeros(2 * tree.size)
    total[tree.size : tree.size + 3] = (1.0, 2.0, 3.0)
    refill(tree, 0, total)
    assert share_from(tree, 0, 1) == pytest.approx(5 / 6)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20, unique=True), st.sampled_from(AXES))
def test_every_threshold_is_in_play(levels, axis):
    values = np.sort(levels)
    found = thresholds(values, axis, None)
    assert found.weights.size == values.size + 1
    assert (found.weights > 0).all()
    assert found.weights.sum() == pytest.approx(1.0)
    assert found.first.tolist() == list(range(1, values.size + 1))
    # threshold k offloads the cells below k, and values[k] is such a number
    for k, theta in enumerate(found.values):
        assert [bool(v < theta) for v in values] == [i < k for i in range(values.size)]
