"""Loading the trace that a command line names, and saying what is to be known about it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click

from olearn.cli._common import err
from olearn.errors import ParameterError

_META = "olearn.reading"


def _keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Keep an option for :func:`load_trace`, so that commands need not hand it on."""
    if value is not None:
        ctx.meta.setdefault(_META, {})[parameter.name] = value
    return value


_OPTIONS = (
    ("--operations", "RULE", "Which rows are requests: get (default), all, get+set, ... or rule."),
    ("--block", "SIZE", "Split ranges of block devices into blocks of so many bytes, e.g. 4kb."),
    ("--sample", "SHARE", "Read only a share of the items, by a hash of the key, e.g. 0.1 or 10%."),
    ("--memory", "SIZE", "What reading may take, e.g. 16gb (default: a quarter of the machine's memory)."),
)


def reading_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options on how a trace is read that are the same for every command."""
    function = click.option(
        "--on-disk",
        is_flag=True,
        default=None,
        expose_value=False,
        callback=_keep,
        help="Keep the trace in temporary files, not in memory: for traces longer than memory.",
    )(function)
    for name, metavar, text in reversed(_OPTIONS):
        function = click.option(name, metavar=metavar, help=text, expose_value=False, callback=_keep)(function)
    return function


def parse_share(text: str) -> float:
    """``0.1`` or ``10%`` as a number above 0 and at most 1."""
    try:
        share = float(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
    except ValueError:
        share = -1.0
    if not 0.0 < share <= 1.0:
        raise ParameterError(f"a share is above 0 and at most 1, e.g. 0.1 or 10%, got {text!r}")
    return share


def asked() -> dict[str, Any]:
    """The options of :func:`reading_options` as :func:`olearn.traces.load` takes them."""
    context = click.get_current_context(silent=True)
    given = dict(context.meta.get(_META, {})) if context is not None else {}
    memory = given.pop("memory", None)
    if memory is not None:
        from olearn.traces._limits import VARIABLE, parse_bytes

        parse_bytes(memory, "--memory")
        os.environ[VARIABLE] = memory
    if "sample" in given:
        given["sample"] = parse_share(given["sample"])
    return given


def load_trace(
    path: str, fmt: str | None = None, columns: str | None = None, unused: Iterable[str] = (), **options: Any
) -> Any:
    """Load a trace file or a bundled trace by its name, and say on standard error what is to be known.

    `unused` names the columns (``costs``, ...) that the command does not look at.
    """
    from olearn.traces import load

    more = {} if columns is None else {"columns": columns}
    trace = load(path, format=fmt, **more, **asked(), **options)
    if trace.operations is not None:
        raise ParameterError(
            "the trace keeps writes and deletes (--operations rule), which this command does not play: give "
            "--operations get (reads are requests), all, or the names of those that are"
        )
    say(trace, unused)
    return trace


def say(trace: Any, unused: Iterable[str] = ()) -> None:
    """Print the notes of a trace, one line each, on standard error; `unused` as in :func:`load_trace`."""
    lines = list(trace.notes)
    there = [name for name in unused if getattr(trace, name, None) is not None]
    if there:
        lines.append(f"{' and '.join(there)} are there and not used here")
    for line in lines:
        err.print(f"{trace.name}: {line}", markup=False)


def read_as(origin: Mapping[str, Any]) -> str:
    """Format and columns of a trace's origin, e.g. ``csv, item = lbn (5), time = time (2)``."""
    parts = [str(origin.get("format", "keys in memory"))]
    if origin.get("compression"):
        parts[0] += f" ({origin['compression']})"
    if origin.get("version"):
        parts[0] += f" version {origin['version']}"
    if origin.get("store"):
        parts[0] += ", a store on disk"
    columns = origin.get("columns") or {}
    return ", ".join([*parts, *(f"{role} = {column}" for role, column in columns.items())])


def table_read_as(table: Any) -> str:
    """Which kind of offloading table was read and from which columns, e.g. ``binary table, from ...``."""
    origin = table.origin
    if not origin:
        return f"{table.kind} table"
    text = f"{origin['kind']} table, from {', '.join(origin['columns'])}"
    return text + (f"; not read: {', '.join(origin['not_read'])}" if origin["not_read"] else "")
