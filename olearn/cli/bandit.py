"""``olearn bandit``: bandit policies against an environment, with regret curves and what nobody can beat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from olearn.cli._common import (
    check_writable,
    err,
    out,
    print_json,
    print_table,
    to_csv,
    to_json,
    write_atomically,
)

#: Columns of the table; files and JSON carry more.
COLUMNS = (
    "policy",
    "horizon",
    "runs",
    "regret_mean",
    "regret_stderr",
    "bound",
    "reward_mean",
    "steps_per_second",
)


@click.command()
@click.option("--env", "environment", required=True, metavar="ENV", help="What to play against, see below.")
@click.option("--policy", "policies", multiple=True, required=True, metavar="POLICY", help="Repeat for more.")
@click.option(
    "--horizon", type=int, metavar="T", help="Rounds of a run.  [default: 10000, or the rows of a matrix]"
)
@click.option("--runs", default=100, show_default=True, help="Independent runs of each policy.")
@click.option("--seed", default=0, show_default=True, help="Fixes the rewards and the policies' randomness.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option(
    "--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the table."
)
@click.option("--out", "folder", type=click.Path(file_okay=False, path_type=Path), help="Folder for all files.")
@click.option("--no-plot", is_flag=True, help="No picture in the folder.")
def command(
    environment: str,
    policies: tuple[str, ...],
    horizon: int | None,
    runs: int,
    seed: int,
    as_json: bool,
    csv_file: Path | None,
    folder: Path | None,
    no_plot: bool,
) -> None:
    r"""Run bandit policies many times against one environment and compare their regret.

    \b
    ENV is one of
      bernoulli:0.1,0.5,0.9             means of the arms
      bernoulli:0.9,0.1/0.1,0.9@5000    phases, and the round each later one begins
      gaussian:0,0.5;std=2   uniform:0.4,0.6;half_width=0.3   constant:0.2,0.8
      matrix:FILE                       rewards, one round a row (.npy or numbers and commas)
      punish-leader:10   reward-rarest:10   switch-when-found:10
                                        adversaries that watch the plays, with their arms

    POLICY is a name or a name with parameters: ucb1, "ucb(alpha=1)", "exp3(eta=0.01)", "cucb(m=3)".
    Every policy meets the same rewards (common random numbers). `olearn learners` lists the names.
    """
    from olearn._jit import announce_compile
    from olearn._progress import Progress
    from olearn.engine.bandits import simulate
    from olearn.environments import parse_environment
    from olearn.errors import ParameterError

    check_writable(csv_file, folder)
    env = parse_environment(environment)
    horizon = horizon if horizon is not None else env.horizon or 10_000
    twice = next((text for k, text in enumerate(policies) if text in policies[:k]), None)
    if twice is not None:
        raise ParameterError(f"policy {twice!r} is given twice")
    chosen = [_policy(text, env.arms, horizon) for text in policies]
    with announce_compile(_say_compiling), Progress(runs * len(chosen), "runs") as progress:
        result = simulate(
            env, chosen, horizon, runs, seed, labels=policies, progress=lambda done, total: progress.advance(1)
        )
    rows = result.table()
    written = _write(result, rows, csv_file, folder, not no_plot)
    if as_json:
        print_json({"manifest": result.manifest(), "rows": rows})
    else:
        phases = ("regret_dynamic",) if env.breaks.size else ()
        print_table(rows, (*COLUMNS[:5], *phases, *COLUMNS[5:]))
        out.print(_floor_text(result))
    for path in written:
        err.print(f"wrote {path}", markup=False)


def _say_compiling() -> None:
    err.print("compiling (the first run of a policy only) ...")


def _policy(text: str, arms: int, horizon: int) -> Any:
    """The policy that a text such as ``ucb(alpha=1)`` names."""
    from olearn.errors import NotSupportedError, ParameterError, nearest
    from olearn.learners.bandits import bandit_class
    from olearn.registry import parse_spec

    name, parameters = parse_spec(text)
    cls = bandit_class(name)
    if cls.shape not in ("arm", "set"):
        needs = {
            "context": "contexts",
            "advice": "experts' advice",
            "knapsack": "costs",
            "point": "a convex set",
        }
        raise NotSupportedError(f"{name} needs {needs[cls.shape]}, which no ENV here has: use it from Python")
    allowed = cls.tunable()
    for key in parameters:
        if key not in allowed:
            known = ", ".join(allowed) if allowed else "none"
            raise ParameterError(f"{name} has no parameter {key!r}{nearest(key, allowed)}; known: {known}")
    return cls(arms, horizon, **parameters)


def _floor_text(result: Any) -> str:
    """One line: what the regret is, and what bounds it from below."""
    parts = [result.regret_kind()]
    constant, lower = result.lai_robbins(), result.minimax_lower()
    if constant is not None:
        parts.append(f"Lai-Robbins {constant:.4g} ln T")
    if lower is not None:
        parts.append(f"minimax lower bound {lower:.4g}")
    return "; ".join(parts)


def _write(
    result: Any, rows: list[dict[str, Any]], csv_file: Path | None, folder: Path | None, plot: bool
) -> list[Path]:
    """Write the files asked for and return their paths."""
    flat = [{k: v for k, v in row.items() if k != "parameters"} for row in rows]
    files: dict[Path, str] = {}
    if csv_file is not None:
        files[csv_file] = to_csv(flat)
    if folder is not None:
        files[folder / "bandit.csv"] = to_csv(flat)
        files[folder / "bandit_curves.csv"] = to_csv(_curves(result))
        files[folder / "bandit.json"] = to_json({"manifest": result.manifest(), "rows": rows})
    for path, text in files.items():
        write_atomically(path, text)
    written = list(files)
    if folder is not None and plot:
        from olearn.plot.bandit import draw

        draw(result, folder / "bandit.png")
        written.append(folder / "bandit.png")
    return written


def _curves(result: Any) -> list[dict[str, Any]]:
    """Mean regret at every checkpoint with its 95 % band; with phases, to the best arm of each."""
    from olearn.regret.bands import band

    rows = []
    for row in result.rows:
        curves = band(result.headline(row))
        for i, t in enumerate(result.checkpoints):
            rows.append(
                {
                    "policy": row.label,
                    "round": int(t),
                    "regret_mean": float(curves.mean[i]),
                    "regret_low": float(curves.low[i]),
                    "regret_high": float(curves.high[i]),
                }
            )
    return rows
