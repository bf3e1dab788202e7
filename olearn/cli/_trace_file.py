"""Loading the trace that a command line names."""

from __future__ import annotations

from typing import Any

from olearn.errors import ParameterError


def parse_columns(text: str | None) -> dict[str, str | int] | None:
    """``item=3,time=1`` or ``item=key,size=bytes`` as a dict; whole numbers are 1-based positions."""
    if text is None:
        return None
    columns: dict[str, str | int] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise ParameterError(f"columns are written item=3,time=1 or item=key,time=ts, got {text!r}")
        columns[name.strip()] = int(value) if value.strip().isdigit() else value.strip()
    return columns


def load_trace(path: str, fmt: str | None = None, columns: str | None = None) -> Any:
    """Load a trace file or a bundled trace by its name."""
    from olearn.traces import load

    more = {} if columns is None else {"columns": parse_columns(columns)}
    return load(path, format=fmt, **more)
