"""What a game says, so that the machine can play it: the types that both sides share.

The machine knows no game by name. A game says what its cells are, how a policy's run begins, how it serves
a block of rounds, what must hold, what was best in hindsight, and how its rows and pictures look; the
machine does everything else (:mod:`olearn.engine.machine`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

from olearn.bounds import Bound
from olearn.engine.choices import Choice
from olearn.errors import OlearnError
from olearn.regret.invariants import Breach


class Column(NamedTuple):
    """A column of a game's rows.

    Attributes
    ----------
    name : str
        An identifier: the key in rows, JSON, CSV and the store.
    kind : str
        ``"text"``, ``"int"``, ``"float"``, ``"bool"`` or ``"json"`` (anything else, as JSON text in files).
    unit, meaning : str
    """

    name: str
    kind: str
    unit: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Cell:
    """One piece of work, pure: its rows depend on the code, the stream and this alone.

    Attributes
    ----------
    group : hashable
        Runs of one group share their comparators, e.g. the capacity.
    options : mapping
        The game's options in force, plain values.
    choice : Choice or None
        The policy; None for the comparators of the group, which are one cell more.
    seed : int
    """

    group: Any
    options: Mapping[str, Any]
    choice: Choice | None = None
    seed: int = 0

    @property
    def label(self) -> str:
        """The name of its rows."""
        return "comparators" if self.choice is None else self.choice.label

    def __str__(self) -> str:
        return f"{self.label}, {self.group}" if self.choice is None else f"{self.label}, seed {self.seed}"


class Block(NamedTuple):
    """Rounds `start` to `stop` of a stream, as arrays that kernels take."""

    start: int
    stop: int
    data: Any = None


class BreachError(OlearnError, RuntimeError):
    """A run broke an invariant: its numbers are wrong, so they are not shown. A fault of the policy."""


@dataclass
class Play:
    """A run as it goes on. Games subclass it.

    Attributes
    ----------
    policy : Any
    out : dict of str to ndarray
        What each round of a block earned, one array a channel, filled by ``serve``.
    served, filled : int
        Rounds in all, and those of `out` that are filled.
    seconds : float
        In kernels alone.
    """

    policy: Any
    out: dict[str, np.ndarray] = field(default_factory=dict)
    served: int = 0
    filled: int = 0
    seconds: float = 0.0


@dataclass
class Run:
    """One policy with one seed.

    Attributes
    ----------
    row : dict
        The run as a row of the table.
    curves : dict of str to ndarray, shape (K,)
        What was earned until each checkpoint that was reached, by channel.
    bound : Bound, optional
        What the policy promises for the rounds it has served.
    bound_curve : ndarray, shape (K,), optional
        The same at each checkpoint.
    judged : float, optional
        The regret that the bound speaks of, where it is not ``row["regret"]``.
    """

    row: dict[str, Any]
    curves: dict[str, np.ndarray]
    bound: Bound | None = None
    bound_curve: np.ndarray | None = None
    judged: float | None = None

    @property
    def reward(self) -> np.ndarray:
        """The channel ``reward``."""
        return self.curves["reward"]


@dataclass
class Comparators:
    """The optima of one group.

    Attributes
    ----------
    curves : dict of str to ndarray, float64 of shape (K,)
        What comparators have earned at the checkpoints.
    certificates : list of dict
        The optima with the bounds that certify them, as rows.
    told : dict
        Further values, plain types.
    """

    curves: dict[str, np.ndarray] = field(default_factory=dict)
    certificates: list[dict[str, Any]] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def prefix(self) -> np.ndarray:
        """Reward of the best static choice of each prefix."""
        return self.curves["static_prefix"]

    @property
    def prefix_fetch_charged(self) -> np.ndarray:
        """The same, paying for what it fetches."""
        return self.curves["static_prefix_fetch_charged"]

    @property
    def final(self) -> np.ndarray:
        """Reward so far of the best static choice of the whole stream."""
        return self.curves["static_final"]


@dataclass
class Outcome:
    """What a cell comes to: its runs, and for a cell of comparators these."""

    runs: list[Run]
    comparators: Comparators | None = None
    complete: bool = True


class Ask(NamedTuple):
    """What is asked of every game alike, checked."""

    choices: Sequence[Choice]
    seeds: Sequence[int]


class Game(ABC):
    """A game on one stream (a trace, a table, an environment) with its options.

    What differs between games, and nothing else. An instance holds the stream; it must be picklable, and
    every method but ``cells`` may be called by several threads at once.
    """

    name: ClassVar[str]
    #: What a round is called.
    rounds_are: ClassVar[str] = "requests"
    columns: ClassVar[tuple[Column, ...]] = ()
    #: The state is looked at at every checkpoint (``look``), so blocks are cut there.
    looks: ClassVar[bool] = False
    #: A block is served in one call, not in pieces.
    whole: ClassVar[bool] = False
    #: Source files that a result depends on, beside the policy's and the machine's.
    code: ClassVar[tuple[str, ...]] = ()

    # -- what there is to do -----------------------------------------------------------------------
    @property
    @abstractmethod
    def rounds(self) -> int:
        """Length of the stream."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """Names the content of the stream."""

    @abstractmethod
    def cells(self, ask: Ask) -> list[Cell]:
        """What to run: for each group its comparators, then its runs; every parameter is checked here."""

    def depends(self, cell: Cell, points: np.ndarray) -> Any:
        """What a cell's rows depend on beside code and stream, plain values: part of its key."""
        return [cell.label, dict(cell.options), cell.seed]

    # -- a run -------------------------------------------------------------------------------------
    @abstractmethod
    def begin(self, cell: Cell, longest: int) -> Play:
        """A policy's run at its start; `out` has room for `longest` rounds, kernels are compiled."""

    @abstractmethod
    def blocks(self, play: Play, size: int) -> Iterator[Block]:
        """The rounds of a run in blocks of at most `size`; the same blocks every time."""

    @abstractmethod
    def serve(self, play: Play, block: Block, low: int, high: int) -> None:
        """Serve the rounds `low` to `high` of a block into ``play.out``; compiled, without the GIL."""

    def look(self, play: Play) -> dict[str, float]:
        """Values of the state at a checkpoint, if :attr:`looks`."""
        return {}

    def invariants(self, play: Play, done: bool) -> Iterable[Breach]:
        """What must hold and does not: the cheap ones after each chunk, all when the run is `done`."""
        return ()

    @abstractmethod
    def finish(self, cell: Cell, play: Play, points: np.ndarray, curves: dict[str, np.ndarray],
               totals: dict[str, float], complete: bool) -> Run:  # fmt: skip
        """The row of a run that ended, or was ended at the last of `points`, with the curves to keep."""

    # -- hindsight ---------------------------------------------------------------------------------
    @abstractmethod
    def comparators(self, cell: Cell, points: np.ndarray) -> Outcome:
        """The optima of a group, certified, and the rows made of them."""

    @abstractmethod
    def measure(self, cell: Cell, run: Run, best: Comparators | None, points: np.ndarray) -> Iterable[Breach]:
        """Put optima, regret, bound and its assumptions into the row; what no run can earn is a breach."""

    # -- the result --------------------------------------------------------------------------------
    @abstractmethod
    def manifest(self) -> dict[str, Any]:
        """What it takes to repeat the replay, beside versions and times."""

    @abstractmethod
    def result(self, manifest: dict[str, Any], runs: list[Run], points: np.ndarray,
               comparators: dict[Any, Comparators]) -> Any:  # fmt: skip
        """What the caller gets."""
