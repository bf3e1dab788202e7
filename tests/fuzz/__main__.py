"""``python -m tests.fuzz [--minutes M] [--from N] [--only FORMAT] [--show FORMAT N]``."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from .harness import CORPUS, case, fault


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--from", dest="first", type=int, default=1000, help="number of the first case")
    parser.add_argument("--only", choices=sorted(CORPUS))
    parser.add_argument("--show", nargs=2, metavar=("FORMAT", "N"), help="write the bytes of a case to stdout")
    told = parser.parse_args()
    if told.show:
        sys.stdout.buffer.write(case(told.show[0], int(told.show[1]))[2])
        return 0
    os.environ.setdefault("OLEARN_MEMORY", "256mb")
    end, number, tried, found = time.monotonic() + 60 * told.minutes, told.first, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            for name in [told.only] if told.only else CORPUS:
                wrong = fault(Path(folder), name, number)
                tried += 1
                if wrong:
                    found += 1
                    print(f"{name} {number}: {wrong}", flush=True)
            number += 1
    print(f"{tried} cases up to number {number - 1}, {found} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
