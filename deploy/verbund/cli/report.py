# SPDX-License-Identifier: EUPL-1.2
"""``verbund report``: turn the result file of a verification into pages, a table and a JUnit file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verbund.cli.console import errors, output, safe
from verbund.errors import UsageError
from verbund.project import Project

if TYPE_CHECKING:
    from verbund.baseline.results import Results


class Language(StrEnum):
    """Languages of the report."""

    DE = "de"
    EN = "en"


def register(app: typer.Typer) -> None:
    """Add ``report``."""
    app.command()(report)


def report(
    results: Annotated[
        Path | None,
        typer.Option("--results", "-r", help="Result file of `verbund verify` (default: the latest one)."),
    ] = None,
    previous: Annotated[
        Path | None,
        typer.Option("--previous", "-p", help="Result file to compare with (default: the newest older one)."),
    ] = None,
    destination: Annotated[
        Path | None, typer.Option("--output", "-o", help="Directory to write into (default: .verbund/report).")
    ] = None,
    lang: Annotated[
        Language, typer.Option("--lang", "-l", help="Page to name first, and language of the spreadsheet.")
    ] = Language.DE,
) -> None:
    """Write the report of a verification: open index.html with any browser, no server needed.

    Both languages are written: index.html (German) and index.en.html (English), each one file that can be mailed.
    results.csv is for spreadsheets, junit.xml for CI servers.
    """
    from verbund.report import write_report

    project = Project.find()
    stored = project.state / "results"
    source = results or stored / "latest.json"
    current = _read(source)
    earlier = _read(previous) if previous else _newest_before(current, stored)
    files = write_report(
        current,
        earlier,
        (destination or project.state / "report").absolute(),
        project.root / "templates" / "report",
        lang.value,
    )
    compared = safe(f"compared with run {earlier.run.id}") if earlier else "no earlier run to compare with"
    output.print(f"{len(current.hosts)} hosts, {len(current.controls)} controls; {compared}", markup=False)
    first = files.pages[lang.value]
    others = [page for page in files.pages.values() if page != first]
    for path in (first, *others, files.csv, files.junit):
        output.print(f"  {_size(path):>9}  {path}", markup=False, soft_wrap=True)


def _read(path: Path) -> Results:
    """Read a result file; every way in which it can be unusable is one plain error."""
    from pydantic import ValidationError

    from verbund.baseline.results import Results

    try:
        return Results.read(path)
    except FileNotFoundError as error:
        raise UsageError(
            f"there is no result file {path}", "run `verbund verify` first, or name one with --results"
        ) from error
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror or error}", "name a result file with --results"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file as a whole"
        raise UsageError(
            safe(f"{path} is not a result file of this version ({place}: {first['msg']})"),
            "it is damaged or of another kind; run `verbund verify` again, or name another file with --results",
        ) from error


def _newest_before(current: Results, directory: Path) -> Results | None:
    """The newest stored run that ended before this one began; a damaged file is named and passed over."""
    candidates = [path for path in directory.glob("*.json") if path.name != "latest.json"] if directory.is_dir() else []
    for path in sorted(candidates, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True):
        try:
            earlier = _read(path)
        except UsageError as error:
            errors.print(f"not compared with {path.name}: {error.message}", markup=False, soft_wrap=True)
            continue
        if earlier.run.id != current.run.id and earlier.run.finished <= current.run.started:
            return earlier
    return None


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"
