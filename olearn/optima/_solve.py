"""Solving with cvxpy: solvers by name, one sentence for every failure, bounds recomputed from duals."""

from __future__ import annotations

import ctypes
import os
import threading
import warnings
from typing import Any

import numpy as np

from olearn.errors import ParameterError, SolverError

_INSTALL = {"HIGHS": "highspy", "CLARABEL": "clarabel", "SCS": "scs", "SCIPY": "scipy"}


def cvxpy() -> Any:
    """The module cvxpy, or an error that says how to get it."""
    try:
        import cvxpy as cp
    except ImportError:
        raise SolverError("this optimum needs cvxpy, which is not installed: pip install cvxpy") from None
    return cp


def solve(
    problem: Any, what: str, *, solver: str = "HIGHS", time_limit: float | None = None, whole: bool = False
) -> str:
    """Solve a cvxpy problem to an accurate optimum or raise; returns the solver's name for the result.

    Parameters
    ----------
    problem : cvxpy.Problem
    what : str
        Name of the comparator, for messages.
    solver : str
        One of cvxpy's names: ``"HIGHS"`` for LP and MILP, ``"CLARABEL"`` for cones.
    time_limit : float, optional
        Seconds.
    whole : bool
        A MILP: go on until HiGHS has closed its gap (its default stops at 1e-4).

    Raises
    ------
    SolverError
        The solver is missing, failed, stopped at the limit, or is not accurate enough; the sentence names
        what to install or to relax.
    """
    cp = cvxpy()
    if solver not in cp.installed_solvers():
        package = _INSTALL.get(solver, solver.lower())
        raise SolverError(f"{what} needs the solver {solver}, which is not installed: pip install {package}")
    options: dict[str, Any] = {}
    if time_limit is not None:
        if not time_limit > 0:
            raise ParameterError(f"time_limit must be a positive number of seconds, got {time_limit!r}")
        options["time_limit"] = float(time_limit)
    if whole:
        options |= {"mip_rel_gap": 0.0, "mip_abs_gap": 0.0}
    try:
        with quiet():
            problem.solve(solver=solver, **options)
    except cp.error.SolverError as error:
        told = str(error).splitlines()[0] if str(error) else "no message"
        raise SolverError(f"{what}: {solver} failed ({told}); rescale the data or try fewer requests") from None
    status = problem.status
    if status == cp.OPTIMAL:
        return solver
    if status == "user_limit":
        limit = "its own limit" if time_limit is None else f"the limit of {time_limit:g} s"
        raise SolverError(
            f"{what}: {solver} stopped at {limit} before it was done; raise time_limit, "
            "shorten the trace, or take a comparator with bounds"
        )
    if status in ("optimal_inaccurate", "infeasible_inaccurate", "unbounded_inaccurate"):
        raise SolverError(f"{what}: {solver} is not accurate enough here ({status}); rescale the data")
    raise SolverError(f"{what}: {solver} says the problem is {status}")


def linear_bound(
    cost: np.ndarray,
    high: np.ndarray,
    equal: Any = None,
    equal_to: np.ndarray | None = None,
    prices: np.ndarray | None = None,
    below: Any = None,
    limits: np.ndarray | None = None,
    tolls: np.ndarray | None = None,
) -> float:
    """What weak duality proves about max <cost, x> over 0 <= x <= high, E x = e, A x <= b.

    For any prices p of the equalities and tolls q >= 0 of the inequalities (negative ones count as 0),

        <cost, x> <= <p, e> + <q, b> + sum_j high_j (cost_j - (E'p + A'q)_j)+.

    Nothing is taken from a solver but p and q, and any p and q are valid: a bad solver gives a bad bound,
    never a wrong one. One product with each matrix.
    """
    reduced = np.array(cost, dtype=np.float64)
    bound = 0.0
    if equal is not None and prices is not None and equal_to is not None:
        bound += float(prices @ equal_to)
        reduced -= equal.T @ prices
    if below is not None and tolls is not None and limits is not None:
        q = np.maximum(tolls, 0.0)
        bound += float(q @ limits)
        reduced -= below.T @ q
    return bound + float(np.maximum(reduced, 0.0) @ high)


class _Silence:
    """Standard output and warnings are the process's: threads that solve side by side share one silence.

    The first to come in turns them off, the last to leave turns them on. (Each on its own, the second would
    save the first one's silence and restore it at the end: a table was printed into nothing.)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._saved: int | None = None
        self._warnings: Any = None

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside > 1:
                return
            self._warnings = warnings.catch_warnings()
            self._warnings.__enter__()
            warnings.simplefilter("ignore")
            try:
                self._saved = os.dup(1)
            except OSError:  # no standard output at all
                self._saved = None
                return
            _flush()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.close(nowhere)

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside:
                return
            self._warnings.__exit__(None, None, None)
            if self._saved is not None:
                _flush()
                os.dup2(self._saved, 1)
                os.close(self._saved)


_silence = _Silence()


def quiet() -> _Silence:
    """Keep what a solver's C code writes to standard output out of ours (HiGHS greets), and its warnings.

    A context; the status of the solution says what the warnings would.
    """
    return _silence


def _flush() -> None:
    """Empty the buffers of C's and Python's standard output."""
    import contextlib
    import sys

    with contextlib.suppress(Exception):
        sys.stdout.flush()
    with contextlib.suppress(Exception):
        ctypes.CDLL(None).fflush(None)
