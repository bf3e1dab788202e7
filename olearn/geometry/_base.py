"""What every feasible set shares: checks around the kernels, and the facts a learning rate needs."""

from __future__ import annotations

import functools
import math
from typing import Any, ClassVar

import numpy as np

from olearn.errors import NotSupportedError, ParameterError, unknown
from olearn.geometry.region import (
    ENTROPIC,
    GEOMETRIES,
    KNAPSACK,
    LOGBARRIER,
    TSALLIS,
    Region,
    mirror,
    project,
    project_entropic,
)

NORMS = (1, 2, math.inf)
#: The sum of a simplex lies in this interval: its third power must be a float.
SMALLEST, LARGEST = 1e-100, 1e100


def vector(name: str, value: Any, dim: int, *, infinite: bool = False) -> np.ndarray:
    """`value` as a float64 vector of length `dim`, or one sentence of why not."""
    try:
        array = np.ascontiguousarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ParameterError(f"{name} must be a vector of {dim} numbers, got {value!r}") from None
    if array.shape != (dim,):
        raise ParameterError(f"{name} must have shape ({dim},), got {array.shape}")
    if array.size == 0 or (
        math.isfinite(array.min()) and math.isfinite(array.max())
    ):  # a NaN passes through both
        return array
    fine = ~np.isnan(array) if infinite else np.isfinite(array)
    if not fine.all():
        i = int(np.argmin(fine))
        raise ParameterError(f"{name} must be finite, got {array[i]} at position {i}")
    return array


def check_norm(norm: Any) -> float:
    """1, 2 or inf."""
    if norm not in NORMS:
        raise ParameterError(f"norm must be 1, 2 or inf, got {norm!r}")
    return float(norm)


