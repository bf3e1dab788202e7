"""Declared bounds under attack: random, cyclic and adaptive sequences."""

from __future__ import annotations

import numpy as np
import pytest

from olearn import optima
from olearn.errors import OlearnError
from olearn.policies.offloading.exp4 import EXP4
from olearn.policies.offloading.h2t2 import H2T2
from olearn.policies.offloading.hedge_hi import HedgeHI
from olearn.policies.offloading.hedge_hi_restart import HedgeHIRestart
from olearn.policies.offloading.hi_lcb import HILCB
from olearn.policies.offloading.hi_lcb_lite import HILCBLite
from olearn.policies.offloading.hil_f import HILF
from olearn.policies.offloading.hil_n import HILN


def attacks(T, seed=0):
    """Confidences and errors that are bad for a learner of thresholds."""
    rng = np.random.default_rng(seed)
    p = rng.integers(1, 16, T) / 16
    yield "random", p, (rng.random(T) < 0.5).astype(float)
    yield "calibrated", p, (rng.random(T) < 1 - p).astype(float)
    yield "upside down", p, (rng.random(T) < p).astype(float)
    yield "one confidence, coin", np.full(T, 0.5), (rng.random(T) < 0.5).astype(float)
    yield "cyclic", np.tile([0.25, 0.75], T)[:T], np.tile([1.0, 0.0, 0.0, 1.0], T)[:T]
    yield "flips at half time", p, np.where(np.arange(T) < T // 2, p < 0.5, p >= 0.5).astype(float)
    yield "always wrong", p, np.ones(T)
    yield "never wrong", p, np.zeros(T)


def regret(p, wrong, cost, chance):
    """Expected regret over the last draws against the best threshold."""
    offload = np.full(p.size, cost)
    best = optima.best_threshold(p, wrong, offload).value
    return float((chance * cost + (1 - chance) * wrong).sum() - best)


@pytest.mark.parametrize("cost", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("axis", ["uniform", "rank"])
def test_hil_f_keeps_its_bound(play, cost, axis):
    T = 400
    for name, p, wrong in attacks(T):
        policy = HILF(T, np.unique(p), axis=axis)
        # given the sequence, the chances do not depend on the draws: this is the expectation itself
        got = regret(p, wrong, cost, play(policy, p, wrong, cost).chance)
        assert got <= policy.bound().value, name


def test_hil_f_keeps_its_bound_against_an_adversary_who_looks():
    # the adversary makes the local model err exactly where offloading is less likely than not
    T, cost = 300, 0.5
    levels = np.array([0.2, 0.4, 0.6, 0.8])
    policy = HILF(T, levels)
    rng = np.random.default_rng(4)
    p = levels[rng.integers(0, 4, T)]
    wrong, chance = np.zeros(T), np.zeros(T)
    for t in range(T):
        policy.decide(p[t], cost)
        chance[t] = policy.state.stats[0]
        wrong[t] = float(chance[t] < 0.5)
        policy.feedback(local_wrong=bool(wrong[t]))
    assert regret(p, wrong, cost, chance) <= policy.bound().value


def test_a_wrong_rate_misses_the_tuned_bound(play):
    # the tests above can fail: a learner that follows the last error is wrong every time on alternation
    T, cost = 2000, 0.5
    p, wrong = np.full(T, 0.5), np.tile([1.0, 0.0], T // 2)
    tuned = HILF(T, np.array([0.5]), axis="rank")
    hasty = HILF(T, np.array([0.5]), axis="rank", eta=50.0)
    assert regret(p, wrong, cost, play(tuned, p, wrong, cost).chance) <= tuned.bound().value
    assert regret(p, wrong, cost, play(hasty, p, wrong, cost).chance) > tuned.bound().value


@pytest.mark.jit_only
@pytest.mark.parametrize("make", [HILN, lambda *a, **k: HILN(*a, estimator="propensity", **k), HedgeHI, EXP4])
def test_partial_feedback_keeps_its_bound(play, make):
    # expected regret, estimated by the mean of 20 seeds; the measured means lie below 0.7 of the bounds,
    # the bounds at least 10 standard errors away: a false alarm is out of the question
    T, cost = 3000, 0.5
    for name, p, wrong in attacks(T):
        runs = []
        for seed in range(20):
            kwargs = {"grid": None, "axis": "rank"} if make is EXP4 else {}
            policy = make(T, np.unique(p), seed=seed, **kwargs)
            runs.append(regret(p, wrong, cost, play(policy, p, wrong, cost).chance))
        assert np.mean(runs) <= policy.bound().value, name


@pytest.mark.jit_only
def test_hedge_hi_restart_keeps_its_bound_on_independent_samples(play):
    T, cost = 3000, 0.5
    for name, p, wrong in attacks(T):
        if name in ("cyclic", "flips at half time"):
            continue  # not independent and identically distributed
        runs = [
            regret(p, wrong, cost, play(one, p, wrong, cost).chance)
            for one in (HedgeHIRestart(T, np.unique(p), seed=s) for s in range(10))
        ]
        assert np.mean(runs) <= HedgeHIRestart(T, np.unique(p)).bound().value, name


@pytest.mark.jit_only
def test_h2t2_keeps_its_bound_against_all_pairs(play):
    T, steps, cost = 3000, 8, 0.3
    rng = np.random.default_rng(2)
    for chance_of_one in (lambda s: s, lambda s: 1 - s, lambda s: np.full(s.size, 0.5), lambda s: s > 0.3):
        score = rng.random(T)
        label = rng.random(T) < chance_of_one(score)
        wrong = (label != (score > 0.5)).astype(float)
        step = np.minimum((score * steps).astype(int), steps - 1)
        best = min(
            np.where(step < lo, label, np.where(step >= hi, ~label, cost)).sum()
            for lo in range(steps + 1)
            for hi in range(lo, steps + 1)
        )
        costs = []
        for seed in range(10):
            policy = H2T2(T, steps=steps, seed=seed)
            d = play(policy, np.maximum(score, 1 - score), wrong, cost, score=score).decision
            costs.append(np.where(d == 4, label, np.where(d == 5, ~label, cost)).sum())
        assert np.mean(costs) - best <= policy.bound().value


@pytest.mark.jit_only
def test_hi_lcb_lite_stops_offloading_good_bins(play):
    # accuracy .9, cost .3: gap .2. At most 4 alpha ln T / gap^2 offloads, plus those on which the estimate is
    # more than gap/2 too low: their chance is at most T^(-2 alpha) each. 20 seeds, mean: no false alarm
    T, alpha, gap = 20_000, 0.52, 0.2
    limit = 4 * alpha * np.log(T) / gap**2
    counts = []
    for seed in range(20):
        wrong = (np.random.default_rng(seed).random(T) < 0.1).astype(float)
        counts.append(
            play(HILCBLite(levels=[0.5], bins=1, alpha=alpha), np.full(T, 0.5), wrong, 0.3).offloaded.sum()
        )
    assert np.mean(counts) <= limit
    assert np.mean(counts) > 0.1 * limit  # and it does explore


LAWS = {  # accuracies of four bins; where the price 0.3 lies among them decides what is lost, and how
    "both sides": [0.2, 0.55, 0.8, 0.95],
    "close calls": [0.6, 0.68, 0.72, 0.8],
    "nearly a tie": [0.69, 0.695, 0.705, 0.71],
    "all good": [0.75, 0.8, 0.85, 1.0],
    "all bad": [0.3, 0.5, 0.6, 0.65],
    "nothing to tell apart": [0.7, 0.7, 0.7, 0.7],
}


def pseudo_regret(play, policy, accuracy, cost, T, seed, weights):
    """What was lost against the best rule on the bins, in expectation over the samples at each decision."""
    rng = np.random.default_rng(seed)
    bins = rng.choice(4, T, p=weights)
    wrong = (rng.random(T) >= accuracy[bins]).astype(float)
    offloaded = play(policy, bins / 4, wrong, cost).offloaded
    gap = (cost - (1.0 - accuracy))[bins]
    return float(np.where(offloaded, np.maximum(gap, 0.0), np.maximum(-gap, 0.0)).sum())


@pytest.mark.jit_only
@pytest.mark.parametrize("law", list(LAWS))
@pytest.mark.parametrize("cls", [HILCB, HILCBLite])
@pytest.mark.parametrize("alpha", [0.501, 0.52, 1.0])
def test_hi_lcb_keeps_its_bound_for_given_gaps(play, cls, law, alpha):
    # the mean of 20 seeds plus 5 standard errors lies below the bound: no false alarm above 1e-6
    T, cost, accuracy = 4000, 0.3, np.array(LAWS[law])
    for weights in ([0.25] * 4, [0.97, 0.01, 0.01, 0.01], [0.01, 0.01, 0.01, 0.97]):
        make = lambda: cls(levels=4, bins=4, alpha=alpha, gaps=cost - (1.0 - accuracy))  # noqa: E731
        lost = [pseudo_regret(play, make(), accuracy, cost, T, s, weights) for s in range(20)]
        bound = make().bound(T)
        assert np.mean(lost) + 5 * np.std(lost) / np.sqrt(20) <= bound.value + 1e-9, law
        assert bound.guarantee == "in expectation"


@pytest.mark.jit_only
def test_the_bound_of_hi_lcb_is_not_idle(play):
    # one good bin: a fifth of the bound is lost at least
    T, accuracy = 20_000, np.array([0.9, 0.9, 0.9, 0.9])
    gaps = np.array([0.2, np.nan, np.nan, np.nan])
    weights = [1.0, 0.0, 0.0, 0.0]
    policy = HILCBLite(levels=4, bins=4, gaps=gaps)
    lost = np.mean([pseudo_regret(play, policy.copy(), accuracy, 0.3, T, s, weights) for s in range(10)])
    assert 0.2 * policy.bound(T).value < lost <= policy.bound(T).value


def test_the_bound_of_hi_lcb_in_numbers():
    gaps, T, alpha = [-0.4, 0.2], 10_000, 0.52
    good = 4 * alpha * np.log(T) / 0.2 + 0.2 * (1 + T ** (-2 * alpha) / (1 - np.exp(-0.02)))
    z = (1 - T ** (1 - 2 * alpha)) / (2 * alpha - 1)
    assert sum(t ** (-2 * alpha) for t in range(2, T + 1)) <= z
    bad = 0.4 / (np.exp(2 * 0.16) - 1) * z
    for cls in (HILCB, HILCBLite):
        assert cls(levels=2, bins=2, gaps=gaps).bound(T).value == pytest.approx(good + bad)
        assert cls(levels=2, bins=2).bound(T) is None
    two = [-0.4, -0.3, 0.2]
    lite, full = (c(levels=3, bins=3, gaps=two).bound(T).value - good for c in (HILCBLite, HILCB))
    each = [1 / (np.exp(2 * d * d) - 1) for d in (0.4, 0.3)]
    assert lite == pytest.approx(z * max(0.4 * each[0], 0.3 * each[1]))
    assert full == pytest.approx(z * max(0.4 * each[0], 0.3 * sum(each)))
    # never more than the dearest mistake on every sample; nothing to lose, nothing lost
    assert HILCBLite(levels=2, bins=2, gaps=[1e-9, -1e-9]).bound(50).value == pytest.approx(50e-9)
    assert HILCBLite(levels=2, bins=2, gaps=[0.0, 0.0]).bound(50).value == 0.0
    with pytest.raises(OlearnError, match="gaps must be 2 numbers"):
        HILCBLite(levels=2, bins=2, gaps=[0.1]).bound(50)
    with pytest.raises(OlearnError, match="gaps must not fall from bin to bin"):
        HILCB(levels=2, bins=2, gaps=[0.1, -0.1]).bound(50)


def test_vacuous_horizons():
    assert HILN(1, levels=1023, axis="rank").bound_vacuous_until(0.1) == 93_575  # the reference's number
    f = HILF(1, levels=1023, axis="rank")
    first = f.bound_vacuous_until(0.1)
    assert f.bound(first).value < 0.1 * first
    assert f.bound(first - 1).value >= 0.1 * (first - 1)
    assert HILCBLite(1).bound_vacuous_until() is None


def test_bounds_in_numbers():
    # sqrt(1000 ln(4) / 2) and 3 (1000^2 ln(4) / 2)^(1/3)
    assert HILF(1000, levels=[0.1, 0.2, 0.3], axis="rank").bound().value == pytest.approx(26.327688, rel=1e-6)
    assert HILN(1000, levels=[0.1, 0.2, 0.3], axis="rank").bound().value == pytest.approx(265.499113, rel=1e-6)


@pytest.mark.parametrize(("cls", "rates"), [(HILF, {"eta": 0.1}), (HILN, {"eta": 0.1, "eps": 0.2})])
def test_fixed_rates_have_their_own_bound(cls, rates):
    policy = cls(1000, levels=[0.5], axis="rank", **rates)
    c = np.log(2)
    expected = c / 0.1 + 0.1 * 1000 / 8 if cls is HILF else 0.2 * 1000 + c / 0.1 + 0.1 * 1000 / 0.4
    assert policy.bound().value == pytest.approx(expected)
