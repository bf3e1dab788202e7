"""Tables of early exits: what each exit of a network says about each sample, and what it costs.

A network with L exits answers a sample at any of them; the deeper, the dearer and (mostly) the
better. An :class:`ExitTable` holds what every exit would have said, so that any policy can be
replayed and its regret against the best fixed exit computed exactly.

Builders: :func:`exits_from_csv` (one column an exit), :func:`exits_from_stages` (any classifier with
staged probabilities, out of fold), :func:`digits_exits` (real, from scikit-learn alone) and
:func:`synthetic_exits`.

Examples
--------
>>> table = ExitTable([[0.6, 0.9], [0.8, 0.95]], correct=[[0, 1], [1, 1]], cost=[0.1, 0.2])
>>> len(table), table.exits
(2, 2)
>>> table.accuracy().tolist()
[0.5, 1.0]
>>> ExitTable([[0.6, 1.9]])
Traceback (most recent call last):
    ...
olearn.errors.TraceError: confidence must be a probability between 0 and 1, got [0.6 1.9] in row 1
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from olearn._rng import generator
from olearn.errors import (
    NotSupportedError,
    ParameterError,
    TraceError,
    check_int,
    check_positive_int,
    check_real,
)
from olearn.traces.offloading._arm_table import ArmTable
from olearn.traces.offloading._columns import check_binary, check_nonnegative, check_unit


class ExitTable(ArmTable):
    """What each of L exits says about each of n samples.

    Parameters
    ----------
    confidence : array_like, shape (n, L)
        Highest class probability at each exit, in [0, 1]; the last column is the full network.
    correct : array_like of 0 and 1, shape (n, L), optional
        Whether the exit's answer is right. Needed for accuracies and for ``objective="error"``.
    prediction : array_like of int, shape (n, L), optional
        The class each exit answers. Needed by policies that look at disagreements (``uee-ucb``).
    cost : array_like, shape (L,), optional
        Cost of running the network up to each exit, not falling with depth, in units of one wrong
        answer. Default ``0.1 * (1, 2, ..., L)``, as in SplitEE's experiments.
    offload_cost : float, default 0.5
        What sending a sample on to the last exit costs on top, at least 0.
    exit_names : sequence of str, optional
        Names of the exits; default ``exit0, exit1, ...``.
    name, provenance
        See :class:`~olearn.traces.offloading._columns.ColumnTable`.

    Raises
    ------
    TraceError
        One sentence with the row (counted from 1) for a value that is not allowed.
    """

    kind: ClassVar[str] = "exits"
    required: ClassVar[tuple[str, ...]] = ("confidence",)
    optional: ClassVar[tuple[str, ...]] = ("correct", "prediction")

    def __init__(
        self,
        confidence: Any,
        correct: Any = None,
        prediction: Any = None,
        *,
        cost: Any = None,
        offload_cost: float = 0.5,
        exit_names: Sequence[str] | None = None,
        name: str = "",
        provenance: Mapping[str, str] | None = None,
    ) -> None:
        self._given: dict[str, Any] = {"cost": cost, "offload_cost": offload_cost, "exit_names": exit_names}
        super().__init__(
            {"confidence": confidence, "correct": correct, "prediction": prediction}, name, provenance
        )

    def _set(
        self, cost: Any = None, offload_cost: float = 0.5, exit_names: Sequence[str] | None = None
    ) -> None:
        self.cost = exit_costs(cost, self.exits)
        self.offload_cost = check_real("offload_cost", offload_cost, 0.0)
        names = tuple(exit_names or (f"exit{i}" for i in range(self.exits)))
        if len(names) != self.exits:
            raise TraceError(f"exit_names must hold {self.exits} names, one an exit, got {len(names)}")
        self.exit_names = tuple(str(n) for n in names)

    def _validate(self) -> None:
        c = self.columns
        if c["confidence"].ndim != 2 or c["confidence"].shape[1] < 2:
            raise TraceError(
                f"confidence needs one column for each of at least two exits, got {c['confidence'].shape}"
            )
        for key in c:
            if c[key].shape != c["confidence"].shape:
                raise TraceError(
                    f"{key} must have the shape {c['confidence'].shape} of confidence, got {c[key].shape}"
                )
        c["confidence"] = check_unit("confidence", c["confidence"])
        if "correct" in c:
            c["correct"] = check_binary("correct", c["correct"])
        if "prediction" in c:
            values = check_nonnegative("prediction", c["prediction"])
            if (values != np.floor(values)).any():
                raise TraceError("prediction must hold whole numbers, the classes")
            c["prediction"] = values.astype(np.int32)
        self._set(**self._given)

    @property
    def exits(self) -> int:
        """Number of exits L, the last one being the full network."""
        return int(self.columns["confidence"].shape[1])

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the constant choices: the exits."""
        return self.exit_names

    def accuracy(self) -> np.ndarray:
        """Share of right answers of each exit, shape (L,); NaN without ``correct``."""
        if "correct" not in self.columns:
            return np.full(self.exits, np.nan)
        return np.asarray(self.columns["correct"].mean(axis=0, dtype=np.float64))

    def dominance(self) -> float:
        """Share of samples on which every exit deeper than a right one is right: 1 is strong dominance."""
        correct = self.need("correct", "strong dominance")
        return float(np.mean(np.all(correct[:, 1:] >= correct[:, :-1], axis=1)))

    def with_costs(self, cost: Any = None, offload_cost: float | None = None) -> ExitTable:
        """The same answers at other costs."""
        return ExitTable(
            self.columns["confidence"],
            self.get("correct"),
            self.get("prediction"),
            cost=self.cost if cost is None else cost,
            offload_cost=self.offload_cost if offload_cost is None else offload_cost,
            exit_names=self.exit_names,
            name=self.name,
            provenance=self.provenance,
        )

    def _extra(self) -> dict[str, Any]:
        return {
            "cost": self.cost.tolist(),
            "offload_cost": self.offload_cost,
            "exit_names": list(self.exit_names),
        }

    def _restore(self, extra: Mapping[str, Any]) -> None:
        self._given = {k: extra[k] for k in ("cost", "offload_cost", "exit_names") if k in extra}


