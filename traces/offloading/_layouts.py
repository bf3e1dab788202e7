"""CSV layouts of published data that are not olearn's own: found by their column names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np


def adopt(columns: Mapping[str, np.ndarray], where: str) -> Any:
    """The table in the columns of a CSV file, or None if they are in no layout known here.

    Known: early-exit confidences (``conf_<exit>``), routing tables (``<model>_correct``), the Azure LLM
    inference traces of 2023 (``TIMESTAMP, ContextTokens, GeneratedTokens``).
    """
    names = list(columns)
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
