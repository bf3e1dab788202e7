"""Tables for routing prompts among models: which model answers what rightly, at what price, how fast.

Builders: :func:`routing_from_csv` (RouteLLM's layout: one ``<model>_correct`` column a model, or the
columns of a saved table), :func:`synthetic_routing` (any number of models with given accuracies and a
difficulty that the router can see), :func:`catalogue_routing` (a measured catalogue of models behind a
network, such as :data:`MDINFERENCE`).

Examples
--------
>>> table = RoutingTable(correct=[[0, 1], [1, 1], [0, 0]], price=[[0.1, 1.0]] * 3, models=("weak", "strong"))
>>> table.models, table.accuracy().round(3).tolist()
(('weak', 'strong'), [0.333, 0.667])
>>> table.losses(trade=0.2).round(2).tolist()
[[1.02, 0.2], [0.02, 0.2], [1.02, 1.2]]
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from olearn._rng import generator
from olearn.errors import (
    ParameterError,
    TraceError,
    check_int,
    check_positive_int,
    check_real,
    unknown,
)
from olearn.traces.offloading._arm_table import ArmTable
from olearn.traces.offloading._columns import check_binary, check_finite, check_nonnegative
from olearn.traces.offloading.exits import read_csv


class Profile(NamedTuple):
    """What is known about the models beforehand: arrays of shape (K,)."""

    accuracy: np.ndarray  # in [0, 1]
    mean: np.ndarray  # ms
    deviation: np.ndarray  # ms


class RoutingTable(ArmTable):
    """Whether each of K models answers each of n prompts rightly, and what that costs.

    Parameters
    ----------
    correct : array_like of 0 and 1, shape (n, K)
    price : array_like, shape (n, K) or (K,), optional
        Money, energy or any unit, at least 0; one number a model if it is the same for all prompts.
    latency : array_like, shape (n, K), optional
        Milliseconds each model needs.
    transfer : array_like, shape (n,), optional
        Milliseconds a prompt and its answer spend on the network, whatever the model.
    tokens : array_like, shape (n,), optional
        Size of the prompt.
    features : array_like, shape (n, d), optional
        What a router sees of the prompt.
    context : array_like of int, shape (n,), optional
        Domain of the prompt, 0, 1, ...; texts are numbered in sorted order.
    models : sequence of str, optional
        Names; default ``model0, model1, ...``.
    profile : Profile, optional
        What is known about the models beforehand (``mdinference`` decides on it).
    name, provenance
        See :class:`~olearn.traces.offloading._columns.ColumnTable`.

    Raises
    ------
    TraceError
        One sentence with the row (counted from 1) for a value that is not allowed.
    """

    kind: ClassVar[str] = "routing"
    required: ClassVar[tuple[str, ...]] = ("correct",)
    optional: ClassVar[tuple[str, ...]] = ("price", "latency", "transfer", "tokens", "features", "context")

    def __init__(
        self,
        correct: Any,
        price: Any = None,
        latency: Any = None,
        *,
        transfer: Any = None,
        tokens: Any = None,
        features: Any = None,
        context: Any = None,
        models: Sequence[str] | None = None,
        profile: Profile | None = None,
        name: str = "",
        provenance: Mapping[str, str] | None = None,
    ) -> None:
        right = np.asarray(correct)
        if price is not None and np.ndim(price) == 1 and right.ndim == 2 and len(price) == right.shape[1]:
            price = np.tile(np.asarray(price), (right.shape[0], 1))
        columns = {
            "correct": right,
            "price": price,
            "latency": latency,
            "transfer": transfer,
            "tokens": tokens,
            "features": features,
            "context": context,
        }
        self._given: dict[str, Any] = {"models": models, "profile": profile, "contexts": 1}
        self.context_names: tuple[str, ...] = ()
        super().__init__(columns, name, provenance)

    def _set(
        self, models: Sequence[str] | None = None, profile: Sequence[Any] | None = None, contexts: int = 1
    ) -> None:
        # a slice may miss the last domains: it still counts them
        here = int(self.columns["context"].max()) + 1 if "context" in self.columns else 1
        self.contexts = self._given["contexts"] = max(contexts, here, len(self.context_names))
        count = int(self.columns["correct"].shape[1])
        names = tuple(models or (f"model{k}" for k in range(count)))
        if len(names) != count or len(set(names)) != count:
            raise TraceError(f"models must be {count} different names, one a column of correct, got {names}")
        self.models = tuple(str(m) for m in names)
        self.profile: Profile | None = None
        if profile is not None:
            parts = [check_nonnegative(f, np.asarray(v)) for f, v in zip(Profile._fields, profile, strict=True)]
            if any(p.shape != (count,) for p in parts) or parts[0].max() > 1.0:
                raise TraceError(
                    f"profile must hold accuracies in [0, 1], means and deviations of {count} models"
                )
            self.profile = Profile(*parts)

    def _validate(self) -> None:
        c = self.columns
        if c["correct"].ndim != 2 or c["correct"].shape[1] < 2:
            raise TraceError(
                f"correct needs one column for each of at least two models, got shape {c['correct'].shape}"
            )
        c["correct"] = check_binary("correct", c["correct"])
        for key in ("price", "latency"):
            if key in c:
                c[key] = check_nonnegative(key, c[key])
                if c[key].shape != c["correct"].shape:
                    raise TraceError(
                        f"{key} must have the shape {c['correct'].shape} of correct, got {c[key].shape}"
                    )
        for key in ("transfer", "tokens"):
            if key in c:
                c[key] = check_nonnegative(key, c[key])
        if "features" in c:
            c["features"] = check_finite("features", c["features"])
            if c["features"].ndim == 1:
                c["features"] = c["features"][:, None]
        if "context" in c:
            if c["context"].dtype.kind in "UO":
                names, c["context"] = np.unique(c["context"].astype(str), return_inverse=True)
                self.context_names = tuple(names.tolist())
            values = check_nonnegative("context", c["context"])
            if (values != np.floor(values)).any() or values.max() >= 2**31:
                raise TraceError("context must be whole numbers from 0, or texts")
            c["context"] = values.astype(np.int32)
        self._set(**self._given)

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the constant choices: the models."""
        return self.models

    def accuracy(self) -> np.ndarray:
        """Share of prompts each model answers rightly, shape (K,)."""
        return np.asarray(self.columns["correct"].mean(axis=0, dtype=np.float64))

    def relative_price(self) -> np.ndarray:
        """Prices divided by the largest one, in [0, 1], float64 of shape (n, K).

        Without prices an answer of the better of two models costs 1, one of the other nothing; of more models
        none costs anything (:meth:`losses` then refuses to trade prices against errors).
        """
        if "price" in self.columns:
            largest = float(self.columns["price"].max())
            return np.asarray(self.columns["price"] / largest if largest > 0.0 else self.columns["price"])
        found = np.zeros(self.columns["correct"].shape)
        if self.unit_priced is not None:
            found[:, self.unit_priced] = 1.0
        return found

    @property
    def unit_priced(self) -> int | None:
        """Without prices the better of two models (of equals the second), whose answers cost 1; else None."""
        if "price" in self.columns or len(self.models) != 2:
            return None
        accuracy = self.accuracy()
        return int(accuracy[1] >= accuracy[0])

    def router_features(self) -> np.ndarray:
        """What a linear router sees: 1 and the features, or 1 and the domain (one column each), or 1 alone."""
        ones = np.ones((len(self), 1))
        if "features" in self.columns:
            return np.hstack([ones, self.columns["features"]])
        if "context" in self.columns:
            context = self.columns["context"]
            return np.asarray(np.eye(self.contexts)[context])
        return ones

    def losses(self, trade: float = 0.0, deadline: float | None = None) -> np.ndarray:
        """Loss of every model on every prompt: ``wrong + trade * price / largest price``, shape (n, K).

        With a `deadline` (ms), an answer later than that (latency + transfer) counts as wrong.

        Raises
        ------
        ParameterError
            Prices are to count, but the table has none and more than two models.
        """
        correct = self.columns["correct"].astype(np.float64)
        if deadline is not None:
            correct = correct * ~self.late(deadline)
        if check_real("trade", trade, 0.0) > 0.0 and "price" not in self.columns and self.unit_priced is None:
            raise ParameterError(
                f"a price (cost, trade) of {trade:g} needs prices, but {self.name or 'table'!r} has none for "
                f"its {len(self.models)} models: add a column '<model>_price' for each, or price= in "
                "routing_from_csv, or set cost (trade) to 0"
            )
        return np.asarray(1.0 - correct + trade * self.relative_price())

    def late(self, deadline: float) -> np.ndarray:
        """Which answers miss the deadline (ms), bool of shape (n, K)."""
        latency = self.need("latency", "a deadline")
        transfer = self.columns["transfer"][:, None] if "transfer" in self.columns else 0.0
        return np.asarray(latency + transfer > check_real("deadline", deadline, 0.0))

    def _extra(self) -> dict[str, Any]:
        profile = None if self.profile is None else [p.tolist() for p in self.profile]
        return {
            "models": list(self.models),
            "profile": profile,
            "contexts": self.contexts,
            "context_names": list(self.context_names),
        }

    def _restore(self, extra: Mapping[str, Any]) -> None:
        self._given = {k: extra[k] for k in ("models", "profile", "contexts") if k in extra}
        self.context_names = tuple(extra.get("context_names", ()))


