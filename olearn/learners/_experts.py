"""What learners of the experts game share: n experts, a range of the losses, priors."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from olearn.bounds import Bound
from olearn.errors import ParameterError, check_int, check_positive_int, check_real
from olearn.learners import _exponential, _perturbed, _potential
from olearn.learners._base import OnlineLearner

IN_RANGE = "every loss lies in loss_range"


class ExpertsLearner(OnlineLearner):
    """A learner over `n` experts; ``update`` takes the vector of their losses.

    Every subclass has the parameters `n`, `horizon` and `loss_range`.
    """

    feedback = "losses"

    n: int
    horizon: int | None
    loss_range: tuple[float, float]

    def validate(self) -> None:
        check_positive_int("n", self.n)
        if self.horizon is not None:
            check_positive_int("horizon", self.horizon)
        self._low_span()
        if getattr(self, "seed", None) is not None:
            check_int("seed", self.seed, minimum=0)  # type: ignore[attr-defined]

    def _low_span(self) -> tuple[float, float]:
        """The least loss and the width of the range of losses."""
        try:
            low, high = self.loss_range
        except (TypeError, ValueError):
            raise ParameterError(f"loss_range must be a pair (low, high), got {self.loss_range!r}") from None
        low = check_real("loss_range[0]", low)
        high = check_real("loss_range[1]", high, low=low, open_low=True)
        return low, high - low

    def _limits(self) -> tuple[float, float]:
        return float(self.loss_range[0]), float(self.loss_range[1])

    def _prior(self, prior: Any) -> np.ndarray:
        """Checked prior weights that sum to 1, uniform if none are given."""
        if prior is None:
            return np.full(self.n, 1.0 / self.n)
        weights = np.asarray(prior, np.float64)
        if weights.shape != (self.n,) or not (np.isfinite(weights) & (weights > 0)).all():
            raise ParameterError(f"prior must be {self.n} positive finite weights, got {prior!r}")
        return weights / weights.sum()

    def _need_horizon(self, alternative: str) -> int:
        if self.horizon is None:
            raise ParameterError(f"{self.name}: give horizon (number of rounds) or {alternative}")
        return check_positive_int("horizon", self.horizon)

    def _bound(self, value: float, formula: str, source: str, *extra: str, **other: Any) -> Bound:
        """A bound on the regret to the best expert, in the unit of the losses."""
        comparator = other.get("comparator", "best expert")
        guarantee = other.get("guarantee", "every sequence")
        return Bound(value * self._low_span()[1], formula, comparator, guarantee, (IN_RANGE, *extra), source)


class ExponentialLearner(ExpertsLearner):
    """Experts on the kernels of :mod:`olearn.learners._exponential`."""

    step = staticmethod(_exponential.step)
    run_kernel = staticmethod(_exponential.run)


class PotentialLearner(ExpertsLearner):
    """Experts on the kernels of :mod:`olearn.learners._potential`."""

    kind: ClassVar[int]
    step = staticmethod(_potential.step)
    run_kernel = staticmethod(_potential.run)

    def _start(self, prior: Any = None, rate: float = 0.0) -> _potential.State:
        return _potential.init(self._prior(prior), self.kind, *self._low_span(), rate)


class PerturbedLearner(ExpertsLearner):
    """Experts on the kernels of :mod:`olearn.learners._perturbed`: one expert at a time.

    ``predict()`` is the vertex of the expert played, :attr:`action` its number.
    """

    randomised = True
    step = staticmethod(_perturbed.step)
    run_kernel = staticmethod(_perturbed.run)

    @property
    def action(self) -> int:
        """The expert played in the coming round."""
        return int(self.state.choice[0])

    @property
    def switches(self) -> int:
        """How often the expert played has changed so far."""
        return 0 if self._state is None else int(self._state.choice[1])
