"""The machine under every game: cells, chunks, checkpoints, Ctrl-C, invariants, the store, the manifest.

A game (:mod:`olearn.engine.game`) says what a round is. The machine runs the game's cells on an executor,
each in chunks over the stream; sums what the rounds earned at the checkpoints; checks invariants between
chunks and after each run; measures each run against the comparators of its group; keeps finished cells in a
store; and ends with what there is when Ctrl-C comes, at whatever moment.

The same bits come out for any number of threads and any order of the cells: a run owns its random numbers,
and sums are taken over chunks of a fixed length, however they are served.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import inspect
import json
import platform
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from olearn._interrupts import Held
from olearn._jit import announce_compile, fingerprint
from olearn._progress import Progress
from olearn._version import __version__
from olearn.engine import execute
from olearn.engine.choices import as_jobs
from olearn.engine.execute import Pulse
from olearn.engine.game import Ask, Block, Breach, BreachError, Cell, Comparators, Game, Outcome, Play, Run
from olearn.engine.store import Store, plain

#: Rounds that are summed at once. Fixed: it decides how sums round.
CHUNK = 1 << 20
#: A chunk is served in pieces of about so many seconds, between which the run looks up.
PIECE_SECONDS = 0.1
FIRST_PIECE = 1 << 14


class Plan(NamedTuple):
    """A replay that was checked and has not begun; call it to run it.

    Attributes
    ----------
    game : Game
    cells : list of Cell
        Every parameter was checked when they were made.
    points : ndarray of int64, shape (K,)
        The checkpoints.
    seeds : list of int
    jobs : int
        Threads.
    progress : bool or None
        Whether to show a bar; None on a terminal, after a second.
    store : path or None
        Folder of finished cells.
    """

    game: Game
    cells: list[Cell]
    points: np.ndarray
    seeds: list[int]
    jobs: int = 1
    progress: bool | None = None
    store: str | Path | None = None

    def manifest(self) -> dict[str, Any]:
        """What the result will be of."""
        return {"game": self.game.name, **self.game.manifest()}

    def __call__(self) -> Any:
        """Run the cells and return the game's result; see :func:`play`."""
        return play(self)


def plan(game: Game, ask: Ask, points: np.ndarray, jobs: Any = 1, progress: bool | None = None,
         store: str | Path | None = None) -> Plan:  # fmt: skip
    """Make the cells of a game, which checks every parameter of every policy."""
    return Plan(game, game.cells(ask), points, list(ask.seeds), as_jobs(jobs), progress, store)


def play(asked: Plan) -> Any:
    """Run the cells of a plan and return the game's result; Ctrl-C ends it with what there is.

    Raises
    ------
    BreachError
        A run broke an invariant. The other runs are in the store, if there is one.
    """
    game, cells, points, seeds, jobs, progress, store = asked
    started = time.time()
    table = Table(game, cells, points, store)
    pulse = Pulse()
    pending = table.restore()

    def work(k: int) -> Outcome:
        return run_cell(game, table.cells[pending[k]], points, pulse)

    total = len(pending) * float(game.rounds)
    error: BaseException | None = None
    with (
        Progress(total, "", show=progress) as bar,
        announce_compile(lambda: bar.note("compiling ...")),
        Held(pulse.stop),
    ):
        ended = execute.threads(len(pending), work, jobs, pulse)
        error = _collect(ended, table, pending, pulse, bar)
        table.close()
        if pulse.stopped and error is None:
            bar.note("interrupted: keeping what there is")
    if error is not None:
        raise error
    manifest = {
        "game": game.name,
        **versions(),
        "started": datetime.datetime.fromtimestamp(started).astimezone().isoformat(timespec="milliseconds"),
        **game.manifest(),
        "seeds": seeds,
        "jobs": jobs,
        "complete": table.complete,
        "restored_runs": table.restored,
        "seconds": time.time() - started,
    }
    return game.result(manifest, table.runs(), points, table.comparators)


def _collect(
    ended: Iterable[tuple[int, Any] | None], table: Table, pending: list[int], pulse: Pulse, bar: Progress
) -> BaseException | None:
    """Take in what cells come to; the first error stops the others and is returned."""
    error: BaseException | None = None
    ended = iter(ended)
    while True:
        try:
            got = next(ended, False)
            if got is False:
                return error
            if isinstance(got, tuple):
                k, value = got
                if isinstance(value, BaseException):
                    if not isinstance(value, KeyboardInterrupt):
                        error = error or value
                    pulse.stop()
                else:
                    table.take(pending[k], value)
            bar.reach(pulse.done, table.doing(pending))
        except KeyboardInterrupt:  # where Ctrl-C is not ours to hold
            pulse.stop(pulse.presses + 1)
        except BreachError as breach:
            error = error or breach
            pulse.stop()


