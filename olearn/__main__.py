"""``python -m olearn`` is the ``olearn`` command."""

from olearn.cli import main

main(prog_name="olearn")
