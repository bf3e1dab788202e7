"""One loop for each game, and the results they return."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from olearn.engine.caching import parse_capacity, replay
    from olearn.engine.result import Result

_HOME = {"replay": "caching", "parse_capacity": "caching", "Result": "result"}

__all__ = ["Result", "parse_capacity", "replay"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