def exit_costs(cost: Any, exits: int) -> np.ndarray:
    """The cost of running up to each exit, checked; default 0.1 a level."""
    values: np.ndarray = check_nonnegative(
        "cost", np.asarray(0.1 * np.arange(1, exits + 1) if cost is None else cost)
    )
    if values.shape != (exits,):
        raise TraceError(f"cost must hold {exits} numbers, one an exit, got shape {values.shape}")
    falls = np.flatnonzero(np.diff(values) < 0)
    if falls.size:
        i = int(falls[0])
        raise TraceError(
            f"cost must not fall with depth, got {values[i]:g} and then {values[i + 1]:g} at exit {i + 1}"
        )
    return values


_COLUMN = re.compile(r"(conf(?:idence)?|correct|pred(?:iction)?)[_ ](.+)", re.IGNORECASE)


def exits_from_csv(
    path: str | os.PathLike[str], *, cost: Any = None, offload_cost: float = 0.5, name: str | None = None
) -> ExitTable:
    """Read early-exit confidences: one column an exit.

    Parameters
    ----------
    path : path
        CSV with a header. Columns ``confidence_<exit>`` (or ``conf_<exit>``), in the order of depth,
        and optionally ``correct_<exit>`` and ``prediction_<exit>`` (or ``pred_<exit>``) for the same
        exits. With predictions, a column ``label`` gives ``correct``.
    cost, offload_cost, name
        As in :class:`ExitTable`.

    Raises
    ------
    TraceError
        Fewer than two confidence columns, an exit without a confidence, an empty cell.
    """
    table = exits_of(read_csv(path), os.fspath(path), cost=cost, offload_cost=offload_cost)
    table.name = name or table.name
    return table


