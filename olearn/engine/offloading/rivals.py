"""The comparator that a bound of binary offloading names, and the regret against it.

Every bound speaks of one class of rules: the thresholds that the policy weighs (all that differ on its levels,
or a grid), those of each context, pairs on a score, bins in expectation. A run is judged against the best of
that very class, computed by :mod:`olearn.optima`; a class that nobody computes is an error here, not silence.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn import optima
from olearn.bounds import Bound
from olearn.policies.offloading._base import BinaryPolicy


def regret_of_bound(
    bound: Bound, policy: BinaryPolicy, game: Any, total: float, offloaded: np.ndarray
) -> tuple[str, float]:
    """The comparator's name and the regret against it.

    Parameters
    ----------
    bound : Bound
    policy : BinaryPolicy
    game : _Game
        The table with its losses.
    total : float
        What the policy lost.
    offloaded : bool ndarray, shape (T,)
        Which samples it offloaded.
    """
    table, name = game.table, bound.comparator
    if name.startswith("best fixed rule on the bins"):
        bins, gaps = policy.bins_of(table["confidence"]), np.asarray(policy.gaps, np.float64)  # type: ignore[attr-defined]
        lost = float(gaps[bins[offloaded]].sum())
        return name, lost - optima.best_rule_on_bins(bins, gaps).value
    if name == "best pair of thresholds of the grid":
        one = game.label == 1
        zero_loss, one_loss = np.where(one, game.fn, 0.0), np.where(one, 0.0, game.fp)
        best = optima.best_pair(game.score, int(policy.steps), zero_loss, one_loss, game.offload_loss)  # type: ignore[attr-defined]
        return name, total - best.value
    if not name.startswith(("best fixed threshold", "best threshold")):
        raise AssertionError(f"{policy.name}: nobody computes the comparator {name!r} of its bound")
    levels = policy.confidences()
    cells = np.maximum(np.searchsorted(levels, table["confidence"], side="right") - 1, 0)
    group, count = policy.groups()
    context = table.get("context") if "per context" in name else None
    best = optima.best_of_grid(group[cells], count, game.local_loss, game.offload_loss, context)
    if "grid" not in name and not np.isin(table.levels, levels).all():
        name += f" of its {levels.size:,} levels"
    return name, total - best.value
