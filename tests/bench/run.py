"""Run the benchmarks and print ratios: ``make bench``, or ``python tests/bench/run.py [--quick] [NAME ...]``.

Every file ``bench_<area>.py`` beside this one has a ``main(quick)`` that returns rows. Nothing is
asserted: a benchmark measures, it does not judge. Absolute rates depend on the machine, so each row says
a ratio measured in the same run; with ``--quick`` the sizes are small and the numbers mean nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from pathlib import Path

from olearn._table import text_table

HERE = Path(__file__).resolve().parent


def load(path: Path):
    """The module of a benchmark file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="areas, such as caching; default: all")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run at all?")
    parser.add_argument("--json", dest="json_file", help="write the rows to this file")
    options = parser.parse_args()
    sys.path.insert(0, str(HERE))
    found = {p.stem.removeprefix("bench_"): p for p in sorted(HERE.glob("bench_*.py"))}
    unknown = [n for n in options.names if n not in found]
    if unknown:
        sys.exit(f"no benchmark {unknown[0]!r}; there are {', '.join(found)}")
    results = {}
    for name in options.names or found:
        print(f"\n== {name}", flush=True)
        started = time.perf_counter()
        results[name] = load(found[name]).main(quick=options.quick)
        print(text_table(results[name]))
        print(f"({time.perf_counter() - started:.0f} s)", flush=True)
    if options.json_file:
        Path(options.json_file).write_text(json.dumps(results, indent=2, default=float))


if __name__ == "__main__":
    main()
