"""Calibrated confidences, where the best rule is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from olearn.engine.offloading import replay_offloading
from olearn.policies.offloading.h2t2 import H2T2
from olearn.traces.offloading import OffloadTable

pytestmark = pytest.mark.jit_only


def calibrated(samples, levels=50, seed=0):
    """P(right | p) = p on `levels` values in (1/2, 1)."""
    rng = np.random.default_rng(seed)
    p = 0.5 + (rng.integers(0, levels, samples) + 0.5) / (2 * levels)
    return OffloadTable(p, rng.random(samples) < p, np.ones(samples))


@pytest.mark.parametrize("cost", [0.1, 0.3])
def test_learners_find_chows_threshold(cost):
    # the cost is flat around the optimum 1 - cost: a threshold off by .05 costs .05^2/2 / .5 = .0025 a sample;
    # hi-lcb-lite decides for whole bins, 1/16 wide, and goes on exploring those at the border. Fixed seed
    table = calibrated(100_000)
    result = replay_offloading(table, ["hil-f", "hi-lcb-lite", "online-cascade", "fixed-threshold"], cost=cost)
    best = result.row("best threshold")
    assert best["threshold"] == pytest.approx(1 - cost, abs=0.04)
    for row in result.rows:
        assert row["regret"] / 100_000 < (0.006 if row["policy"] == "hi-lcb-lite" else 0.003), row["policy"]
    assert result.curves["hil-f"]["threshold"][0, -1] == pytest.approx(1 - cost, abs=0.05)
    # the clairvoyant pays cost for each error that offloading corrects; min(cost, 1) of the error rate
    assert result.row("clairvoyant")["cost"] == pytest.approx(cost * (1 - table.local_accuracy))


def test_two_thresholds_when_the_score_is_calibrated(play):
    # answer 0 iff s fn <= beta, 1 iff (1 - s) fp <= beta, offload in between: (beta/fn, 1 - beta/fp)
    T, beta, fn, fp = 400_000, 0.2, 1.0, 0.5
    rng = np.random.default_rng(1)
    score = rng.random(T)
    label = rng.random(T) < score
    wrong = np.where(label != (score > 0.5), np.where(label, fn, fp), 0.0)
    policy = H2T2(T, steps=10, false_negative=fn, false_positive=fp, seed=1)
    play(policy, np.maximum(score, 1 - score), wrong, beta, score=score)
    assert policy.thresholds() == pytest.approx((beta / fn, 1 - beta / fp), abs=0.101)  # within one step


def test_regret_of_hi_lcb_lite_is_logarithmic(play):
    # accuracies .5, .9 and .97 at cost .3: gaps of .2 or more. Horizons 16 times apart: a square root would
    # quadruple the regret; ln grows by 1.35, and 1.8 is allowed (mean of 10 seeds, fixed)
    from olearn.policies.offloading.hi_lcb_lite import HILCBLite

    means = []
    for T in (5_000, 80_000):
        regrets = []
        for seed in range(10):
            rng = np.random.default_rng(seed)
            cell = rng.integers(0, 3, T)
            accuracy = np.array([0.5, 0.9, 0.97])[cell]
            wrong = (rng.random(T) >= accuracy).astype(float)
            sent = play(HILCBLite(levels=3, bins=3), cell / 3, wrong, 0.3).offloaded
            best = np.minimum(0.3, 1 - accuracy)
            regrets.append((np.where(sent, 0.3, 1 - accuracy) - best).sum())
        means.append(np.mean(regrets))
    assert means[0] > 0
    assert means[1] < 1.8 * means[0]
    # the leading term 4 alpha ln(T) / gap of the two bins in which accepting is right
    assert means[1] < HILCBLite(levels=3, bins=3, cost=0.3).gap_bound([0.5, 0.9, 0.97], 80_000)


def test_feedback_costs_what_theory_says_in_order():
    # full feedback below partial feedback, and both below never and always
    table = calibrated(200_000, seed=3)
    result = replay_offloading(table, ["hil-f", "hil-n"], cost=0.3, seeds=3)
    full, partial = (result.row(n)["regret"] for n in ("hil-f", "hil-n"))
    assert full < partial / 3
    best_constant = min(result.row("never")["cost"], result.row("always")["cost"]) * 200_000
    assert partial < best_constant - result.row("best threshold")["cost"] * 200_000
