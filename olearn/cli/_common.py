"""What the commands share: one-sentence errors with exit code 2, tables, JSON, safe files."""

from __future__ import annotations

import difflib
import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console

from olearn._table import text_table
from olearn.errors import OlearnError

#: People's words go to standard error (progress, notes), results to standard output.
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Main(click.Group):
    """A group whose commands turn every :class:`OlearnError` into one sentence and exit code 2."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name = args[0] if args else ""
        if name and not name.startswith("-") and self.get_command(ctx, name) is None:
            close = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise click.UsageError(f"no command {name!r}{hint}; known: {', '.join(self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OlearnError as error:
            err.print(f"olearn: {error}", markup=False)
            ctx.exit(2)
        except BrokenPipeError:  # the reader of a pipe went away, e.g. `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        except OSError as error:  # a full disk, a folder that vanished
            where = f"{error.filename}: " if error.filename else ""
            err.print(f"olearn: {where}{error.strerror or error}", markup=False)
            ctx.exit(2)


def print_table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None, title: str | None = None
) -> None:
    """Print rows as a table: numbers to the right, floats in four significant digits."""
    click.echo(text_table(rows, columns, title))


def to_json(value: Any) -> str:
    """JSON text; NaN and infinities become null, so that every reader takes it."""
    return json.dumps(plain(value), indent=2, allow_nan=False)


def plain(value: Any) -> Any:
    """`value` with NumPy types, tuples and paths turned into what JSON knows."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value


def print_json(value: Any) -> None:
    """Print one JSON object on standard output and nothing else."""
    click.echo(to_json(value))


def write_atomically(path: Path, text: str | bytes) -> None:
    """Write a whole file or nothing: an existing one is replaced only by a complete one."""
    from olearn.traces._files import write_whole

    data = text.encode() if isinstance(text, str) else text
    if str(path) == "/dev/stdout" and isinstance(text, str):  # opened anew, a file behind it would be cut
        click.echo(text, nl=False)
        return
    write_whole(path, lambda file: file.write(data))


def check_writable(*paths: str | Path | None) -> None:
    """Refuse files and folders that can't be written before the work, not after it."""
    for path in paths:
        if path is None:
            continue
        there = Path(path).absolute()
        while not there.exists() and there != there.parent:
            there = there.parent
        if there != Path(path).absolute() and not there.is_dir():
            raise OlearnError(f"can't write {path}: {there} is not a folder")
        if not os.access(there, os.W_OK):
            raise OlearnError(f"can't write {path}: no permission to write {there}")


def to_csv(rows: Sequence[Mapping[str, Any]], columns: Iterable[str] | None = None) -> str:
    """CSV text of rows, a header first; empty cells for missing values."""
    import csv
    import io

    names = list(columns) if columns is not None else list(dict.fromkeys(k for r in rows for k in r))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: v for k, v in plain(row).items() if v is not None})
    return text.getvalue()
