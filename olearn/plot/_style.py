"""One look for all pictures: colour-blind safe, legible in print, no display needed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib

from olearn.errors import ParameterError
from olearn.traces._files import write_whole

# Okabe and Ito's palette: distinct for every common colour vision, and in grey with the line styles.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
# Dotted lines are for bounds alone.
STYLES = ("-", "--", "-.", (0, (7, 1.5, 1.2, 1.5, 1.2, 1.5)))
BOUND = ":"
#: A bound more than so many times above everything else is told in words: drawn, it would flatten the rest.
FAR = 6.0

_RC = {
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
}


@contextmanager
def style() -> Iterator[None]:
    """Apply olearn's look inside the block and leave the user's settings alone."""
    with matplotlib.rc_context(_RC):
        yield


def look(index: int) -> dict[str, Any]:
    """Colour and line style of the `index`-th curve: 32 distinct looks."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": STYLES[(index // len(COLOURS) + index) % len(STYLES)],
    }


def figure(*args: Any, **kwargs: Any) -> Any:
    """A figure without pyplot: no global state, no window, fast to import."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    fig = Figure(*args, layout="constrained", **kwargs)
    FigureCanvasAgg(fig)
    return fig


def save(fig: Any, path: str | Path) -> Path:
    """Write the figure (format by the file's ending), whole or not at all."""
    path = Path(path)
    picture = io.BytesIO()
    try:
        fig.savefig(picture, format=path.suffix[1:].lower() or "png")
    except ValueError as error:
        known = ", ".join(sorted(fig.canvas.get_supported_filetypes()))
        if path.suffix[1:].lower() in known.split(", "):
            raise
        raise ParameterError(f"{str(path)!r}: the ending must be one of {known}") from error
    write_whole(path, lambda file: file.write(picture.getvalue()))
    return path
