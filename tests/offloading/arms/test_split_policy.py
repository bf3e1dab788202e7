"""ANS: its twin with full inverses, the trap that forced sampling escapes, one frame at a time."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import offload_arms as naive
from olearn.engine.offloading.arms import replay_arms
from olearn.errors import OlearnError
from olearn.feedback import Feedback
from olearn.policies.offloading.ans import ANS
from olearn.traces.offloading.splits import SplitTable, splits_from_stats


def linear_table(seed, samples, points, d, noise=0.05, weights=False):
    """Delays that are linear in the features, as ANS assumes."""
    rng = np.random.default_rng(seed)
    x = rng.random((points, d))
    x[-1] = 0.0
    theta = rng.uniform(10, 100, d)
    remote = (x @ theta) * np.exp(noise * rng.standard_normal((samples, 1)))
    front = np.sort(rng.uniform(0, 80, points))
    return SplitTable(front, remote, x, rng.random(samples) * 0.99 if weights else None)


@given(
    st.integers(0, 2**32),
    st.integers(1, 60),
    st.integers(2, 6),
    st.integers(1, 4),
    st.integers(0, 3),
    st.sampled_from([0.0, 5.0, 80.0]),
    st.integers(1, 5),
    st.booleans(),
)
def test_twin(seed, samples, points, d, delay, alpha, period, weights):
    table = linear_table(seed, samples, points, d, weights=weights)
    arrived = Feedback("chosen", delay).arrived(samples)
    policy = ANS.for_table(table, exploration=alpha, ridge=0.5, period=period)
    got = policy.play(table, arrived).choice.tolist()
    weight = np.zeros(samples) if "weight" not in table else table["weight"]
    want = naive.ans(table.front, table.features, table["remote"], weight, arrived, alpha, 0.5, period, got)
    assert got == want


def test_kept_means_and_variances_do_not_drift():
    """After 20,000 rank-one steps the kept numbers agree with one solve of the normal equations."""
    table = linear_table(1, 20_000, 8, 4)
    policy = ANS.for_table(table, len(table), exploration=30.0)
    choice = policy.play(table, np.arange(len(table))).choice
    seen = choice[:-1][choice[:-1] < 7]
    A, b = 0.01 * np.eye(4), np.zeros(4)
    for t, p in enumerate(choice[:-1]):
        if p < 7:
            A += np.outer(table.features[p], table.features[p])
            b += table["remote"][t, p] * table.features[p]
    theta = np.linalg.solve(A, b)
    assert len(seen) > 1000
    assert policy.state.mean == pytest.approx(table.features @ theta, rel=1e-6, abs=1e-6)
    exact = np.einsum("pi,ij,pj->p", table.features, np.linalg.inv(A), table.features)
    assert policy.state.variance == pytest.approx(exact, rel=1e-4, abs=1e-10)


def test_forced_sampling_escapes_the_trap():
    """The link is dreadful for 500 frames, then fast. Without forced frames nothing is sent ever again."""
    samples, x = 6000, np.array([[1.0], [0.5], [0.0]])
    remote = np.tile([400.0, 200.0, 0.0], (samples, 1))
    remote[500:] = [8.0, 4.0, 0.0]
    table = SplitTable([0.0, 30.0, 100.0], remote, x)

    def play(**parameters):
        policy = ANS.for_table(table, samples, exploration=1.0, **parameters)
        return policy.play(table, np.arange(samples)).choice

    trapped = play(period=10**9)
    assert (trapped[10:] == 2).all()
    free = play()  # every ceil(6000^(1/4)) = 9-th frame
    assert (free[400:500] == 2).mean() > 0.85
    assert (free[-1000:] == 0).all()


def test_period_is_horizon_to_the_mu():
    table = linear_table(0, 10, 3, 2)
    assert ANS.for_table(table, 10_000).parameters()["period"] == 10
    assert ANS.for_table(table, 10_000, mu=0.5).parameters()["period"] == 100
    forced = ANS.for_table(table, exploration=0.0, period=1).play(table, np.arange(10)).choice
    assert (forced < 2).all()


def test_key_frames_explore_less():
    """A weight of L divides the width by 1/sqrt(1-L): by hand for two split points."""
    policy = ANS([0.0, 10.0], [[1.0], [0.0]], exploration=8.0, ridge=1.0, period=100)
    assert policy.decide() == 0
    policy.feedback(30.0)  # A = 2, theta = 15, width = 8 / sqrt(2) = 5.66: 15 - 5.66 < 10
    assert policy.decide(weight=0.0) == 0
    policy = ANS([0.0, 10.0], [[1.0], [0.0]], exploration=8.0, ridge=1.0, period=100)
    policy.decide()
    policy.feedback(30.0)
    assert policy.decide(weight=0.9) == 1  # 15 - 5.66 * sqrt(0.1) > 10


def test_one_frame_at_a_time_is_the_run():
    table = linear_table(3, 200, 5, 3, weights=True)
    whole = ANS.for_table(table, 200).play(table, np.arange(200)).choice.tolist()
    policy, single = ANS.for_table(table, 200), []
    for t in range(200):
        single.append(policy.decide(table["weight"][t]))
        policy.feedback(None if single[-1] == 4 else table["remote"][t, single[-1]])
    assert single == whole


def test_learns_a_linear_link():
    """In the last quarter of the run the best split is chosen, apart from the forced frames."""
    table = linear_table(11, 8000, 12, 4, noise=0.1)
    policy = ANS.for_table(table, 8000)
    choice = policy.play(table, np.arange(8000)).choice
    best = int(table.delay().mean(axis=0).argmin())
    forced = np.arange(1, 8001) % policy.parameters()["period"] == 0
    late = ~forced & (np.arange(8000) >= 6000)
    assert (choice[late] == best).mean() > 0.95
    row = replay_arms(table, ["ans"]).rows[0]
    assert row["cost"] < 1.05 * row["cost_best_arm"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ANS([0, 1], [[1.0], [0.0]]).state, "give horizon (number of samples) or period"),
        (lambda: ANS([0, 1], [[1.0], [1.0]], 10).state, "the last row of features must be 0"),
        (lambda: ANS([0, 1], [[1.0]], 10).state, "features must have a row for each"),
        (lambda: ANS([0, 1], [[1.0], [0.0]], 10, ridge=0.0).state, "ridge"),
        (lambda: ANS([0, 1], [[1.0], [0.0]], 10, mu=2.0).state, "mu"),
        (lambda: ANS([0, 1], [[1.0], [0.0]], 10, exploration=math.nan).state, "exploration"),
        (lambda: ANS([0, 1], [[1.0], [0.0]], 10).decide(1.0), "weight"),
        (lambda: ANS([0, 1], [[1.0], [0.0]], 10).feedback(1.0), "call decide before feedback"),
    ],
)
def test_mistakes(make, words):
    with pytest.raises(OlearnError) as error:
        make()
    assert words in str(error.value)


@pytest.mark.jit_only
def test_ans_on_measured_mobilenet(shared):
    """Raspberry Pi to GPU server: the best cut is inside at 10 Mbit/s, at an end on a slow or a fast link."""
    folder = shared / "traces" / "scission"
    files = folder / "raspberrypi-2-stats.csv", folder / "bonarda-gpu-stats.csv"
    for link, best, margin in (((20, 10), "37", 0.01), ((20, 50), "0", 0.01), ((66.7, 1.6), "91", 0.06)):
        table = splits_from_stats(*files, "mobilenet", link, samples=4000, seed=1)
        row = replay_arms(table, ["ans"]).rows[0]
        assert row["best_arm"] == best
        # on the slow link the forced frames, every 8th, are what the margin pays for
        assert row["cost_best_arm"] <= row["cost"] < (1 + margin) * row["cost_best_arm"]
