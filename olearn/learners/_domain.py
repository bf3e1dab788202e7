"""What learners over a feasible set share: the set, the axes step size and hint, the constants of bounds."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from olearn.bounds import Bound
from olearn.errors import NotSupportedError, ParameterError, check_positive_int, check_real, unknown
from olearn.geometry import FeasibleSet
from olearn.geometry.region import GEOMETRIES, KNAPSACK, SIMPLEX
from olearn.learners import _feed, _mirror
from olearn.learners._base import OnlineLearner

STEPS = ("fixed", "sqrt", "adagrad-norm", "strongly-convex")
HINTS = {None: _mirror.NO_HINT, "last": _mirror.LAST, "given": _mirror.GIVEN}
GRADIENTS = "gradients are bounded by gradient_bound"
HINTED = "hints are bounded by hint_bound"


class DomainLearner(OnlineLearner):
    """A learner whose play lies in a feasible set of :mod:`olearn.geometry`."""

    feedback = "gradient"

    domain: FeasibleSet
    horizon: int | None

    def validate(self) -> None:
        if not isinstance(self.domain, FeasibleSet):
            raise ParameterError(f"domain must be a set of olearn.geometry, got {self.domain!r}")
        if self.horizon is not None:
            check_positive_int("horizon", self.horizon)

    def _start(self, start: Any, geometry: str = "euclidean") -> np.ndarray:
        """The first play: a point of the set, by default the minimiser of the mirror map."""
        if start is None:
            return self.domain.centre(geometry)
        x = np.array(start, np.float64)
        if not self.domain.contains(x):
            raise ParameterError(f"{self.name}: start must lie in {self.domain!r}, got {start!r}")
        return x


def _run(
    state: _mirror.State, feed: _feed.Feed, losses: np.ndarray, iterates: np.ndarray, gradients: np.ndarray
) -> None:
    """Rounds against a feed."""
    _mirror.run(state, feed, losses, iterates, gradients, _mirror.STEP)


def _one(state: _mirror.State, row: np.ndarray, what: int = _mirror.STEP) -> float:
    """One round, or a hint, or the beginning."""
    loss, nothing = np.empty(1), np.empty((0, row.size))
    _mirror.run(state, _feed.matrix(row.reshape(1, -1)), loss, nothing, nothing, what)
    return float(loss[0])


class MirrorLearner(DomainLearner):
    """Learners on the kernels of :mod:`olearn.learners._mirror`; a subclass fixes the method.

    Subclasses have the parameters `domain`, `horizon`, `geometry`, `step_size`, `eta`, `gradient_bound`,
    `curvature`, `hint`, `hint_bound` and `start`.
    """

    method: ClassVar[int] = _mirror.OMD
    step = staticmethod(_one)
    run_kernel = staticmethod(_run)

    geometry: str
    step_size: str | None
    eta: float | None
    gradient_bound: float
    curvature: float | None
    hint: str | None
    hint_bound: float | None
    start: Any

    def validate(self) -> None:
        super().validate()
        self.domain._check_geometry(self.geometry)
        check_real("gradient_bound", self.gradient_bound, 0.0, open_low=True)
        if self.hint not in HINTS:
            raise unknown("hint", str(self.hint), ("last", "given"))
        self._hint_bound()
        self._check_step(self._step())
        self._rate()

    def _check_step(self, step: str) -> None:
        """Refuse combinations that the method does not have."""

    def _step(self) -> str:
        if self.step_size is None:
            if self.curvature is not None:
                return "strongly-convex"
            return "sqrt" if self.horizon is None and self.eta is None else "fixed"
        if self.step_size not in STEPS:
            raise unknown("step_size", str(self.step_size), STEPS)
        return self.step_size

    # -- constants of the analysis ------------------------------------------------------------------
    def _range(self) -> float:
        """The largest Bregman divergence that enters the bound.

        Euclidean: D^2/2; from the minimiser of psi, where only the first play counts, at most the range of psi.
        """
        if self.geometry == "euclidean":
            widest = 0.5 * self.domain.diameter() ** 2
            first_only = self.method == _mirror.FTRL or (self.method == _mirror.OMD and self._step() == "fixed")
            return min(widest, self.domain.range()) if first_only and self.start is None else widest
        return math.inf if self.start is not None else self.domain.range(self.geometry)

    def _smoothness(self) -> float:
        """kappa: psi is (1/kappa)-strongly convex, in L2 (Euclidean) or else in the 1-norm.

        By Cauchy-Schwarz: ``(sum |d_i|)^2 <= (sum d_i^2 psi''_i)(sum 1/psi''_i)`` with 1/psi'' = x/s (entropy),
        x^(3/2) (Tsallis) or x^2 (log-barrier).
        """
        if self.geometry == "euclidean":
            return 1.0
        region = self.domain.region()
        if self.geometry == "tsallis":
            return float((region.scales**1.5).sum())
        if self.geometry == "logbarrier":
            return float((region.scales**2).sum())
        weights = np.ones(self.domain.dim)
        for b in np.flatnonzero(region.kinds == KNAPSACK):
            i, j = region.starts[b], region.starts[b + 1]
            weights[i:j] = 1.0 / region.low[i:j]
        return self.domain.support(weights)

    def _stability(self) -> float:
        """V: a step of size eta costs at most eta V / 2 a round."""
        return self._smoothness() * float(self.gradient_bound) ** 2

    def _hint_bound(self) -> float:
        """H: bound on the norm of the hints, the one that `gradient_bound` is in; 0 without hints.

        The last gradient is within the bound of gradients, so only given hints may have another.
        """
        if self.hint_bound is not None:
            if self.hint != "given":
                raise ParameterError(f"{self.name}: hint_bound is for hint='given', got hint={self.hint!r}")
            return check_real("hint_bound", self.hint_bound, 0.0)
        return 0.0 if self.hint is None else float(self.gradient_bound)

    def _ceiling(self) -> float:
        """B = (G + H)^2: bound on |g - m|^2."""
        return (float(self.gradient_bound) + self._hint_bound()) ** 2

    def _effective_range(self, T: int) -> float:
        """The range; for the log-barrier the one to a comparator mixed with 1/T of the start."""
        if self.geometry == "logbarrier" and self.start is None:
            return self.domain.dim * math.log(max(T, 2))
        return self._range()

    def _rate(self) -> float:
        """eta, or the constant of the schedule."""
        step = self._step()
        if step == "strongly-convex":
            if self.curvature is None:
                raise ParameterError(f"{self.name}: step_size='strongly-convex' needs curvature")
            return 1.0 / check_real("curvature", self.curvature, 0.0, open_low=True)
        if self.eta is not None:
            return check_real("eta", self.eta, 0.0, open_low=True)
        if step == "fixed" and self.horizon is None:
            raise ParameterError(f"{self.name}: give horizon (number of rounds) or eta")
        rounds = self.horizon or 1
        spread = self._effective_range(rounds)
        if not math.isfinite(spread):
            raise ParameterError(f"{self.name}: no default for eta on this set and geometry; give eta")
        return self._tuned(step, spread, rounds)

    def _tuned(self, step: str, spread: float, rounds: int) -> float:
        raise NotImplementedError

    def parameters(self) -> dict[str, Any]:
        return {
            "geometry": self.geometry,
            "step_size": self._step(),
            "eta": self._rate(),
            "gradient_bound": self.gradient_bound,
            "hint": self.hint,
            "hint_bound": self._hint_bound() if self.hint == "given" else None,
        }

    # -- state ------------------------------------------------------------------------------------------
    def _offset(self) -> float:
        """What the schedule adagrad-norm adds to the sum of squares."""
        return 0.0

    def _init(self) -> _mirror.State:
        x = self._start(self.start, self.geometry)
        d, region, step = x.size, self.domain.region(), self._step()
        euclidean = self.geometry == "euclidean"
        state = _mirror.State(
            x=x,
            z=x.copy(),
            theta=np.zeros(d),
            hint=np.zeros(d),
            work=np.zeros(d),
            centre=x.copy(),
            hints=np.zeros((0, d)),
            rounds=np.zeros(1, np.int64),
            cells=np.zeros(3),
            region=region,
            method=self.method,
            geometry=GEOMETRIES.index(self.geometry),
            schedule=STEPS.index(step),
            hinting=HINTS[self.hint],
            keep=bool(not euclidean and (region.kinds == SIMPLEX).all()),
            rate=float(self._rate()),
            offset=float(self._offset()),
        )
        _one(state, state.x, _mirror.BEGIN)
        return state

    # -- hints ------------------------------------------------------------------------------------------
    def give_hint(self, hint: Any) -> None:
        """Say what the coming gradient is expected to be; counts for one round, before ``predict``.

        Raises
        ------
        NotSupportedError
            If the learner was not made with ``hint="given"``.
        ParameterError
            If the hint is not finite or its norm is above `hint_bound`, which the bound rests on.
        """
        m = np.ascontiguousarray(hint, np.float64)
        self._check_hints(m.reshape(1, -1), 1)
        _one(self.state, m, _mirror.GIVE)

    def _check_hints(self, hints: np.ndarray, rows: int) -> None:
        if self.hint != "given":
            raise NotSupportedError(f"{self.name}: hints are taken only with hint='given', got {self.hint!r}")
        if hints.shape != (rows, self.dimension) or not np.isfinite(hints).all():
            raise ParameterError(
                f"{self.name}: hints must be finite, of shape ({rows}, {self.dimension}), got {hints.shape}"
            )
        euclidean, allowed = self.geometry == "euclidean", self._hint_bound()
        norms = np.linalg.norm(hints, axis=1) if euclidean else np.abs(hints).max(axis=1)
        over = np.flatnonzero(norms > allowed * (1.0 + 1e-9))
        if over.size:
            t, what = int(over[0]), "2-norm" if euclidean else "largest entry"
            raise ParameterError(
                f"{self.name}: the hint of round {self.rounds + t} has {what} {norms[t]:g}, allowed is at most "
                f"hint_bound={allowed:g} (default: gradient_bound)"
            )

    def run(self, gradients: Any, hints: Any = None) -> np.ndarray:
        """Play against every row of a matrix, in one compiled loop; the same as a loop over the verbs.

        Parameters
        ----------
        gradients : array_like of float, shape (T, d)
        hints : array_like of float, shape (T, d), optional
            What each gradient is expected to be; needs ``hint="given"``.

        Returns
        -------
        ndarray, float64 (T,)
            ``<g_t, x_t>``.
        """
        if hints is None:
            return super().run(gradients)
        G, M = self._matrix(gradients), np.ascontiguousarray(hints, np.float64)
        self._check_hints(M, G.shape[0])
        losses, nothing = np.empty(G.shape[0]), np.empty((0, G.shape[1]))
        state = self.state._replace(hints=M)
        _run(state, _feed.matrix(G), losses, nothing, nothing)
        return losses

    def _bounded(self, value: float, formula: str, source: str, *extra: str, comparator: str = "") -> Bound:
        return Bound(
            value,
            formula,
            comparator or "best fixed point of the set",
            "every sequence",
            (GRADIENTS, *((HINTED,) if self.hint == "given" else ()), *extra),
            source,
        )