_MODEL_COLUMN = re.compile(r"(.+)_(correct|price|latency)", re.IGNORECASE)


def routing_from_csv(
    path: str | os.PathLike[str],
    *,
    models: Sequence[str] | None = None,
    price: Sequence[float] | None = None,
    name: str | None = None,
) -> RoutingTable:
    """Read which model answered which prompt rightly, one row a prompt.

    Parameters
    ----------
    path : path
        CSV with a header: ``<model>_correct`` for each model (0 or 1), and optionally
        ``<model>_price``, ``<model>_latency`` and ``tokens``, ``context``, ``transfer`` and any
        ``feature_<name>``. Other columns are left out.
    models : sequence of str, optional
        Names of the columns that say whether a model was right, where they do not end in ``_correct``: in
        the files that RouteLLM published they are the models' names.
    price : sequence of float, optional
        One price a model, where the file has none.
    """
    columns = read_csv(path)
    where = os.fspath(path)
    for model in models or ():
        if model not in columns:
            raise unknown(f"column of {Path(where).name}", model, columns)
        columns[f"{model}_correct"] = columns.pop(model)
    table = routing_of(columns, where, price)
    table.name = name or table.name
    return table


def routing_of(
    columns: Mapping[str, np.ndarray], where: str, price: Sequence[float] | None = None
) -> RoutingTable:
    """The routing table in the columns of the file `where`, named as :func:`routing_from_csv` says."""
    found: dict[str, dict[str, np.ndarray]] = {"correct": {}, "price": {}, "latency": {}}
    for key, values in columns.items():
        match = _MODEL_COLUMN.fullmatch(key)
        if match:
            found[match[2].lower()][match[1]] = values
    models = list(found["correct"])
    if len(models) < 2:
        raise TraceError(f"{where!r} needs at least two columns '<model>_correct', it has {', '.join(columns)}")
    for part in ("price", "latency"):
        if found[part] and set(found[part]) != set(models):
            odd = sorted(set(found[part]) ^ set(models))[0]
            raise TraceError(f"{where!r}: model {odd!r} needs both a column '_correct' and a column '_{part}'")
    stacked = {g: np.column_stack([e[m] for m in models]) if e else None for g, e in found.items()}
    if stacked["price"] is None and price is not None:
        if len(price) != len(models):
            raise TraceError(f"price must hold {len(models)} numbers, one a model, got {len(price)}")
        stacked["price"] = np.asarray(price, dtype=np.float64)
    features = [v for k, v in columns.items() if k.startswith("feature_")]
    return RoutingTable(
        stacked["correct"],
        stacked["price"],
        stacked["latency"],
        transfer=columns.get("transfer"),
        tokens=columns.get("tokens"),
        context=columns.get("context"),
        features=np.column_stack(features) if features else None,
        models=models,
        name=Path(where).stem,
        provenance={"source": Path(where).name},
    )


