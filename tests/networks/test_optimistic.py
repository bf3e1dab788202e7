"""RAOCO and optimistic FTRL against a dense twin, and their certificate."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import networks as naive
from olearn.errors import OlearnError
from olearn.optima.networks import relaxed
from olearn.policies.networks import OFTRL, RAOCO
from olearn.traces.networks import build, poisson_times


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([RAOCO, OFTRL]),
    st.booleans(),
    st.sampled_from(["swap", "depround", "madow"]),
)
def test_twin(seed, kind, hints, rounding):
    rng = np.random.default_rng(seed)
    net = naive.random_network(rng, items=6, demands=8)
    if not net.capacity.any():
        return
    ours = kind(net, optimistic=hints, rounding=rounding, seed=seed % 1000)
    c, clock = net.capacity, 1.0
    y = np.tile((c / net.items)[:, None], (1, net.items))
    z, whole, g, h = y.copy(), np.zeros(y.shape), np.zeros(y.shape), np.zeros(y.shape)
    error = np.zeros(net.nodes)
    for d, now in zip(rng.integers(0, net.demands, 60), np.sort(rng.random(60) * 12), strict=True):
        ours.run([d], [now])
        if now >= clock:
            for v in np.flatnonzero((g.any(axis=1) | h.any(axis=1)) & (c > 0)):
                error[v] += ((g[v] - h[v]) ** 2).sum()
                eta = np.sqrt(2 * c[v]) / np.sqrt(error[v])
                if kind is OFTRL:
                    y[v] = naive.project_equal(eta * (whole[v] + hints * g[v]), c[v])
                else:
                    z[v] = naive.project_equal(z[v] + eta * g[v], c[v])
                    y[v] = naive.project_equal(z[v] + hints * eta * g[v], c[v])
                h[v] = hints * g[v]
            g[:] = 0.0
            clock += 1.0 + np.floor(now - clock)
        low, end = net.start[d], net.start[d + 1] - 1
        total, stop = y[net.path[low], net.item[d]], low
        while stop < end and total <= 1 + 1e-6:
            stop += 1
            total += y[net.path[stop], net.item[d]]
        for k in range(low, stop):
            if c[net.path[k]]:
                g[net.path[k], net.item[d]] += net.upstream[k] - net.upstream[stop]
                whole[net.path[k], net.item[d]] += net.upstream[k] - net.upstream[stop]
        np.testing.assert_allclose(ours.fractions(), y, atol=1e-7)
        assert (ours.placement().sum(axis=1) == c).all()


@pytest.mark.parametrize("kind", [RAOCO, OFTRL])
@pytest.mark.parametrize("seed", range(3))
def test_certificate(kind, seed):
    """Expected over 40 seeds, 4 standard errors allowed: (1 - 1/e) best - gain <= certificate."""
    net = naive.random_network(np.random.default_rng(seed + 100), items=6, demands=8)
    if not net.capacity.any() or not net.rate.any() or not net.total:
        pytest.skip("nothing to place, to ask for or to save")
    demands, times = poisson_times(net, 600 / net.rate.sum(), seed)
    counts = np.bincount(demands, minlength=net.demands).astype(float)
    best = relaxed(net.subset(np.arange(net.demands), counts)).value
    slack = []
    for s in range(40):
        policy = kind(net, seed=s)
        gain = policy.run(demands, times).sum()
        slack.append(policy.certificate() - ((1 - np.exp(-1)) * best - gain))
    assert np.mean(slack) >= -4 * np.std(slack) / np.sqrt(40) - 1e-5 * best


def test_parameters_are_checked():
    line = build(2, [(0, 1, 2.0)], [1, 0], [1], [(0, [0, 1], 1.0)])
    with pytest.raises(OlearnError, match="rounding"):
        RAOCO(line, rounding="swop").run([0])
    with pytest.raises(OlearnError, match="optimistic must be true or false"):
        OFTRL(line, optimistic=2).run([0])
