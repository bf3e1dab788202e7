"""SplitEE, SplitEE-S, I-SplitEE, UCBEE and UEE-UCB: twins, hand-computed cases, bounds, one step at a time."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import offload_arms as naive
from olearn.engine.offloading.arms import replay_arms
from olearn.errors import NotSupportedError, OlearnError
from olearn.feedback import Feedback
from olearn.policies.offloading._arms import ucb_bound
from olearn.policies.offloading.i_splitee import ISplitEE
from olearn.policies.offloading.splitee import SplitEE
from olearn.policies.offloading.splitee_s import SplitEES
from olearn.policies.offloading.ucbee import UCBEE
from olearn.policies.offloading.uee_ucb import UEEUCB
from olearn.traces.offloading.exits import ExitTable, synthetic_exits

late = st.builds(Feedback, st.just("full"), st.integers(0, 4), st.integers(1, 4))


@st.composite
def tables(draw):
    seed, samples, exits = draw(st.integers(0, 2**32)), draw(st.integers(1, 80)), draw(st.integers(2, 5))
    rng = np.random.default_rng(seed)
    confidence = np.round(rng.random((samples, exits)), draw(st.sampled_from([1, 6])))
    return ExitTable(
        confidence,
        rng.integers(0, 2, confidence.shape),
        rng.integers(0, 3, confidence.shape),
        cost=np.sort(rng.random(exits)),
        offload_cost=float(rng.random()),
    )


@given(tables(), late, st.sampled_from(["chosen", "stand-in", "seen"]), st.sampled_from([0.0, 0.5, 0.75, 1.0]))
def test_exits_twin(table, fb, side, threshold):
    arrived = fb.arrived(len(table))
    if side == "chosen":
        policy = SplitEE.for_table(table, threshold=threshold, exploration=0.7)
    else:
        policy = SplitEES.for_table(table, threshold=threshold, exploration=0.7, final=side)
    got = policy.play(table, arrived).choice.tolist()
    want = naive.exit_ucb(
        table["confidence"].tolist(), arrived, table.cost, table.offload_cost, threshold, 0.7, side, got
    )
    assert got == want


@given(tables(), late, st.sampled_from([0.0, 0.3]))
def test_ucbee_twin(table, fb, overhead):
    arrived = fb.arrived(len(table))
    policy = UCBEE.for_table(table, overhead=overhead, thresholds=(0.0, 0.31, 0.64, 1.0), exploration=0.9)
    got = policy.play(table, arrived).choice.tolist()
    c = table["confidence"].tolist()
    want = naive.ucbee(
        [r[0] for r in c], [r[-1] for r in c], arrived, (0.0, 0.31, 0.64, 1.0), overhead, 0.9, got
    )
    assert got == want


@given(tables(), late, st.sampled_from([0.0, 0.05, 1.0]))
def test_uee_ucb_twin(table, fb, alpha):
    arrived = fb.arrived(len(table))
    got = UEEUCB.for_table(table, alpha=alpha).play(table, arrived).choice.tolist()
    assert got == naive.uee_ucb(table["prediction"].tolist(), arrived, table.cost, alpha)


def test_splitee_by_hand():
    """Three exits, threshold 0.7, o = 0.5: the rewards of the first three samples, then the index decides."""
    policy = SplitEE([0.1, 0.2, 0.3], threshold=0.7, exploration=1.0)
    rows = [[0.6, 0.0, 0.9], [0.0, 0.8, 0.9], [0.0, 0.0, 0.95]]
    for k, row in enumerate(rows):
        assert policy.decide() == k
        policy.feedback(row)
    # exit 0: 0.6 < 0.7 is offloaded: 0.9 - 0.5 - 0.1; exit 1: 0.8 - 0.2; exit 2: 0.95 - 0.3
    assert policy.state.total == pytest.approx([0.3, 0.6, 0.65])
    assert policy.decide() == 2
    policy.feedback([0.0, 0.0, 0.2])  # mean of exit 2 falls to 0.275, its width to sqrt(ln 5 / 2)
    width = math.sqrt(math.log(5.0))
    assert 0.6 + width > max(0.3 + width, 0.275 + width / math.sqrt(2.0))
    assert policy.decide() == 1


def test_side_information_by_hand():
    policy = SplitEES([0.1, 0.2, 0.3], threshold=0.7)
    for _ in range(3):
        exit = policy.decide()
        policy.feedback([0.5, 0.8, 0.99])
    # exits 0, 1, 2 were played once each. Exit 0: offloaded (0.99 - 0.6), then stood in for by 0.8 at exit 1
    # (0.8 - 0.6), then by the final 0.99 seen at exit 2.
    assert exit == 2
    assert policy.state.seen.tolist() == [3.0, 2.0, 1.0]
    assert policy.state.total[0] == pytest.approx(0.39 + 0.2 + 0.39)
    assert policy.state.total[1] == pytest.approx(0.6 + 0.6)


def test_i_splitee_counts_every_reward_once():
    policy = ISplitEE([0.3, 0.6, 0.9], 0.5, mu=0.5)
    for _ in range(40):
        policy.decide()
        policy.feedback([0.4, 0.6, 0.9])
    assert policy.state.seen.sum() == 40
    means = policy.state.total / policy.state.seen
    assert means == pytest.approx([0.9 - 0.5 * 0.8, 0.6 - 0.5 * 0.6, 0.9 - 0.5 * 0.9])


@pytest.mark.parametrize("cls", [SplitEE, SplitEES, ISplitEE])
def test_one_sample_at_a_time_is_the_run(cls):
    table = synthetic_exits(300, exits=4, seed=5)
    whole = cls.for_table(table).play(table, np.arange(300)).choice.tolist()
    policy, single = cls.for_table(table), []
    for row in table["confidence"]:
        single.append(policy.decide())
        shown = np.where(np.arange(4) <= single[-1], row, np.nan)
        if row[single[-1]] < policy.threshold:
            shown[-1] = row[-1]
        policy.feedback(shown)
    assert single == whole


def test_ucbee_and_uee_one_at_a_time():
    table = synthetic_exits(200, exits=4, seed=6)
    ucbee, uee = UCBEE.for_table(table), UEEUCB.for_table(table)
    thetas, exits = [], []
    for c, p in zip(table["confidence"], table["prediction"], strict=True):
        thetas.append(ucbee.decide())
        ucbee.feedback(c[0], c[-1] if c[0] < thetas[-1] else None)
        exits.append(uee.decide())
        uee.feedback(p[: exits[-1] + 1])
    whole = UCBEE.for_table(table).play(table, np.arange(200)).choice
    assert thetas == np.array(ucbee.thresholds)[whole].tolist()
    assert exits == UEEUCB.for_table(table).play(table, np.arange(200)).choice.tolist()


@pytest.mark.parametrize("spec", ["splitee", "splitee-s(final=seen)", "i-splitee(mu=0.5)", "ucbee"])
@pytest.mark.parametrize("gap", [0.3, 0.05])
@pytest.mark.parametrize("factor", [math.sqrt(2.0), 1.05])
@pytest.mark.jit_only
def test_ucb_bound_attacked(spec, gap, factor):
    """Mean pseudo-regret over 40 independent tables stays below the bound, easy gaps and hard ones.

    The bound is on an expectation; the mean of 40 runs is at a third of it or less, 5 standard errors away
    (chance of a false alarm below 1e-6 by the normal law).
    """
    rng = np.random.default_rng(7)
    samples, exits = 3000, 4
    regrets, bounds = [], []
    for _ in range(40):
        level = np.array([0.6, 0.6 + gap, 0.6, 0.55])
        confidence = (rng.random((samples, exits)) < level).astype(float)
        table = ExitTable(confidence, cost=np.zeros(exits), offload_cost=0.2)
        exploration = factor * 1.2
        text = spec.rstrip(")") + ("," if "(" in spec else "(") + f"exploration={exploration})"
        row = replay_arms(table, [text]).rows[0]
        policy_regret = row["regret"]
        regrets.append(policy_regret)
        bounds.append(row["bound"])
    assert np.mean(regrets) + 5 * np.std(regrets) / math.sqrt(40) < np.mean(bounds)


def test_bound_formula():
    means = np.array([0.5, 0.7, 0.5, 1.0])
    got = ucb_bound(10_000, means, math.sqrt(2.0), 1.0, "x").value
    want = sum(g * (8 * math.log(10_000) / g**2 + 1 + math.pi**2 / 3) for g in (0.2, 0.5))
    assert got == pytest.approx(want)
    assert ucb_bound(10_000, means, 1.0, 1.0, "x") is None
    # between the length and sqrt(2) times it the constant is zeta's instead of UCB1's
    narrow = ucb_bound(10_000, means, 1.1, 1.0, "x").value
    nu = 2 * 1.1**2
    series = 1 + 2 * sum(k ** -(nu - 1) for k in range(1, 200_000))
    want = sum(g * (4 * 1.1**2 * math.log(10_000) / g**2 + series) for g in (0.2, 0.5))
    assert narrow == pytest.approx(want, rel=1e-3)
    # never more than pulling the worse arms all the time
    assert ucb_bound(10, means, 2.0, 1.0, "x").value == pytest.approx(10 * 0.7)


def test_published_exploration_declares_no_bound():
    table = synthetic_exits(200, seed=1)
    result = replay_arms(table, ["splitee", "splitee(exploration=3)", "splitee-s(exploration=3)"])
    assert [row["bound"] is None for row in result.rows] == [True, False, True]


def test_splitee_learns():
    """The regret's growth slows: the second half of the run loses less than the first."""
    table = synthetic_exits(20_000, seed=2)
    result = replay_arms(table, ["splitee", "splitee-s", "ucbee", "i-splitee"], checkpoints=2)
    for name in ("splitee", "splitee-s", "ucbee", "i-splitee"):
        half, full = result.curves[name]["regret"][0]
        assert full - half < half, name
        assert full < 0.05 * 20_000


