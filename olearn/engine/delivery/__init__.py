"""Replay of inference delivery: policies x seeds on one network and its demand."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from olearn import registry
from olearn.engine.choices import Choice, as_seeds, choices, spaced
from olearn.engine.delivery.game import DeliveryGame
from olearn.engine.delivery.result import DeliveryResult
from olearn.engine.game import Ask
from olearn.engine.machine import Plan, plan
from olearn.errors import check_positive_int

__all__ = ["DeliveryGame", "DeliveryResult", "deliver", "prepare"]

DEFAULT_POLICIES = ("infida(eta=0.05)", "olag", "cheapest", "most-accurate")


def deliver(
    network: Any,
    demand: Any,
    policies: Any = DEFAULT_POLICIES,
    seeds: int | Iterable[int] = 1,
    *,
    horizon: int | None = None,
    checkpoints: int = 200,
    optimum: bool = True,
    name: str = "demand",
    progress: bool | None = None,
    store: str | Path | None = None,
    jobs: int | None = 1,
) -> DeliveryResult:
    """Serve a demand with policies that place models on a network, and measure what each loses.

    Parameters
    ----------
    network : Delivery
        See :mod:`olearn.traces.delivery` for topologies, catalogues and files.
    demand : array_like, shape (T, R)
        Requests of each type in each slot.
    policies : str, type, callable, a sequence of these, or a dict from labels to these
        Names such as ``"infida(eta=0.05)"``, classes of delivery policies, or callables that take
        ``network, horizon, peak, seed`` by keyword and return one.
    seeds : int or iterable of int
    horizon : int, optional
        Slots that default parameters are tuned for; by default all.
    checkpoints : int
        Points of the curves.
    optimum : bool
        Whether to solve for the relaxed optimum (a linear program).
    name : str
        What the demand is called.
    progress, store, jobs
        As for :func:`olearn.replay`.

    Returns
    -------
    DeliveryResult

    Examples
    --------
    >>> from olearn.traces.delivery import build, poisson_demand
    >>> net = build("path3", tasks=4)
    >>> result = deliver(net, poisson_demand(net, slots=50, seed=1), ["infida(eta=0.05)", "olag"])
    >>> [row["policy"] for row in result.rows]
    ['infida(eta=0.05)', 'olag']
    >>> bool(0.5 < result.rows[0]["ratio"] < 1.02)
    True
    """
    result: DeliveryResult = prepare(
        network,
        demand,
        policies,
        seeds,
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
    network: Any,
    demand: Any,
    policies: Any = DEFAULT_POLICIES,
    seeds: int | Iterable[int] = 1,
    *,
    horizon: int | None = None,
    checkpoints: int = 200,
    optimum: bool = True,
    name: str = "demand",
    **how: Any,
) -> Plan:
    """What :func:`deliver` will run, every parameter checked."""
    checked = network.check_demand(demand)
    found = choices(policies, lambda asked, label=None: Choice(asked, label, _find))
    slots = checked.shape[0]
    planned = slots if horizon is None else check_positive_int("horizon", horizon)
    game = DeliveryGame(network, checked, planned, optimum, name)
    return plan(game, Ask(found, as_seeds(seeds)), spaced(slots, checkpoints), **how)


def _find(name: str) -> Any:
    return registry.find("delivery", name)
