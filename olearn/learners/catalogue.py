"""Names of the learners and where they live; a learner's module loads when it is asked for."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from olearn.errors import unknown

#: Name -> "module:Class" of the learners of full information.
LEARNERS = {
    "ogd": "olearn.learners.ogd:OGD",
    "omd": "olearn.learners.omd:OMD",
    "ftrl": "olearn.learners.ftrl:FTRL",
    "adagrad": "olearn.learners.adagrad:AdaGrad",
    "ons": "olearn.learners.ons:ONS",
    "vaw": "olearn.learners.vaw:VAW",
    "implicit-ogd": "olearn.learners.implicit:ImplicitOGD",
    "coin-betting": "olearn.learners.coin_betting:CoinBetting",
    "ader": "olearn.learners.ader:Ader",
    "ader++": "olearn.learners.ader:AderPlusPlus",
    "saol": "olearn.learners.saol:SAOL",
    "hedge": "olearn.learners.hedge:Hedge",
    "adahedge": "olearn.learners.adahedge:AdaHedge",
    "fixed-share": "olearn.learners.fixed_share:FixedShare",
    "squint": "olearn.learners.squint:Squint",
    "prod": "olearn.learners.prod:Prod",
    "ml-prod": "olearn.learners.prod:MLProd",
    "rm": "olearn.learners.regret_matching:RegretMatching",
    "rm+": "olearn.learners.regret_matching:RegretMatchingPlus",
    "kt-experts": "olearn.learners.kt_experts:KTExperts",
    "ftpl": "olearn.learners.ftpl:FTPL",
    "lazy-leader": "olearn.learners.lazy_leader:LazyLeader",
    "shrinking-dartboard": "olearn.learners.dartboard:ShrinkingDartboard",
    "delayed": "olearn.learners.delayed:Delayed",
    "blocked": "olearn.learners.blocked:Blocked",
    "doubling": "olearn.learners.doubling:Doubling",
    "meta-expert": "olearn.learners.meta:MetaExpert",
    "long-term-constraint": "olearn.learners.constrained:LongTermConstraint",
    "sampled-feedback": "olearn.learners.sampled:SampledFeedback",
}


def learners() -> dict[str, str]:
    """Every learner, bandits included: name -> "module:Class"."""
    found = dict(LEARNERS)
    if importlib.util.find_spec("olearn.learners.bandits") is not None:
        found |= getattr(importlib.import_module("olearn.learners.bandits"), "BANDITS", {})
    return found


def get_learner(name: str) -> Any:
    """The class of a learner.

    Raises
    ------
    UnknownNameError
        If there is no such learner; the sentence names the nearest one.

    Examples
    --------
    >>> get_learner("hedge").__name__
    'Hedge'
    """
    known = learners()
    if name not in known:
        raise unknown("learner", name, known)
    module, cls = known[name].split(":")
    return getattr(importlib.import_module(module), cls)
