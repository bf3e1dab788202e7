"""Caching policies, one a file; a policy's module loads when its class is first asked for.

>>> from olearn.policies.caching import OGB
>>> OGB.name
'ogb'
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

#: The modules that hold a policy; names with an underscore are what policies share.
MODULES = tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")))


def __getattr__(name: str) -> Any:
    # A class is named as its module, without regard to case and underscores: BeladyBypass, belady_bypass.
    for module in MODULES:
        if module.replace("_", "") == name.lower():
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
