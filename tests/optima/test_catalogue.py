"""Comparators by name, and the order among them on one trace."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from olearn.errors import NotSupportedError, ParameterError, UnknownNameError
from olearn.optima.catalogue import ALL, ALL_SIZED, COMPARATORS, optimum, parse
from olearn.traces import Trace


@st.composite
def traces(draw):
    keys = draw(st.lists(st.integers(0, 9), min_size=3, max_size=50))
    sizes = draw(st.lists(st.integers(1, 6), min_size=10, max_size=10))
    return Trace.from_keys(keys, sizes=[sizes[k] for k in keys])


@settings(max_examples=8)
@given(traces(), st.integers(1, 6), st.integers(6, 20))
def test_the_order_that_the_page_promises(trace, places, room):
    unit = {name: optimum(trace, places, name) for name in (*ALL, "k-switch:0", "k-switch:1", "per-window:7")}
    unit |= {
        n: optimum(trace, places, n) for n in ("movement-budget:0", "switching-cost:0", "switching-cost:50")
    }
    value = {n: o.value for n, o in unit.items()}
    assert value["static"] >= value["fetch-charged"]
    assert value["belady-bypass"] >= max(value["belady"], value["fetch-charged"])
    assert value["k-switch:10"] >= value["k-switch:1"] >= value["k-switch:0"] == value["static"]
    assert value["per-window:7"] >= value["static"]
    assert value["movement-budget:0"] == pytest.approx(value["static"])
    assert value["switching-cost:0"] == pytest.approx(len(trace))
    assert value["switching-cost:50"] == pytest.approx(value["static"])
    by_size = {n: optimum(trace, room, n) for n in (*ALL_SIZED, "interval-lp", "static-sized-greedy")}
    assert by_size["interval-lp"].upper_bound >= by_size["sized"].value - 1e-6
    assert by_size["sized"].value >= by_size["belady-sized"].value
    fraction, whole, greedy = (
        by_size[n].value for n in ("static-sized-fractional", "static-sized", "static-sized-greedy")
    )
    assert fraction + 1e-9 >= whole >= greedy >= fraction / 2 - 1e-9
    for best in (*unit.values(), *by_size.values()):
        assert best.upper_bound >= best.value
        assert best.convention
        assert best.seconds >= 0


def test_every_name_is_listed_and_parsed():
    for name, comparator in COMPARATORS.items():
        found, argument = parse(name if comparator.argument is None else f"{name}:3")
        assert found is comparator
        assert argument == (None if comparator.argument is None else "3")
    assert set(ALL_SIZED) < set(COMPARATORS)


def test_what_a_hit_is_worth():
    trace = Trace.from_keys([1, 2, 1, 2, 1], sizes=[3, 5, 3, 5, 3], costs=[1.0, 9.0, 1.0, 9.0, 1.0])
    assert optimum(trace, 5, "static-sized", value="objects").value == 3
    assert optimum(trace, 5, "static-sized", value="bytes").value == 10
    assert optimum(trace, 5, "static-sized", value="cost").value == 18
    assert optimum(trace, 5, "sized", value="cost").value == 9


def test_one_sentence_errors():
    trace = Trace.from_keys(np.arange(5))
    with pytest.raises(UnknownNameError, match="did you mean 'belady'"):
        optimum(trace, 1, "beladi")
    with pytest.raises(ParameterError, match="is written per-window:W"):
        optimum(trace, 1, "per-window")
    with pytest.raises(NotSupportedError, match="goes with the comparators by size"):
        optimum(trace, 1, "belady", value="bytes")
    with pytest.raises(NotSupportedError, match="cost column"):
        optimum(trace, 1, "sized", value="cost")
