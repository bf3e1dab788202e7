"""Feedback models as objects: parsing, timing, what satisfies what."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn.errors import OlearnError
from olearn.feedback import REVEALS, Feedback, feedback
from olearn.policies.offloading.hil_f import HILF
from olearn.policies.offloading.hil_n import HILN


@given(st.integers(1, 60), st.integers(0, 20), st.integers(1, 9))
def test_arrivals(samples, delay, batch):
    got = Feedback("full", delay, batch).arrived(samples)
    for t in range(samples):
        known = [s for s in range(samples) if s + delay < t]
        assert got[t] == len(known) // batch * batch
    assert (np.diff(got) >= 0).all()
    assert (got <= np.arange(samples)).all()


@pytest.mark.parametrize("text", ["full", "offloaded+delayed(5)", "accepted+batched(4)+noisy(0.1)", "terminal"])
def test_text_and_back(text):
    assert str(feedback(text)) == text
    assert feedback(feedback(text)) == feedback(text)


def test_parts_without_a_name_mean_full():
    assert feedback("delayed(3)") == Feedback("full", delay=3)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("fool", "unknown feedback 'fool' .did you mean 'full'"),
        ("delayed", "not of the form"),
        ("full(3)", "not of the form"),
        ("delayed(x)", "not a number"),
        ("delayed(-1)", "delay must be a whole number of at least 0"),
        ("batched(0)", "batch must be a whole number of at least 1"),
        ("noisy(0.5)", "noise must be a finite number in"),
        ("full+offloaded", "says reveals twice"),
        ("delayed(1)+delayed(2)", "says delay twice"),
    ],
)
def test_bad_texts(text, sentence):
    with pytest.raises(OlearnError, match=sentence):
        feedback(text)


def test_who_gets_on_with_whom():
    for name in REVEALS:
        assert feedback("full").satisfies(name)
        assert Feedback(name).satisfies("nothing")
        assert Feedback(name).satisfies(name)
    assert not feedback("accepted").satisfies("offloaded")
    assert not feedback("offloaded").satisfies("full")
    assert feedback("terminal").satisfies("offloaded")
    feedback("full").require(HILN())
    with pytest.raises(OlearnError) as caught:
        feedback("offloaded").require(HILF())
    assert str(caught.value).startswith("hil-f needs 'full' feedback")
    assert "got 'offloaded'; allowed: full" in str(caught.value)


def test_noise_flips_its_share():
    flips = feedback("noisy(0.2)").flips(20_000, seed=1)
    # 5 standard errors: false alarm 6e-7
    assert abs(flips.mean() - 0.2) < 5 * np.sqrt(0.16 / 20_000)
    assert not feedback("full").flips(10, 1).any()
    assert (feedback("noisy(0.2)").flips(50, 1) == flips[:50]).all()


def test_only_offloaded_samples_teach(play):
    # what HIL-N is told about samples kept local must not matter
    rng = np.random.default_rng(0)
    p, wrong = rng.integers(1, 9, 300) / 9, (rng.random(300) < 0.5).astype(float)
    first = play(HILN(300, np.unique(p), seed=2), p, wrong)
    lied = np.where(first.offloaded, wrong, 1.0 - wrong)
    again = play(HILN(300, np.unique(p), seed=2), p, lied)
    np.testing.assert_array_equal(first.chance, again.chance)


def test_accepted_feedback_is_the_other_half(play):
    rng = np.random.default_rng(0)
    p, wrong = rng.integers(1, 9, 300) / 9, (rng.random(300) < 0.5).astype(float)
    policy = HILF(300, np.unique(p), seed=2)
    first = play(policy, p, wrong, feedback="accepted")
    lied = np.where(first.offloaded, 1.0 - wrong, wrong)
    again = play(HILF(300, np.unique(p), seed=2), p, lied, feedback="accepted")
    np.testing.assert_array_equal(first.chance, again.chance)
