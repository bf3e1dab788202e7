"""What every command that plays a game shares: its options, and the way from the run to the files.

The order is the promise: the run (Ctrl-C ends it with what there is), the table, then the files, each whole
or not at all, one that can't be written said at the end. Nothing is written over the input.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click

from olearn._interrupts import CODE, Held, leave
from olearn.cli._common import check_writable, err, print_json, to_csv, write_atomically
from olearn.errors import OlearnError


class Common(NamedTuple):
    """The options that every game's command has, with one meaning."""

    seeds: int
    checkpoints: int
    jobs: int | None
    as_json: bool
    csv_file: str | None
    out: str | None
    plot: bool
    progress: bool | None

    @property
    def folder(self) -> Path | None:
        """The folder of ``--out``."""
        return Path(self.out) if self.out else None

    @property
    def store(self) -> Path | None:
        """Where finished runs are kept."""
        return Path(self.out) / "runs" if self.out else None

    def check(self, picture: str) -> None:
        """Refuse what can't be written, before anything is read."""
        here = picture if self.plot and not self.folder and not self.as_json else None
        check_writable(self.csv_file, self.out, here)


def common_options(
    picture: str,
    seeds: int = 1,
    checkpoints: int = 200,
    out: str | None = None,
    seeds_help: str = "Number of seeds for randomised policies.",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the shared options to a command, which gets them as one argument ``common``."""
    options = [
        click.option("--seeds", "-s", default=seeds, show_default=True, help=seeds_help),
        click.option("--checkpoints", default=checkpoints, show_default=True, help="Points of the curves."),
        click.option(
            "--jobs", "-j", type=int, default=None, help="Runs at once (default: cores of the process)."
        ),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else."),
        click.option("--csv", "csv_file", type=click.Path(dir_okay=False), help="Write the rows as CSV."),
        click.option(
            "--out",
            default=out,
            show_default=out is not None,
            type=click.Path(file_okay=False),
            help="Folder for rows, curves, result, pictures and finished runs; the same command resumes.",
        ),
        click.option(
            "--plot/--no-plot", default=True, help=f"Draw the picture (into --out, else ./{picture})."
        ),
        click.option(
            "--progress/--no-progress", default=None, help="Show a progress bar (default: on a terminal)."
        ),
    ]

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            common = Common(*(kwargs.pop(name) for name in Common._fields))
            return function(*args, common=common, **kwargs)

        found: Callable[..., Any] = called
        for option in reversed(options):
            found = option(found)
        return found

    return add


def deliver(
    common: Common, plan: Any, show: Callable[[Any], None], *, picture: str, source: str | Path | None = None
) -> Any:
    """Run a plan, print its table, write its files.

    Parameters
    ----------
    plan : olearn.engine.machine.Plan
    show : callable
        Prints it for people.
    picture : str
        Name of the picture's file.
    source : path, optional
        The file that the run reads: nothing is written over it.
    """
    folder = common.folder
    _spare(source, common, picture)
    earlier = _earlier(folder, plan)
    with Held() as held:
        fresh = plan()
        if fresh.manifest.get("restored_runs"):
            err.print(f"took {fresh.manifest['restored_runs']} finished runs from {common.store}")
        result = fresh if earlier is None else _joined(earlier, fresh, folder)
        if common.as_json:
            print_json(result.to_json())
        else:
            show(result)
        sys.stdout.flush()
        last = max(1, held.presses) + 1
        held.tell(lambda presses: leave(CODE) if presses >= last else None)
        broken = _write(result, common, picture)
    if broken:
        raise OlearnError(broken)
    if held.pressed or not fresh.complete:
        raise click.exceptions.Exit(CODE)
    return result


def _spare(source: str | Path | None, common: Common, picture: str) -> None:
    """Refuse to write over what is read."""
    if source is None or not os.path.isfile(source):
        return
    folder = common.folder
    outputs = [Path(common.csv_file)] if common.csv_file else []
    if folder is not None:
        outputs += [folder / name for name in ("rows.csv", "curves.csv", "result.json")]
    if common.plot:
        where = folder or Path()
        outputs += [where / picture, *where.glob(f"{Path(picture).stem}-*{Path(picture).suffix}")]
    for path in outputs:
        if path.exists() and os.path.samefile(path, source):
            raise OlearnError(f"can't write {path}: it is the input, which is never replaced")


def _earlier(folder: Path | None, plan: Any) -> Any:
    """The result that the folder already holds, if these rows can stand beside it."""
    if folder is None or not (folder / "result.json").is_file():
        return None
    from olearn.engine.result import load

    file = folder / "result.json"
    try:
        found = load(file)
    except OlearnError as error:
        err.print(f"{error}: it will be replaced", markup=False)
        return None
    why = found.unlike(plan.manifest(), plan.points)
    if why:
        raise OlearnError(f"{folder} holds a result of {why}: give another --out, or remove {file}")
    return found


def _joined(earlier: Any, fresh: Any, folder: Path | None) -> Any:
    """The rows of the folder and the new ones; says which come from where."""
    result = earlier.merge(fresh)
    kept = [row for row in result.rows if row.get("started") != fresh.manifest["started"]]
    if kept:
        names = ", ".join(dict.fromkeys(str(row["policy"]) for row in kept))
        when = ", ".join(dict.fromkeys(str(row["started"]) for row in kept))
        err.print(f"{folder} held {len(kept)} more rows, of {when}: {names}; they stand beside the new ones")
    return result


def _write(result: Any, common: Common, picture: str) -> str:
    """Write the files, say which; returns what went wrong."""
    folder, broken = common.folder, []
    files: list[tuple[Path, Any]] = []
    if common.csv_file:
        files.append((Path(common.csv_file), lambda path: write_atomically(path, to_csv(result.flat_rows()))))
    if folder is not None and result.rows:
        files += [
            (folder / "rows.csv", lambda path: write_atomically(path, to_csv(result.flat_rows()))),
            (folder / "curves.csv", lambda path: write_atomically(path, to_csv(result.curve_rows()))),
            (folder / "result.json", result.save),
        ]
    if common.plot and result.rows and (folder is not None or not common.as_json):
        files += [((folder or Path()) / name, draw) for name, draw in result.pictures(picture)]
    for path, write in files:
        try:
            write(path)
        except OSError as error:
            broken.append(f"can't write {path}: {error.strerror or error}")
        except OlearnError as error:
            broken.append(str(error))
        else:
            if not common.as_json:
                click.echo(f"wrote {path}")
    return "; ".join(broken)
