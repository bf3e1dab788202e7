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


@pytest.mark.jit_only
def test_no_drift_over_many_rounds(play):
    # after 300,000 rounds the shares are those of the summed losses, to 1e-7
    from olearn.policies.offloading.hil_f import HILF

    T, n = 300_000, 200
    rng = np.random.default_rng(0)
    levels = (np.arange(n) + 0.5) / n
    cell = rng.integers(0, n, T)
    wrong = (rng.random(T) > levels[cell]).astype(float)
    policy = HILF(T, levels, axis="rank")
    play(policy, levels[cell], wrong, 0.3)
    # threshold k (of n + 1) offloads the cells below k; the last answer is not learnt from
    change = np.bincount(cell[:-1], weights=0.3 - wrong[:-1], minlength=n)
    loss = np.concatenate([[0.0], np.cumsum(change)])
    weights = np.exp(-policy.rate() * (loss - loss.min()))
    expected = [weights[k + 1 :].sum() / weights.sum() for k in range(n)]
    got = [share_from(policy.state.tree, 0, k + 1) for k in range(n)]
    np.testing.assert_allclose(got, expected, atol=1e-7)
