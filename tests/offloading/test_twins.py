"""Every policy against its slow twin: the same chances, or the same decisions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from naive import offloading as naive
from olearn.feedback import feedback as read_feedback
from olearn.policies.offloading._game import KNAPSACK, TOKEN_BUCKET, VIRTUAL_QUEUE, Budget
from olearn.policies.offloading._thresholds import thresholds
from olearn.policies.offloading.calibrated_threshold import CalibratedThreshold, isotonic
from olearn.policies.offloading.exp4 import EXP4
from olearn.policies.offloading.fixed_threshold import FixedThreshold
from olearn.policies.offloading.h2t2 import H2T2
from olearn.policies.offloading.hedge_hi import HedgeHI
from olearn.policies.offloading.hedge_hi_restart import HedgeHIRestart
from olearn.policies.offloading.hi_lcb import HILCB
from olearn.policies.offloading.hi_lcb_lite import HILCBLite
from olearn.policies.offloading.hil_f import HILF
from olearn.policies.offloading.hil_n import HILN
from olearn.policies.offloading.online_cascade import OnlineCascade
from olearn.policies.offloading.token_bucket import TokenBucket, token_prices

# confidences strictly inside (0, 1): there the end intervals have a length, and the density is the paper's
samples = st.lists(
    st.tuples(st.integers(1, 19), st.booleans(), st.sampled_from([0.0, 0.1, 0.3, 0.9, 1.0])),
    min_size=1,
    max_size=60,
)


def columns(drawn):
    p = np.array([k / 20 for k, _, _ in drawn])
    return p, np.array([float(w) for _, w, _ in drawn]), np.array([c for _, _, c in drawn])


@given(samples, st.sampled_from([0.01, 0.5, 3.0, 40.0]))
def test_hil_f_is_the_density_that_discovers_its_breakpoints(play, drawn, eta):
    p, wrong, cost = columns(drawn)
    policy = HILF(levels=np.unique(p), eta=eta)
    got = play(policy, p, wrong, cost)
    np.testing.assert_allclose(got.chance, naive.hil(p, cost, wrong, eta), rtol=1e-9, atol=1e-12)


@given(
    samples, st.sampled_from([0.01, 0.5, 3.0]), st.sampled_from(["explored", "propensity"]), st.integers(0, 99)
)
def test_hil_n_charges_what_it_saw(play, drawn, eta, estimator, seed):
    p, wrong, cost = columns(drawn)
    policy = HILN(levels=np.unique(p), eta=eta, eps=0.3, estimator=estimator, seed=seed)
    got = play(policy, p, wrong, cost)
    if estimator == "explored":
        estimates = np.where(got.explored, wrong / 0.3, 0.0)
    else:
        estimates = np.where(got.offloaded, wrong / got.chance, 0.0)
    shares = np.array(naive.hil(p, cost, estimates, eta))
    np.testing.assert_allclose(got.chance, 0.3 + 0.7 * shares, rtol=1e-8, atol=1e-10)


@given(samples, st.sampled_from(["uniform", "log1m", "rank"]), st.sampled_from([None, 1, 7, 50]))
def test_axes_and_grids_are_plain_hedge_over_their_thresholds(play, drawn, axis, grid):
    p, wrong, cost = columns(drawn)
    levels = np.unique(p)
    policy = HILF(levels=levels, eta=0.7, axis=axis, grid=grid)
    found = thresholds(levels, axis, grid)
    got = play(policy, p, wrong, cost)
    offloads = [[k >= found.first[c] for c in got.cells] for k in range(found.weights.size)]
    expected = naive.weighted_thresholds(offloads, found.weights, cost, wrong, 0.7)
    np.testing.assert_allclose(got.chance, expected, rtol=1e-9, atol=1e-12)


def test_a_grid_offloads_exactly_below_its_points():
    levels = np.array([0.1, 0.25, 0.5, 0.999])
    for axis in ("uniform", "log1m"):
        for grid in (1, 3, 16):
            found = thresholds(levels, axis, grid)
            points = (np.arange(grid) + 0.5) / grid
            at = points if axis == "uniform" else 1.0 - 10.0 ** (-16.0 * points)
            for cell, level in enumerate(levels):
                mass = found.weights[found.first[cell] :].sum()
                assert mass == pytest.approx(np.mean(at > level))


def test_weights_survive_losses_that_no_double_could_hold(play):
    # 3,000 samples push the odds of each half of the tree to e^{+-90,000}, then back past the start
    eta, half = 30.0, 3000 if not _python() else 60
    p = np.tile([0.2, 0.8], half)
    wrong = np.concatenate([np.ones(half), np.zeros(half)])
    levels = np.array([0.2, 0.5, 0.8])
    got = play(HILF(levels=levels, eta=eta), p, wrong, 0.5)
    found = thresholds(levels, "uniform", None)
    offloads = [[k >= found.first[c] for c in got.cells] for k in range(found.weights.size)]
    expected = naive.weighted_thresholds(offloads, found.weights, np.full(2 * half, 0.5), wrong, eta)
    np.testing.assert_allclose(got.chance, expected, atol=1e-9)
    assert got.chance[half - 1] > 0.999
    midway = HILF(levels=levels, eta=eta)
    play(midway, p[:half], wrong[:half], 0.5)
    assert abs(midway.state.tree.exponent).max() >= 1  # the odds did leave the range of 2**256


def _python():
    from olearn._jit import jit_enabled

    return not jit_enabled()


@given(samples, st.sampled_from([0.05, 1.0]), st.integers(0, 99))
def test_hedge_hi_copies_the_weight_of_a_split_interval(play, drawn, eta, seed):
    p, wrong, cost = columns(drawn)
    policy = HedgeHI(levels=np.arange(1, 20) / 20, eta=eta, eps=0.25, seed=seed)
    got = play(policy, p, wrong, cost)
    estimates = np.where(got.explored, wrong / 0.25, 0.0)
    shares = np.array(naive.growing(policy.confidences()[got.cells], cost, estimates, eta))
    np.testing.assert_allclose(got.chance, 0.25 + 0.75 * shares, rtol=1e-8, atol=1e-10)


late = [(1 + 7 * k % 19, k % 3 == 0, 0.3) for k in range(40)]  # answers from before the restart come after it


@example(drawn=late, learning=20, distinct=None, feedback="offloaded+delayed(3)", seed=1)
@given(
    samples,
    st.integers(1, 30),
    st.sampled_from([None, 2, 40]),
    st.sampled_from(["offloaded", "offloaded+delayed(3)", "offloaded+batched(4)"]),
    st.integers(0, 99),
)
def test_hedge_hi_restart_starts_anew_on_what_it_knows(play, drawn, learning, distinct, feedback, seed):
    p, wrong, cost = columns(drawn)
    T = p.size
    levels = np.arange(1, 20) / 20
    policy = HedgeHIRestart(T, levels, learning=learning, distinct=distinct, seed=seed)
    got = play(policy, p, wrong, cost, feedback=feedback)
    count = distinct or levels.size
    eta = (2.0 * (count * np.log(2.0)) ** 2 / T**2) ** (1.0 / 3.0)
    eps = min(1.0, np.sqrt(eta / 2.0))
    arrived = read_feedback(feedback).arrived(T)
    at = policy.confidences()[got.cells].tolist()
    expected = naive.restarting(at, cost, wrong, got.explored, arrived, eta, eps, learning, T)
    np.testing.assert_allclose(got.chance, expected, rtol=1e-8, atol=1e-10)


cascade = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 2), st.booleans(), st.sampled_from([0.0, 0.12, 0.33, 0.87])),
    min_size=1,
    max_size=80,
)


@given(
    cascade,
    st.sampled_from([0.1, 0.5, 4.0]),
    st.sampled_from([0.0, 1.0, 3.0]),
    st.sampled_from(["offloaded", "offloaded+delayed(2)"]),
    st.integers(0, 99),
)
def test_online_cascade_is_logistic_regression_by_adagrad(play, drawn, rate, explore, feedback, seed):
    # confidences of exactly 0 and 1 among them; costs are never 1 - p, where rounding would decide at first
    p, context = np.array([d[0] / 20 for d in drawn]), np.array([d[1] for d in drawn])
    wrong, cost = np.array([float(d[2]) for d in drawn]), np.array([d[3] for d in drawn])
    remote = np.where(np.arange(p.size) % 5 == 0, 1.0, 0.0)  # the remote model errs too
    policy = OnlineCascade(contexts=3, rate=rate, explore=explore, seed=seed)
    got = play(policy, p, wrong, cost, context=context, remote=remote, feedback=feedback)
    arrived = read_feedback(feedback).arrived(p.size)
    errors, chances = naive.online_cascade(
        p.tolist(), context, cost, wrong - remote, got.offloaded, arrived, rate, explore, 3
    )
    clear = np.abs(np.array(errors) - cost) > 1e-9  # on the line either side is right
    np.testing.assert_allclose(got.chance[clear], np.array(chances)[clear], rtol=1e-9)
    deferred = np.array(errors) > cost
    np.testing.assert_array_equal(got.offloaded[clear & ~got.explored], deferred[clear & ~got.explored])
    assert explore > 0.0 or not got.explored.any()


def test_online_cascade_explores_as_often_as_it_says(play):
    # 3 / sqrt(t), capped at 1: 5 standard errors, false alarm below 1e-6
    eps = np.minimum(1.0, 3.0 / np.sqrt(np.arange(1, 3001)))
    got = play(OnlineCascade(seed=4), np.full(3000, 0.99), np.zeros(3000), 0.3)
    assert abs(got.explored.sum() - eps.sum()) < 5 * np.sqrt((eps * (1 - eps)).sum())


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1), st.booleans()), min_size=1, max_size=40),
    st.integers(0, 9),
)
def test_exp4_is_all_vectors_of_thresholds(play, drawn, seed):
    cell = np.array([k for k, _, _ in drawn])
    context = np.array([c for _, c, _ in drawn])
    wrong = np.array([float(w) for _, _, w in drawn])
    policy = EXP4(levels=5, contexts=2, axis="rank", grid=None, eta=0.4, gamma=0.2, seed=seed)
    got = play(policy, cell / 5, wrong, 0.3, context=context)
    estimates = np.where(got.offloaded, wrong / got.chance, 0.0)
    # threshold k of the 6 offloads the cells below it
    shares = np.array(naive.exp4(cell, context, np.full(cell.size, 0.3), estimates, 6, 2, 0.4))
    np.testing.assert_allclose(got.chance, 0.2 + 0.8 * shares, rtol=1e-8)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40), st.integers(0, 99))
def test_h2t2_is_all_pairs(play, drawn, seed):
    score = np.array([s for s, _ in drawn])
    wrong = np.array([float(w) for _, w in drawn])
    truth = (score > 0.5) == (wrong == 0.0)
    policy = H2T2(steps=5, eta=0.6, eps=0.2, false_negative=0.9, false_positive=0.4, seed=seed)
    got = play(policy, np.maximum(score, 1 - score), wrong, 0.25, score=score)
    zero = np.where(got.explored & truth, 0.9 / 0.2, 0.0)
    one = np.where(got.explored & ~truth, 0.4 / 0.2, 0.0)
    chances = np.array(naive.h2t2(score, np.full(score.size, 0.25), zero, one, 5, 0.6))
    np.testing.assert_allclose(got.chance, 0.2 + 0.8 * chances[:, 0], rtol=1e-8)


@pytest.mark.parametrize("scale", [1.0, 200.0, 1e6])
def test_h2t2_weighs_allowed_pairs_alone(play, scale):
    """The heaviest lo lies above the heaviest hi: scaled apart, every allowed pair would vanish."""
    T, rng = 1500, np.random.default_rng(6)
    score = np.array([0.05, 0.95])[rng.integers(0, 2, T)]
    wrong = np.ones(T)  # 0 is right above, 1 is right below: pairs want lo > .95 and hi < .05
    policy = H2T2(steps=5, eta=0.01 * scale, eps=0.3, seed=2)
    got = play(policy, np.maximum(score, 1 - score), wrong, 0.6, score=score)
    truth = (score > 0.5) == (wrong == 0.0)
    zero, one = np.where(got.explored & truth, 1 / 0.3, 0.0), np.where(got.explored & ~truth, 1 / 0.3, 0.0)
    chances = np.array(naive.h2t2(score, np.full(T, 0.6), zero, one, 5, 0.01 * scale))
    np.testing.assert_allclose(got.chance, 0.3 + 0.7 * chances[:, 0], rtol=1e-6, atol=1e-9)
    assert (got.decision[-300:] >= 4).any()  # a constant answer beats paying .6 for ever
    lo, hi = policy.thresholds()
    assert lo == hi


@pytest.mark.jit_only
def test_h2t2_draws_its_three_answers_with_their_chances(play):
    # one state, eta tiny so that the weights stay; 4,000 draws, 4 standard errors: false alarm below 1e-4
    score = np.full(4000, 0.5)
    policy = H2T2(steps=4, eta=1e-12, eps=1e-9, seed=3)
    got = play(policy, score, np.zeros(4000), 0.3, score=score)
    expected = naive.h2t2([0.5], [0.3], [0], [0], 4, 0.1)[0]
    shares = [np.mean(got.decision == code) for code in (1, 4, 5)]
    assert np.abs(np.array(shares) - expected).max() < 4 * np.sqrt(0.25 / 4000)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=150),
    st.sampled_from([HILCB, HILCBLite]),
    st.sampled_from([0.2, 0.5]),
)
def test_hi_lcb_decides_as_its_formula(play, drawn, cls, cost):
    bins = np.array([b for b, _ in drawn])
    wrong = np.array([float(w) for _, w in drawn])
    got = play(cls(levels=6, bins=6), bins / 6, wrong, cost)
    expected = naive.hi_lcb(bins, np.full(bins.size, cost), wrong, 0.52, 6, cls is HILCB)
    np.testing.assert_array_equal(got.offloaded, expected)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 5)), min_size=1, max_size=12))
def test_isotonic_is_the_max_min_formula(drawn):
    count = np.array([c for _, c in drawn])
    right = np.array([m for m, _ in drawn]) * count
    estimate = np.zeros(count.size)
    isotonic(right, count, np.zeros((3, count.size)), estimate)
    np.testing.assert_allclose(estimate, naive.isotonic(right.tolist(), count.tolist()), rtol=1e-9, atol=1e-12)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=80))
def test_calibrated_threshold_with_bins(play, drawn):
    bins = np.array([b for b, _ in drawn])
    wrong = np.array([float(w) for _, w in drawn])
    policy = CalibratedThreshold(levels=4, bins=4, method="bins", prior=2.0, explore=0.0)
    got = play(policy, bins / 4, wrong, 0.3)
    expected = naive.calibrated(bins, np.full(bins.size, 0.3), wrong, [0.0, 0.25, 0.5, 0.75], 2.0)
    np.testing.assert_array_equal(got.offloaded, expected)


@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from([0.25, 0.5, 1.0])), min_size=1, max_size=80),
    st.sampled_from(
        [("queue", VIRTUAL_QUEUE, 3.0), ("bucket", TOKEN_BUCKET, 2.0), ("knapsack", KNAPSACK, 4.0)]
    ),
    st.sampled_from([0.1, 0.4]),
)
def test_budgets_are_their_recursions(play, drawn, kind, rate):
    name, code, scale = kind
    want = np.array([k / 10 for k, _ in drawn])
    use = np.array([u for _, u in drawn])
    level = np.zeros(4)
    if name == "bucket":
        level[0] = scale
    # Chow's rule at cost 0 offloads iff the confidence is below 1 - price: a price below 1 - p
    budget = Budget(code, rate, scale, 0.2, level)
    got = play(FixedThreshold(), 1.0 - want, np.zeros(want.size), 0.0, budget=budget, use=use)
    decisions, spent = naive.budget(name, 1.0 - (1.0 - want), use, rate, scale, 0.2)
    np.testing.assert_array_equal(got.offloaded, decisions)
    assert level[1] == pytest.approx(spent)


@given(st.lists(st.floats(-0.5, 1.0), min_size=2, max_size=4), st.integers(2, 3), st.integers(1, 2))
def test_token_prices_beat_all_others(gains, token, depth):
    size = depth * token + 1
    g, w = np.array(gains), np.full(len(gains), 1.0 / len(gains))
    price = token_prices(g, w, token, size, 0.9)
    best = naive.bucket_value(gains, w.tolist(), token, size, 0.9, price.tolist())
    rng = np.random.default_rng(0)
    for _ in range(6):
        other = np.where(np.arange(size) >= token, rng.uniform(-0.5, 1.0, size), np.inf)
        assert naive.bucket_value(gains, w.tolist(), token, size, 0.9, other.tolist()) <= best + 1e-9


def test_token_bucket_never_spends_what_it_has_not(play):
    policy = TokenBucket(levels=[0.2, 0.8], rate=0.25, depth=3, gains=[1.0, -0.1])
    got = play(policy, np.tile([0.2, 0.8, 0.2], 40), np.ones(120))
    used = np.cumsum(got.offloaded)
    windows = [
        used[b - 1] - (used[a - 1] if a else 0) - 0.25 * (b - a) for a in range(120) for b in range(a + 1, 121)
    ]
    assert max(windows) <= 3.0 + 1e-9
    assert used[-1] >= 0.25 * 120 - 3  # and wastes nothing: the first cell always pays


@pytest.mark.parametrize("text", ["full", "full+delayed(3)", "full+batched(4)", "full+delayed(2)+batched(3)"])
def test_late_answers_are_learnt_when_they_are_in(play, text):
    rng = np.random.default_rng(1)
    p, wrong = rng.integers(1, 10, 60) / 10, (rng.random(60) < 0.4).astype(float)
    policy = HILF(levels=np.unique(p), eta=0.8)
    got = play(policy, p, wrong, 0.3, feedback=text)
    from olearn.feedback import feedback

    arrived = feedback(text).arrived(60)
    for t in (0, 1, 5, 17, 59):
        known = int(arrived[t])
        history = naive.hil([*p[:known], p[t]], [0.3] * (known + 1), [*wrong[:known], 0.0], 0.8)
        assert got.chance[t] == pytest.approx(history[-1], rel=1e-9)
