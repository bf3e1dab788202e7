"""Write what type checkers and editors see of the families of policies: `make stubs`.

Policies load at first use, through a module's ``__getattr__``, which tells a type checker nothing. So beside
each family's ``__init__.py`` lies a stub that names every class; tests/test_typing.py refuses one that is out
of date.
"""

import importlib
import pkgutil
from pathlib import Path

import olearn.policies

HEAD = "# Written by `make stubs`: the classes of this family, which load at first use.\n"


def families() -> list[str]:
    """Names of the packages whose classes load at first use."""
    found = [f"olearn.policies.{m.name}" for m in pkgutil.iter_modules(olearn.policies.__path__) if m.ispkg]
    return [name for name in found if hasattr(importlib.import_module(name), "__getattr__")]


def stub(family: str) -> tuple[Path, str]:
    """Where a family's stub lies, and what it must say."""
    package = importlib.import_module(family)
    lines = [f"from {getattr(package, n).__module__} import {n} as {n}\n" for n in dir(package)]
    return Path(str(package.__file__)).with_suffix(".pyi"), HEAD + "\n" + "".join(sorted(lines))


if __name__ == "__main__":
    for name in families():
        path, text = stub(name)
        path.write_text(text)