#: Accuracies on GSM8K of the pair that RouteLLM published: Mixtral-8x7B and GPT-4 (1106).
GSM8K_RATES = (0.6384, 0.8567)
#: Prices in dollars per million tokens, in that order of size: the strong model is about 40 times dearer.
PAIR_PRICES = (0.24, 10.0)


def synthetic_routing(
    samples: int,
    accuracy: Sequence[float] = GSM8K_RATES,
    price: Sequence[float] = PAIR_PRICES,
    *,
    models: Sequence[str] | None = ("weak", "strong"),
    features: int = 1,
    signal: float = 0.8,
    contexts: int = 1,
    seed: int = 0,
) -> RoutingTable:
    """Generate a routing table with given marginal accuracies and a difficulty that shows in the features.

    Parameters
    ----------
    samples : int
    accuracy, price : sequence of float, shape (K,)
        Marginal accuracy and price of each model.
    features : int, default 1
        Columns the router sees: the first is the difficulty as far as it shows, the others are noise.
    signal : float, default 0.8
        Correlation of the first feature with the hidden difficulty, in [0, 1].
    contexts : int, default 1
        Number of domains; harder domains have higher numbers.

    Notes
    -----
    Difficulty z is standard normal; model k is right iff ``z' < q_k`` with q_k the normal quantile of
    its accuracy and z' = 0.7 z + 0.714 e_k (e_k fresh normal noise): marginals are exact in
    expectation, and models err on mostly the same prompts.
    """
    from scipy.special import ndtri

    n, d = check_positive_int("samples", samples), check_int("features", features, minimum=0)
    rates = np.array([check_real("accuracy", a, 0.0, 1.0, open_low=True, open_high=True) for a in accuracy])
    prices = np.array([check_real("price", p, 0.0) for p in price])
    if rates.size < 2 or prices.size != rates.size:
        raise ParameterError(f"accuracy and price need one number a model, got {rates.size} and {prices.size}")
    check_real("signal", signal, 0.0, 1.0)
    rng = generator(seed)
    z = rng.standard_normal(n)
    own = 0.7 * z[:, None] + np.sqrt(1.0 - 0.49) * rng.standard_normal((n, rates.size))
    columns = rng.standard_normal((n, d))
    if d:
        columns[:, 0] = signal * z + np.sqrt(1.0 - signal * signal) * columns[:, 0]
    domains = check_positive_int("contexts", contexts)
    context = None
    if domains > 1:
        shown = 0.8 * z + 0.6 * rng.standard_normal(n)
        context = np.argsort(np.argsort(shown)) * domains // n
    names = models if models is not None and len(models) == rates.size else None
    return RoutingTable(
        own < ndtri(rates),
        prices,
        features=columns if d else None,
        context=context,
        models=names,
        name="synthetic-routing",
        provenance={"source": f"synthetic_routing, seed {seed}"},
    )


