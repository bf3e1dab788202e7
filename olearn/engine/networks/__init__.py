"""Replay of networks of caches: policies x seeds on one network and its requests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from olearn import registry
from olearn.engine.choices import Choice, as_seeds, choices, spaced
from olearn.engine.game import Ask
from olearn.engine.machine import Plan, plan
from olearn.engine.networks.game import NetworkGame
from olearn.engine.networks.result import NetworkResult
from olearn.errors import ParameterError, check_positive_int, check_real
from olearn.traces.networks import Network, load_network
from olearn.traces.networks.requests import own_requests

__all__ = ["NetworkGame", "NetworkResult", "network", "prepare"]

DEFAULT_POLICIES = ("tgonline(eta=0.0005)", "pga(gamma=1)", "ewma-greedy(beta=0.05)", "lru", "lfu")


def network(
    instance: Network | str | Path,
    policies: Any = DEFAULT_POLICIES,
    seeds: int | Iterable[int] = 1,
    *,
    requests: Any = None,
    times: Any = None,
    request_seed: int = 0,
    monitor: float = 1.0,
    horizon: int | None = None,
    checkpoints: int = 200,
    optimum: bool = True,
    name: str | None = None,
    progress: bool | None = None,
    store: str | Path | None = None,
    jobs: int | None = 1,
) -> NetworkResult:
    """Serve requests on a network of caches, and measure what each policy loses.

    Parameters
    ----------
    instance : Network, str or path
        A network, or a JSON file (:func:`olearn.traces.networks.load_network`).
    policies : str, type, callable, a sequence of these, or a dict from labels to these
        Names such as ``"tgonline(eta=0.0005)"``, classes, or callables that take
        ``network, horizon, seed`` by keyword and return a policy.
    seeds : int or iterable of int
    requests : array of int, optional
        Demand numbers in order of arrival; by default what the file says (a trace beside it, or Poisson
        processes of the rates for so many units of time), else Poisson processes for 100 units of time.
    times : array of float, optional
        When they arrive; by default evenly over ``len(requests) / sum of rates`` units of time.
    request_seed : int
        Seed of the requests, where they are drawn.
    monitor : float
        Instants per unit of time, on average, at which contents are looked at: `update_cost` counts the
        (node, item) pairs that are new since the last one.
    horizon : int, optional
        Requests that default parameters are tuned for; by default all.
    checkpoints : int
        Points of the curves.
    optimum : bool
        Whether to solve for the relaxed optimum (a linear program).
    name : str, optional
        What the requests are called.
    progress, store, jobs
        As for :func:`olearn.replay`.

    Returns
    -------
    NetworkResult

    Examples
    --------
    >>> from olearn.traces.networks import build
    >>> line = build(2, [(0, 1, 2.0)], [1, 0], [1, 1], [(0, [0, 1], 9.0), (1, [0, 1], 1.0)])
    >>> result = network(line, ["tgonline(eta=0.05)", "lru"])
    >>> [row["policy"] for row in result.rows]
    ['tgonline(eta=0.05)', 'lru']
    >>> bool(0.9 < result.rows[0]["ratio"] < 1.05)
    True
    """
    result: NetworkResult = prepare(
        instance,
        policies,
        seeds,
        requests=requests,
        times=times,
        request_seed=request_seed,
        monitor=monitor,
        horizon=horizon,
        checkpoints=checkpoints,
        optimum=optimum,
        name=name,
        progress=progress,
        store=store,
        jobs=jobs,
    )()
    return result


def prepare(
    instance: Network | str | Path,
    policies: Any = DEFAULT_POLICIES,
    seeds: int | Iterable[int] = 1,
    *,
    requests: Any = None,
    times: Any = None,
    request_seed: int = 0,
    monitor: float = 1.0,
    horizon: int | None = None,
    checkpoints: int = 200,
    optimum: bool = True,
    name: str | None = None,
    **how: Any,
) -> Plan:
    """What :func:`network` will run, every parameter checked."""
    found = choices(policies, lambda asked, label=None: Choice(asked, label, _find))
    folder = None
    if isinstance(instance, str | Path):
        folder = Path(instance).parent
        instance = load_network(instance)
    if not isinstance(instance, Network):
        raise ParameterError(f"instance must be a Network or a JSON file, got {instance!r}")
    net = instance
    if not net.capacity.any():
        raise ParameterError(f"{net.name}: every capacity is 0, so there is nothing to place")
    if requests is None:
        demands, when, title = own_requests(net, folder, request_seed)
        name = name or title
    else:
        demands = np.ascontiguousarray(requests, dtype=np.int32)
        if demands.ndim != 1 or not demands.size:
            raise ParameterError(f"requests must be a list of demand numbers, got shape {demands.shape}")
        if not (demands.min() >= 0 and demands.max() < net.demands):
            raise ParameterError(
                f"requests must name demands 0..{net.demands - 1}, got {demands.min()}..{demands.max()}"
            )
        rate = float(net.rate.sum()) or float(demands.size) / 100
        when = np.arange(1, demands.size + 1) / rate if times is None else np.ascontiguousarray(times, float)
        if when.shape != demands.shape or not np.isfinite(when).all() or (np.diff(when) < 0).any():
            raise ParameterError("times must be finite numbers that never fall, one a request")
    planned = demands.size if horizon is None else check_positive_int("horizon", horizon)
    check_real("monitor", monitor, 0.0)
    game = NetworkGame(net, demands, when, planned, monitor, optimum, name or "requests")
    return plan(game, Ask(found, as_seeds(seeds)), spaced(demands.size, checkpoints), **how)


def _find(name: str) -> Any:
    return registry.find("networks", name)
