"""The best placement of whole models by trying every one: for tiny networks, and for tests."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np

from olearn.environments.delivery import Delivery
from olearn.environments.delivery_merged import merge, total_gain
from olearn.errors import ParameterError
from olearn.optima._optimum import Optimum, finish

#: Placements tried at most.
MOST = 200_000


def best_placement(network: Delivery, demand: Any) -> Optimum:
    """The best fixed placement of whole models, by enumeration.

    Parameters
    ----------
    network : Delivery
    demand : array_like, shape (T, R)

    Returns
    -------
    Optimum
        `allocation`: float64 (V, M), 1 where a model is held.

    Raises
    ------
    ParameterError
        More than 200,000 placements.

    Examples
    --------
    >>> net = Delivery(
    ...     nodes=["edge", "cloud"], edges=[("edge", "cloud", 40.0)], models=["a", "b"], task=[0, 1],
    ...     size=[1, 1], accuracy=[0.5, 0.5], delay=[1, 1], budget=[1, 0], repositories={"cloud": "all"},
    ...     types=[(0, ["edge", "cloud"]), (1, ["edge", "cloud"])], alpha=0.0)
    >>> best_placement(net, [[3, 1], [3, 1]]).value
    240.0
    """
    started = time.perf_counter()
    entries = merge(network, network.check_demand(demand))
    models = network.size.size
    choices = []
    number = 1
    for v in range(len(network.nodes)):
        mine = np.flatnonzero(network.open.reshape(-1, models)[v])
        fitting = [
            s
            for k in range(mine.size + 1)
            for s in itertools.combinations(mine.tolist(), k)
            if network.size[list(s)].sum() <= network.budget[v] * (1 + 1e-12)
        ]
        # a set that a model could be added to is never better
        fitting = [s for s in fitting if not any(set(s) < set(o) for o in fitting)]
        choices.append([[v * models + m for m in s] for s in fitting])
        number *= len(fitting)
        if number > MOST:
            raise ParameterError(f"brute force tries at most {MOST:,} placements, this network has more")
    best, value = network.placement(), -np.inf
    for combination in itertools.product(*choices):
        x = network.placement()
        for places in combination:
            x[places] = 1.0
        gain = float(total_gain(entries, x))
        if gain > value:
            best, value = x, gain
    return finish(
        value,
        best.reshape(len(network.nodes), models),
        value,
        "best-placement",
        "a fixed placement of whole models",
        "enumeration",
        started,
    )