#: MDInference's catalogue (Simulation/Shared.py of cake-lab/MDInference, Apache-2.0): accuracy in percent,
#: then mean and standard deviation of the inference time in ms on a p2 (GPU) and a c5 (CPU) instance.
MDINFERENCE = {
    "densenet": (64.2, 25.487, 0.1439, 153.026, 29.6913),
    "inception_resnet_v2": (77.5, 50.851, 0.3304, 500.985, 1.1457),
    "inception_v3": (77.9, 31.108, 0.1914, 262.045, 0.8855),
    "inception_v4": (80.1, 59.214, 0.2201, 540.746, 1.9096),
    "mobilenet_v1_0.25_128": (41.4, 2.454, 0.1910, 3.956, 0.2014),
    "mobilenet_v1_0.25_160": (45.4, 3.148, 0.0991, 6.628, 0.2507),
    "mobilenet_v1_0.25_192": (47.1, 3.169, 0.0774, 8.764, 0.3971),
    "mobilenet_v1_0.25_224": (49.7, 3.207, 0.0777, 10.981, 0.3166),
    "mobilenet_v1_0.5_128": (56.2, 3.650, 0.1127, 8.262, 0.2003),
    "mobilenet_v1_0.5_160": (59.0, 3.826, 0.0655, 11.591, 0.5109),
    "mobilenet_v1_0.5_192": (61.7, 3.856, 0.0654, 15.008, 0.2733),
    "mobilenet_v1_0.5_224": (63.2, 4.211, 0.0641, 19.856, 0.2515),
    "mobilenet_v1_0.75_128": (62.0, 3.661, 0.1117, 12.508, 0.5540),
    "mobilenet_v1_0.75_160": (65.2, 4.349, 0.1176, 17.311, 0.3573),
    "mobilenet_v1_0.75_192": (67.1, 4.393, 0.0727, 23.695, 0.3430),
    "mobilenet_v1_0.75_224": (68.3, 4.672, 0.0662, 31.508, 0.2425),
    "mobilenet_v1_1.0_128": (65.2, 3.824, 0.0862, 17.431, 0.4289),
    "mobilenet_v1_1.0_160": (68.0, 4.177, 0.1019, 25.294, 0.3732),
    "mobilenet_v1_1.0_192": (69.9, 4.624, 0.0824, 34.684, 0.2662),
    "mobilenet_v1_1.0_224": (71.0, 5.431, 0.1123, 46.179, 0.2203),
    "nasnet_large": (82.6, 112.606, 0.3353, 1458.193, 6.6628),
    "nasnet_mobile": (73.9, 21.183, 0.1665, 100.973, 1.0135),
    "squeezenet": (49.0, 4.908, 0.0579, 38.086, 11.2499),
}
#: One-way network times of the same source: mean and standard deviation in ms.
MDINFERENCE_NETWORKS = {"campus": (57.873, 30.787), "home": (92.021, 48.376), "lte": (364.66, 170.59)}


