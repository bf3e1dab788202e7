"""What a declared bound becomes when the catalogue grows: another one where that is proved, else none."""

import numpy as np
import pytest

from olearn import registry


@pytest.mark.parametrize(("name", "kept"), [("ogd", True), ("ogb", True), ("omd", False), ("ftpl", False)])
def test_bounds_change_or_lapse(name, kept):
    policy = registry.find("caching", name)(2, 4, horizon=100)
    before = policy.bound()
    assert before is not None
    policy.grow(8)
    assert (policy.bound() is not None) == kept
    if kept:
        assert policy.bound().value > before.value


def test_ftpl_misses_an_added_item_that_its_noise_would_hold():
    """Why it lapses: under noise much larger than the counts, leaders among the added items miss once each."""
    excess = 0.0
    for seed in range(20):
        policy = registry.find("caching", "ftpl")(8, 9, eta=1e6, seed=seed)
        policy.grow(16)
        hits = policy.request_many(np.arange(9, 16))
        assert not hits.any()
        score = policy.state.score
        excess += (score[9:] > np.sort(score)[-9]).sum()
    assert excess > 20  # the mean is 20 * 7 * 8/16 = 70
