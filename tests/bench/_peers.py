"""Environments of their own for the peers: never a dependency of olearn."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def environment(name: str, *packages: str) -> Path | None:
    """The Python of ``build/bench/NAME`` with `packages` installed; None, with a printed reason, if not."""
    if os.environ.get("OLEARN_BENCH_PEERS") == "0":
        print(f"skipping {name}: OLEARN_BENCH_PEERS=0")
        return None
    folder = ROOT / "build" / "bench" / name
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    done = folder / ".installed"
    if done.is_file() and done.read_text() == " ".join(packages):
        return python
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True)
        command = [str(python), "-m", "pip", "install", "--quiet", *packages]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=900)
    except (subprocess.SubprocessError, OSError) as error:
        lines = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        print(f"skipping {name}: {lines[-1] if lines else error}")
        return None
    done.write_text(" ".join(packages))
    return python
