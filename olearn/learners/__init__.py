"""Online learners: convex optimisation, experts, bandits, and wrappers around them.

Two verbs, ``x = learner.predict()`` and ``learner.update(gradient)`` (experts: the losses), or whole runs in
one compiled loop: ``run`` on a matrix, ``play`` on loss functions or an adversary. Bandit policies, with
``pull`` and ``update``, are in :mod:`olearn.learners.bandits`. Names load at first use.

Examples
--------
>>> from olearn.learners import Hedge
>>> learner = Hedge(2, horizon=100)
>>> learner.update([0.0, 1.0])
0.5
>>> bool(learner.predict()[0] > 0.5)
True
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from olearn.learners.adagrad import AdaGrad
    from olearn.learners.adahedge import AdaHedge
    from olearn.learners.ader import Ader, AderPlusPlus
    from olearn.learners.blocked import Blocked
    from olearn.learners.catalogue import get_learner, learners
    from olearn.learners.coin_betting import CoinBetting
    from olearn.learners.constrained import LongTermConstraint
    from olearn.learners.dartboard import ShrinkingDartboard
    from olearn.learners.delayed import Delayed
    from olearn.learners.doubling import Doubling
    from olearn.learners.fixed_share import FixedShare
    from olearn.learners.ftpl import FTPL
    from olearn.learners.ftrl import FTRL
    from olearn.learners.growth import regret_growth
    from olearn.learners.hedge import Hedge
    from olearn.learners.implicit import ImplicitOGD
    from olearn.learners.kt_experts import KTExperts
    from olearn.learners.lazy_leader import LazyLeader
    from olearn.learners.losses import Losses
    from olearn.learners.meta import MetaExpert
    from olearn.learners.ogd import OGD
    from olearn.learners.omd import OMD
    from olearn.learners.ons import ONS
    from olearn.learners.prod import MLProd, Prod
    from olearn.learners.regret_matching import RegretMatching, RegretMatchingPlus
    from olearn.learners.sampled import SampledFeedback
    from olearn.learners.saol import SAOL
    from olearn.learners.squint import Squint
    from olearn.learners.vaw import VAW

_HOMES = {
    "AdaGrad": "adagrad",
    "AdaHedge": "adahedge",
    "Ader": "ader",
    "AderPlusPlus": "ader",
    "Blocked": "blocked",
    "CoinBetting": "coin_betting",
    "Delayed": "delayed",
    "Doubling": "doubling",
    "FTPL": "ftpl",
    "FTRL": "ftrl",
    "FixedShare": "fixed_share",
    "Hedge": "hedge",
    "ImplicitOGD": "implicit",
    "KTExperts": "kt_experts",
    "LazyLeader": "lazy_leader",
    "LongTermConstraint": "constrained",
    "Losses": "losses",
    "MLProd": "prod",
    "MetaExpert": "meta",
    "OGD": "ogd",
    "OMD": "omd",
    "ONS": "ons",
    "Prod": "prod",
    "RegretMatching": "regret_matching",
    "RegretMatchingPlus": "regret_matching",
    "SAOL": "saol",
    "SampledFeedback": "sampled",
    "ShrinkingDartboard": "dartboard",
    "Squint": "squint",
    "VAW": "vaw",
    "get_learner": "catalogue",
    "learners": "catalogue",
    "regret_growth": "growth",
}

__all__ = [
    "FTPL",
    "FTRL",
    "OGD",
    "OMD",
    "ONS",
    "SAOL",
    "VAW",
    "AdaGrad",
    "AdaHedge",
    "Ader",
    "AderPlusPlus",
    "Blocked",
    "CoinBetting",
    "Delayed",
    "Doubling",
    "FixedShare",
    "Hedge",
    "ImplicitOGD",
    "KTExperts",
    "LazyLeader",
    "LongTermConstraint",
    "Losses",
    "MLProd",
    "MetaExpert",
    "Prod",
    "RegretMatching",
    "RegretMatchingPlus",
    "SampledFeedback",
    "ShrinkingDartboard",
    "Squint",
    "get_learner",
    "learners",
    "regret_growth",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
