"""Execute every notebook in place of a reader: ``python notebooks/run.py [NAME ...]``.

The notebooks are kept without outputs; this runs them and fails where a cell fails. With ``--write DIR``
the executed copies are written there, to be looked at.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

HERE = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", help="folder for the executed copies")
    options = parser.parse_args()
    files = [p for p in sorted(HERE.glob("*.ipynb")) if not options.names or p.stem in options.names]
    if not files:
        sys.exit("no notebook of that name")
    for path in files:
        started = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(
            notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(HERE)}}
        )
        try:
            client.execute()
        except CellExecutionError as error:
            sys.exit(f"{path.name}: {error}")
        print(f"{path.name}: {len(notebook.cells)} cells in {time.perf_counter() - started:.1f} s", flush=True)
        if options.write:
            target = Path(options.write)
            target.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, target / path.name)


if __name__ == "__main__":
    main()
