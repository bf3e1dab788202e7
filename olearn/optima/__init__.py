"""Offline optima: the best in hindsight, one comparator a file, each with a certificate.

Every function returns an :class:`Optimum`. Names load on first use; only the comparators that are
really optimisations import a solver.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from olearn.optima._optimum import Optimum
    from olearn.optima.bins import best_rule_on_bins
    from olearn.optima.fairness import alpha_fair, nash_bargaining, price_of_fairness
    from olearn.optima.fixed_point import best_fixed_point
    from olearn.optima.interval import belady_sized, interval_lp, sized
    from olearn.optima.knapsack import static_sized, static_sized_fractional, static_sized_greedy
    from olearn.optima.mixed import Mixture, best_mixed
    from olearn.optima.movement import movement_budget, switching_cost
    from olearn.optima.paging import belady, belady_bypass
    from olearn.optima.pairs import best_pair
    from olearn.optima.static import (
        static_at,
        static_fetch_charged,
        static_prefilled,
        static_prefix,
        static_with_fetch_cost,
    )
    from olearn.optima.switching import best_per_window, k_switch
    from olearn.optima.thresholds import (
        best_arm,
        best_of_grid,
        best_threshold,
        best_threshold_per_context,
        clairvoyant,
        threshold_losses,
    )

_HOME = {
    "Mixture": "mixed",
    "alpha_fair": "fairness",
    "best_fixed_point": "fixed_point",
    "best_mixed": "mixed",
    "nash_bargaining": "fairness",
    "price_of_fairness": "fairness",
    "movement_budget": "movement",
    "static_sized": "knapsack",
    "static_sized_fractional": "knapsack",
    "static_sized_greedy": "knapsack",
    "switching_cost": "movement",
    "belady_sized": "interval",
    "interval_lp": "interval",
    "sized": "interval",
    "best_arm": "thresholds",
    "best_of_grid": "thresholds",
    "best_pair": "pairs",
    "best_rule_on_bins": "bins",
    "best_threshold": "thresholds",
    "best_threshold_per_context": "thresholds",
    "clairvoyant": "thresholds",
    "threshold_losses": "thresholds",
    "Optimum": "_optimum",
    "best_per_window": "switching",
    "belady": "paging",
    "belady_bypass": "paging",
    "k_switch": "switching",
    "static_at": "static",
    "static_fetch_charged": "static",
    "static_prefilled": "static",
    "static_prefix": "static",
    "static_with_fetch_cost": "static",
}

__all__ = [
    "Mixture",
    "Optimum",
    "alpha_fair",
    "belady",
    "belady_bypass",
    "belady_sized",
    "best_arm",
    "best_fixed_point",
    "best_mixed",
    "best_of_grid",
    "best_pair",
    "best_per_window",
    "best_rule_on_bins",
    "best_threshold",
    "best_threshold_per_context",
    "clairvoyant",
    "interval_lp",
    "k_switch",
    "movement_budget",
    "nash_bargaining",
    "price_of_fairness",
    "sized",
    "static_at",
    "static_fetch_charged",
    "static_prefilled",
    "static_prefix",
    "static_sized",
    "static_sized_fractional",
    "static_sized_greedy",
    "static_with_fetch_cost",
    "switching_cost",
    "threshold_losses",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