class Table:
    """The cells of a replay and what they came to."""

    def __init__(self, game: Game, cells: list[Cell], points: np.ndarray, store: str | Path | None) -> None:
        self.game, self.cells, self.points = game, cells, points
        self.outcomes: dict[int, Outcome] = {}
        self.comparators: dict[Any, Comparators] = {}
        self.restored = 0
        self._raw: dict[int, Outcome] = {}
        self._waiting: dict[Any, list[tuple[int, bool]]] = {}
        self._groups = {cell.group for cell in cells if cell.choice is None}
        self._keys: list[str | None] = [None] * len(cells)
        self.store = None
        if store is not None:
            self.store = Store(store, game.columns, {"trace": game.digest[:12]})
            self._keys = [key(game, cell, points) for cell in cells]

    def restore(self) -> list[int]:
        """Take finished cells from the store; the numbers of those that are left to do."""
        if self.store is not None:
            kept = self.store.load(k for k in self._keys if k is not None)
            for k, name in enumerate(self._keys):
                if name in kept:
                    self.take(k, kept[name], keep=False)
                    self.restored += self.cells[k].choice is not None
        return [k for k in range(len(self.cells)) if k not in self._raw]

    def take(self, k: int, raw: Outcome, keep: bool = True) -> None:
        """Take in what a cell came to; a run waits for the comparators of its group."""
        cell = self.cells[k]
        self._raw[k] = raw
        if cell.choice is None and raw.comparators is not None:
            self.comparators[cell.group] = raw.comparators
            self._measure(k, keep)
            for waiting, kept in self._waiting.pop(cell.group, []):
                self._measure(waiting, kept)
        elif cell.group in self.comparators or cell.group not in self._groups:
            self._measure(k, keep)
        else:
            self._waiting.setdefault(cell.group, []).append((k, keep))

    def _measure(self, k: int, keep: bool) -> None:
        cell, raw = self.cells[k], self._raw[k]
        best = self.comparators.get(cell.group)
        runs = [Run(dict(r.row), r.curves, r.bound, r.bound_curve) for r in raw.runs]
        for run in runs:
            if cell.choice is not None:
                run.row["policy"] = cell.label
            refuse(run.row["policy"], cell, self.game.measure(cell, run, best, self.points))
        self.outcomes[k] = Outcome(runs, raw.comparators, raw.complete)
        name = self._keys[k]
        if keep and self.store is not None and name is not None and raw.complete:
            self.store.keep(name, raw, self.outcomes[k])

    def close(self) -> None:
        """Measure what still waits for comparators that never came, and write what is to be kept."""
        for waiting in list(self._waiting.values()):
            for k, _ in waiting:
                self._measure(k, False)
        self._waiting.clear()
        if self.store is not None:
            self.store.flush()

    def doing(self, pending: Sequence[int]) -> str:
        """What is being done, for the progress bar."""
        return next((str(self.cells[k]) for k in pending if k not in self._raw), "")

    @property
    def complete(self) -> bool:
        """Whether every cell ran to its end."""
        return len(self.outcomes) == len(self.cells) and all(o.complete for o in self.outcomes.values())

    def runs(self) -> list[Run]:
        """All runs, by group: those asked for, then those of the comparators."""
        found: list[Run] = []
        for group in dict.fromkeys(cell.group for cell in self.cells):
            mine = [k for k, cell in enumerate(self.cells) if cell.group == group and k in self.outcomes]
            mine.sort(key=lambda k: self.cells[k].choice is None)
            found += [run for k in mine for run in self.outcomes[k].runs]
        return found


def refuse(policy: str, cell: Cell, breaches: Iterable[Breach]) -> None:
    """Raise if there are any."""
    for breach in breaches:
        raise BreachError(
            f"{policy} ({cell.group}, seed {cell.seed}) breaks an invariant: "
            f"{breach._replace(policy='')}; its numbers are wrong and not shown"
        )


