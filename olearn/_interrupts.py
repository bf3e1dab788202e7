"""Ctrl-C that is noted instead of raised: a KeyboardInterrupt out of nowhere loses what there is.

Python raises it between any two instructions: inside an import (which then fails in its own way), inside a
finaliser (where it is printed and lost), between a run and its place in a list. So while there is something
to keep, Ctrl-C only sets a mark that loops look at.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

#: Exit code of a command that was interrupted.
CODE = 130

_held: list[Held] = []


class Held:
    """Context in which Ctrl-C is noted; the innermost one is told.

    Parameters
    ----------
    tell : callable, optional
        Called with the number of presses so far, at each press (also at once, if it was pressed in a
        context around this one).

    Notes
    -----
    Only the main thread gets signals; elsewhere the context does nothing.
    """

    def __init__(self, tell: Callable[[int], Any] | None = None) -> None:
        self.presses = 0
        self._tell = tell
        self._before: Any = None
        self._mine = False

    def tell(self, tell: Callable[[int], Any]) -> None:
        """Call this at each press from now on."""
        self._tell = tell

    @property
    def pressed(self) -> bool:
        return self.presses > 0

    def press(self) -> None:
        """Note one press, here and in the contexts around."""
        self.presses += 1
        if self._tell is not None:
            self._tell(self.presses)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if callable(before):  # not where Ctrl-C is ignored on purpose, as under nohup
                self._before, self._mine = before, True
                earlier = _held[-1].presses if _held else 0
                _held.append(self)
                signal.signal(signal.SIGINT, _press)
                for _ in range(earlier):
                    self.press()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._mine:
            signal.signal(signal.SIGINT, self._before)
            _held.remove(self)


def _press(number: int, frame: Any) -> None:
    for held in list(_held):
        held.press()


def leave_at_once() -> None:
    """Until something is held, Ctrl-C ends the process: nothing is lost, and no import is torn."""
    if callable(signal.getsignal(signal.SIGINT)):
        signal.signal(signal.SIGINT, lambda number, frame: leave(CODE))


def leave(code: int) -> None:
    """End the process now, what was printed written out."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                if stream.isatty():
                    stream.write("\x1b[?25h")  # a progress bar may have hidden the cursor
                stream.flush()
        except (OSError, ValueError, RuntimeError):  # closed, or in the middle of a write
            pass
    os._exit(code)