def exits_of(
    columns: Mapping[str, np.ndarray], where: str, *, cost: Any = None, offload_cost: float = 0.5
) -> ExitTable:
    """The exit table in the columns of the file `where`, named as :func:`exits_from_csv` says."""
    found: dict[str, dict[str, np.ndarray]] = {"conf": {}, "correct": {}, "pred": {}}
    for key, values in columns.items():
        match = _COLUMN.fullmatch(key)
        if match:
            group = next(g for g in found if match[1].lower().startswith(g))
            found[group][match[2]] = values
    order = list(found["conf"])
    if len(order) < 2:
        raise TraceError(
            f"{where!r} needs at least two columns 'confidence_<exit>', it has {', '.join(columns)}"
        )
    for group, word in (("correct", "correct"), ("pred", "prediction")):
        if found[group] and set(found[group]) != set(order):
            odd = sorted(set(found[group]) ^ set(order))[0]
            raise TraceError(
                f"{where!r}: exit {odd!r} needs both a column 'confidence_' and a column '{word}_'"
            )
    stacked = {g: np.column_stack([e[k] for k in order]) if e else None for g, e in found.items()}
    correct = stacked["correct"]
    if correct is None and stacked["pred"] is not None and "label" in columns:
        correct = stacked["pred"] == columns["label"][:, None]
    return ExitTable(
        stacked["conf"],
        correct,
        stacked["pred"],
        cost=cost,
        offload_cost=offload_cost,
        exit_names=order,
        name=Path(where).stem,
        provenance={"source": Path(where).name},
    )


def read_csv(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The columns of a CSV file with a header, by name, in the file's order; empty cells are refused."""
    from pyarrow import csv

    where = os.fspath(path)
    try:
        table = csv.read_csv(where, parse_options=csv.ParseOptions(newlines_in_values=True))
    except FileNotFoundError:
        raise TraceError(f"there is no file {where!r}") from None
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise TraceError(f"{where!r} can't be read as CSV: {str(error).splitlines()[0]}") from None
    if table.num_rows == 0:
        raise TraceError(f"{where!r} has no row below its header")
    columns = {}
    for key, column in zip(table.column_names, table.columns, strict=True):
        if column.null_count:
            row = column.is_null().to_pylist().index(True)
            raise TraceError(f"{where!r}: column {key!r} is empty in row {row + 1}")
        columns[key.strip()] = column.to_numpy()
    return columns


def exits_from_stages(
    fit: Callable[[np.ndarray, np.ndarray], Callable[[np.ndarray], Sequence[np.ndarray]]],
    features: Any,
    labels: Any,
    *,
    folds: int = 5,
    cost: Any = None,
    offload_cost: float = 0.5,
    seed: int = 0,
    name: str = "",
) -> ExitTable:
    """Build an exit table from a staged classifier, out of fold.

    Parameters
    ----------
    fit : callable
        ``fit(X, y)`` returns a function that maps samples to one probability matrix an exit,
        shallow to deep, with columns in the order of ``numpy.unique(y)``.
    features, labels : array_like, shapes (n, d) and (n,)
    folds : int, default 5
        Every sample is scored by a model that has not seen it; every class is spread over all folds.
    seed : int
        Seed of the folds.
    """
    x, y = np.asarray(features), np.asarray(labels)
    if x.ndim != 2 or y.shape != x.shape[:1]:
        raise ParameterError(f"features must be (n, d) and labels (n,), got {x.shape} and {y.shape}")
    folds = check_int("folds", folds, minimum=2)
    classes, codes = np.unique(y, return_inverse=True)
    fold = np.empty(y.size, np.int64)
    rng = generator(seed)
    for c in range(classes.size):
        members = rng.permutation(np.flatnonzero(codes == c))
        if members.size < folds:
            raise ParameterError(
                f"folds must be at most the {members.size} samples of class {classes[c]}, got {folds}"
            )
        fold[members] = np.arange(members.size) % folds
    parts: list[tuple[np.ndarray, Sequence[np.ndarray]]] = []
    for k in range(folds):
        test = fold == k
        parts.append((test, fit(x[~test], y[~test])(x[test])))
    probability = np.empty((y.size, len(parts[0][1]), classes.size))
    for test, stages in parts:
        probability[test] = np.stack(list(stages), axis=1)
    prediction = probability.argmax(axis=2)
    return ExitTable(
        np.clip(probability.max(axis=2), 0.0, 1.0),
        prediction == codes[:, None],
        prediction,
        cost=cost,
        offload_cost=offload_cost,
        name=name,
    )


#: Trees behind each exit of :func:`digits_exits`.
DIGITS_TREES = (1, 2, 4, 8, 16, 32, 64)


def digits_exits(
    trees: Sequence[int] = DIGITS_TREES,
    *,
    depth: int = 6,
    noise: float = 0.0,
    cost: Any = None,
    offload_cost: float = 0.5,
    seed: int = 0,
) -> ExitTable:
    """A real exit table from scikit-learn's digits: exit i is the first ``trees[i]`` trees of a forest.

    A forest that answers after any number of its trees is an anytime classifier: exits get better and
    dearer with depth, as in a network. 1797 samples, five folds, about a second.

    Parameters
    ----------
    trees : sequence of int
        Trees behind each exit, increasing.
    depth : int, default 6
        Depth of the trees; fully grown ones are sure of themselves at the first exit already.
    noise : float, default 0
        Standard deviation of Gaussian noise on the pixels (0 .. 16) of the samples that are answered; the
        forest has learnt from clean ones. With :func:`~olearn.traces.offloading.drift_arms.drifting`: a
        camera that gets worse.
    cost : array_like, optional
        Default: 0.3 times the share of the trees run.

    Notes
    -----
    Needs scikit-learn (``pip install olearn[offload]``).
    """
    counts = [check_positive_int("trees", k) for k in trees]
    if any(b <= a for a, b in itertools.pairwise(counts)):
        raise ParameterError(f"trees must increase from exit to exit, got {tuple(counts)}")
    try:
        from sklearn.datasets import load_digits
        from sklearn.ensemble import RandomForestClassifier
    except ImportError:
        raise NotSupportedError("the digits table needs scikit-learn (pip install olearn[offload])") from None

    def fit(x: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], Sequence[np.ndarray]]:
        forest = RandomForestClassifier(counts[-1], max_depth=depth, random_state=seed).fit(x, y)

        def stages(samples: np.ndarray) -> list[np.ndarray]:
            samples = (samples + sigma * rng.standard_normal(samples.shape)).astype(np.float32)
            votes = np.cumsum([tree.predict_proba(samples) for tree in forest.estimators_], axis=0)
            return [votes[k - 1] / k for k in counts]

        return stages

    sigma, rng = check_real("noise", noise, 0.0), generator(seed, 1)
    digits = load_digits()
    return exits_from_stages(
        fit,
        digits.data.astype(np.float32),
        digits.target,
        cost=0.3 * np.array(counts) / counts[-1] if cost is None else cost,
        offload_cost=offload_cost,
        seed=seed,
        name="digits-exits" if sigma == 0.0 else f"digits-exits, noise {sigma:g}",
    )


