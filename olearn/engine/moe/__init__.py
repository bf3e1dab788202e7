"""Replay of expert caches of mixture-of-experts models: policies x capacities x seeds over batches."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from olearn import registry
from olearn.engine.choices import Choice, as_list, as_seeds, choices, spaced
from olearn.engine.game import Ask
from olearn.engine.machine import Plan, plan
from olearn.engine.moe.game import MoEGame
from olearn.engine.moe.result import MoEResult
from olearn.errors import ParameterError, check_positive_int

__all__ = ["MoEGame", "MoEResult", "prepare", "replay_moe"]

DEFAULT_POLICIES = ("lru", "lfu", "heat", "pin-hottest", "least-stale", "prefetch")


def replay_moe(
    batches: Any,
    policies: Any = DEFAULT_POLICIES,
    capacity: Any = None,
    seeds: int | Iterable[int] = 1,
    *,
    shared: bool = False,
    horizon: int | None = None,
    checkpoints: int = 200,
    progress: bool | None = None,
    store: str | Path | None = None,
    jobs: int | None = 1,
) -> MoEResult:
    """Replay a routing stream against policies that keep experts in fast memory.

    Parameters
    ----------
    batches : BatchTrace or path
        See :class:`olearn.traces.llm.BatchTrace`.
    policies : str, type, callable, a sequence of these, or a dict from labels to these
    capacity : int, str, or a sequence of these
        Slots of each layer's cache, or with `shared` of the one cache; or a share ("25%") of what there is.
        Default 25 %.
    seeds : int or iterable of int
    shared : bool
        One cache for all layers.
    horizon : int, optional
        Batches that default parameters are tuned for; by default all.
    checkpoints, progress, store, jobs
        As for :func:`olearn.replay`.

    Returns
    -------
    MoEResult

    Examples
    --------
    >>> from olearn.traces.llm.routing import routing_stream
    >>> stream = routing_stream(tokens=200, layers=2, experts=8, top=2, seed=1)
    >>> result = replay_moe(stream, ["lru", "lfu"], capacity=4)
    >>> [row["policy"] for row in result.rows], result.diagnosis("lru").word
    (['lru', 'lfu'], 'policy failure')
    """
    result: MoEResult = prepare(
        batches,
        policies,
        capacity,
        seeds,
        shared=shared,
        horizon=horizon,
        checkpoints=checkpoints,
        progress=progress,
        store=store,
        jobs=jobs,
    )()
    return result


def prepare(
    batches: Any,
    policies: Any = DEFAULT_POLICIES,
    capacity: Any = None,
    seeds: int | Iterable[int] = 1,
    *,
    shared: bool = False,
    horizon: int | None = None,
    checkpoints: int = 200,
    **how: Any,
) -> Plan:
    """What :func:`replay_moe` will run, every parameter checked."""
    from olearn.traces.llm import BatchTrace

    if isinstance(batches, (str, Path)):
        batches = BatchTrace.load(batches)
    found = choices(policies, lambda asked, label=None: Choice(asked, label, _find))
    whole = batches.catalog_size if shared else batches.experts
    asked = ["25%"] if capacity is None else as_list(capacity)
    capacities = list(dict.fromkeys(_slots(c, whole) for c in asked))
    if not capacities:
        raise ParameterError("give at least one capacity")
    planned = len(batches) if horizon is None else check_positive_int("horizon", horizon)
    game = MoEGame(batches, capacities, planned, shared)
    return plan(game, Ask(found, as_seeds(seeds)), spaced(len(batches), checkpoints), **how)


def _find(name: str) -> Any:
    return registry.find("moe", name)


def _slots(asked: Any, whole: int) -> int:
    text = str(asked).strip()
    try:
        value = float(text[:-1]) / 100 * whole if text.endswith("%") else float(text)
        slots = max(1, round(value)) if text.endswith("%") and value > 0 else int(value)
        if not text.endswith("%") and slots != value:
            raise ValueError
    except (ValueError, OverflowError):
        raise ParameterError(f"a capacity is a number of slots (16) or a share (25%), got {asked!r}") from None
    if not 1 <= slots <= whole:
        raise ParameterError(f"capacity must be between 1 and the {whole:,} experts there are, got {asked!r}")
    return slots
