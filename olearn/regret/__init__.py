"""Regret from arrays: curves against several comparators, bands over seeds, verdicts on bounds.

Pure functions: requests and rewards in, numbers out; nothing here replays or prints. Regrets are in the
unit of the reward. A regret may be negative: a policy that moves can beat a comparator that does not.
"""

from olearn.regret import invariants
from olearn.regret.bands import Band, band
from olearn.regret.curves import (
    DynamicRegret,
    StaticCurves,
    alpha_regret,
    dynamic_regret,
    extended_regret,
    path_length,
    static_curves,
    switching_regret,
)
from olearn.regret.decomposition import Decomposition, decompose, from_counts
from olearn.regret.verdicts import (
    RunFacts,
    Verdict,
    run_facts,
    says_something_from,
    verdict,
    violations,
)
from olearn.regret.windows import IntervalRegret, WorstWindow, checkpoint_windows, interval_regret

__all__ = [
    "Band",
    "Decomposition",
    "DynamicRegret",
    "IntervalRegret",
    "RunFacts",
    "StaticCurves",
    "Verdict",
    "WorstWindow",
    "alpha_regret",
    "band",
    "checkpoint_windows",
    "decompose",
    "dynamic_regret",
    "extended_regret",
    "from_counts",
    "interval_regret",
    "invariants",
    "path_length",
    "run_facts",
    "says_something_from",
    "static_curves",
    "switching_regret",
    "verdict",
    "violations",
]
