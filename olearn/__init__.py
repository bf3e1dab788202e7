"""olearn: replay traces against online-learning policies, with regret and certificates.

>>> import olearn
>>> trace = olearn.load_trace("twitter")[:20_000]
>>> result = olearn.replay(trace, ["lru", "ogb"], capacity="5%", seeds=2)
>>> [row["policy"] for row in result.rows]
['lru', 'ogb', 'ogb', 'static', 'belady', 'belady-bypass']

Everything loads at first use: importing olearn takes milliseconds.
"""

from __future__ import annotations

import importlib

from olearn._version import __version__

TYPE_CHECKING = False  # as in typing, whose import takes as long as all the rest
if TYPE_CHECKING:
    from typing import Any

    from olearn._jit import kernel
    from olearn._values import cached as cached
    from olearn.engine import Result, replay
    from olearn.engine.caching.compare import compare
    from olearn.engine.networks import network
    from olearn.engine.offloading import replay_offloading
    from olearn.errors import OlearnError
    from olearn.keyed import Keyed
    from olearn.learners.growth import regret_growth
    from olearn.policies.caching._base import CachingPolicy
    from olearn.traces import Trace
    from olearn.traces import load as load_trace
    from olearn.traces.offloading import read_table as load_table

#: Name -> (module, attribute) of what the package offers at the top.
_FACE = {
    "CachingPolicy": ("olearn.policies.caching._base", "CachingPolicy"),
    "Keyed": ("olearn.keyed", "Keyed"),
    "cached": ("olearn._values", "cached"),
    "kernel": ("olearn._jit", "kernel"),
    "replay": ("olearn.engine", "replay"),
    "compare": ("olearn.engine.caching.compare", "compare"),
    "Result": ("olearn.engine", "Result"),
    "Trace": ("olearn.traces", "Trace"),
    "OlearnError": ("olearn.errors", "OlearnError"),
    "load_trace": ("olearn.traces", "load"),
    "regret_growth": ("olearn.learners.growth", "regret_growth"),
    "network": ("olearn.engine.networks", "network"),
    "replay_offloading": ("olearn.engine.offloading", "replay_offloading"),
    "load_table": ("olearn.traces.offloading", "read_table"),
}
_PARTS = (
    "checks",
    "engine",
    "environments",
    "errors",
    "geometry",
    "keyed",
    "learners",
    "optima",
    "plot",
    "policies",
    "regret",
    "registry",
    "traces",
)

__all__ = [
    "CachingPolicy",
    "Keyed",
    "OlearnError",
    "Result",
    "Trace",
    "__version__",
    "compare",
    "kernel",
    "load_table",
    "load_trace",
    "network",
    "regret_growth",
    "replay",
    "replay_offloading",
]


def __getattr__(name: str) -> Any:
    if name in _FACE:
        module, attribute = _FACE[name]
        return getattr(importlib.import_module(module), attribute)
    if name in _PARTS:
        return importlib.import_module(f"olearn.{name}")
    raise AttributeError(f"module 'olearn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_PARTS])
