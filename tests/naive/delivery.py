"""Inference delivery in slow, obvious Python: serving one request at a time, projections by bisection."""

from __future__ import annotations

import math


def options_of(net, r):
    """(cost, node, model, hop) of a request type, cheapest first."""
    task, path = net.types[r]
    found = []
    away = 0.0
    for hop, node in enumerate(path):
        if hop:
            away += net.rtt[path[hop - 1], node]
        for m in range(len(net.models)):
            if net.task[m] == task:
                cost = away + net.delay[node, m] + net.alpha * (1 - net.accuracy[m])
                found.append((cost, hop, node, m))
    return sorted(found)


def capacity(net, demand, r, node, m):
    """Requests of type r that (node, m) can take in the slot."""
    limit = net.limit[node, m]
    if math.isinf(limit):
        return demand[r]
    if net.split == "own":
        return min(limit, demand[r])
    everybody = sum(
        demand[q] for q, (task, path) in enumerate(net.types) if task == net.task[m] and node in path
    )
    return min(demand[r], limit * demand[r] / everybody)


def slot_cost(net, demand, share):
    """What a slot costs when option (node, m) holds the fraction share(node, m)."""
    total = 0.0
    for r in range(len(net.types)):
        left = demand[r]
        for cost, _, node, m in options_of(net, r):
            take = min(left, share(node, m) * capacity(net, demand, r, node, m)) if demand[r] else 0.0
            total += take * cost
            left -= take
    return total


def gain(net, demand, y):
    """Saved against the repositories alone; y[node][model] in [0, 1], pinned models at 1."""
    return slot_cost(net, demand, lambda v, m: float(net.pinned[v, m])) - slot_cost(
        net, demand, lambda v, m: 1.0 if net.pinned[v, m] else y[v][m]
    )


def gain_telescoped(net, demand, y):
    """The same by the formula of the paper: a sum over options of differences of costs."""
    total = 0.0
    for r in range(len(net.types)):
        options = options_of(net, r)
        s = base = 0.0
        for k, (cost, _, node, m) in enumerate(options[:-1]):
            most = capacity(net, demand, r, node, m) if demand[r] else 0.0
            s += most * (1.0 if net.pinned[node, m] else y[node][m])
            base += most * net.pinned[node, m]
            total += (options[k + 1][0] - cost) * (min(demand[r], s) - min(demand[r], base))
    return total


def supergradient(net, demand, y):
    """g[node][model] = sum over types of l [gamma_K* - gamma]_+."""
    g = [[0.0] * len(net.models) for _ in net.nodes]
    for r in range(len(net.types)):
        if demand[r] <= 0:
            continue
        options = options_of(net, r)
        s = 0.0
        stop = options[-1][0]
        for cost, _, node, m in options:
            s += capacity(net, demand, r, node, m) * (1.0 if net.pinned[node, m] else y[node][m])
            if s >= demand[r] * (1 - 1e-12):
                stop = cost
                break
        for cost, _, node, m in options:
            g[node][m] += capacity(net, demand, r, node, m) * max(0.0, stop - cost)
    return g


def project(y, sizes, budget):
    """min(1, c y) with sum sizes min(1, c y) = budget, c by bisection."""
    if budget >= sum(sizes):
        return [1.0] * len(y)
    low, high = 0.0, 1.0
    while sum(s * min(1.0, high * v) for s, v in zip(sizes, y)) < budget:
        high *= 2.0
    for _ in range(200):
        c = (low + high) / 2
        if sum(s * min(1.0, c * v) for s, v in zip(sizes, y)) < budget:
            low = c
        else:
            high = c
    return [min(1.0, high * v) for v in y]


def infida_fractions(net, demands, eta):
    """The fractions before each slot, and after the last: a list of y[node][model]."""
    v, m = len(net.nodes), len(net.models)
    opened = net.open.reshape(v, m)
    y = [[1.0 if net.pinned[i, j] else 0.0 for j in range(m)] for i in range(v)]
    for i in range(v):
        mine = [j for j in range(m) if opened[i, j]]
        whole = sum(net.size[j] for j in mine)
        for j in mine:
            y[i][j] = min(1.0, net.budget[i] / whole)
    history = [[row[:] for row in y]]
    for demand in demands:
        g = supergradient(net, demand, y)
        for i in range(v):
            mine = [j for j in range(m) if opened[i, j]]
            if not mine or net.budget[i] <= 0:
                continue
            sizes = [float(net.size[j]) for j in mine]
            moved = [y[i][j] * math.exp(eta * g[i][j] / net.size[j]) for j in mine]
            for j, value in zip(mine, project(moved, sizes, min(net.budget[i], sum(sizes)))):
                y[i][j] = value
        history.append([row[:] for row in y])
    return history