@pytest.mark.jit_only
def test_uee_finds_the_best_exit_under_dominance():
    table = synthetic_exits(60_000, exits=6, dominance=1.0, cost=0.06 * np.arange(6), seed=3)
    assert table.dominance() == 1.0
    result = replay_arms(table, ["uee-ucb"], checkpoints=3)
    regret = result.curves["uee-ucb"]["regret"][0]
    assert regret[2] - regret[1] < regret[0]
    choice = UEEUCB.for_table(table).play(table, np.arange(60_000)).choice
    best = table.arms.index(result.rows[0]["best_arm"])
    assert abs(np.bincount(choice[-20_000:], minlength=6).argmax() - best) <= 1


def test_losses_are_one_less_the_reward():
    table = ExitTable([[0.6, 0.9], [0.8, 0.7]], [[0, 1], [1, 0]], cost=[0.1, 0.3], offload_cost=0.2)
    policy = SplitEE.for_table(table, threshold=0.7)
    assert policy.losses(table) == pytest.approx(np.array([[0.1 + 0.2 + 0.1, 0.4], [0.3, 0.6]]))
    assert policy.losses(table, "error") == pytest.approx(np.array([[0.3, 0.3], [0.1, 1.3]]))
    assert policy.offloaded(table, np.array([0, 0])).tolist() == [True, False]
    assert policy.answered_at(table, np.array([0, 0])).tolist() == [1, 0]
    ucbee = UCBEE(0.25, thresholds=(0.0, 0.7))
    assert ucbee.losses(table) == pytest.approx(np.array([[0.4, 0.35], [0.2, 0.2]]))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: SplitEE([0.1, 0.2], threshold=1.5).state,
            "threshold must be a finite number in [0, 1], got 1.5",
        ),
        (lambda: SplitEE([0.1, 0.2], exploration=-1).state, "exploration"),
        (lambda: SplitEE([0.1, -0.2]).state, "cost must hold a number of at least 0"),
        (lambda: SplitEE([0.1]).state, "cost must hold a number"),
        (lambda: SplitEES([0.1, 0.2], final="guess").state, "unknown final 'guess'"),
        (lambda: ISplitEE([0.1, 0.2], mu=-1).state, "mu"),
        (lambda: UCBEE(thresholds=(0.5, 0.2)).state, "thresholds must be at least two increasing numbers"),
        (lambda: UCBEE(overhead=-0.1).state, "overhead"),
        (lambda: UEEUCB([0.2, 0.1]).state, "don't fall with depth"),
        (lambda: UEEUCB([0.1, 0.2], alpha=-1).state, "alpha"),
    ],
)
def test_bad_parameters(make, words):
    with pytest.raises(OlearnError) as error:
        make()
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_bad_feedback():
    policy = SplitEE([0.1, 0.2])
    with pytest.raises(NotSupportedError, match="call decide before feedback"):
        policy.feedback([0.5, 0.5])
    policy.decide()
    with pytest.raises(OlearnError, match="confidence at exit 1"):
        policy.feedback([0.5, math.nan])  # below the threshold: the final confidence is needed
    with pytest.raises(OlearnError, match="must hold 2 numbers"):
        policy.feedback([0.5])
    policy.feedback([0.9, math.nan])
    assert policy.state.seen.tolist() == [1.0, 0.0]
    ucbee = UCBEE(thresholds=(0.5, 1.0))
    assert ucbee.decide() == 0.5
    with pytest.raises(OlearnError, match="final"):
        ucbee.feedback(0.2)
    uee = UEEUCB([0.1, 0.2])
    uee.decide()
    with pytest.raises(OlearnError, match="give the 2 answers"):
        uee.feedback([1])
