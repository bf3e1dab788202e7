"""``python -m olearn`` is the ``olearn`` command."""

from __future__ import annotations

import sys

from olearn import _interrupts


def main() -> None:
    """Run the command; Ctrl-C before there is anything to keep ends it at once, without a traceback."""
    _interrupts.leave_at_once()
    from olearn.cli import main as command

    try:
        command(prog_name="olearn")
    except SystemExit as end:
        code = end.code
        execute = sys.modules.get("olearn.engine.execute")
        if execute is not None and execute.left_behind:
            _interrupts.leave(
                code if isinstance(code, int) else 1
            )  # a thread runs a kernel: do not wait for it
        raise


if __name__ == "__main__":
    main()
