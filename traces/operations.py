"""What the rows of a trace do, and which of them are requests.

Key-value, object and block traces hold reads, writes and deletes. The rule says which rows become
requests; everything else is left out, counted, and said:

* ``get`` (the default): reads are requests, everything else is left out;
* ``all``: every row is a request;
* names joined by ``+``, groups (``get``, ``set``, ``delete``) or single operations
  (``get+set``, ``read+write``, ``get+head``): those rows are requests;
* ``rule``: reads, writes and deletes stay, and the trace's columns ``operations`` and ``ttl`` say what
  each does, for engines that let writes insert, deletes remove and items expire.

A row that counts several equal operations (``op_count``) stands for as many rows.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from olearn.errors import ParameterError, nearest

#: Operation of each code; codes 1 to 14 are libCacheSim's.
NAMES = (
    "nop", "get", "gets", "set", "add", "cas", "replace", "append", "prepend", "delete", "incr", "decr",
    "read", "write", "update", "head", "copy",
)  # fmt: skip
CODES = {name: code for code, name in enumerate(NAMES)}
#: Other spellings, in the letters that :func:`code_of` compares.
_ALIASES = {
    "put": "set", "post": "set", "insert": "set", "rd": "read", "r": "read", "wr": "write", "w": "write",
    "del": "delete", "remove": "delete", "lookup": "get", "getlease": "get", "setlease": "set",
    "getchunkdata": "get", "putchunk": "set", "getpermanent": "get", "restgetobject": "get",
    "restputobject": "set", "restdeleteobject": "delete", "restheadobject": "head", "restcopyobject": "copy",
    "restcopyobjectget": "copy", "increment": "incr", "decrement": "decr",
}  # fmt: skip
GROUPS = {
    "get": ("get", "gets", "read"),
    "set": ("set", "add", "cas", "replace", "append", "prepend", "incr", "decr", "write", "update"),
    "delete": ("delete",),
}
DEFAULT = "get"


def code_of(text: str) -> int | None:
    """The code of an operation's name in any of its spellings, None if it has none.

    Examples
    --------
    >>> code_of("GET"), code_of("REST.PUT.OBJECT"), code_of("putChunk.Permanent"), code_of("x")
    (1, 3, 3, None)
    """
    folded = "".join(c for c in text.strip().lower() if c.isalpha())
    for name in (folded, "".join(c for c in text.strip().lower().partition(".")[0] if c.isalpha())):
        found = CODES.get(_ALIASES.get(name, name))
        if found:
            return found
    return None


def group_mask(*groups: str) -> np.ndarray:
    """Which codes belong to the groups, bool by code."""
    mask = np.zeros(len(NAMES), dtype=bool)
    mask[[CODES[name] for group in groups for name in GROUPS[group]]] = True
    return mask


class Rule:
    """Which operations are requests; counts what it leaves out.

    Parameters
    ----------
    text : str
        ``get``, ``all``, ``rule`` or names joined by ``+``; see the module.

    Examples
    --------
    >>> rule = Rule("get")
    >>> rule.kept(np.array([CODES["get"], CODES["set"], CODES["read"]])).tolist(), rule.told()
    ([True, False, True], 'operations: get (reads are requests); left out: 1 set')
    """

    def __init__(self, text: str | None = None) -> None:
        self.text = (text or DEFAULT).strip().lower()
        self.full = self.text == "rule"
        self._mask = np.zeros(len(NAMES), dtype=bool)
        if self.text == "all":
            self._mask[:] = True
        elif self.full:
            self._mask = group_mask("get", "set", "delete")
        else:
            for name in self.text.split("+"):
                name = name.strip()
                if name in GROUPS:
                    self._mask |= group_mask(name)
                elif code_of(name) is not None:
                    self._mask[code_of(name)] = True
                else:
                    known = ("get", "all", "rule", *GROUPS, *NAMES[1:])
                    raise ParameterError(
                        f"operations are get, all, rule or names joined by +, got {text!r}"
                        f"{nearest(name, known)}; names: {', '.join(dict.fromkeys(known))}"
                    )
        self.left: Counter[str] = Counter()
        self.taken = 0

    def kept(self, codes: np.ndarray) -> np.ndarray:
        """A mask of the rows that stay; the others are counted."""
        mask = self._mask[codes]
        self.taken += int(np.count_nonzero(mask))
        if not mask.all():
            counts = np.bincount(codes[~mask], minlength=len(NAMES))
            self.left.update({NAMES[c]: int(counts[c]) for c in np.flatnonzero(counts)})
        return np.asarray(mask)

    def told(self) -> str:
        """One sentence on what was done."""
        meanings = {
            "get": "reads are requests",
            "all": "every row is a request",
            "rule": "reads are requests, writes insert or update, deletes remove",
        }
        meaning = meanings.get(self.text, f"{', '.join(self.text.split('+'))} are requests")
        left = ", ".join(f"{count:,} {name}" for name, count in self.left.items())
        return f"operations: {self.text} ({meaning}); left out: {left or 'nothing'}"


def no_request(rule: Rule) -> str:
    """Why nothing is left, as the end of a sentence about a file."""
    had: dict[str, Any] = dict(rule.left)
    return f"has no request under operations={rule.text}: it holds {', '.join(had)} only"
