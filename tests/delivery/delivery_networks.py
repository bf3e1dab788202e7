"""Small random delivery networks for tests."""

from __future__ import annotations

import numpy as np

from olearn.environments.delivery import Delivery


def random_network(
    seed: int, bounded: bool | None = None, split: str | None = None
) -> tuple[Delivery, np.ndarray]:
    """A tree of 3 to 5 nodes with 1 to 3 tasks, and six slots of demand."""
    rng = np.random.default_rng(seed)
    v, tasks = int(rng.integers(3, 6)), int(rng.integers(1, 4))
    per = int(rng.integers(1, 4))
    m = tasks * per
    nodes = [f"n{i}" for i in range(v)]
    parent = {i: int(rng.integers(0, i)) for i in range(1, v)}
    edges = [(nodes[i], nodes[p], float(rng.integers(1, 30))) for i, p in parent.items()]
    types = []
    for i in range(v):
        for task in range(tasks):
            if rng.random() < 0.7 or (i == v - 1):
                path = [i]
                while path[-1] in parent:
                    path.append(parent[path[-1]])
                types.append((task, [nodes[k] for k in path]))
    limit = None
    if bounded if bounded is not None else rng.random() < 0.5:
        limit = rng.integers(1, 8, size=(v, m)).astype(float)
        limit[0] = np.inf
    net = Delivery(
        nodes=nodes,
        edges=edges,
        models=[f"m{j}" for j in range(m)],
        task=np.repeat(np.arange(tasks), per),
        size=rng.integers(1, 5, m).astype(float),
        accuracy=rng.random(m).round(2),
        delay=rng.integers(1, 20, (v, m)).astype(float),
        budget=np.concatenate([[0.0], rng.integers(4, 9, v - 1).astype(float)]),
        repositories={"n0": "all"},
        types=types,
        alpha=float(rng.integers(0, 60)),
        limit=limit,
        split=split or str(rng.choice(["own", "proportional"])),
    )
    return net, rng.integers(0, 9, (6, len(types))).astype(float)
