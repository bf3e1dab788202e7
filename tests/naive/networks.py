"""Slow, obvious twins for networks of caches."""

import itertools

import numpy as np


def served(network, placement, d):
    """Weight that a request of demand d saves in a whole placement: walk until the first copy."""
    low, high = network.start[d], network.start[d + 1]
    between = {}
    for (a, b), w in zip(network.edges.tolist(), network.weights.tolist(), strict=True):
        between[a, b] = between[b, a] = w
    way = network.path[low:high].tolist()
    walked, total = 0.0, sum(between[a, b] for a, b in itertools.pairwise(way))
    for k, v in enumerate(way):
        if v == network.source[network.item[d]] or placement[v, network.item[d]]:
            break
        walked += between[v, way[k + 1]]
    return total - walked


def gain(network, placement):
    """Caching gain of a whole placement, demand by demand."""
    return sum(float(network.rate[d]) * served(network, placement, d) for d in range(network.demands))


def expected_gain(network, y):
    """Mean gain when every (node, item) is held independently with probability y: over all outcomes."""
    cells = np.argwhere((y > 0) & (y < 1))
    total = 0.0
    for bits in range(1 << len(cells)):
        placement, chance = (y == 1).astype(float), 1.0
        for j, (v, i) in enumerate(cells):
            on = bits >> j & 1
            placement[v, i] = on
            chance *= y[v, i] if on else 1 - y[v, i]
        total += chance * gain(network, placement)
    return total


def relaxed(network, y):
    """The concave relaxation, edge by edge."""
    total = 0.0
    for d in range(network.demands):
        low, high = network.start[d], network.start[d + 1]
        for k in range(low, high - 1):
            held = sum(y[network.path[j], network.item[d]] for j in range(low, k + 1))
            total += network.rate[d] * (network.upstream[k] - network.upstream[k + 1]) * min(1.0, held)
    return total


def greedy(network):
    """Static greedy that looks at every (node, item) in every step."""
    y, left, value = np.zeros((network.nodes, network.items)), network.capacity.copy(), 0.0
    while True:
        best, where = value, None
        for v in range(network.nodes):
            for i in range(network.items):
                if left[v] and not y[v, i]:
                    y[v, i] = 1
                    now = gain(network, y)
                    y[v, i] = 0
                    if now > best + 1e-12:
                        best, where = now, (v, i)
        if where is None:
            return value
        y[where], value = 1, best
        left[where[0]] -= 1


def random_network(rng, nodes=4, items=3, demands=5):
    """A tiny random tree with random capacities and demands, weights whole so that sums are exact."""
    from olearn.traces.networks import build

    parent = [0] + [int(rng.integers(v)) for v in range(1, nodes)]
    edges = [(v, parent[v], float(rng.integers(0, 9))) for v in range(1, nodes)]

    def up(v):
        return [v] if v == 0 else [v, *up(parent[v])]

    source = [int(rng.integers(nodes)) for _ in range(items)]
    wanted = []
    for _ in range(demands):
        i, a = int(rng.integers(items)), up(int(rng.integers(nodes)))
        b = up(source[i])
        meet = next(v for v in a if v in b)
        way = a[: a.index(meet) + 1] + b[: b.index(meet)][::-1]
        wanted.append((i, way, float(rng.integers(0, 5))))
    capacity = [int(rng.integers(0, min(items, 2) + 1)) for _ in range(nodes)]
    return build(nodes, edges, capacity, source, wanted)


def project(y, c):
    """Projection on {0 <= x <= 1, sum x <= c} by bisection on the multiplier."""
    low, high = 0.0, max(0.0, float(y.max(initial=0.0)))
    if np.clip(y, 0, 1).sum() <= c:
        return np.clip(y, 0, 1)
    for _ in range(200):
        tau = (low + high) / 2
        low, high = (tau, high) if np.clip(y - tau, 0, 1).sum() > c else (low, tau)
    return np.clip(y - high, 0, 1)


def mirror(y, gradient, eta, floor, c):
    """One step of mirror ascent with negative entropy on {0 <= y <= 1, sum y = c}: lambda by bisection."""
    met = gradient > 0
    grown = np.where(met, np.maximum(y, floor) * np.exp(eta * gradient), y)
    low, high = 1.0, max(2.0, grown.sum())
    for _ in range(300):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if np.minimum(1, grown / middle).sum() > c else (low, middle)
    return np.minimum(1, grown / high)


def project_equal(y, c):
    """Projection on {0 <= x <= 1, sum x = c} by bisection on the multiplier."""
    if c >= y.size:
        return np.ones(y.size)
    low, high = float(y.min()) - 1.0, float(y.max())
    for _ in range(300):
        tau = (low + high) / 2
        low, high = (tau, high) if np.clip(y - tau, 0, 1).sum() > c else (low, tau)
    return np.clip(y - high, 0, 1)