def catalogue_routing(
    samples: int = 10_000,
    machine: str = "p2",
    network: str = "campus",
    catalogue: Mapping[str, Sequence[float]] | None = None,
    *,
    seed: int = 0,
) -> RoutingTable:
    """Requests to a catalogue of measured models behind a network, as in MDInference's simulation.

    Parameters
    ----------
    samples : int, default 10000
        Requests; the published simulation draws 10,000 for each deadline from 0 to 1000 ms in steps of 10.
    machine : {"p2", "c5"}
        Whose inference times.
    network : {"campus", "home", "lte"}
    catalogue : mapping, optional
        Name -> (accuracy in percent, mean and deviation on p2, mean and deviation on c5);
        default :data:`MDINFERENCE`, 23 models.

    Notes
    -----
    Inference and network times are normal, redrawn while not positive; a request crosses the network
    twice at the same speed, so its ``transfer`` is twice one draw. Whether an answer is right is drawn
    with the model's accuracy.
    """
    models = MDINFERENCE if catalogue is None else catalogue
    if machine not in ("p2", "c5"):
        raise unknown("machine", machine, ("p2", "c5"))
    if network not in MDINFERENCE_NETWORKS:
        raise unknown("network", network, MDINFERENCE_NETWORKS)
    n = check_positive_int("samples", samples)
    rows = np.array(list(models.values()), dtype=np.float64)
    at = 1 if machine == "p2" else 3
    profile = Profile(rows[:, 0] / 100.0, rows[:, at], rows[:, at + 1])
    rng = generator(seed)
    latency = _positive_normal(rng, profile.mean, profile.deviation, (n, rows.shape[0]))
    mean, deviation = MDINFERENCE_NETWORKS[network]
    one_way = _positive_normal(rng, np.array(mean), np.array(deviation), (n,))
    return RoutingTable(
        rng.random((n, rows.shape[0])) < profile.accuracy,
        latency=latency,
        transfer=2.0 * one_way,
        models=list(models),
        profile=profile,
        name=f"mdinference: {machine}, {network}",
        provenance={"source": "catalogue of cake-lab/MDInference, Apache-2.0", "seed": str(seed)},
    )


def _positive_normal(
    rng: np.random.Generator, mean: np.ndarray, deviation: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Normal draws, redrawn while not positive."""
    mean, deviation = np.broadcast_to(mean, shape), np.broadcast_to(deviation, shape)
    draws = rng.normal(mean, deviation)
    bad = draws <= 0.0
    while bad.any():
        draws[bad] = rng.normal(mean[bad], deviation[bad])
        bad = draws <= 0.0
    return draws
