"""Bands cover as they say, verdicts say what the numbers allow and no more."""

import math

import numpy as np
import pytest

from olearn.bounds import Bound
from olearn.errors import ParameterError
from olearn.regret import RunFacts, band, run_facts, says_something_from, verdict, violations


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
    assert verdict(40.0, b, randomised=True).word == "undecided"
    assert "give more seeds" in verdict(40.0, b, randomised=True).text
    assert verdict(140.0, b, randomised=True).word == "undecided"
    assert verdict(140.0, b, randomised=False).word == "exceeded"
    assert verdict([90.0, 91.0, 92.0], b, randomised=True).word == "holds"
    assert verdict([90.0, 100.0, 105.0], b, randomised=True).word == "undecided"
    wide = verdict([-700.0, 5.333, 700.0], b, randomised=True)  # a mean within the bound, known to +- 1,700
    assert wide.word == "undecided"
    assert "give more seeds" in wide.text
    assert verdict([60.0, 100.0, 150.0], b, randomised=True).word == "undecided"
    assert verdict([120.0, 121.0, 122.0], b, randomised=True).word == "exceeded"


@pytest.mark.parametrize("seeds", [1, 2, 5, 10])
def test_holds_is_rare_where_the_true_mean_is_above_the_bound(seeds):
    """True mean 20 % above the bound: "holds" comes in at most 2.5 % of replays, as the level says.

    4,000 replays each; a binomial(4000, .025) exceeds 145 with chance 1e-5. The other way round, "exceeded"
    where the true mean is 20 % below.
    """
    b = bound(guarantee="in expectation")
    noise = np.random.default_rng(seeds).normal(size=(4000, seeds)) * 60.0
    words = [verdict(120.0 + row, b, randomised=True).word for row in noise]
    assert words.count("holds") <= 145
    words = [verdict(80.0 + row, b, randomised=True).word for row in noise]
    assert words.count("exceeded") <= 145


def test_a_bound_that_could_not_be_missed_is_vacuous():
    v = verdict(40.0, bound(), most=90.0, rounds=1000)
    assert v.word == "vacuous"
    assert math.isnan(v.ratio)
    assert "from about 1,240 requests on" in v.text  # 1000 (100/90)^2 = 1234.6
    assert verdict(40.0, bound(), most=100.0).word == "vacuous"
    assert verdict(40.0, bound(), most=100.1).word == "holds"
    assert says_something_from(100.0, 50.0, 1000, exponent=2 / 3) == pytest.approx(8000.0)
    assert says_something_from(100.0, 0.0, 1000) == math.inf
    assert verdict([1.0, 2.0], bound(guarantee="in expectation"), randomised=True, most=5.0).word == "vacuous"


def test_an_infinite_bound_is_none():
    assert verdict(1.0, bound()._replace(value=math.inf)).word == "none declared"
    assert verdict(1.0, bound()._replace(value=math.nan)).word == "none declared"


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
