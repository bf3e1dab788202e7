"""Mixtures of thresholds within budgets against the dense linear program."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from olearn.errors import ParameterError
from olearn.optima import best_mixed, best_threshold, best_threshold_per_context


@st.composite
def samples(draw):
    n = draw(st.integers(1, 12))
    eighths = st.lists(st.integers(0, 8), min_size=n, max_size=n)
    p, local, offload, use = (np.array(draw(eighths)) / 8 for _ in range(4))
    return p, local, offload, use, np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))


def program(p, local, offload, context, use, budgets):
    """All thresholds of all contexts as columns of a dense LP."""
    cost, used, owner = [], [], []
    for k in range(3):
        for theta in [-np.inf, *np.unique(p), np.inf]:
            below = (p < theta) & (context == k)
            cost.append(offload[below].sum() + local[(context == k) & ~below].sum())
            used.append([u[below].sum() for u in use])
            owner.append(k)
    rows = np.array(owner) == np.arange(3)[:, None]
    result = linprog(cost, A_ub=np.array(used).T, b_ub=budgets, A_eq=rows.astype(float), b_eq=np.ones(3))
    assert result.status == 0
    return result.fun


@given(samples(), st.integers(0, 8), st.integers(0, 8))
def test_against_a_dense_program(s, rate, budget):
    p, local, offload, use, context = s
    one = best_mixed(p, local, offload, context=context, rate=rate / 8)
    ones = np.ones_like(p)
    assert one.value == pytest.approx(
        program(p, local, offload, context, [ones], [rate / 8 * p.size]), abs=1e-9
    )
    assert one.gap <= 1e-9
    assert one.allocation.use[0] <= rate / 8 * p.size + 1e-9
    two = best_mixed(p, local, offload, context=context, rate=rate / 8, resources=use, budgets=[budget / 8])
    expected = program(p, local, offload, context, [ones, use], [rate / 8 * p.size, budget / 8])
    assert two.value == pytest.approx(expected, abs=1e-6)
    assert two.upper_bound <= two.value
    assert two.gap <= 1e-6
    assert two.value >= one.value - 1e-9
    single = best_mixed(p, local, offload, context=context, resources=use, budgets=[budget / 8])
    assert single.value == pytest.approx(program(p, local, offload, context, [use], [budget / 8]), abs=1e-9)


@given(samples())
def test_without_a_binding_budget_it_is_the_best_threshold(s):
    p, local, offload, _, context = s
    assert best_mixed(p, local, offload, rate=1.0).value == pytest.approx(
        best_threshold(p, local, offload).value
    )
    per = best_threshold_per_context(p, local, offload, context).value
    assert best_mixed(p, local, offload, context=context, rate=1.0).value == pytest.approx(per)
    never = best_mixed(p, local, offload, rate=0.0)
    assert never.value == pytest.approx(local.sum())


def test_at_most_one_context_mixes():
    rng = np.random.default_rng(0)
    p, context = rng.random(500), rng.integers(0, 4, 500)
    best = best_mixed(p, (rng.random(500) > p) * 1.0, np.full(500, 0.1), context=context, rate=0.2)
    assert sorted(len(q) for q in best.allocation.probabilities) in ([1, 1, 1, 1], [1, 1, 1, 2])
    assert best.allocation.use[0] == pytest.approx(100)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give a budget"),
        ({"rate": 1.5}, "rate"),
        ({"resources": [1.0]}, "together"),
        ({"resources": [1.0, 2.0], "budgets": [1.0]}, r"= \(1, 1\)"),
        ({"resources": [-1.0], "budgets": [1.0]}, "at least 0"),
    ],
)
def test_one_sentence_errors(options, message):
    with pytest.raises(ParameterError, match=message):
        best_mixed([0.5], [1.0], [0.0], **options)
