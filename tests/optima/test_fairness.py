"""Fair allocations: known solutions, first-order certificates, monotone prices."""

from itertools import pairwise

import numpy as np
import pytest

from olearn.errors import ParameterError, SolverError
from olearn.optima import alpha_fair, best_fixed_point, nash_bargaining, price_of_fairness

RNG = np.random.default_rng(8)
DEMAND = np.vstack([RNG.permutation(1.0 / np.arange(1, 13) ** 1.2) * 100 for _ in range(3)])


@pytest.mark.parametrize("alpha", [0, 0.5, 1, 2, 4, float("inf")])
def test_certified_and_no_random_point_is_better(alpha):
    best = alpha_fair(DEMAND, 4, alpha)
    assert 0 <= best.gap <= 1e-4 * max(1.0, abs(best.value))
    assert best.allocation.sum() <= 4 + 1e-9
    assert ((best.allocation >= 0) & (best.allocation <= 1)).all()
    for _ in range(200):
        x = RNG.dirichlet(np.full(12, 0.5)) * 4
        x = np.minimum(x, 1.0)
        u = DEMAND @ x
        if alpha == float("inf"):
            value = u.min()
        elif alpha == 1:
            value = np.log(u).sum()
        else:
            value = (u ** (1.0 - alpha)).sum() / (1.0 - alpha)
        assert value <= best.upper_bound + 1e-9


def test_small_powers_keep_their_gap():
    """With alpha = 8 the objective is of order 1e-12: the gap is relative to it, not to 1."""
    best = alpha_fair(DEMAND, 4, 8.0)
    worse = alpha_fair(DEMAND, 4, 0.5).allocation
    assert abs(best.value) < 1e-6
    assert best.gap <= 1e-3 * abs(best.value)
    value = -((DEMAND @ worse) ** -7.0).sum() / 7.0
    assert value < best.value


def test_two_agents_in_closed_form():
    """Demands (a, 0) and (0, b), C = 1: alpha-fairness splits as x/(1-x) = (a/b)^((1-alpha)/alpha)."""
    for alpha in (0.5, 1.0, 2.0):
        ratio = (10 / 1) ** ((1 - alpha) / alpha)
        x = alpha_fair([[10, 0], [0, 1]], 1, alpha).allocation
        assert x[0] == pytest.approx(ratio / (1 + ratio), abs=1e-4)


def test_bargaining_meets_the_disagreement_point():
    best = nash_bargaining([[4, 0], [0, 4]], 1, [2.0, 0.0])
    assert best.allocation == pytest.approx([0.75, 0.25], abs=1e-4)
    zero = nash_bargaining(DEMAND, 4, np.zeros(3))
    assert zero.value == pytest.approx(alpha_fair(DEMAND, 4, 1).value, abs=1e-5)
    with pytest.raises(ParameterError, match="disagreement utility"):
        nash_bargaining([[4, 0], [0, 4]], 1, [3.0, 3.0])


def test_price_rises_with_alpha_and_the_least_gains():
    rows = price_of_fairness(DEMAND, 4, [0, 0.5, 1, 3, float("inf")])
    prices = [r["price"] for r in rows]
    assert prices[0] == 0.0
    assert all(b >= a - 1e-4 for a, b in pairwise(prices))
    assert rows[-1]["least"] >= rows[0]["least"] - 1e-6
    assert all(0 <= p <= 1 for p in prices)


def test_best_fixed_point_with_and_without_a_certificate():
    cp = pytest.importorskip("cvxpy")
    targets = np.random.default_rng(1).normal(size=(20, 4))
    x = cp.Variable(4)
    ball = [cp.norm(x) <= 1]
    losses = [cp.sum_squares(x - t) for t in targets]
    best = best_fixed_point(losses, x, ball, support=np.linalg.norm)
    mean = targets.mean(axis=0)
    expected = mean / max(1.0, np.linalg.norm(mean))
    assert best.allocation == pytest.approx(expected, abs=1e-4)
    assert best.sense == "min"
    assert best.gap <= 1e-3
    assert best.upper_bound <= ((targets - expected) ** 2).sum() + 1e-9
    bare = best_fixed_point(losses, x, ball)
    assert np.isnan(bare.upper_bound)
    assert "not certified" in bare.status


def test_unbounded_and_not_convex_are_one_sentence():
    cp = pytest.importorskip("cvxpy")
    x = cp.Variable(2)
    with pytest.raises(SolverError, match="unbounded"):
        best_fixed_point(cp.sum(x), x)
    with pytest.raises(ParameterError, match="convex"):
        best_fixed_point(-cp.sum_squares(x), x)
    with pytest.raises(ParameterError, match="at least one"):
        best_fixed_point([], x)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: alpha_fair([1.0, 2.0], 1), "agents, items"),
        (lambda: alpha_fair([[1.0], [0.0]], 1), "agent 1 asks for nothing"),
        (lambda: alpha_fair([[1.0]], 1, alpha=-1.0), "alpha"),
        (lambda: alpha_fair([[-1.0]], 1), "at least 0"),
        (lambda: nash_bargaining([[1.0]], 1, [0.0, 1.0]), "disagreement"),
    ],
)
def test_one_sentence_errors(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
