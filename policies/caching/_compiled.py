"""The kernels that every policy gets out of its own few: loops over requests, and entries for one call.

A policy writes ``step(state, item, log)``, ``share(state, item)`` and, as far as it can, ``peek(state)``,
``evict(state, log)`` and ``remove(state, item, log)``. From these, source text is made and compiled where
first used, as if it stood in the policy's file: one loop per policy is twice as fast as one generic loop
that takes the step as an argument, and hits the disk cache.

An *entry* serves one call from Python. Handing a NamedTuple of arrays to a compiled function costs 1 to 3
microseconds, most of it in taking the arrays apart. So a :class:`Table` holds the addresses of a state's
arrays, and an entry takes one number, the table's address, and puts the state together itself: 0.3
microseconds, whatever the state. Without the compiler an entry takes the state as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from olearn import _jit
from olearn._jit import generated, jit_enabled
from olearn.policies.caching import _ledger
from olearn.policies.caching._ledger import Log, new_log

_LOOP = """
def {name}(state, items, rewards, log=None):
    for t in range(items.size):
{ahead}        rewards[t] = step(state, items[t], at(log, t))
        close(log, t)
"""
_LOOP_SIZED = """
def {name}(state, items, sizes, rewards, log=None):
    for t in range(items.size):
{ahead}        item = items[t]
        weigh(state, item, share(state, item) > 0.0, sizes[t])
        rewards[t] = step(state, item, at(log, t))
        close(log, t)
"""
#: A policy whose step takes no log.
_LOOP_PLAIN = """
def {name}(state, items, rewards):
    for t in range(items.size):
{ahead}        rewards[t] = step(state, items[t])
"""
LOOPS = {"run": _LOOP, "run_sized": _LOOP_SIZED, "run_plain": _LOOP_PLAIN}

#: Entries: arguments and body. What happened comes back as one whole number: whether it was a hit, twice
#: whether the item came in, four times how many went out.
_DONE = "return hit + 2 * int(log.admitted[0]) + 4 * log.logged[0]"
ENTRIES = {
    "request": ("item", "return step(state, item, None)"),
    "request_plain": ("item", "return step(state, item)"),
    "request_sized": (
        "item, size",
        "weigh(state, item, share(state, item) > 0.0, size)\nreturn step(state, item, None)",
    ),
    "request_log": ("item", f"hit = int(step(state, item, log))\n{_DONE}"),
    "request_sized_log": (
        "item, size",
        f"weigh(state, item, share(state, item) > 0.0, size)\nhit = int(step(state, item, log))\n{_DONE}",
    ),
    "lookup": (
        "item",
        f"hit = 0\nif share(state, item) > 0.0:\n    hit = int(step(state, item, log))\n{_DONE}",
    ),
    "admit": (
        "item",
        f"hit = int(share(state, item) > 0.0)\nif hit == 0:\n    step(state, item, log)\n{_DONE}",
    ),
    "admit_sized": (
        "item, size",
        "hit = int(share(state, item) > 0.0)\nif hit == 0:\n"
        f"    weigh(state, item, False, size)\n    step(state, item, log)\n{_DONE}",
    ),
    "share": ("item", "return share(state, item)"),
    "peek": ("", "return peek(state)"),
    "evict": ("", f"hit = 0\nif state.stats[OCCUPANCY] > 0.0:\n    evict(state, log)\n{_DONE}"),
    "evict_next": (
        "",
        f"hit = 0\nif state.stats[OCCUPANCY] > 0.0:\n    remove(state, peek(state), log)\n{_DONE}",
    ),
    "remove": (
        "item",
        f"hit = int(share(state, item) > 0.0)\nif hit != 0:\n    remove(state, item, log)\n{_DONE}",
    ),
}


@_jit.kernel(inline=True)
def at(log, t):
    """The log as request t writes to it."""
    if log is None:
        return None
    return Log(log.left, log.admitted, log.offsets, log.logged, t)


@_jit.kernel(inline=True)
def close(log, t):
    """End request t."""
    if log is not None:
        log.offsets[t + 1] = log.logged[0]


def _names(policy: type[Any]) -> dict[str, Any]:
    """The globals of a policy's generated kernels."""
    own = {k: getattr(policy, a, None) for k, a in _OWN.items()}
    return {**{k: f for k, f in own.items() if f is not None}, **_SHARED}


_SHARED = {
    "AHEAD": _jit.AHEAD,
    "prefetch": _jit.prefetch,
    "at": at,
    "close": close,
    "weigh": _ledger.weigh,
    "OCCUPANCY": _ledger.OCCUPANCY,
}
_OWN = {"step": "step", "share": "share", "peek": "_peek", "evict": "_evict", "remove": "_remove"}


def loop(policy: type[Any], kind: str) -> Any:
    """One of ``LOOPS`` for a policy class."""
    name = f"{policy.__name__}_{kind}"
    ahead = ""
    if policy.touches:  # items are in no order, so the processor can't foresee where their records lie
        ahead = "        if t + AHEAD < items.size:\n"
        for array, cells in policy.touches.items():
            ahead += f"            prefetch(state.{array}, {cells} * items[t + AHEAD])\n"
    return generated(LOOPS[kind].format(name=name, ahead=ahead), name, policy.step, _names(policy))


