"""What every game is asked: policies and their labels, seeds, checkpoints, cores."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from olearn import registry
from olearn.errors import NotSupportedError, ParameterError, check_int, check_positive_int


class Choice:
    """A policy as it was asked for: how to build it, and the name of its rows.

    Parameters
    ----------
    asked : str, type or callable
        ``"ogb(eta=0.01)"``, a class of policies, or a callable that takes the game's parameters by keyword.
    label : str, optional
        The name of its rows, by default the text or the class's name.
    find : callable
        ``find(name)`` gives the class of a name.
    """

    def __init__(self, asked: Any, label: str | None = None, find: Callable[[str], Any] | None = None) -> None:
        self.asked = asked
        self.parameters: dict[str, Any] = {}
        if isinstance(asked, str):
            name, self.parameters = registry.parse_spec(asked)
            self.factory: Callable[..., Any] = (find or _caching)(name)
            registry.check_parameters(self.factory, self.parameters)
            inside = ", ".join(f"{k}={v}" for k, v in self.parameters.items())
            own = f"{name}({inside})" if inside else name
        elif callable(asked):
            self.factory = asked
            inner = getattr(asked, "func", asked)  # of a functools.partial
            own = str(getattr(inner, "name", None) or getattr(inner, "__name__", repr(asked)))
        elif find is None and is_cache(asked):
            self.factory = functools.partial(_foreign, asked)
            own = type(asked).__name__
        else:
            raise NotSupportedError(
                "a policy is a name, a class, a callable, or an object with request(item) or get(item) and "
                f"put(item, value); got {asked!r}"
            )
        self.label = own if label is None else label
        self._made: type | None = None

    def build(self, **common: Any) -> Any:
        """The policy."""
        policy = self.factory(**common, **self.parameters)
        self.made(policy)
        return policy

    def made(self, policy: Any) -> None:
        """Note the class of what was made."""
        self._made = type(policy)

    def sources(self) -> list[Any]:
        """What the policy's numbers depend on: where it is made, and the class that is made."""
        return [getattr(self.factory, "func", self.factory), *([self._made] if self._made else [])]


def is_cache(asked: Any) -> bool:
    """Whether an object can be asked as a cache: ``request(item)``, or ``get`` and ``put``."""
    if callable(getattr(asked, "request", None)):
        return True
    return callable(getattr(asked, "get", None)) and callable(getattr(asked, "put", None))


def _foreign(asked: Any, **common: Any) -> Any:
    from olearn.engine.caching.foreign import Foreign

    return Foreign(asked, **common)


def _caching(name: str) -> Any:
    return registry.find("caching", name)


def choices(asked: Any, make: Callable[..., Any] = Choice) -> list[Any]:
    """The policies asked for, each once: names, classes and callables, or a dict from labels to these."""
    if isinstance(asked, Mapping):
        found = [make(policy, str(label)) for label, policy in asked.items()]
    else:
        found = [make(policy) for policy in as_list(asked)]
    if not found:
        raise ParameterError("give at least one policy")
    labels = [c.label for c in found]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise ParameterError(f"policy {twice[0]!r} is given twice")
    return found


def as_list(value: Any) -> list[Any]:
    """A sequence as a list, anything else as the only member of one."""
    return list(value) if isinstance(value, (list, tuple, np.ndarray)) else [value]


def as_seeds(seeds: Any) -> list[int]:
    """The seeds 0, 1, ... of a number, or the given ones; one twice would make the bands look too sure."""
    if isinstance(seeds, (str, bytes)) or not isinstance(seeds, Iterable):
        return list(range(check_positive_int("seeds", seeds)))
    found = [check_int("seed", seed, minimum=0) for seed in seeds]
    if not found:
        raise ParameterError("give at least one seed")
    twice = [seed for k, seed in enumerate(found) if seed in found[:k]]
    if twice:
        raise ParameterError(f"seed {twice[0]} is given twice")
    return found


def spaced(rounds: int, count: Any) -> np.ndarray:
    """`count` equally spaced numbers of rounds, the last of them `rounds`."""
    number = check_positive_int("checkpoints", count)
    return np.unique(np.ceil(np.linspace(0, rounds, min(number, rounds) + 1)[1:]).astype(np.int64))


def cores() -> int:
    """Cores that this process may use: its affinity, and the quota of its container where there is one."""
    try:
        found = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        found = os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        found = min(found, -(-int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return max(1, found)


def as_jobs(jobs: Any) -> int:
    """Number of threads: as asked, by default :func:`cores`."""
    return cores() if jobs is None else check_positive_int("jobs", jobs)


def spaced_below(rounds: int, count: int) -> np.ndarray:
    """`count` equally spaced numbers of rounds, rounded down, the last of them `rounds`."""
    return np.unique(np.linspace(0, rounds, min(count, rounds) + 1)[1:].astype(np.int64))
