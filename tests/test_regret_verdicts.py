"""Bands cover as they say, verdicts say what the numbers allow and no more."""

import math

import numpy as np
import pytest

from olearn.bounds import Bound
from olearn.errors import ParameterError
from olearn.regret import RunFacts, band, run_facts, verdict, violations


def bound(value=100.0, guarantee="every sequence"):
    return Bound(value, "sqrt(T)", "best static set, prefilled", guarantee, (), "test")


def test_band_is_students_interval():
    from scipy import stats

    x = np.random.default_rng(0).normal(3.0, 2.0, (7, 4))
    b = band(x, 0.9)
    low, high = stats.t.interval(0.9, 6, loc=x.mean(0), scale=stats.sem(x, axis=0))
    np.testing.assert_allclose(b.low, low)
    np.testing.assert_allclose(b.high, high)
    assert b.replicates == 7


def test_band_covers_dependent_steps():
    """Random walks: the final value's 90% interval from 8 seeds covers 0 in 90% of 2000 trials.

    Exact for normal values; the count is binomial(2000, 0.9), and +-4.5 standard deviations (60) leave a
    false alarm of 7e-6.
    """
    walks = np.random.default_rng(1).normal(size=(2000, 8, 50)).cumsum(axis=2)
    hits = sum(bool(b.low[-1] <= 0.0 <= b.high[-1]) for b in (band(w, 0.9) for w in walks))
    assert abs(hits - 1800) < 60


def test_simultaneous_band_is_wider_and_one_seed_has_none():
    x = np.random.default_rng(2).normal(size=(5, 10))
    assert (band(x, simultaneous=True).high > band(x).high).all()
    assert np.isnan(band(x[:1]).low).all()
    with pytest.raises(ParameterError, match="seeds, checkpoints"):
        band([1.0, 2.0])


def test_every_sequence():
    v = verdict(40.0, bound())
    assert (v.word, v.ratio) == ("holds", 0.4)
    assert verdict(100.0 + 1e-8, bound()).word == "holds"  # rounding of a sum
    assert verdict([40.0, 101.0], bound()).word == "exceeded"
    assert "1 of 2 runs above" in verdict([40.0, 101.0], bound()).text
    assert verdict(-3.0, bound()).word == "holds"


def test_in_expectation():
    b = bound(guarantee="in expectation")
    assert verdict(40.0, b, randomised=True).word == "holds"
    assert verdict(140.0, b, randomised=True).word == "undecided"
    assert verdict(140.0, b, randomised=False).word == "exceeded"
    assert verdict([90.0, 100.0, 105.0], b, randomised=True).word == "holds"
    assert verdict([60.0, 100.0, 150.0], b, randomised=True).word == "undecided"
    assert verdict([120.0, 121.0, 122.0], b, randomised=True).word == "exceeded"


def test_with_probability():
    b = bound(guarantee="with probability 1-delta")
    assert verdict([90.0] * 10, b, randomised=True).word == "holds"
    assert verdict([90.0] * 9 + [120.0], b, randomised=True).word == "undecided"
    assert verdict([90.0] * 9 + [120.0], b, randomised=True, delta=0.1).word == "holds"
    assert verdict([120.0] * 6 + [90.0] * 4, b, randomised=True, delta=0.1).word == "exceeded"


def test_no_comparison_without_a_right_to_it():
    assert verdict(1.0, None).word == "none declared"
    v = verdict(1.0, bound(), violated=("batches of 5, assumed at most 1",))
    assert v.word == "not applicable"
    assert v.text.endswith("because of batches of 5, assumed at most 1")
    assert math.isnan(v.ratio)
    assert verdict(1.0, bound(), against="belady").word == "not applicable"
    assert verdict(1.0, bound(), against="best static set, prefilled").word == "holds"
    with pytest.raises(ParameterError, match="finite number a seed"):
        verdict(float("nan"), bound())


def test_facts_and_violations():
    facts = run_facts([3, 3, 3, 1, 1, 2, 1], batch=3, weights=[1.0, 4.0], capacity=2)
    assert facts == RunFacts(7, 3, 3, 4.0, 2, None)
    assert run_facts([5, 5, 5]).multiplicity == 1
    assumed = RunFacts(requests=5, batch=3, multiplicity=2, max_weight=4.0, capacity=3)
    assert violations(assumed, facts) == (
        "7 requests, tuned for 5",
        "an item 3 times in a batch, assumed at most 2",
        "capacity 2, computed for 3",
    )
    assert violations(RunFacts(), facts) == ()
