"""Topologies of inference delivery: trees as an operator has them, and any graph.

``tree7``: four edge nodes, two regional ones, a cloud that holds everything.
``isp36``: a five-tier tree: 24 base stations, 8 central offices, 2 regional centres, an operator's data
centre, a cloud. ``path3``: an edge node, a regional one, the cloud.

Requests for every task enter at every leaf and climb to the cloud.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from olearn.environments.delivery import Delivery
from olearn.errors import ParameterError, check_positive_int, check_real, unknown
from olearn.traces.delivery.catalogues import Catalogue, catalogue


class Tier(NamedTuple):
    """One level of a tree: nodes, MB each, round trip to the level above, speed of the machines."""

    name: str
    nodes: int
    budget: float
    rtt: float
    speed: float = 1.0


_TREES: dict[str, tuple[Tier, ...]] = {
    "path3": (Tier("cloud", 1, 0.0, 0.0), Tier("regional", 1, 2500.0, 40.0), Tier("edge", 1, 800.0, 6.0)),
    "tree7": (Tier("cloud", 1, 0.0, 0.0), Tier("regional", 2, 2500.0, 40.0), Tier("edge", 4, 800.0, 6.0)),
    "isp36": (
        Tier("cloud", 1, 0.0, 0.0),
        Tier("datacentre", 1, 8000.0, 40.0),
        Tier("regional", 2, 4000.0, 10.0),
        Tier("office", 8, 1500.0, 6.0, 0.6),
        Tier("station", 24, 500.0, 4.0, 0.6),
    ),
}
#: Names of the topologies.
TOPOLOGIES = tuple(_TREES)


def tree(
    tiers: Sequence[Tier],
    models: Catalogue | str = "yolov4",
    tasks: int = 20,
    alpha: float = 100.0,
    limit: float | None = None,
    split: str = "proportional",
    name: str = "tree",
) -> Delivery:
    """A tree of nodes whose root is a repository of everything.

    Parameters
    ----------
    tiers : sequence of Tier
        From the root down; the number of nodes of a tier is a multiple of that of the tier above. A model
        takes its delay divided by ``speed``.
    models : Catalogue or str
        Copied for every task.
    tasks : int
    alpha : float
        Milliseconds per unit of accuracy.
    limit : float, optional
        Requests a slot that a model serves outside of the root; by default any number.
    split : str
        How request types share a bounded model.
    name : str
    """
    known = catalogue(models) if isinstance(models, str) else models
    tasks = check_positive_int("tasks", tasks)
    nodes: list[str] = []
    edges = []
    above: list[str] = []
    budgets: list[float] = []
    speeds: list[float] = []
    parent: dict[str, str] = {}
    for tier in tiers:
        level = [tier.name if tier.nodes == 1 else f"{tier.name}{i + 1}" for i in range(tier.nodes)]
        if above:
            if tier.nodes % len(above):
                raise ParameterError(
                    f"{tier.nodes} nodes of {tier.name!r} can't be split evenly below {len(above)}"
                )
            for i, node in enumerate(level):
                parent[node] = above[i // (tier.nodes // len(above))]
                edges.append((node, parent[node], tier.rtt))
        nodes += level
        budgets += [tier.budget] * tier.nodes
        speeds += [check_real("speed", tier.speed, 0.0, open_low=True)] * tier.nodes
        above = level
    types = []
    for leaf in above:
        path = [leaf]
        while path[-1] in parent:
            path.append(parent[path[-1]])
        types += [(task, path) for task in range(tasks)]
    count = len(known.models)
    delays = np.tile([m.delay for m in known.models], tasks)
    limits = None
    if limit is not None:
        limits = np.full((len(nodes), tasks * count), check_real("limit", limit, 0.0, open_low=True))
        limits[0] = np.inf
    return Delivery(
        nodes=nodes,
        edges=edges,
        models=[f"{m.name}/{task}" for task in range(tasks) for m in known.models],
        task=np.repeat(np.arange(tasks), count),
        size=np.tile([m.size for m in known.models], tasks),
        accuracy=np.tile([m.accuracy for m in known.models], tasks),
        delay=delays[None, :] / np.array(speeds)[:, None],
        budget=budgets,
        repositories={nodes[0]: "all"},
        types=types,
        alpha=alpha,
        limit=limits,
        split=split,
        name=name,
    )


def build(topology: str = "tree7", models: Catalogue | str = "yolov4", **more: Any) -> Delivery:
    """A network by the name of its topology; `more` goes to :func:`tree`.

    Raises
    ------
    UnknownNameError
        With the nearest name and all known ones.

    Examples
    --------
    >>> build("isp36", "mdinference", tasks=3)
    <Delivery 'isp36': 36 nodes, 69 models, 72 request types>
    """
    if topology not in _TREES:
        raise unknown("topology", str(topology), TOPOLOGIES)
    return tree(_TREES[topology], models, name=topology, **more)


def tree7(**more: Any) -> Delivery:
    """The seven-node tree with the catalogue ``yolov4`` for 20 tasks."""
    return build("tree7", **more)
