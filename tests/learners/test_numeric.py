"""Sums, maxima and checks that the compiled loops of learners are made of, at every length."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn.learners._feed import _BLOCK, first_bad
from olearn.learners._numeric import dot, dot_and_total, largest, total
from olearn.learners.hedge import Hedge
from tests.naive import learners as naive

entries = st.integers(1, 45).flatmap(
    lambda n: st.tuples(*(st.lists(st.floats(-1e6, 1e6), min_size=n, max_size=n) for _ in range(2)))
)


@given(entries)
def test_sums(vectors):
    x, g = (np.array(v) for v in vectors)
    n = x.size
    scratch = np.full((2, n // 4), np.nan)
    product, weight = dot_and_total(x, g, scratch)
    # Each of the n - 1 additions and n products is off by at most half an ulp of the sum of magnitudes.
    slack = 2.3e-16 * n
    assert abs(weight - math.fsum(x)) <= slack * math.fsum(abs(x))
    assert abs(total(x) - math.fsum(x)) <= slack * math.fsum(abs(x))
    assert abs(product - math.fsum(x * g)) <= slack * math.fsum(abs(x * g))
    assert abs(dot(x, g) - math.fsum(x * g)) <= slack * math.fsum(abs(x * g))
    assert largest(x) == x.max()


def test_largest_of_nothing_finite():
    assert largest(np.full(19, -np.inf)) == -np.inf
    assert largest(np.zeros(0)) == -np.inf


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1.5, -0.1])
@pytest.mark.jit_only
def test_first_bad_across_blocks(bad):
    G = np.full((3 * _BLOCK // 50, 50), 0.5)
    assert first_bad(G, 0.0, 1.0) == -1
    for at in (G.size - 1, 2 * _BLOCK, _BLOCK, _BLOCK - 1, 7, 0):
        G.flat[at] = bad
        assert first_bad(G, 0.0, 1.0) == at
        if not abs(bad) < np.inf:
            assert first_bad(G, -np.inf, np.inf) == at


def test_the_multiplicative_form_at_every_length():
    rng = np.random.default_rng(3)
    for n in range(1, 35):
        losses = rng.random((12, n))
        learner = Hedge(n, eta=0.09)
        assert learner.state.fast
        points = naive.hedge(losses, 0.09)
        np.testing.assert_allclose(learner.run(losses), (points * losses).sum(axis=1), rtol=1e-13)
        np.testing.assert_allclose(learner.predict().sum(), 1.0, rtol=1e-14)


@pytest.mark.jit_only
def test_weights_between_refreshes_may_all_grow_or_shrink():
    """1000 rounds at either end of the range: the weights change by e^50 and the play not at all."""
    for edge in (0.0, 1.0):
        learner = Hedge(6, eta=0.1)
        losses = learner.run(np.full((1000, 6), edge))
        np.testing.assert_allclose(losses, edge, rtol=1e-15)
        np.testing.assert_allclose(learner.predict(), np.full(6, 1 / 6), rtol=1e-15)


def test_losses_too_large_for_the_multiplicative_form():
    for scale in (1e270, 1e290, 1e300):
        learner = Hedge(2, eta=0.01 / scale, loss_range=(0.0, scale))
        assert learner.state.fast == (scale < 1e280)
        losses = np.tile([0.0, scale], (30, 1))
        np.testing.assert_allclose(
            learner.iterates(losses)[-1], naive.softmin(np.array([0.0, 0.29])), rtol=1e-12
        )
