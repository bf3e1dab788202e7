"""``python -m olearn`` is the ``olearn`` command."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command; Ctrl-C before there is anything to keep ends it at once, without a traceback."""
    if callable(signal.getsignal(signal.SIGINT)):  # at once, with what is loaded: imports come later
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(130))
    from olearn import _interrupts

    _interrupts.leave_at_once()
    from olearn.cli import main as command

    try:
        command(prog_name="olearn")
    except SystemExit as end:
        code = end.code
        # All is done and written. A press from here on would find the interpreter taking itself apart, and turn
        # the exit code into that of a killed process.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        execute = sys.modules.get("olearn.engine.execute")
        if execute is not None and execute.left_behind:
            _interrupts.leave(
                code if isinstance(code, int) else 1
            )  # a thread runs a kernel: do not wait for it
        raise


if __name__ == "__main__":
    main()