class Table:
    """The addresses of a state's arrays, and a log for the events of one call.

    Parameters
    ----------
    state : NamedTuple
        Arrays and numbers, or NamedTuples of them.
    room : int
        Entries of the log.
    """

    def __init__(self, state: Any, room: int) -> None:
        self.state = state  # keeps the arrays alive as long as their addresses
        self.log: Log = new_log(1, room)
        self._words: list[tuple[type, Any]] = []
        self._types: dict[str, Any] = {}
        # Read-only or strided arrays can't be rebuilt from an address alone.
        self.compiled = jit_enabled() and all(_plain(a) for a in _arrays((state, self.log)))
        self.address: Any = (state, self.log)
        if self.compiled:
            self._state, self._log = self._expression(state), self._expression(self.log)
            self._memory = np.zeros(len(self._words), np.int64)
            for k, (kind, value) in enumerate(self._words):
                self._memory.view(kind)[k] = value
            self.address = self._memory.ctypes.data

    def _expression(self, value: Any) -> str:
        """Source of an expression that puts `value` together, its addresses and numbers in the table."""
        if value is None:
            return "None"
        if isinstance(value, tuple):
            kind = type(value)
            name = f"T{len(self._types)}"
            self._types[name] = kind
            return f"{name}({', '.join(self._expression(v) for v in value)})"
        if isinstance(value, np.ndarray):
            at = len(self._words)
            self._words += [(np.int64, value.ctypes.data), *((np.int64, n) for n in value.shape)]
            shape = "".join(f"w[{at + 1 + d}], " for d in range(value.ndim))
            self._types[value.dtype.name] = value.dtype.type
            return f"view(w[{at}], ({shape}), {value.dtype.name})"
        at = len(self._words)
        if isinstance(value, (bool, np.bool_)):
            self._words.append((np.int64, int(value)))
            return f"(w[{at}] != 0)"
        if isinstance(value, np.uint64):
            self._words.append((np.uint64, value))
            return f"u[{at}]"
        if isinstance(value, (int, np.integer)):
            self._words.append((np.int64, int(value)))
            return f"w[{at}]"
        self._words.append((np.float64, float(value)))
        return f"f[{at}]"

    @property
    def layout(self) -> tuple[Any, ...]:
        """What entries depend on: tables of the same layout share them."""
        return (self.compiled, self._state, tuple(self._types.values())) if self.compiled else (False,)

    def entry(self, policy: type[Any], kind: str) -> Callable[..., Any]:
        """An entry for this kind of state: ``entry(table.address, ...)``. Other tables of it may use it too."""
        arguments, body = ENTRIES[kind]
        needs_log = "log" in body
        return self._build(f"{policy.__name__}_{kind}", arguments, body, policy.step, _names(policy), needs_log)

    def _build(
        self,
        name: str,
        arguments: str,
        body: str,
        beside: Any,
        names: dict[str, Any],
        needs_log: bool,
        salt: str = "",
    ) -> Callable[..., Any]:
        """Compile `body`, which finds ``state``, ``log`` and `arguments`, as a kernel of the file of `beside`.

        `salt` tells apart what depends on more than that file and the state.
        """
        lines = []
        if self.compiled:
            k = len(self._words)
            lines += [f"    w = view(address, ({k},), int64)"]
            built = self._state + (self._log if needs_log else "")
            lines += [f"    f = view(address, ({k},), float64)"] if "f[" in built else []
            lines += [f"    u = view(address, ({k},), uint64)"] if "u[" in built else []
            lines += [f"    state = {self._state}"]
            lines += [f"    log = {self._log}"] if needs_log else []
        else:
            lines += ["    state, log = address"]
        lines += ["    log.logged[0] = 0", "    log.admitted[0] = False"] if needs_log else []
        lines += ["    " + line for line in body.split("\n")]
        inside = "\n".join(lines) + "\n"
        # numba's disk cache tells functions of one file apart by name and bytecode, which the dtypes of a
        # state are not part of: so they go into the name.
        types = sorted(f"{k}={v.__module__}.{v.__qualname__}" for k, v in self._types.items())
        digest = hashlib.blake2b(repr((inside, types, salt)).encode(), digest_size=4).hexdigest()
        name = f"{name}_{digest}"
        source = f"def {name}(address{', ' + arguments if arguments else ''}):\n{inside}"
        space: dict[str, Any] = {**names, **self._types, **_WORDS}
        if self.compiled:
            return generated(source, name, beside, space, brief=True)
        exec(source, space)
        return space[name]


_WORDS = {"view": _jit.view, "int64": np.int64, "uint64": np.uint64, "float64": np.float64}


def _arrays(value: Any) -> list[np.ndarray]:
    if isinstance(value, tuple):
        return [a for v in value for a in _arrays(v)]
    return [value] if isinstance(value, np.ndarray) else []


def _plain(array: np.ndarray) -> bool:
    return bool(array.flags.c_contiguous and array.flags.aligned and array.flags.writeable)
