"""CSV layouts of published data that are not olearn's own: found by their column names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np


def adopt(columns: Mapping[str, np.ndarray], where: str) -> Any:
    """The table in the columns of a CSV file, or None if they are in no layout known here.

    Known: early-exit confidences (``conf_<exit>``), routing tables (``<model>_correct``), RouteLLM's files
    (``prompt, <model>, <model>, ...`` with True and False), the Azure LLM inference traces of 2023
    (``TIMESTAMP, ContextTokens, GeneratedTokens``).
    """
    names = list(columns)
    if models := routellm_models(columns):
        from olearn.traces.offloading.routing import routing_of

        kept = {name: columns[name] for name in ("context",) if name in columns}
        return routing_of(kept | {f"{m}_correct": columns[m] for m in models}, where)
    if {"confidence", "local_correct"} <= set(names):  # the table of binary offloading, whatever else it has
        return None
    if {"TIMESTAMP", "ContextTokens", "GeneratedTokens"} <= set(names):
        from olearn.traces.offloading.servers import arrivals_of

        return arrivals_of(columns, where)
    own = {"local_correct", "remote_correct"}  # of the table of binary offloading
    if sum(name.lower().endswith("_correct") and name not in own for name in names) >= 2:
        from olearn.traces.offloading.routing import routing_of

        return routing_of(columns, where)
    if sum(re.fullmatch(r"conf(idence)?_.+", name, re.IGNORECASE) is not None for name in names) >= 2:
        from olearn.traces.offloading.exits import exits_of

        return exits_of(columns, where)
    return None


def routellm_models(columns: Mapping[str, np.ndarray]) -> list[str]:
    """The models of a file of RouteLLM: a column of truth values each, beside the prompt; else nothing."""
    if "prompt" not in columns:
        return []
    models = [name for name, values in columns.items() if values.dtype.kind == "b"]
    return models if len(models) >= 2 else []


def columns_used(columns: Mapping[str, np.ndarray], table: Any) -> list[str]:
    """Which columns of the file a table of :func:`adopt` is made of."""
    if models := routellm_models(columns):
        return [name for name in columns if name in models or name == "context"]
    if table.kind == "servers":
        return ["TIMESTAMP", "ContextTokens", "GeneratedTokens"]
    form = {
        "routing": r".+_(correct|price|latency)|tokens|context|transfer|feature_.*",
        "exits": r"(conf(idence)?|correct|pred(iction)?)[_ ].+|label",
    }[table.kind]
    return [name for name in columns if re.fullmatch(form, name, re.IGNORECASE)]
