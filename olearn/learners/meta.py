"""A meta-expert: experts' weights over learners that all play the same game.

Rule: the play is ``sum w_i x_i``, x_i the plays of the base learners, w of an experts' learner which is told
the losses ``<g, x_i>``. Every base is told the gradient at the play.

Bound on the regret of linear (hence convex) losses: the meta-learner's bound plus that of the best base, as
sure as the less sure of the two and under the assumptions of both. Chances of failure add up; a bound in
expectation and one with high probability do not add up to anything. Bounds that rest on the curvature of the
losses do not carry over: a base is not told the gradient at its own point.

Cost: the sum of all learners' costs.

References
----------
.. [1] T. van Erven and W. Koolen, "MetaGrad", NeurIPS 2016; L. Zhang, S. Lu and Z.-H. Zhou, NeurIPS 2018
   (the pattern).

Examples
--------
>>> from olearn.geometry import Box
>>> from olearn.learners.ogd import OGD
>>> box = Box(1, -1.0, 1.0)
>>> learner = MetaExpert([OGD(box, eta=0.01), OGD(box, eta=0.1)], loss_bound=1.0)
>>> bool(learner.run([[1.0]] * 100).sum() < -80)
True
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from olearn.bounds import Bound
from olearn.errors import NotSupportedError, ParameterError, check_real
from olearn.learners._experts import IN_RANGE
from olearn.learners._wrapper import Wrapper, both_hold, fresh
from olearn.learners.adahedge import AdaHedge


class _Team:
    """The meta-learner, the bases, and their plays of the coming round."""

    def __init__(self, meta: Any, bases: list[Any]) -> None:
        self.rounds = 0
        self.meta = meta
        self.bases = bases
        self.plays: np.ndarray = np.array([b.predict() for b in bases])
        self.weights: np.ndarray = meta.predict()


class MetaExpert(Wrapper):
    """Experts over learners.

    Parameters
    ----------
    learners : sequence of learners
        Learners of full information over the same set.
    meta : learner, optional
        An experts' learner over as many experts; default AdaHedge.
    loss_bound : float, default 1
        Bound on ``|<g, x>|`` over the set, for the default meta-learner.
    """

    name = "meta-expert"
    rule = "play the average of the learners under an experts' weights, told the losses <g, x_i>"
    tuning = "AdaHedge: none"
    reference = "van Erven and Koolen, NeurIPS 2016 (the pattern)"

    def __init__(self, learners: Sequence[Any], meta: Any = None, *, loss_bound: float = 1.0) -> None:
        self.learners = learners
        self.meta = meta
        self.loss_bound = loss_bound

    @classmethod
    def example(cls) -> Self:
        from olearn.learners.hedge import Hedge

        return cls([Hedge(10, eta=eta) for eta in (0.01, 0.1, 1.0)])

    def validate(self) -> None:
        if not len(self.learners):
            raise ParameterError("meta-expert: give at least one learner")
        for learner in self.learners:
            if not hasattr(learner, "predict") or not hasattr(learner, "dimension"):
                raise NotSupportedError(f"meta-expert: every learner must have predict(), got {learner!r}")
        if len({learner.dimension for learner in self.learners}) > 1:
            raise ParameterError("meta-expert: the learners must have the same number of coordinates")
        check_real("loss_bound", self.loss_bound, 0.0, open_low=True)
        meta = self._meta()
        if meta.dimension != len(self.learners):
            raise ParameterError(f"meta must be over {len(self.learners)} experts, got {meta.dimension}")

    def _meta(self) -> Any:
        if self.meta is not None:
            return fresh(self.meta, 0)
        limit = float(self.loss_bound)
        return AdaHedge(len(self.learners), loss_range=(-limit, limit))

    def _init(self) -> _Team:
        return _Team(self._meta(), [fresh(b, 0) for b in self.learners])

    @property
    def dimension(self) -> int:
        """Number of coordinates of the play."""
        return int(self.learners[0].dimension)

    @property
    def weights(self) -> np.ndarray:
        """The weights of the learners in the coming round."""
        return np.array(self.state.weights)

    def predict(self) -> np.ndarray:
        """The weighted average of the learners' plays."""
        s = self.state
        return np.asarray(s.weights @ s.plays)

    def update(self, gradient: Any) -> float:
        """Tell every learner the gradient, and the meta-learner their losses."""
        s = self.state
        g = self._matrix(np.reshape(np.asarray(gradient, np.float64), (1, -1)))[0]
        losses = s.plays @ g
        loss = float(s.weights @ losses)
        s.meta.update(losses)
        for i, base in enumerate(s.bases):
            base.update(g)
            s.plays[i] = base.predict()
        s.weights = s.meta.predict()
        s.rounds += 1
        return loss

    def bound(self, horizon: int | None = None) -> Bound | None:
        """The meta-learner's bound plus the least bound of a base."""
        T = self._rounds_of_bound(horizon)
        known = [
            b for b in (learner.bound(T) for learner in self.learners if not _curved(learner)) if b is not None
        ]
        meta = self._meta().bound(T)
        if not known or meta is None:
            return None
        # both bounds have to hold, so the sum is as sure as the weaker, under the assumptions of both
        pairs = [(both_hold(meta, b), b) for b in known]
        sure = [(guarantee, b) for guarantee, b in pairs if guarantee is not None]
        if not sure:
            return None
        guarantee, best = min(sure, key=lambda pair: pair[1].value)
        formula = f"[{meta.formula}] + [{best.formula}]"
        of_meta = tuple(f"meta-learner: {a}" for a in meta.assumptions if a != IN_RANGE)
        assumptions = (*best.assumptions, *of_meta, "losses of the bases lie in the meta-learner's range")
        return best._replace(
            value=meta.value + best.value, formula=formula, guarantee=guarantee, assumptions=assumptions
        )


def _curved(learner: Any) -> bool:
    """Whether the learner's bound is for losses that are strongly convex or exp-concave."""
    if getattr(learner, "curvature", None) is not None or hasattr(learner, "exp_concavity"):
        return True
    inner = getattr(learner, "learner", None)
    return inner is not None and _curved(inner)
