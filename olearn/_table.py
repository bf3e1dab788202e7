"""Tables as plain text: the same cells in a terminal, a notebook and a README."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def cell(value: Any) -> str:
    """A table cell: '-' for nothing, 1,234 for whole numbers, four digits for other numbers."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if hasattr(value, "item"):  # a NumPy scalar
        value = value.item()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if math.isnan(value):
            return "-"
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        if value == round(value) or abs(value) >= 1000:
            return f"{value:,.0f}"
        return f"{value:.4g}"
    return str(value)


def text_table(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str] | None = None,
    title: str | None = None,
) -> str:
    """Rows as aligned text, numbers to the right, one header line.

    Examples
    --------
    >>> print(text_table([{"policy": "lru", "hits": 1234}, {"policy": "ogb", "hits": 0.25}]))
    policy   hits
    lru     1,234
    ogb      0.25
    """
    names = list(columns) if columns is not None else list(dict.fromkeys(k for r in rows for k in r))
    cells = [[cell(r.get(n)) for n in names] for r in rows]
    right = [
        any(not isinstance(r.get(n), (str, bool, type(None))) for r in rows)
        and not any(isinstance(r.get(n), str) and r.get(n) for r in rows)
        for n in names
    ]
    widths = [max([len(n), *(len(c[k]) for c in cells)]) for k, n in enumerate(names)]

    def line(values: Sequence[str]) -> str:
        padded = (v.rjust(w) if r else v.ljust(w) for v, w, r in zip(values, widths, right))
        return "  ".join(padded).rstrip()

    lines = [line(names), *(line(c) for c in cells)]
    return "\n".join([title, *lines] if title else lines)
