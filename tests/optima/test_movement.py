"""Paying for movement: the flow LP and the budgeted MILP against exhaustive search."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import optima as naive
from olearn.errors import ParameterError
from olearn.optima import belady_bypass, best_per_window, movement_budget, static_prefilled, switching_cost

tiny = st.lists(st.integers(0, 3), min_size=1, max_size=9)


@given(tiny, st.integers(1, 3), st.integers(0, 6), st.booleans())
def test_switching_cost(items, capacity, quarters, prefilled):
    cost = quarters / 4
    best = switching_cost(items, capacity, cost, prefilled=prefilled)
    truth = naive.sequences(items, capacity, move_cost=cost, prefilled=prefilled)
    assert best.value == pytest.approx(truth, abs=1e-6)
    assert best.upper_bound == pytest.approx(truth, abs=1e-6)
    assert best.status == "optimal"  # the flow is integral


@given(tiny, st.integers(1, 3), st.integers(0, 5), st.booleans())
def test_movement_budget(items, capacity, budget, prefilled):
    best = movement_budget(items, capacity, budget, prefilled=prefilled)
    truth = naive.sequences(items, capacity, budget=budget, prefilled=prefilled)
    assert best.value == pytest.approx(truth, abs=1e-6)
    assert best.upper_bound >= truth - 1e-6
    assert best.allocation.sum() == best.value


@settings(max_examples=12)
@given(st.lists(st.integers(0, 9), min_size=2, max_size=40), st.integers(1, 5))
def test_the_order_of_comparators(items, capacity):
    static = static_prefilled(items, capacity).value
    assert movement_budget(items, capacity, 0).value == pytest.approx(static)
    budgets = [movement_budget(items, capacity, b).value for b in (0, 2, 6)]
    assert budgets == sorted(budgets)
    costs = [switching_cost(items, capacity, c).value for c in (0.0, 0.5, 2.0, 100.0)]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] == pytest.approx(len(items)) == best_per_window(items, capacity, 1).value
    assert costs[-1] == pytest.approx(static)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30), st.integers(1, 4))
def test_paying_one_hit_for_each_fetch_from_empty_is_belady_with_bypass(items, capacity):
    """A fetch just before a request costs what the request earns: a miss that is inserted."""
    best = switching_cost(items, capacity, 1.0, prefilled=False)
    assert best.value == pytest.approx(belady_bypass(items, capacity).value, abs=1e-6)


def test_one_sentence_errors():
    with pytest.raises(ParameterError, match="cost"):
        switching_cost([0, 1], 1, -1.0)
    with pytest.raises(ParameterError, match="budget"):
        movement_budget([0, 1], 1, 1.5)
