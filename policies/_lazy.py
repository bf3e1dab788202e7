"""Families of policies load a policy's module when its class is first asked for."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable
from typing import Any


def lazy(package: str, path: Iterable[str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a family.

    A class is named as its module, without regard to case and underscores: ``BeladyBypass`` lives in
    ``belady_bypass``. Modules with an underscore in front are what policies share.
    """
    modules = {
        m.name.replace("_", ""): m.name for m in pkgutil.iter_modules(path) if not m.name.startswith("_")
    }

    def load(name: str) -> Any:
        module = modules.get(name.lower())
        if module is not None:
            found = importlib.import_module(f"{package}.{module}")
            if hasattr(found, name):
                return getattr(found, name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def names() -> list[str]:
        """The classes, for completion: this imports every module of the family."""
        found = set()
        for module in modules.values():
            loaded = importlib.import_module(f"{package}.{module}")
            found |= {n for n, c in inspect.getmembers(loaded, inspect.isclass) if getattr(c, "name", "")}
        return sorted(n for n in found if n.lower() in modules)

    return load, names
