"""The ``olearn`` command. One command a file; a command's module loads when the command runs."""

from __future__ import annotations

import importlib
from typing import Any

import click

from olearn._version import __version__
from olearn.cli._common import Main

#: Command -> its module below olearn.cli, which holds a click command named ``command``.
COMMANDS = {
    "demo": "demo",
    "replay": "replay",
    "compare": "compare",
    "policies": "policies",
    "trace": "trace",
    "optimum": "optimum",
    "regret": "regret",
    "bandit": "bandit",
    "learners": "learners",
    "offload": "offload",
    "deliver": "deliver",
    "network": "network",
    "prefix": "prefix",
    "moe": "moe",
}


class Lazy(Main):
    """A group that imports a command's module only when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module: Any = importlib.import_module(f"olearn.cli.{COMMANDS[name]}")
        return _paragraphs(module.command)


def _paragraphs(command: click.Command) -> click.Command:
    r"""Make the ``\b`` of raw docstrings the character by which click keeps a paragraph's lines."""
    if command.help:
        command.help = command.help.replace("\\b\n", "\b\n")
    if isinstance(command, click.Group):
        for below in command.commands.values():
            _paragraphs(below)
    return command


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="olearn")
def main() -> None:
    """Replay traces against online-learning policies, and say how far each is from the best in hindsight."""
