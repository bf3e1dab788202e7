"""Thresholds, arms and the clairvoyant against enumeration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn.errors import ParameterError
from olearn.optima import (
    best_arm,
    best_threshold,
    best_threshold_per_context,
    clairvoyant,
    threshold_losses,
)


@st.composite
def samples(draw):
    n = draw(st.integers(1, 12))
    eighths = st.lists(st.integers(0, 8), min_size=n, max_size=n)
    p, local, offload = (np.array(draw(eighths)) / 8 for _ in range(3))
    return p, local, offload, np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))


def loss_of(theta, p, local, offload):
    return np.where(p < theta, offload, local).sum()


@given(samples())
def test_thresholds_equal_enumeration(s):
    p, local, offload, context = s
    grid = [-np.inf, *np.unique(p), np.inf]
    best = best_threshold(p, local, offload)
    assert best.value == min(loss_of(t, p, local, offload) for t in grid)
    assert best.value == loss_of(best.allocation, p, local, offload)
    per = best_threshold_per_context(p, local, offload, context)
    expected = sum(
        min(loss_of(t, p[c], local[c], offload[c]) for t in grid) for c in (context == k for k in range(3))
    )
    assert per.value == expected
    everything = np.column_stack([local, offload])
    assert best.gap == per.gap == 0.0
    assert clairvoyant(everything).value <= per.value <= best.value <= best_arm(everything).value
    assert best_arm(everything).value == min(local.sum(), offload.sum())
    assert "linear by construction" in clairvoyant(everything).convention


def test_never_and_always():
    p = np.array([0.2, 0.8])
    assert best_threshold(p, [0, 0], [1, 1]).allocation == -np.inf
    assert best_threshold(p, [1, 1], [0, 0]).allocation == np.inf


def test_losses_of_errors_and_costs():
    local, offload = threshold_losses([1, 0, 1], [0, 0, 1], cost=[0.1, 0.2, 0.3])
    assert local.tolist() == [1, 0, 1]
    np.testing.assert_allclose(offload, [0.1, 0.2, 1.3])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_threshold([0.5], [1.0, 0.0], [0.0]), "local_loss must have shape"),
        (lambda: best_threshold([], [], []), "T >= 1"),
        (lambda: best_threshold([0.5], [np.nan], [0.0]), "local_loss must be finite"),
        (lambda: best_threshold_per_context([0.5], [1.0], [0.0], [-1]), "context must be"),
        (lambda: best_arm([1.0, 2.0]), "samples, choices"),
        (lambda: clairvoyant([[np.inf]]), "finite"),
    ],
)
def test_one_sentence_errors(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
