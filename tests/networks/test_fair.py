"""Fair placements: known answers, the certificate, and no random placement that is fairer."""

import numpy as np
import pytest

from naive import networks as naive
from olearn.errors import OlearnError
from olearn.optima.networks import alpha_fair, nash_bargaining, price_of_fairness, relaxed
from olearn.optima.networks.fair import utilities
from olearn.policies.networks import RAOCO, HorizonFair
from olearn.traces.networks import build
from olearn.traces.networks.topologies import made_network

STAR = build(
    4, [(0, 2, 0.0), (1, 2, 0.0), (2, 3, 1.0)], [0, 0, 1, 0], [3, 3],
    [(0, [0, 2, 3], 9.0), (1, [1, 2, 3], 1.0)],
)  # fmt: skip


def test_known_answers():
    """One place, two agents of one item each: proportional fairness halves it; bargaining starts at d."""
    assert alpha_fair(STAR, 1.0).utilities == pytest.approx([4.5, 0.5], abs=1e-3)
    assert price_of_fairness(STAR, 1.0) == pytest.approx(1 - 5 / 9, abs=1e-3)
    assert nash_bargaining(STAR, [4.5, 0.0]).utilities == pytest.approx([6.75, 0.25], abs=1e-3)
    with pytest.raises(OlearnError, match="one a query node"):
        nash_bargaining(STAR, [1.0])
    with pytest.raises(OlearnError, match="can't save anything"):
        alpha_fair(build(2, [(0, 1, 2.0)], [0, 1], [1], [(0, [0, 1], 1.0)]))


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.0])
def test_certified_and_not_beaten(alpha):
    net, _, _, _ = made_network("star:4", "zipf:0.8", items=12, capacity=2, count=10)
    fair = alpha_fair(net, alpha)
    assert fair.value <= fair.bound + 1e-9 * abs(fair.bound)
    assert fair.bound - fair.value <= 1e-4 * max(1.0, abs(fair.value))
    assert fair.utilities.sum() == pytest.approx(naive.relaxed(net, fair.placement))
    assert fair.utilities.sum() <= relaxed(net).value * (1 + 1e-9)
    rng = np.random.default_rng(1)
    for _ in range(200):
        y = rng.dirichlet(np.full(net.items, 0.3), net.nodes) * net.capacity[:, None]
        _, u = utilities(net, np.minimum(y, 1.0))
        other = np.log(u).sum() if alpha == 1.0 else (u ** (1 - alpha)).sum() / (1 - alpha)
        assert other <= fair.bound + 1e-9 * abs(fair.bound)


def test_the_online_policy_ends_at_the_fair_point():
    """Two agents ask for their own items, nine and one times a slot: each gets half of the place.

    The utilities are shares, so the fair point is the same for both; without fairness the busy one takes all.
    """
    demands, times = np.tile([0] * 9 + [1], 2000), np.repeat(np.arange(2000), 10) + 0.5
    policy = HorizonFair(STAR, least=0.1)
    policy.run(demands, times)
    (first, _), (second, _) = policy.agents().values()
    assert first == pytest.approx(0.6, abs=0.05)
    assert second == pytest.approx(0.6, abs=0.05)
    greedy = RAOCO(STAR)
    greedy.run(demands, times)
    assert greedy.fractions()[2, 0] > 0.95


def test_prices_stay_where_the_dual_is_convex():
    net, demands, times, _ = made_network("star:4", "zipf:0.8", items=12, capacity=2, count=4000)
    for alpha in (0.5, 1.0, 3.0):
        policy = HorizonFair(net, alpha=alpha, least=0.2)
        policy.run(demands, times)
        for mean, price in policy.agents().values():
            assert 0.2 <= mean <= 1.2
            assert 1.2**-alpha - 1e-12 <= price <= 0.2**-alpha + 1e-9
    assert (policy.placement().sum(axis=1) <= net.capacity).all()
