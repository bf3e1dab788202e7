"""A progress bar on standard error for work that takes over a second; silent where nobody looks."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

#: Nothing is shown before so many seconds have passed.
PATIENCE = 1.0


class Progress:
    """Counts work done towards `total` and shows it once it takes longer than a second.

    Parameters
    ----------
    total : float
        Amount of work in any unit.
    text : str
        What is being done.
    show : bool, optional
        Whether to show the bar; by default only if standard error is a terminal.
    """

    def __init__(self, total: float, text: str, show: bool | None = None) -> None:
        self.total, self.text = total, text
        self.quiet = show is False
        self.shown = sys.stderr.isatty() if show is None else show
        self._done = 0.0
        self._bar: Any = None
        self._task: Any = None
        self._started = time.monotonic()

    def note(self, text: str) -> None:
        """Say something once, above the bar if there is one; only ``show=False`` silences it."""
        if self._bar is not None:
            self._bar.console.print(text, highlight=False, markup=False)
        elif not self.quiet:
            print(text, file=sys.stderr)

    def advance(self, amount: float, text: str | None = None) -> None:
        """Count `amount` as done."""
        self.reach(self._done + amount, text)

    def reach(self, done: float, text: str | None = None) -> None:
        """So much is done by now."""
        self._done = done
        if text is not None:
            self.text = text
        if self.shown and self._bar is None and time.monotonic() - self._started > PATIENCE:
            self._open()
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, description=self.text)

    def _open(self) -> None:
        from rich import progress
        from rich.console import Console

        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._bar.start()
        self._task = self._bar.add_task(self.text, total=self.total, completed=self._done)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
