"""Weak duality by our own code: any prices give a bound, the right ones a tight one; errors are sentences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from olearn.errors import ParameterError, SolverError
from olearn.optima import _solve
from olearn.optima._optimum import finish


@given(st.integers(0, 10**6))
def test_any_prices_bound_a_random_program(seed):
    rng = np.random.default_rng(seed)
    n, e, a = 6, 2, 3
    x = rng.random(n)
    high = rng.random(n) + 1.0
    equal, below = rng.normal(size=(e, n)), rng.normal(size=(a, n))
    equal_to, limits = equal @ x, below @ x + rng.random(a)
    cost = rng.normal(size=n)
    exact = linprog(
        -cost, A_ub=below, b_ub=limits, A_eq=equal, b_eq=equal_to, bounds=np.column_stack([np.zeros(n), high])
    )
    assert exact.status == 0
    for _ in range(5):
        bound = _solve.linear_bound(
            cost, high, equal, equal_to, rng.normal(size=e), below, limits, rng.normal(size=a)
        )
        assert bound >= -exact.fun - 1e-9
    prices, tolls = -exact.eqlin.marginals, -exact.ineqlin.marginals
    tight = _solve.linear_bound(cost, high, equal, equal_to, prices, below, limits, tolls)
    assert tight == pytest.approx(-exact.fun, abs=1e-8)


def test_a_contradicted_certificate_is_never_hidden():
    with pytest.raises(AssertionError, match="contradicts"):
        finish(10.0, None, 9.0, "x", "y", "z", 0.0)
    with pytest.raises(AssertionError, match="contradicts"):
        finish(10.0, None, 11.0, "x", "y", "z", 0.0, sense="min")
    best = finish(10.0, None, 10.0 + 1e-10, "x", "y", "z", 0.0)
    assert best.status == "optimal"
    assert best.upper_bound == 10.0 + 1e-10  # closed, and still not lowered
    assert finish(10.0, None, 10.0 - 1e-10, "x", "y", "z", 0.0).upper_bound == 10.0
    assert finish(10.0, None, 10.0 + 1e-15, "x", "y", "z", 0.0).gap == 0.0
    loose = finish(10.0, None, 12.5, "x", "y", "z", 0.0)
    assert (loose.gap, loose.relative_gap, loose.status) == (2.5, 0.25, "bounded")


class Problem:
    """A solver's answer, without a solver."""

    def __init__(self, status, error=None):
        self.status, self.error = status, error

    def solve(self, **options):
        if self.error:
            raise self.error


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("infeasible", "says the problem is infeasible"),
        ("unbounded", "says the problem is unbounded"),
        ("optimal_inaccurate", "not accurate enough here .*rescale"),
        ("user_limit", "stopped at the limit of 3 s .*raise time_limit"),
    ],
)
def test_no_number_without_an_accurate_status(status, sentence):
    with pytest.raises(SolverError, match=sentence):
        _solve.solve(Problem(status), "it", time_limit=3)


def test_a_failing_or_missing_solver(monkeypatch):
    cp = pytest.importorskip("cvxpy")
    with pytest.raises(SolverError, match=r"it: HIGHS failed \(numerical trouble\)"):
        _solve.solve(Problem("", cp.error.SolverError("numerical trouble\nmore")), "it")
    with pytest.raises(SolverError, match="needs the solver MOSEK, which is not installed: pip install mosek"):
        _solve.solve(Problem("optimal"), "it", solver="MOSEK")
    with pytest.raises(ParameterError, match="time_limit"):
        _solve.solve(Problem("optimal"), "it", time_limit=0)
    monkeypatch.setitem(__import__("sys").modules, "cvxpy", None)
    with pytest.raises(SolverError, match="pip install cvxpy"):
        _solve.cvxpy()