def synthetic_exits(
    samples: int,
    exits: int = 12,
    *,
    dominance: float = 1.0,
    cost: Any = None,
    offload_cost: float = 0.5,
    seed: int = 0,
) -> ExitTable:
    """Generate an exit table: each sample has a depth from which on the network answers it rightly.

    Parameters
    ----------
    samples, exits : int
    dominance : float, default 1
        Share of answers that obey strong dominance (right once, right at every deeper exit); the
        others are right or wrong as the exit's marginal rate says, independently.
    seed : int

    Notes
    -----
    With u uniform on (0, 1), exit i is right iff u < a_i, a_i = 1 - 0.5 * 0.75**i; its confidence is
    drawn around the margin a_i - u, so that it is informative without being calibrated.
    """
    n, levels = check_positive_int("samples", samples), check_int("exits", exits, minimum=2)
    check_real("dominance", dominance, 0.0, 1.0)
    rng = generator(seed)
    rate = 1.0 - 0.5 * 0.75 ** np.arange(levels)
    hard = rng.random((n, 1))
    own = np.where(rng.random((n, levels)) < dominance, hard, rng.random((n, levels)))
    correct = own < rate
    margin = rate - own + 0.1 * rng.standard_normal((n, levels))
    confidence = 1.0 / (1.0 + np.exp(-6.0 * np.clip(margin, -5.0, 5.0)))
    classes = 10
    label = rng.integers(0, classes, (n, 1))
    wrong = (label + rng.integers(1, classes, (n, 1))) % classes  # a sample is mistaken for one class
    return ExitTable(
        np.clip(0.1 + 0.9 * confidence, 0.0, 1.0),
        correct,
        np.where(correct, label, wrong),
        cost=cost,
        offload_cost=offload_cost,
        name="synthetic-exits",
    )
