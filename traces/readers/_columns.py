"""Which column is what: ``item=3,time=1``, a mapping, or libCacheSim's ``obj-id-col=3,time-col=1``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from olearn.errors import ParameterError, unknown
from olearn.traces.readers._table import ROLES

#: Short forms of roles.
_ALIASES = {"op": "operation", "id": "item", "key": "item", "key_size": "extra_size", "repeat": "count"}
#: libCacheSim's names of columns, and those of its options that this reader has.
_LIBCACHESIM = {
    "time-col": "time", "obj-id-col": "item", "obj-size-col": "size", "obj-cost-col": "cost",
    "cnt-col": "count", "op-col": "operation", "ttl-col": "ttl",
}  # fmt: skip
_UNREAD = ("tenant-col", "feature-cols", "next-access-vtime-col", "n-feature-cols")
_SWITCHES = ("has-header", "delimiter", "block-size", "obj-id-is-num", "format")
_TABS = {"\\t": "\t", "tab": "\t", "space": " ", "comma": ","}


class Chosen(NamedTuple):
    """What a text of columns says."""

    roles: dict[str, str | int]
    options: dict[str, Any]  # delimiter, header, block, format
    unread: list[str]


def parse_columns(columns: Mapping[str, str | int] | str) -> Chosen:
    """Roles of columns, by name or by position from 1, and libCacheSim's further options.

    Examples
    --------
    >>> parse_columns("item=3,time=ts").roles
    {'item': '3', 'time': 'ts'}
    >>> parse_columns("obj-id-col=5,obj-size-col=4,delimiter=,")
    Chosen(roles={'item': '5', 'size': '4'}, options={'delimiter': ','}, unread=[])
    """
    pairs = _pairs(columns) if isinstance(columns, str) else dict(columns)
    roles: dict[str, str | int] = {}
    options: dict[str, Any] = {}
    unread = []
    for name, value in pairs.items():
        folded = name.strip().lower().replace("_", "-")
        if folded in _LIBCACHESIM:
            roles[_LIBCACHESIM[folded]] = value
        elif folded in _UNREAD:
            unread.append(folded)
        elif folded in _SWITCHES:
            _switch(options, folded, str(value))
        else:
            role = _ALIASES.get(name.strip(), name.strip())
            if role not in ROLES:
                raise unknown("column role", str(name), ROLES)
            roles[role] = value
    if "item" not in roles:
        raise ParameterError(f"columns must name the item, got only {', '.join(map(str, pairs)) or 'nothing'}")
    return Chosen(roles, options, unread)


def _pairs(text: str) -> dict[str, str]:
    """The pairs of a text; a delimiter may be the comma that separates them."""
    found: dict[str, str] = {}

    def take(match: re.Match[str]) -> str:
        found["delimiter"] = match[1] or match[2] or match[3]
        return ""

    rest = re.sub(r"(?:^|,)\s*delimiter=(?:'(.)'|(\\t|tab|space|comma)|(.))", take, text)
    for part in rest.split(","):
        name, sign, value = part.partition("=")
        if not part.strip() and found:
            continue
        if not sign or not value.strip():
            raise ParameterError(f"columns are written item=3,time=1 or item=url, got {text!r}")
        found[name.strip()] = value.strip().strip("\"'")
    return found


def _switch(options: dict[str, Any], name: str, value: str) -> None:
    low = value.strip().lower()
    if name == "has-header":
        if low not in ("true", "false", "1", "0"):
            raise ParameterError(f"has-header is true or false, got {value!r}")
        options["header"] = low in ("true", "1")
    elif name == "delimiter":
        options["delimiter"] = _TABS.get(value, value)
    elif name == "block-size":
        if low != "0":
            options["block"] = value
    elif name == "format":
        options["format"] = value
