"""Capacities as people write them: 1000, "1000", "5%", 0.05."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from olearn.errors import ParameterError

_NUMBER = re.compile(r"\s*([0-9]+(?:[._][0-9]+)*(?:[eE][+]?[0-9]+)?)\s*(%?)\s*")


_BYTES = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?i?b)\s*", re.I)
_PREFIX = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def in_bytes(value: Any) -> bool:
    """Whether a capacity is written in bytes, such as ``"64mb"``."""
    return isinstance(value, str) and _BYTES.fullmatch(value) is not None


def parse_bytes(value: Any, footprint: int) -> int:
    """The number of bytes that `value` means for a trace whose items have `footprint` bytes.

    Parameters
    ----------
    value : int, float or str
        A whole number of bytes; with a unit such as ``"64mb"``, ``"1.5gb"`` (kb, mb, gb, tb are powers of 1000,
        kib, mib, gib, tib of 1024); a share of the footprint as ``"5%"`` or as a float between 0 and 1.
    footprint : int
        Bytes of all items.

    Examples
    --------
    >>> parse_bytes("64kb", 10**9), parse_bytes("1kib", 10**9), parse_bytes("1%", 10**6), parse_bytes(500, 1000)
    (64000, 1024, 10000, 500)
    """
    allowed = "allowed: bytes such as 64mb or 65536, or a share of the footprint such as 5%"
    match = _BYTES.fullmatch(value) if isinstance(value, str) else None
    if match:
        unit = match.group(2).lower()
        base = 1024 if "i" in unit else 1000
        number = float(match.group(1)) * base ** _PREFIX[unit.rstrip("b").rstrip("i")]
        share = False
    elif isinstance(value, str):
        plain = _NUMBER.fullmatch(value)
        if not plain:
            raise ParameterError(f"capacity {value!r} is not understood; {allowed}")
        number, share = float(plain.group(1)), bool(plain.group(2))
        number, share = (number / 100.0, True) if share else (number, 0.0 < number < 1.0)
    elif isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        number = float(value)
        share = 0.0 < number < 1.0
    else:
        raise ParameterError(f"capacity {value!r} is not understood; {allowed}")
    size = round(number * footprint) if share else number
    if not np.isfinite(size) or size != int(size):
        raise ParameterError(f"capacity must be a whole number of bytes, got {value!r}; {allowed}")
    if size < 1:
        raise ParameterError(f"capacity must be at least 1 byte, got {value!r}; {allowed}")
    if size > 1 << 62:
        raise ParameterError(f"capacity must be at most 2^62 bytes, got {value!r}; {allowed}")
    return int(size)


def parse_capacity(value: Any, catalog_size: int) -> int:
    """The number of items that `value` means for a catalogue.

    Parameters
    ----------
    value : int, float or str
        A whole number of items; a share of the catalogue as ``"5%"`` or as a float between 0 and 1.
        A share is rounded to the nearest whole number of items.
    catalog_size : int
        N, the items of the trace.

    Raises
    ------
    ParameterError
        If it is not of that form, comes to less than one item or to more than the catalogue.

    Examples
    --------
    >>> parse_capacity("5%", 1000), parse_capacity(0.05, 1000), parse_capacity("1_000", 5000)
    (50, 50, 1000)
    """
    allowed = "allowed: a whole number of items such as 1000, or a share of the catalogue such as 5%"
    share = False
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value)
        if not match:
            raise ParameterError(f"capacity {value!r} is not understood; {allowed}")
        try:
            number = float(match.group(1))
        except ValueError:
            raise ParameterError(f"capacity {value!r} is not understood; {allowed}") from None
        share = bool(match.group(2))
        if share:
            number /= 100.0
        elif 0.0 < number < 1.0:
            share = True
    elif isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        number = float(value)
        share = 0.0 < number < 1.0
    else:
        raise ParameterError(f"capacity {value!r} is not understood; {allowed}")
    if not np.isfinite(number) or (not share and number != int(number)):
        raise ParameterError(f"capacity must be a whole number of items, got {value!r}; {allowed}")
    items = round(number * catalog_size) if share else int(number)
    if items < 1:
        comes_to = f", which is {items} of {catalog_size:,} items" if share else ""
        raise ParameterError(f"capacity must be at least 1 item, got {value!r}{comes_to}")
    if items > catalog_size:
        raise ParameterError(f"capacity must be at most the catalogue of {catalog_size:,} items, got {value!r}")
    return items
