"""Request traces: the :class:`Trace`, readers for the formats of the field, generators, statistics.

>>> from olearn.traces import Trace, load
>>> trace = load("twitter")
>>> trace.items[:5]
array([0, 1, 2, 3, 4], dtype=int32)
"""

if __name__ != "olearn.traces":
    raise ImportError("this folder is the package olearn.traces: write 'from olearn.traces import load'")

from typing import Any

from olearn.traces._trace import Trace

#: Names that load on first use, and the module each lives in.
_LAZY = {
    "load": "olearn.traces.readers",
    "formats": "olearn.traces.readers",
    "Reader": "olearn.traces.readers",
    "bundled": "olearn.traces.data",
    "save": "olearn.traces.writers",
    "describe": "olearn.traces.stats",
}

__all__ = ["Reader", "Trace", "bundled", "describe", "formats", "load", "load_trace", "save", "synthetic"]


def __getattr__(name: str) -> Any:
    import importlib

    if name == "load_trace":
        name = "load"
    if name == "synthetic":
        return importlib.import_module("olearn.traces.synthetic")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
