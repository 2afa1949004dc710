# SPDX-License-Identifier: EUPL-1.2
"""Assemble the command line and turn every error into a plain message and an exit code."""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from verbund import __version__
from verbund.cli.console import errors, interruptible, safe
from verbund.errors import ExitCode, VerbundError

# Order of the help text: the way of a site from its file to the report.
COMMAND_MODULES = ("intent", "net", "lab", "fleet", "apply", "verify", "coverage", "report", "crypto", "judge", "demo")


class _Commands(TyperGroup):
    """No command ends without a word when it is interrupted; most have words of their own."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Read the command line."""
        with interruptible("nothing was begun", "run the same command again"):
            return super().make_context(*args, **options)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run the command that was asked for."""
        with interruptible("the command ended before it was done", "run the same command again"):
            return super().invoke(ctx)


app = typer.Typer(
    name="verbund",
    cls=_Commands,
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
    epilog="The way of a site: [bold]verbund init[/bold] TOWN SITE --kind school, edit its file, "
    "[bold]verbund check[/bold]. Try it here: [bold]verbund lab up[/bold] --limit HOST, then with --limit lab: "
    "[bold]verbund enrol[/bold], [bold]apply[/bold], [bold]verify[/bold]; [bold]verbund report[/bold]. "
    "Each command explains itself with --help.\n\n"
    "--limit takes names, globs and tenant:T, site:S, room:R, profile:P, class:C, zone:Z, lab; "
    "a,b means both, a&b what is in both.\n\n"
    "Exit codes: 0 good, 1 findings, 2 usage or input error (nothing written or contacted), "
    "3 something could not be reached, 130 interrupted."
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
        os.environ["VERBUND_PROJECT"] = str(project.absolute())


for _name in COMMAND_MODULES:
    importlib.import_module(f"verbund.cli.{_name}").register(app)


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with its code.

    Args:
        argv: arguments without the program name; default ``sys.argv[1:]``.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal or pipe that knows no umlauts gets "\xfc" instead of ending the command.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        with _stoppable(), interruptible("nothing was begun", "run the same command again"):
            app(args=argv, prog_name="verbund")
    except VerbundError as error:
        errors.print(safe(str(error)), markup=False, highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except OSError as error:
        # Full disk, no right to write, no right to read: the system's own words say it best.
        place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        with contextlib.suppress(OSError):
            message = (
                f"{place}{error.strerror or error}\n    hint: check free space and the rights of file and directory"
            )
            errors.print(safe(message), markup=False, highlight=False, soft_wrap=True)
        refused = isinstance(error, PermissionError) or error.errno == errno.EROFS
        _leave(ExitCode.INPUT if refused else ExitCode.FINDINGS)


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Have SIGTERM and a closed terminal (SIGHUP) mean the same as Ctrl-C, unless the caller had them ignored."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(code: ExitCode) -> None:
    """Exit; what a full or closed output still holds is given up instead of failing once more on the way out."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)
