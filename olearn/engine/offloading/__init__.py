"""Replay of offloading tables: :mod:`.binary` (local or remote), :mod:`.arms` (exits, splits, models, servers).

Examples
--------
>>> from olearn.traces.offloading import read_table
>>> result = replay_offloading(read_table("digits"), ["hil-f", "never"], cost=0.3)
>>> row = result.row("never")
>>> round(row["cost"], 3), round(row["cost_best_threshold"], 3)
(0.231, 0.164)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from olearn.engine.choices import as_seeds, choices, spaced_below
from olearn.engine.game import Ask
from olearn.engine.machine import Plan, plan
from olearn.engine.offloading.budgets import BudgetSpec, parse_budget
from olearn.engine.offloading.result import Asked, OffloadResult
from olearn.errors import check_int, unknown
from olearn.feedback import Feedback
from olearn.feedback import feedback as read_feedback
from olearn.policies.offloading._base import BinaryPolicy

__all__ = ["BudgetSpec", "OffloadResult", "parse_budget", "prepare", "replay_binary", "replay_offloading"]

#: How a replay runs, whatever it replays.
HOW = ("jobs", "progress", "store")
OPTIONS = ("cost", "feedback", "budget", "seeds", "remote", "false_negative", "false_positive", "checkpoints")


def replay_offloading(table: Any, policies: Sequence[Any], **options: Any) -> OffloadResult:
    """Replay a table of any kind, given as such, as a file or by a bundled name.

    See :func:`replay_binary` for the options of binary offloading and
    :func:`olearn.engine.offloading.arms.replay_arms` for those of exits, splits, models and servers.
    """
    result: OffloadResult = prepare(table, policies, **options)()
    return result


def prepare(table: Any, policies: Any, **options: Any) -> Plan:
    """What :func:`replay_offloading` will run, every parameter checked."""
    if isinstance(table, (str, os.PathLike)):
        from olearn.traces.offloading import read_table

        table = read_table(os.fspath(table))
    if table.kind == "binary":
        return prepare_binary(table, policies, **options)
    from olearn.engine.offloading.arms import prepare_arms

    return prepare_arms(table, policies, **options)


def replay_binary(table: Any, policies: Sequence[str | BinaryPolicy], **options: Any) -> OffloadResult:
    """Replay a binary table through policies.

    Parameters
    ----------
    table : OffloadTable
    policies : sequence of str or BinaryPolicy, or a dict from labels to these
        Names or ``name(parameter=value)``; a policy object is replayed from its initial state.
    cost : float, optional
        Price of offloading a sample, in units of a wrong answer; default: the table's column cost.
    feedback : str or Feedback, optional
        What is revealed and when (:mod:`olearn.feedback`); default: to each policy what it needs.
    budget : str or BudgetSpec, optional
        A limit on offloading (:mod:`olearn.engine.offloading.budgets`).
    seeds : int or iterable of int
        Number of seeds (0, 1, ...) or the seeds; a deterministic policy runs once.
    remote : {"truth", "counted"}
        Whether the remote answer is taken as the truth, as the papers do, or its errors count.
    false_negative, false_positive : float
        Cost in (0, 1] of a wrong local answer when the class is 1, or 0; other than 1 only for two classes.
    checkpoints : int
        Points of the curves.
    jobs, progress, store
        As of :func:`olearn.replay`.

    Returns
    -------
    OffloadResult

    Raises
    ------
    NotSupportedError
        A policy needs feedback, a column or a kind of table that is not there.
    """
    result: OffloadResult = prepare_binary(table, policies, **options)()
    return result


def prepare_binary(
    table: Any,
    policies: Any,
    *,
    cost: float | None = None,
    feedback: str | Feedback | None = None,
    budget: str | BudgetSpec | None = None,
    seeds: int | Iterable[int] = 1,
    remote: str = "truth",
    false_negative: float = 1.0,
    false_positive: float = 1.0,
    checkpoints: int = 100,
    **how: Any,
) -> Plan:
    """What :func:`replay_binary` will run, every parameter checked."""
    from olearn.engine.offloading.binary import BinaryGame
    from olearn.engine.offloading.losses import Losses

    for name in how:
        if name not in HOW:
            raise unknown("option", name, (*OPTIONS, *HOW))
    losses = Losses(table, cost, remote, false_negative, false_positive)
    rule = parse_budget(budget)
    model = None if feedback is None else read_feedback(feedback)
    points = spaced_below(losses.samples, check_int("checkpoints", checkpoints, minimum=1))
    game = BinaryGame(losses, model, rule)
    return plan(game, Ask(choices(policies, Asked), as_seeds(seeds)), points, **how)
