"""Reading a network of caches from JSON: nodes, edges, capacity, source, demands; anything else is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from olearn.errors import TraceError
from olearn.traces.networks.model import Network, build

_KINDS = {"nodes": int, "edges": list, "capacity": list, "source": list, "demands": list}


def load_network(path: str | Path) -> Network:
    """Read a network from a JSON file.

    Parameters
    ----------
    path : str or Path
        One object with ``nodes`` (int), ``edges`` ([[node, node, weight], ...]), ``capacity`` (one a node),
        ``source`` (designated server, one an item) and ``demands``
        ([{"item": i, "path": [query node, ..., server], "rate": r}, ...]). Other fields go to `published`.

    Raises
    ------
    TraceError
        The file is absent or is no such object; the sentence says where.
    """
    where = Path(path)
    try:
        data: Any = json.loads(where.read_text(encoding="utf-8"))
    except OSError as error:
        raise TraceError(f"can't read {where}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise TraceError(f"{where} is not text (UTF-8), so it is no JSON") from None
    except json.JSONDecodeError as error:
        raise TraceError(
            f"{where} is no JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    if not isinstance(data, dict):
        raise TraceError(f"{where} must hold one JSON object, got a {type(data).__name__}")
    for key, kind in _KINDS.items():
        if key not in data:
            raise TraceError(f"{where} has no field {key!r}; needed: {', '.join(_KINDS)}")
        if not isinstance(data[key], kind):
            raise TraceError(f"{where}: field {key!r} must be a {kind.__name__}, got {data[key]!r:.60}")
    demands = []
    for d, one in enumerate(data["demands"]):
        if not isinstance(one, dict) or not {"item", "path", "rate"} <= one.keys():
            raise TraceError(f"{where}: demand {d} must be an object with item, path and rate, got {one!r:.60}")
        if not isinstance(one["path"], list):
            raise TraceError(f"{where}: path of demand {d} must be a list of nodes, got {one['path']!r:.60}")
        demands.append((one["item"], one["path"], one["rate"]))
    rest = {k: v for k, v in data.items() if k not in _KINDS and k != "name"}
    name = str(data.get("name", where.stem))
    try:
        return build(
            data["nodes"], data["edges"], data["capacity"], data["source"], demands, name=name, published=rest
        )
    except TraceError as error:
        raise TraceError(f"{where}: {error}") from None