# -- one cell --------------------------------------------------------------------------------------
def run_cell(game: Game, cell: Cell, points: np.ndarray, pulse: Pulse) -> Outcome:
    """What a cell comes to. Pure, apart from the pulse."""
    rounds = game.rounds
    if cell.choice is None:
        outcome = game.comparators(cell, points)
        pulse.advance(rounds)
        return outcome
    play = game.begin(cell, min(CHUNK, rounds))
    meter = Meter(points, tuple(play.out))
    piece = FIRST_PIECE
    looked: list[dict[str, float]] = []
    for block in game.blocks(play, CHUNK):
        low, length = 0, block.stop - block.start
        while low < length and not pulse.stopped:
            high = length if game.whole else min(length, low + piece)
            if game.looks:
                high = min(high, int(points[len(looked)]) - block.start)
            begun = time.perf_counter()
            game.serve(play, block, low, high)
            took = time.perf_counter() - begun
            play.seconds += took
            pulse.advance(high - low)
            play.served, play.filled = block.start + high, high
            if game.looks and play.served == points[len(looked)]:
                looked.append(game.look(play))
            if took < PIECE_SECONDS / 2:
                piece = min(CHUNK, 2 * piece)
            elif took > 2 * PIECE_SECONDS:
                piece = max(1 << 10, piece // 2)
            low = high
        meter.add(block.start, {name: out[:low] for name, out in play.out.items()})
        refuse(cell.label, cell, game.invariants(play, False))
        if pulse.stopped:
            break
    complete = play.served == rounds
    refuse(cell.label, cell, game.invariants(play, True))
    reached = meter.reached
    curves = {name: values[:reached] for name, values in meter.at.items()}
    for name in looked[0] if looked else ():
        curves[name] = np.array([seen[name] for seen in looked[:reached]])
    totals = dict(meter.total)
    if not complete:  # what is beyond the last checkpoint has no optimum to be held against
        play.served = int(points[reached - 1]) if reached else 0
        totals = {name: float(v[-1]) if v.size else 0.0 for name, v in curves.items()}
    if not play.served:
        return Outcome([], None, False)
    return Outcome([game.finish(cell, play, points[:reached], curves, totals, complete)], None, complete)


class Meter:
    """Sums of what the rounds earned, at the checkpoints."""

    def __init__(self, points: np.ndarray, names: Sequence[str]) -> None:
        self.points = points
        self.at = {name: np.zeros(points.size) for name in names}
        self.total = dict.fromkeys(names, 0.0)
        self.reached = 0

    def add(self, start: int, columns: dict[str, np.ndarray]) -> None:
        """Add the rounds from `start` on, one value a round in each column."""
        length = len(next(iter(columns.values()))) if columns else 0
        if not length:
            return
        points, first, stop = self.points, self.reached, start + length
        inside = points[first:][points[first:] < stop]
        edges = np.concatenate([[0], inside - start]).astype(np.intp)
        last = first + inside.size
        ends = last < points.size and points[last] == stop
        for name, column in columns.items():
            values = column.view(np.uint8) if column.dtype == np.bool_ else column
            sums = np.add.reduceat(values, edges, dtype=np.float64)
            total = self.total[name]
            for k, part in enumerate(sums[:-1].tolist()):
                total += part
                self.at[name][first + k] = total
            total += float(sums[-1])
            self.total[name] = total
            if ends:
                self.at[name][last] = total
        self.reached = last + bool(ends)


# -- keys, versions --------------------------------------------------------------------------------
def key(game: Game, cell: Cell, points: np.ndarray) -> str | None:
    """Hash of all that a cell's rows depend on; None if its code can't be told apart from another."""
    code = [_code(path) for path in (__file__, *game.code)]
    if cell.choice is not None:
        try:
            code += [_code(inspect.getfile(kind)) for kind in cell.choice.sources()]
        except (OSError, TypeError):
            return None  # a class without a source file
    marks = hashlib.blake2b(points.tobytes(), digest_size=8).hexdigest()
    depends = [
        __version__,
        code,
        game.name,
        game.digest,
        cell.choice is None,
        game.depends(cell, points),
        marks,
    ]
    text = json.dumps(plain(depends, exact=True), default=repr, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


_code = functools.cache(fingerprint)


def versions() -> dict[str, Any]:
    """What runs: versions of olearn and of what decides its numbers."""
    numba = sys.modules.get("numba")
    return {
        "olearn": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": getattr(numba, "__version__", None),
        "machine": platform.machine(),
    }


__all__ = ["CHUNK", "Block", "Meter", "Plan", "Play", "plan", "play", "run_cell", "versions"]
