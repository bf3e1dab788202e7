"""What olearn raises, and how its sentences are built.

Every error a user can cause is an :class:`OlearnError`: one sentence that says what is wrong, what
was got and what is allowed. The command line prints that sentence and exits with code 2; anything
else that escapes is a bug in olearn.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class OlearnError(Exception):
    """Base of every error that bad input can cause."""


class ParameterError(OlearnError, ValueError):
    """A parameter has a value that is not allowed."""


class UnknownNameError(OlearnError, KeyError):
    """A policy, reader, comparator ... of that name does not exist."""

    def __str__(self) -> str:  # KeyError would print the repr of the sentence
        return str(self.args[0]) if self.args else ""


class TraceError(OlearnError, ValueError):
    """A trace file or array can't be read; the sentence names the line or the byte."""


class NotSupportedError(OlearnError, TypeError):
    """Two parts do not fit together; the sentence says what is missing."""


class InUseError(OlearnError, RuntimeError):
    """Two threads are inside one policy at the same time."""


class SolverError(OlearnError, RuntimeError):
    """An optimisation solver is missing, failed, or is not accurate enough."""


def nearest(got: str, allowed: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the closest allowed name, or an empty string."""
    close = difflib.get_close_matches(got.lower(), list(allowed), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def unknown(kind: str, got: str, allowed: Iterable[str]) -> UnknownNameError:
    """Build the error for a name that is not in a list: what, got, nearest, allowed."""
    names = list(allowed)
    return UnknownNameError(f"unknown {kind} {got!r}{nearest(got, names)}; known: {', '.join(names)}")


def check_positive_int(name: str, value: object) -> int:
    """Return `value` as an int of at least 1, or raise :class:`ParameterError`."""
    return check_int(name, value, minimum=1)


def check_int(name: str, value: object, minimum: int) -> int:
    """Return `value` as an int of at least `minimum` (integral floats and NumPy ints are fine)."""
    if isinstance(value, bool):
        raise ParameterError(f"{name} must be a whole number of at least {minimum}, got {value!r}")
    try:
        whole = int(value)  # type: ignore[call-overload]
        exact = whole == value
    except (TypeError, ValueError, OverflowError):
        exact = False
    if not exact or whole < minimum:
        raise ParameterError(f"{name} must be a whole number of at least {minimum}, got {value!r}")
    return whole


def check_real(
    name: str,
    value: object,
    low: float = float("-inf"),
    high: float = float("inf"),
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """Return `value` as a finite float within the interval, or raise :class:`ParameterError`."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = float("nan")
    inside = (number > low if open_low else number >= low) and (number < high if open_high else number <= high)
    if isinstance(value, bool) or not inside or abs(number) == float("inf"):
        left = "(" if open_low or low == float("-inf") else "["
        right = ")" if open_high or high == float("inf") else "]"
        raise ParameterError(f"{name} must be a finite number in {left}{low:g}, {high:g}{right}, got {value!r}")
    return number
