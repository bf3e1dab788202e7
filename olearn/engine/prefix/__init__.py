"""Replay of prefix caches of language models: policies x capacities x seeds over chains of blocks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from olearn import registry
from olearn.engine.choices import Choice, as_list, as_seeds, choices, spaced
from olearn.engine.game import Ask
from olearn.engine.machine import Plan, plan
from olearn.engine.prefix.capacity import parse_blocks
from olearn.engine.prefix.game import PrefixGame
from olearn.engine.prefix.result import PrefixResult
from olearn.errors import ParameterError, check_positive_int

__all__ = ["PrefixGame", "PrefixResult", "parse_blocks", "prepare", "replay_prefix"]

DEFAULT_POLICIES = ("lru", "lfu", "ftpl", "cost-aware", "fifo")


def replay_prefix(
    chains: Any,
    policies: Any = DEFAULT_POLICIES,
    capacity: Any = None,
    seeds: int | Iterable[int] = 1,
    *,
    model: str | None = None,
    precision: str = "bf16",
    warm_up: Any = 0,
    horizon: int | None = None,
    checkpoints: int = 200,
    progress: bool | None = None,
    store: str | Path | None = None,
    jobs: int | None = 1,
) -> PrefixResult:
    """Replay prompts against policies of a prefix cache and measure the tokens saved.

    Parameters
    ----------
    chains : ChainTrace, path, or lists of block ids
        See :class:`olearn.traces.llm.ChainTrace`.
    policies : str, type, callable, a sequence of these, or a dict from labels to these
        Names of prefix policies, such as ``"ftpl(eta=5)"``, or of caching policies that report events
        (``"s3-fifo"``): those see single blocks, the end of a chain before its beginning.
    capacity : int, str, or a sequence of these
        Blocks (2000), a share of the distinct blocks ("5%"), or with `model` a size ("40gb"); default 5 %.
    seeds : int or iterable of int
    model, precision : str
        Names of a model and of a number format (:mod:`olearn.traces.llm.models`), for capacities in bytes.
    warm_up : int or str
        Requests at the start that fill the cache and count for nothing: a number or a share such as "50%".
    horizon : int, optional
        Requests that default parameters are tuned for; by default all.
    checkpoints, progress, store, jobs
        As for :func:`olearn.replay`.

    Returns
    -------
    PrefixResult

    Examples
    --------
    >>> result = replay_prefix([[1, 2, 3], [1, 2, 4], [1, 2, 3]] * 9, ["lru"], capacity=3)
    >>> result.rows[0]["hit_tokens"], result.rows[0]["optimum"] >= result.rows[0]["hit_tokens"]
    (960.0, True)
    """
    result: PrefixResult = prepare(
        chains,
        policies,
        capacity,
        seeds,
        model=model,
        precision=precision,
        warm_up=warm_up,
        horizon=horizon,
        checkpoints=checkpoints,
        progress=progress,
        store=store,
        jobs=jobs,
    )()
    return result


def prepare(
    chains: Any,
    policies: Any = DEFAULT_POLICIES,
    capacity: Any = None,
    seeds: int | Iterable[int] = 1,
    *,
    model: str | None = None,
    precision: str = "bf16",
    warm_up: Any = 0,
    horizon: int | None = None,
    checkpoints: int = 200,
    **how: Any,
) -> Plan:
    """What :func:`replay_prefix` will run, every parameter checked."""
    from olearn.traces.llm import ChainTrace

    if isinstance(chains, (str, Path)):
        chains = ChainTrace.load(chains)
    elif not isinstance(chains, ChainTrace):
        chains = ChainTrace.from_ids(chains)
    found = choices(policies, lambda asked, label=None: Choice(asked, label, _find))
    asked = ["5%"] if capacity is None else as_list(capacity)
    told = {parse_blocks(c, chains, model, precision): str(c) for c in asked}
    if not told:
        raise ParameterError("give at least one capacity")
    skipped = _warm_up(warm_up, len(chains))
    planned = len(chains) if horizon is None else check_positive_int("horizon", horizon)
    game = PrefixGame(chains, list(told), planned, skipped, model, precision)
    return plan(game, Ask(found, as_seeds(seeds)), spaced(len(chains), checkpoints), **how)


def _find(name: str) -> Any:
    """A prefix policy, or a caching policy that reports events."""
    if name in registry.names("prefix"):
        return registry.find("prefix", name)
    if name in registry.names("caching"):
        return registry.find("caching", name)
    return registry.find("prefix", name)  # says the nearest name


def _warm_up(asked: Any, requests: int) -> int:
    text = str(asked).strip()
    try:
        skipped = int(float(text[:-1]) / 100 * requests) if text.endswith("%") else int(text)
    except (ValueError, OverflowError):
        skipped = -1
    if not 0 <= skipped < requests:
        raise ParameterError(
            f"warm_up must be a number of requests below {requests:,} or a share, got {asked!r}"
        )
    return skipped
