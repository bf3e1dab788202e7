"""Delivery networks as JSON files.

One object::

    {
      "name": "two nodes",
      "alpha": 100.0,
      "split": "proportional",
      "nodes": {"edge": {"budget": 800.0}, "cloud": {"budget": 0.0, "repository": "all"}},
      "edges": [["edge", "cloud", 40.0]],
      "models": [
        {"name": "tiny/0", "task": 0, "size": 23.1, "accuracy": 0.402, "delay": 3.0},
        {"name": "full/0", "task": 0, "size": 245.0, "accuracy": 0.657,
         "delay": {"edge": 29.4, "cloud": 12.0}, "limit": 50}
      ],
      "types": [{"task": 0, "path": ["edge", "cloud"], "rate": 60.0}],
      "demand": [[58], [63]]
    }

``delay`` and ``limit`` are one number for all nodes or an object by node (``limit`` may be left out: no
limit; a node that is left out has none). ``repository`` is ``"all"`` or a list of models. ``rate`` (mean
requests a slot) and ``demand`` (requests by slot and type) are optional: a network without them needs a
demand from elsewhere.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from olearn.environments.delivery import SPLITS, Delivery
from olearn.errors import OlearnError, TraceError, nearest
from olearn.traces._files import write_whole

_KEYS = ("name", "alpha", "split", "nodes", "edges", "models", "types", "demand")
_NEEDED = ("alpha", "nodes", "edges", "models", "types")


class NetworkFile(NamedTuple):
    """What a file holds: the network, and the rates and the demand where it has them."""

    network: Delivery
    rates: np.ndarray | None  # float64 (R,)
    demand: np.ndarray | None  # float64 (T, R)


def load_network(path: str | Path) -> NetworkFile:
    """Read a network.

    Raises
    ------
    TraceError
        One sentence that names the file and what is wrong with it.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise TraceError(f"{path} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise TraceError(f"{path} is not JSON: {error}") from None
    try:
        return _parse(data)
    except OlearnError as error:
        raise TraceError(f"{path}: {error}") from None


def _parse(data: Any) -> NetworkFile:
    _fields(data, "the file", _NEEDED, _KEYS)
    nodes = data["nodes"]
    if not isinstance(nodes, dict) or not nodes:
        raise TraceError('"nodes" must be an object: name -> {"budget": MB, "repository": ...}')
    for name, node in nodes.items():
        _fields(node, f"node {name!r}", (), ("budget", "repository"))
    models = _list(data, "models")
    for i, model in enumerate(models, 1):
        _fields(
            model,
            f"model {i}",
            ("name", "task", "size", "accuracy", "delay"),
            ("name", "task", "size", "accuracy", "delay", "limit"),
        )
    types = _list(data, "types")
    for i, one in enumerate(types, 1):
        _fields(one, f"request type {i}", ("task", "path"), ("task", "path", "rate"))
        if not isinstance(one["path"], list):
            raise TraceError(f'"path" of request type {i} must be a list of nodes, got {one["path"]!r}')
    tasks = [m["task"] for m in models]
    if not all(isinstance(t, int) and not isinstance(t, bool) and t >= 0 for t in tasks):
        raise TraceError('"task" of every model must be a whole number of at least 0')
    network = Delivery(
        nodes=list(nodes),
        edges=_list(data, "edges"),
        models=[m["name"] for m in models],
        task=np.array(tasks),
        size=[m["size"] for m in models],
        accuracy=[m["accuracy"] for m in models],
        delay=_by_node(nodes, models, "delay", None),
        budget=[node.get("budget", 0.0) for node in nodes.values()],
        repositories={n: v["repository"] for n, v in nodes.items() if v.get("repository")},
        types=[(one["task"], one["path"]) for one in types],
        alpha=data["alpha"],
        limit=_by_node(nodes, models, "limit", math.inf),
        split=data.get("split", SPLITS[0]),
        name=str(data.get("name", "delivery network")),
    )
    rates = None
    if any("rate" in one for one in types):
        try:
            rates = np.array([one.get("rate", 0.0) for one in types], dtype=np.float64)
        except (TypeError, ValueError):
            raise TraceError('"rate" of every request type must be a number') from None
        if not (np.isfinite(rates) & (rates >= 0)).all():
            i = int(np.argmin(np.isfinite(rates) & (rates >= 0)))
            raise TraceError(
                f"rate of request type {i + 1} must be a finite number of at least 0, got {rates[i]}"
            )
    demand = network.check_demand(data["demand"]) if data.get("demand") is not None else None
    return NetworkFile(network, rates, demand)


def _fields(value: Any, what: str, needed: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    if not isinstance(value, dict):
        raise TraceError(f"{what} must be an object, got {type(value).__name__}")
    for name in needed:
        if name not in value:
            raise TraceError(f"{what} has no {name!r}; it needs {', '.join(needed)}")
    for name in value:
        if name not in allowed:
            raise TraceError(f"{what} has an unknown field {name!r}{nearest(str(name), allowed)}")


def _list(data: dict[str, Any], name: str) -> list[Any]:
    if not isinstance(data[name], list) or not data[name]:
        raise TraceError(f'"{name}" must be a list with at least one member')
    return data[name]


def _by_node(nodes: dict[str, Any], models: list[Any], name: str, default: float | None) -> np.ndarray:
    """A (nodes, models) matrix from one number or an object by node."""
    matrix = np.empty((len(nodes), len(models)))
    for j, model in enumerate(models):
        value = model.get(name)
        for i, node in enumerate(nodes):
            one = value.get(node, default) if isinstance(value, dict) else (default if value is None else value)
            if isinstance(value, dict):
                absent = next((n for n in value if n not in nodes), None)
                if absent is not None:
                    raise TraceError(
                        f"{name} of {model['name']!r} names the node {absent!r}, "
                        "which the network does not have"
                    )
            if isinstance(one, bool) or not isinstance(one, (int, float)):
                raise TraceError(f"{name} of {model['name']!r} at {node!r} must be a number, got {one!r}")
            matrix[i, j] = one
    return matrix


def save_network(network: Delivery, path: str | Path, demand: Any = None) -> Path:
    """Write a network, and a demand with it, whole or not at all."""
    v = len(network.nodes)

    def spread(column: np.ndarray) -> Any:
        """One number where all nodes agree, else an object by node; infinities are left out."""
        if (column == column[0]).all():
            return float(column[0])
        return {network.nodes[i]: float(column[i]) for i in range(v) if math.isfinite(column[i])}

    models = []
    for j, name in enumerate(network.models):
        model = {
            "name": name,
            "task": int(network.task[j]),
            "size": float(network.size[j]),
            "accuracy": float(network.accuracy[j]),
            "delay": spread(network.delay[:, j]),
        }
        if np.isfinite(network.limit[:, j]).any():
            model["limit"] = spread(network.limit[:, j])
        models.append(model)
    nodes: dict[str, Any] = {}
    for i, name in enumerate(network.nodes):
        nodes[name] = {"budget": float(network.budget[i])}
        if network.pinned[i].all():
            nodes[name]["repository"] = "all"
        elif network.pinned[i].any():
            nodes[name]["repository"] = [network.models[j] for j in np.flatnonzero(network.pinned[i])]
    data: dict[str, Any] = {
        "name": network.name,
        "alpha": network.alpha,
        "split": network.split,
        "nodes": nodes,
        "edges": [[network.nodes[a], network.nodes[b], ms] for (a, b), ms in network.rtt.items() if a < b],
        "models": models,
        "types": [{"task": t, "path": [network.nodes[n] for n in p]} for t, p in network.types],
    }
    if demand is not None:
        data["demand"] = network.check_demand(demand).tolist()
    text = json.dumps(data, allow_nan=False, indent=1)
    return write_whole(path, lambda file: file.write(text.encode()), compress=False)
