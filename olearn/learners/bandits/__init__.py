"""Bandit policies: two verbs, ``arm = policy.pull()`` and ``policy.update(arm, reward)``.

Names load lazily: ``from olearn.learners.bandits import UCB1`` imports one file and compiles nothing.

Examples
--------
>>> from olearn.learners.bandits import Exp3
>>> policy = Exp3(arms=3, horizon=100, seed=0)
>>> policy.update(policy.pull(), 1.0)
>>> policy.rounds
1
"""

from __future__ import annotations

import importlib
from typing import Any

from olearn.errors import unknown

_HERE = "olearn.learners.bandits"

#: Name -> "module:class" of every policy.
BANDITS = {
    "ucb1": f"{_HERE}.ucb:UCB1",
    "ucb": f"{_HERE}.ucb:UCB",
    "ucb-delta": f"{_HERE}.ucb:UCBDelta",
    "ao-ucb": f"{_HERE}.ucb:AOUCB",
    "moss": f"{_HERE}.moss:MOSS",
    "kl-ucb": f"{_HERE}.kl_ucb:KLUCB",
    "bayes-ucb": f"{_HERE}.bayes_ucb:BayesUCB",
    "thompson": f"{_HERE}.thompson:ThompsonBernoulli",
    "thompson-gaussian": f"{_HERE}.thompson:ThompsonGaussian",
    "d-ucb": f"{_HERE}.d_ucb:DUCB",
    "sw-ucb": f"{_HERE}.sw_ucb:SWUCB",
    "exp3": f"{_HERE}.exp3:Exp3",
    "exp3-ix": f"{_HERE}.exp3:Exp3IX",
    "exp3-auer": f"{_HERE}.exp3_mixed:Exp3Auer",
    "exp3-p": f"{_HERE}.exp3_mixed:Exp3P",
    "exp3-s": f"{_HERE}.exp3_mixed:Exp3S",
    "tsallis-inf": f"{_HERE}.tsallis_inf:TsallisINF",
    "exp4": f"{_HERE}.exp4:Exp4",
    "linucb": f"{_HERE}.linucb:LinUCB",
    "lints": f"{_HERE}.lints:LinTS",
    "cucb": f"{_HERE}.cucb:CUCB",
    "escb": f"{_HERE}.escb:ESCB",
    "exp3-m": f"{_HERE}.exp3_m:Exp3M",
    "osmd": f"{_HERE}.osmd:OSMD",
    "hybrid": f"{_HERE}.hybrid:Hybrid",
    "fpl": f"{_HERE}.fpl:FPL",
    "fkm": f"{_HERE}.fkm:FKM",
    "fkm-2": f"{_HERE}.fkm:TwoPointFKM",
    "primal-dual-bwk": f"{_HERE}.primal_dual_bwk:PrimalDualBwK",
    "lagrange-bwk": f"{_HERE}.lagrange_bwk:LagrangeBwK",
}

#: Class name -> module.
_CLASSES = {target.split(":")[1]: target.split(":")[0] for target in BANDITS.values()}

__all__ = ["BANDITS", "bandit_class"]
__all__ += list(_CLASSES)


def bandit_class(name: str) -> Any:
    """The class of a policy by its name, e.g. ``"ucb1"``."""
    if name not in BANDITS:
        raise unknown("bandit policy", name, BANDITS)
    module, _, cls = BANDITS[name].partition(":")
    return getattr(importlib.import_module(module), cls)


def __getattr__(name: str) -> Any:
    if name in _CLASSES:
        return getattr(importlib.import_module(_CLASSES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_CLASSES])