class FeasibleSet:
    """A convex set of vectors: projections, mirror steps, linear maximisation, sizes.

    Examples
    --------
    >>> from olearn.geometry import Simplex
    >>> Simplex(3).project([1.0, 0.5, -1.0])
    array([0.75, 0.25, 0.  ])
    """

    #: Mirror maps that are defined on the set, of ``olearn.geometry.region.GEOMETRIES``.
    geometries: ClassVar[tuple[str, ...]] = ("euclidean",)
    dim: int

    # -- what a set implements ---------------------------------------------------------------------
    def blocks(self) -> list[tuple[int, int, float, np.ndarray | None, np.ndarray | None]]:
        """The set for kernels: a list of (kind, length, scale, low, high)."""
        raise NotImplementedError

    def contains(self, x: Any, tol: float = 1e-9) -> bool:
        """Whether `x` lies in the set; every constraint may be off by `tol`, sums relatively."""
        raise NotImplementedError

    def diameter(self, norm: float = 2) -> float:
        """``max |x - z|`` over the set in the norm 1, 2 or inf."""
        raise NotImplementedError

    def argmax(self, g: Any) -> np.ndarray:
        """A maximiser of ``<g, x>``: an extreme point of the set; ties go to the smaller index."""
        raise NotImplementedError

    def _largest(self, geometry: str) -> float:
        """The maximum of the mirror map over the set, or an upper bound on it."""
        raise NotImplementedError

    # -- shared ------------------------------------------------------------------------------------
    @functools.cached_property
    def _region(self) -> Region:
        blocks = self.blocks()
        lengths = [b[1] for b in blocks]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)

        def joined(parts: list[np.ndarray | None]) -> np.ndarray:
            if all(part is None for part in parts):
                return np.empty(0)
            full = [np.zeros(n) if part is None else part for n, part in zip(lengths, parts, strict=True)]
            return np.ascontiguousarray(np.concatenate(full), dtype=np.float64)

        return Region(
            kinds=np.array([b[0] for b in blocks], np.int64),
            starts=starts,
            scales=np.array([b[2] for b in blocks], np.float64),
            low=joined([b[3] for b in blocks]),
            high=joined([b[4] for b in blocks]),
            empty=np.empty(0),
            tau=np.full(len(blocks), np.nan),
            nu=np.full(len(blocks), np.nan),
        )

    def region(self) -> Region:
        """The set for kernels (:mod:`olearn.geometry.region`), with warm-start cells of its own."""
        return self._warmed(self.warm(), self.warm())

    def _warmed(self, tau: np.ndarray, nu: np.ndarray) -> Region:
        r = self._region
        return Region(r.kinds, r.starts, r.scales, r.low, r.high, r.empty, tau, nu)

    def warm(self) -> np.ndarray:
        """Fresh warm-start cells for :meth:`project`: one multiplier a block, NaN until the first call."""
        return self._region.tau.copy()  # never written to

    def _out(self, out: Any, source: np.ndarray) -> tuple[np.ndarray, Any]:
        """A vector for the kernel and, if that is not the caller's, the caller's to copy to."""
        if out is None:
            return np.empty(self.dim), None
        if not isinstance(out, np.ndarray) or out.shape != (self.dim,) or out.dtype != np.float64:
            raise ParameterError(f"out must be a float64 array of shape ({self.dim},), got {out!r}")
        if not out.flags.c_contiguous or np.may_share_memory(out, source):
            return np.empty(self.dim), out
        return out, None

    @staticmethod
    def _handed(result: np.ndarray, target: np.ndarray | None) -> np.ndarray:
        if target is None:
            return result
        target[:] = result
        return target

    def project(self, y: Any, out: np.ndarray | None = None, warm: np.ndarray | None = None) -> np.ndarray:
        """The Euclidean projection: the point of the set nearest to `y`.

        Parameters
        ----------
        y : array_like of float, shape (dim,)
            Finite.
        out : ndarray, optional
            Receives the projection; may be `y` itself (that costs a copy).
        warm : ndarray, optional
            Cells from :meth:`warm`: start from the multipliers of the last call, and keep the new ones.
            The answer is the same, sooner.

        Returns
        -------
        ndarray, shape (dim,)
            `out` if given.
        """
        y = vector("y", y, self.dim)
        result, target = self._out(out, y)
        project(self._warmed(self.warm() if warm is None else warm, self._region.nu), y, result)
        return self._handed(result, target)

    def project_entropic(self, y: Any, out: np.ndarray | None = None) -> np.ndarray:
        """The Bregman projection of ``y >= 0`` under the (size-weighted) negative entropy.

        Coordinates at 0 stay at 0; the others have to be able to reach the set.
        """
        self._check_geometry("entropic")
        y = vector("y", y, self.dim)
        if (y < 0.0).any():
            i = int(np.argmax(y < 0.0))
            raise ParameterError(f"y must be at least 0 for an entropic projection, got {y[i]} at position {i}")
        result, target = self._out(out, y)
        project_entropic(self._region, y, result)
        if np.isnan(result).any():
            found = np.count_nonzero(y)
            raise ParameterError(f"the positive coordinates of y, {found} of {self.dim}, can't reach {self!r}")
        return self._handed(result, target)

    def mirror(self, theta: Any, geometry: str = "euclidean", out: np.ndarray | None = None) -> np.ndarray:
        """``argmin <theta, x> + psi(x)`` over the set, for a mirror map psi of :attr:`geometries`.

        Parameters
        ----------
        theta : array_like of float, shape (dim,)
            For instance the learning rate times the cumulative loss; any finite size.
        geometry : str
            ``"euclidean"`` (sum x^2 / 2), ``"entropic"`` (sum s x ln x), ``"tsallis"`` (-4 sum sqrt x)
            or ``"logbarrier"`` (-sum ln x).
        out : ndarray, optional
            Receives the point.
        """
        number = self._check_geometry(geometry)
        theta = np.array(vector("theta", theta, self.dim))
        result, target = self._out(out, theta)
        mirror(self.region(), number, theta, result)
        return self._handed(result, target)

    def project_tsallis(self, theta: Any) -> np.ndarray:
        """``argmin <theta, x> - 4 sum sqrt(x)``: ``x = 4 / (theta - nu)^2`` (Tsallis-INF's weights)."""
        return self.mirror(theta, "tsallis")

    def project_logbarrier(self, theta: Any) -> np.ndarray:
        """``argmin <theta, x> - sum ln x``: ``x = 1 / (theta - nu)``."""
        return self.mirror(theta, "logbarrier")

    def centre(self, geometry: str = "euclidean") -> np.ndarray:
        """The minimiser of the mirror map: where a learner with that geometry starts."""
        return self.mirror(np.zeros(self.dim), geometry)

    def support(self, g: Any) -> float:
        """The support function ``max <g, x>`` over the set."""
        g = vector("g", g, self.dim)
        return float(g @ self.argmax(g))

    def dual_norm(self, g: Any, norm: float = 2) -> float:
        """The dual of the norm 1, 2 or inf at `g`: its inf-, 2- or 1-norm."""
        g = vector("g", g, self.dim)
        dual = {1.0: math.inf, 2.0: 2, math.inf: 1}[check_norm(norm)]
        return float(np.linalg.norm(g, dual))

    def range(self, geometry: str = "euclidean") -> float:
        """``max psi - min psi`` over the set: the numerator of a learning rate. Infinite for the log-barrier.

        On a knapsack with unequal sizes it is an upper bound (the exact value is a hard problem).
        """
        number = self._check_geometry(geometry)
        if number == LOGBARRIER and self.dim > 1:
            return math.inf
        return max(0.0, self._largest(geometry) - self._psi(self.centre(geometry), geometry))

    def _psi(self, x: np.ndarray, geometry: str) -> float:
        if geometry == GEOMETRIES[ENTROPIC]:
            weight = np.ones(self.dim)
            r = self._region
            for b in np.flatnonzero(r.kinds == KNAPSACK):
                weight[r.starts[b] : r.starts[b + 1]] = r.low[r.starts[b] : r.starts[b + 1]]
            return float(np.sum(weight * x * np.log(np.where(x > 0.0, x, 1.0))))
        if geometry == GEOMETRIES[TSALLIS]:
            return float(-4.0 * np.sqrt(x).sum())
        if geometry == GEOMETRIES[LOGBARRIER]:
            return float(-np.log(x).sum())
        return float(0.5 * (x @ x))

    def _check_geometry(self, geometry: str) -> int:
        if geometry not in GEOMETRIES:
            raise unknown("geometry", geometry, GEOMETRIES)
        if geometry not in self.geometries:
            raise NotSupportedError(
                f"the {geometry} geometry is not defined on {self!r}; it has {', '.join(self.geometries)}"
            )
        return GEOMETRIES.index(geometry)
