"""Sized caches: LP, schedules and bounds against exhaustive search and a dense LP."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import optima as naive
from olearn.errors import ParameterError, SolverError
from olearn.optima import belady_bypass, belady_sized, interval_lp, sized
from olearn.optima.interval import fits, intervals, price_bound


@st.composite
def cases(draw):
    items = draw(st.lists(st.integers(0, 4), min_size=1, max_size=12))
    sizes = draw(st.lists(st.integers(0, 5), min_size=5, max_size=5))
    costs = draw(st.lists(st.integers(0, 4), min_size=len(items), max_size=len(items)))
    return items, sizes, costs, draw(st.integers(1, 9))


@given(cases())
def test_bounds_enclose_exhaustive_search(case):
    items, sizes, costs, capacity = case
    truth = naive.sized(items, sizes, costs, capacity)
    lp = interval_lp(items, capacity, sizes, costs, catalog_size=5)
    assert lp.value == pytest.approx(lp.upper_bound, abs=1e-6)
    assert lp.upper_bound >= truth - 1e-6
    for method in ("lp", "prices"):
        best = sized(items, capacity, sizes, costs, method=method, catalog_size=5)
        assert best.value <= truth <= best.upper_bound
        assert best.value == np.asarray(costs)[best.allocation].sum()
        assert best.value >= belady_sized(items, capacity, sizes, costs, catalog_size=5).value
    assert lp.upper_bound <= belady_sized(items, capacity, sizes, costs, catalog_size=5).upper_bound + 1e-6


@given(cases())
def test_unit_sizes_are_integral_for_any_costs(case):
    items, _, costs, capacity = case
    lp = interval_lp(items, capacity, costs=costs, catalog_size=5)
    assert lp.status == "optimal"
    assert lp.value == pytest.approx(naive.sized(items, [1] * 5, costs, capacity))
    plain = interval_lp(items, capacity, catalog_size=5)
    assert plain.value == pytest.approx(belady_bypass(items, capacity).value)
    best = sized(items, capacity, costs=costs, catalog_size=5)
    assert best.gap == 0.0


@given(st.lists(st.integers(0, 9), min_size=2, max_size=60), st.integers(3, 30), st.data())
def test_any_prices_bound_and_every_schedule_fits(items, capacity, data):
    sizes = np.arange(1, 11)
    j = intervals(items, capacity, sizes, None, 10)
    prices = np.array(data.draw(st.lists(st.floats(0, 1), min_size=j.gaps, max_size=j.gaps)))
    lp = interval_lp(items, capacity, sizes, catalog_size=10)
    assert price_bound(j, prices) >= lp.value - 1e-6
    best = sized(items, capacity, sizes, catalog_size=10, method="prices")
    kept = best.allocation[j.hits].astype(np.uint8)
    assert fits(j, kept)
    assert naive.fits(items, sizes, capacity, best.allocation)


def test_tiny_costs_and_huge_sizes_are_the_same_problem():
    rng = np.random.default_rng(9)
    items, sizes = rng.integers(0, 30, 300), rng.integers(1, 9, 30)
    costs = rng.integers(1, 9, 300)
    plain = interval_lp(items, 40, sizes, costs)
    scaled = interval_lp(items, 40e9, sizes * 1e9, costs * 1e-7)
    assert scaled.value == pytest.approx(plain.value * 1e-7, rel=1e-9)
    assert scaled.upper_bound == pytest.approx(plain.upper_bound * 1e-7, rel=1e-9)
    assert sized(items, 40e9, sizes * 1e9, costs * 1e-7).relative_gap < 0.1


def test_merged_gaps_give_the_same_lp():
    cp = pytest.importorskip("cvxpy")
    from olearn.geometry.nextuse import next_use
    from olearn.optima._solve import quiet

    rng = np.random.default_rng(3)
    items = rng.integers(0, 15, 100).astype(np.int32)
    sizes = rng.integers(1, 9, 15).astype(float)
    nexts = next_use(items, 15)
    starts = np.flatnonzero(nexts < 100)
    gaps = np.arange(100)[:, None]
    load = ((gaps >= starts) & (gaps < nexts[starts])) * sizes[items[starts]]
    z = cp.Variable(starts.size, bounds=[0, 1])
    with quiet():
        value = cp.Problem(cp.Maximize(cp.sum(z)), [load @ z <= 20]).solve(solver=cp.HIGHS)
    lp = interval_lp(items, 20, sizes)
    assert lp.value == pytest.approx(value)
    assert lp.upper_bound == pytest.approx(value)
    assert intervals(items, 20, sizes).gaps < 90


@pytest.mark.jit_only
def test_certificate_is_cheap_and_tight_on_a_real_trace(shared):
    record = np.dtype([("t", "<u4"), ("id", "<u8"), ("sz", "<u4"), ("nx", "<i8")])
    path = shared / "traces/libcachesim_cloudphysics/cloudPhysicsIO.oracleGeneral.bin"
    data = np.fromfile(path, record)[:20_000]
    ids, first, items = np.unique(data["id"], return_index=True, return_inverse=True)
    sizes = data["sz"][first].astype(float)
    capacity = 0.05 * sizes.sum()
    exact = sized(items, capacity, sizes, method="lp")
    quick = sized(items, capacity, sizes, method="prices")
    assert ids.size == sizes.size
    assert exact.upper_bound <= quick.upper_bound
    assert quick.relative_gap < 0.05
    assert exact.relative_gap < 0.01


def test_a_time_limit_is_one_sentence():
    rng = np.random.default_rng(0)
    items = rng.integers(0, 3000, 30_000)
    with pytest.raises(SolverError, match=r"HIGHS .*time_limit"):
        interval_lp(items, 900, rng.integers(1, 9, 3000), time_limit=0.01)


def test_a_missing_solver_is_one_sentence(monkeypatch):
    cp = pytest.importorskip("cvxpy")
    monkeypatch.setattr(cp, "installed_solvers", lambda: ["SCS"])
    with pytest.raises(SolverError, match="pip install highspy"):
        interval_lp([0, 1, 0], 1)


def test_nothing_is_printed(capfd):
    interval_lp([0, 1, 0, 1], 1)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interval_lp([0, 1], 0), "capacity"),
        (
            lambda: sized([0, 1], 1, sizes=[1, -1]),
            "sizes must be finite and at least 0, got -1.0 at position 1",
        ),
        (lambda: sized([0, 1], 1, costs=[1]), r"costs must have shape \(2,\)"),
        (lambda: sized([0, 1], 1, method="magic"), "method"),
    ],
)
def test_one_sentence_errors(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
