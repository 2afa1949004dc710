# SPDX-License-Identifier: EUPL-1.2
"""Assemble the command line and turn every error into a plain message and an exit code."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from verbund import __version__
from verbund.cli.console import errors
from verbund.errors import VerbundError

# Order of the help text: the way of a site from its file to the report.
COMMAND_MODULES = ("intent", "lab", "fleet", "apply", "verify", "report", "demo")

app = typer.Typer(
    name="verbund",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"verbund {__version__}")
        raise typer.Exit


@app.callback(
    epilog="Exit codes: 0 good, 1 findings, 2 usage or input error (nothing written or contacted), "
    "3 something could not be reached.  Start with [bold]verbund check[/bold], then [bold]verbund lab up[/bold]."
)
def _root(
    project: Annotated[
        Path | None,
        typer.Option("--project", "-C", help="The checkout to work on (default: found upwards from here)."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """From one site file to a proven school: check the intent, roll it out, prove it, report it."""
    del version
    if project is not None:
        import os

        os.environ["VERBUND_PROJECT"] = str(project.absolute())


for _name in COMMAND_MODULES:
    importlib.import_module(f"verbund.cli.{_name}").register(app)


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with its code.

    Args:
        argv: arguments without the program name; default ``sys.argv[1:]``.
    """
    try:
        app(args=argv, prog_name="verbund")
    except VerbundError as error:
        errors.print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
