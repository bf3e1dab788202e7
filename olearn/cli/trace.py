"""``olearn trace``: look at a trace, convert it, generate one."""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from olearn._table import cell
from olearn.cli._common import Main, err, print_json, print_table
from olearn.cli._trace_file import asked, read_as, reading_options, say
from olearn.cli.trace_build import build
from olearn.errors import OlearnError, ParameterError

_READ = (
    click.option("--format", "-f", "format_", metavar="NAME", help="Format; see 'olearn trace formats'."),
    click.option(
        "--columns",
        metavar="ROLE=COLUMN,...",
        help="By name or position, e.g. item=3,time=1; libCacheSim's obj-id-col=5,delimiter=, works too.",
    ),
    click.option("--delimiter", metavar="CHAR", help="csv: the character between columns."),
    click.option("--header/--no-header", default=None, help="csv: whether the first line names the columns."),
    click.option("--sort/--no-sort", default=None, help="Order the requests by time."),
    click.option("--query", is_flag=True, default=None, help="accesslog: keep the query part of URLs."),
    reading_options,
    click.option("--sample-seed", type=click.IntRange(0), help="Another seed is another sample."),
    click.option("--first", type=click.IntRange(1), metavar="N", help="Only the first N requests."),
)
_WRITE = (
    click.option("--to", metavar="NAME", help="Format to write; by default by the ending of the file."),
    click.option("--force", is_flag=True, help="Replace a file that is there."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
)


def _with(options: tuple[Callable[[Any], Any], ...]) -> Callable[[Any], Any]:
    def decorate(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


@click.group(cls=Main)
def command() -> None:
    """Look at a trace, convert it, generate one."""


@command.command()
@click.argument("file")
@_with(_READ)
@click.option("--window", type=click.IntRange(1), help="Requests in a window of the working set.")
@click.option("--plot", metavar="FILE", help="Draw popularity and working set (.png, .pdf or .svg).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(file: str, window: int | None, plot: str | None, as_json: bool, **read: Any) -> None:
    """Requests, items, one-hit wonders, footprint, skew, reuse distances of FILE.

    FILE is a trace in any known format, plain or compressed, the name of a bundled trace (twitter), or -
    for standard input.
    """
    if plot is not None and Path(plot).suffix.lower() not in (".png", ".pdf", ".svg"):
        raise ParameterError(f"a picture is .png, .pdf or .svg, got {plot!r}")
    from olearn.traces.stats import describe

    trace = _load(file, **read)
    stats = describe(trace, window)
    if plot is not None:
        from olearn.plot._style import save
        from olearn.plot.trace import draw_trace

        try:
            save(draw_trace(trace, stats), plot)
        except OSError as error:
            raise OlearnError(f"can't write {plot}: {error.strerror}") from None
    if as_json:
        about = {"name": trace.name, "source": trace.source, "digest": trace.digest, "plot": plot}
        about |= {"origin": trace.origin, "notes": list(trace.notes)}
        print_json(about | stats.as_dict())
        return
    for label, value in _lines(trace, stats):
        click.echo(f"{label:<28}{value}")
    if plot is not None:
        click.echo(f"picture: {plot}", err=True)


def _lines(trace: Any, stats: Any) -> list[tuple[str, str]]:
    """What `info` prints, label and value."""
    share = stats.one_hit_wonders / stats.items
    lines = [
        ("trace", f"{trace.name} ({trace.source})"),
        ("read as", read_as(trace.origin)),
        ("requests", cell(stats.requests)),
        ("items", cell(stats.items)),
        ("one-hit wonders", f"{cell(stats.one_hit_wonders)} ({share:.1%} of items)"),
    ]
    if stats.footprint_bytes is not None:
        lines += [
            ("footprint", f"{cell(stats.footprint_bytes)} bytes (sizes at first request)"),
            ("requested bytes", cell(stats.total_bytes)),
        ]
    if stats.skew is not None:
        lines.append(("skew", f"{stats.skew:.3f} (Zipf exponent, maximum likelihood)"))
    tops = ", ".join(f"{value:.1%} to the top {name}" for name, value in stats.top_share.items())
    lines.append(("share of requests", f"{tops} of items"))
    for label, quantiles in (
        ("reuse distance (items)", stats.reuse_distance),
        ("inter-arrival (requests)", stats.interarrival_requests),
        ("inter-arrival (time)", stats.interarrival_time),
    ):
        if quantiles:
            lines.append((label, "  ".join(f"{name} {cell(value)}" for name, value in quantiles.items())))
    low, high = int(stats.working_set.min()), int(stats.working_set.max())
    mean = float(stats.working_set.mean())
    lines += [
        ("working set", f"{mean:,.0f} items in {stats.window:,} requests ({low:,} to {high:,})"),
        ("digest", trace.digest),
    ]
    return lines + [("note", note) for note in trace.notes]


@command.command()
@click.argument("source")
@click.argument("target")
@_with(_READ)
@_with(_WRITE)
def convert(source: str, target: str, to: str | None, force: bool, as_json: bool, **read: Any) -> None:
    """Convert the trace SOURCE to the file TARGET (- for standard output, with --to).

    With --to store, TARGET is a folder of columns that are mapped into memory instead of read: for traces
    longer than memory. SOURCE is then read block by block.
    """
    _check_target(target, to, force)
    if to != "store":
        trace = _load(source, **read)
        say(trace)
        _write(trace, target, to, as_json)
        return
    from olearn.traces._store import convert_to_store, write_store

    first, format_, options = read.pop("first"), read.pop("format_"), _options(read)
    if first is None:
        trace = convert_to_store(source, target, format_, force=force, **options)
    else:
        trace = _load(source, format_, first, **read)
        write_store(trace, target, force)
    say(trace)
    _told(trace, target, "store", as_json, [])


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def formats(as_json: bool) -> None:
    """The formats that can be read and written."""
    from olearn.traces import formats as known
    from olearn.traces.writers import WRITERS

    rows = [
        {
            "format": name,
            "endings": " ".join(reader.extensions),
            "written": name in WRITERS,
            "options": " ".join(reader.options()),
            "description": reader.description,
            "example": reader.example,
        }
        for name, reader in known().items()
    ]
    if as_json:
        print_json({"formats": rows})
        return
    print_table(rows, ("format", "written", "description"))
    click.echo()
    click.echo("a line of each (struct: fields of a binary record):")
    for row in rows:
        if row["example"]:
            click.echo(f"  {row['format']:<18}{row['example']}")
    click.echo()
    click.echo("options of formats:")
    for row in rows:
        if row["options"]:
            click.echo(f"  {row['format']:<18}{row['options']}")
    click.echo()
    click.echo(
        "each plain or compressed (gz, xz, zst), seen by its content; store: a folder, by convert --to store"
    )


def _options(read: dict[str, Any]) -> dict[str, Any]:
    """What was asked for, as :func:`olearn.traces.load` takes it."""
    return {name: value for name, value in read.items() if value is not None} | asked()


def _load(file: str, format_: str | None, first: int | None, **read: Any) -> Any:
    from olearn.traces import load

    trace = load(file, format_, **_options(read))
    return trace if first is None else trace[:first]


def _check_target(target: str, to: str | None, force: bool) -> None:
    """Refuse before any work is done."""
    from olearn.traces.writers import format_of

    if target == "-" and to in (None, "store"):
        raise ParameterError("standard output needs --to, the format to write (not store, which is a folder)")
    if to == "store":
        return  # the store itself refuses what is there
    format_of(target, to)
    path = Path(target)
    if path.is_dir():
        raise OlearnError(f"{target} is a folder, not a file to write")
    if path.exists() and target != "-" and not force:
        raise OlearnError(f"{target} exists; --force replaces it")


def _write(trace: Any, target: str, to: str | None, as_json: bool) -> None:
    from olearn.traces.writers import WRITERS, format_of, left_out, save

    name = format_of(target, to)
    lost = left_out(trace, name)
    if target == "-":
        stdout: Any = sys.stdout.buffer
        if isinstance(stdout, io.RawIOBase):  # unbuffered (python -u): such a file may write a part only
            stdout = io.BufferedWriter(stdout, 1 << 16)
        WRITERS[name](trace, stdout)
        stdout.flush()
        if stdout is not sys.stdout.buffer:
            stdout.detach()
    else:
        save(trace, target, to)
    if lost:
        err.print(f"{name} has no place for {', '.join(lost)}: left out", markup=False)
    if target == "-":
        return
    _told(trace, target, name, as_json, lost)


def _told(trace: Any, target: str, name: str, as_json: bool, lost: list[str]) -> None:
    """Say what was written."""
    if as_json:
        counts = {"requests": len(trace), "items": trace.catalog_size}
        about = {"left_out": lost, "notes": list(trace.notes), "origin": trace.origin}
        print_json({"file": target, "format": name, **counts, "digest": trace.digest, **about})
    else:
        click.echo(f"{target}: {len(trace):,} requests, {trace.catalog_size:,} items")


class _Generators(Main):
    """One command a generator, its options made from the generator's parameters."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from olearn.traces.synthetic import GENERATORS

        return [*GENERATORS, "mixture"]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        from olearn.traces.synthetic import GENERATORS

        name = name.replace("-", "_")
        if name == "mixture":
            return _mixture
        return _generator(name, GENERATORS[name]) if name in GENERATORS else None


@command.group(cls=_Generators)
def generate() -> None:
    """Make a synthetic trace; one seed is one trace."""


_TARGET = click.option(
    "--output", "-o", "target", required=True, metavar="FILE", help="The file to write (- is stdout)."
)


def _generator(name: str, function: Callable[..., Any]) -> click.Command:
    parameters: list[click.Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        kind: Any = str if parameter.name == "sizes" else type(parameter.default)
        required = parameter.default is inspect.Parameter.empty
        parameters.append(
            click.Option(
                [f"--{parameter.name.replace('_', '-')}", parameter.name],
                type=int if required else kind,
                required=required,
                default=None if required else parameter.default,
                show_default=not required and parameter.default is not None,
                help=_HELP[parameter.name],
            )
        )

    @_TARGET
    @_with(_WRITE)
    def run(target: str, to: str | None, force: bool, as_json: bool, **values: Any) -> None:
        _check_target(target, to, force)
        _write(function(**values), target, to, as_json)

    made = click.command(name, help=(inspect.getdoc(function) or "").split("\n\n")[0].replace("`", ""))(run)
    made.params = [*parameters, *made.params]
    return made


_HELP = {
    "requests": "Number of requests.",
    "items": "Number of items.",
    "alpha": "Zipf exponent.",
    "seed": "Seed.",
    "sizes": "Law of sizes: lognormal, pareto or uniform; without it, no sizes.",
    "period": "Requests between two changes.",
    "change": "What happens to the ranks: permute or rotate.",
    "shift": "With rotate, how many ranks every item falls.",
    "volume": "Law of an item's requests: pareto or exponential.",
    "volume_shape": "Shape of a Pareto law of volumes.",
    "lifespan": "Mean lifespan; all items are born in a time of 1.",
    "lifespan_law": "Law of lifespans: exponential or pareto.",
    "lifespan_shape": "Shape of a Pareto law of lifespans.",
}


@click.command("mixture")
@click.option("--requests", type=int, required=True, help="Number of requests.")
@click.option(
    "--part",
    "parts",
    multiple=True,
    required=True,
    metavar="SPEC",
    help="A generator, e.g. 'zipf(items=1000, alpha=0.8)', or a trace file; once for each part.",
)
@click.option("--weights", metavar="W,W,...", help="Chance of each part; equal by default.")
@click.option("--shared", is_flag=True, help="Equal keys in different parts are one item.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Seed; parts without one have seed + 1, ..."
)
@_TARGET
@_with(_WRITE)
def _mixture(
    requests: int,
    parts: tuple[str, ...],
    weights: str | None,
    shared: bool,
    seed: int,
    target: str,
    to: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Several traces interleaved at random."""
    from olearn.traces.synthetic import mixture

    _check_target(target, to, force)
    chances = None
    if weights is not None:
        try:
            chances = [float(w) for w in weights.split(",")]
        except ValueError:
            raise ParameterError(f"weights must be numbers such as 0.7,0.3, got {weights!r}") from None
    traces = [_part(spec, requests, seed + k + 1) for k, spec in enumerate(parts)]
    _write(mixture(traces, chances, requests, seed, shared=shared), target, to, as_json)


def _part(spec: str, requests: int, seed: int) -> Any:
    """A part of a mixture: ``name(parameter=value, ...)`` or a file."""
    import ast

    from olearn.errors import unknown
    from olearn.traces import load
    from olearn.traces.synthetic import GENERATORS

    if "(" not in spec:
        return load(spec)
    try:
        call = ast.parse(spec.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
            raise ValueError(spec)
        values = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (SyntaxError, ValueError):
        raise ParameterError(f"a part looks like zipf(items=1000, alpha=0.8), got {spec!r}") from None
    name = call.func.id
    if name not in GENERATORS:
        raise unknown("generator", name, GENERATORS)
    known = list(inspect.signature(GENERATORS[name]).parameters)
    for parameter in values:
        if parameter not in known:
            raise unknown(f"parameter of {name}", parameter, known)
    if "items" not in values:
        raise ParameterError(f"the part {spec!r} needs items, its number of items")
    return GENERATORS[name](**({"requests": requests, "seed": seed} | values))


command.add_command(build)
