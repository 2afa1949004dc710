# SPDX-License-Identifier: EUPL-1.2
"""``verbund report``: turn the result file of a verification into pages, tables, papers and other tools' formats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verbund.cli.console import errors, output, safe
from verbund.errors import UsageError
from verbund.project import Project

if TYPE_CHECKING:
    from verbund.baseline.controls import Entry
    from verbund.baseline.results import Results
    from verbund.network.reachability import Model
    from verbund.report import Declared, Format


class Choice(StrEnum):
    """What can be written; the names of `verbund.report.Format`, and all of them."""

    HTML = "html"
    CSV = "csv"
    JUNIT = "junit"
    OSCAL = "oscal"
    SARIF = "sarif"
    PROMETHEUS = "prometheus"
    PAPERS = "papers"
    ALL = "all"


class Language(StrEnum):
    """Languages of the report."""

    DE = "de"
    EN = "en"


def register(app: typer.Typer) -> None:
    """Add ``report``."""
    app.command()(report)


def report(
    *,
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
    formats: Annotated[
        list[Choice] | None,
        typer.Option("--format", "-f", help="What to write; may be given several times (default: html, csv, junit)."),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option("--at", formats=["%Y-%m-%d"], help="Judge age as at the end of this day (default: now)."),
    ] = None,
) -> None:
    """Write the report of a verification: open index.html with any browser, no server needed.

    Both languages are written: index.html (German) and index.en.html (English), each one file that can be mailed.
    results.csv is for spreadsheets, junit.xml for CI servers. On request: oscal (component definition and assessment
    results), sarif, prometheus (for the textfile collector), papers (WiBA sheet and measures after Art. 32 GDPR of each
    tenant; plan, patch sheets and communication matrix of each of its sites; HTML and PDF, German). Evidence that is
    too old by now is stale, whatever the run said.
    """
    from verbund.report import Format, write_exports, write_report

    project = Project.find()
    stored = project.state / "results"
    source = results or stored / "latest.json"
    current = _read(source)
    moment = _moment(current, at)
    chosen = _chosen(formats)
    target = (destination or project.state / "report").absolute()
    written = []
    pages = chosen & {Format.HTML, Format.CSV, Format.JUNIT}
    compared = ""
    exports = []
    # The exports first: where they cannot be made, nothing is written at all.
    if chosen - pages:
        tenants, network = _declared(project) if Format.PAPERS in chosen else ({}, None)
        exports = write_exports(
            current,
            target,
            project.root,
            chosen,
            entries=_catalogue(project) if Format.OSCAL in chosen else (),
            tenants=tenants,
            network=network,
            at=moment,
        )
    if pages:
        earlier = (_read(previous) if previous else _newest_before(current, stored)) if Format.HTML in pages else None
        files = write_report(
            current,
            earlier,
            target,
            project.root / "templates" / "report",
            lang.value,
            at=moment,
            formats=pages,
        )
        first = files.pages[lang.value]
        written = sorted(files.written, key=lambda path: path != first)
        if Format.HTML in pages:
            compared = f"; compared with run {earlier.run.id}" if earlier else "; no earlier run to compare with"
    head = f"{len(current.hosts)} hosts, {len(current.controls)} controls{compared}"
    output.print(safe(head), markup=False)
    _say_turned(current, moment)
    for path in (*written, *exports):
        output.print(safe(f"  {_size(path):>9}  {path}"), markup=False, soft_wrap=True)


def _chosen(formats: list[Choice] | None) -> set[Format]:
    from verbund.report import Format

    if not formats:
        return {Format.HTML, Format.CSV, Format.JUNIT}
    return set(Format) if Choice.ALL in formats else {Format(choice.value) for choice in formats}


def _moment(current: Results, at: datetime | None) -> datetime:
    """Now, or the end of the day that was named; a report from before its own run would be made up."""
    now = datetime.now(UTC)
    moment = now if at is None else at.replace(tzinfo=UTC) + timedelta(days=1) - timedelta(seconds=1)
    if at is not None and moment < current.run.finished:
        raise UsageError(
            f"the run ended on {current.run.finished:%Y-%m-%d}, after {at:%Y-%m-%d}", "name that day or a later one"
        )
    return moment


def _say_turned(current: Results, moment: datetime) -> None:
    from verbund.baseline.lifetime import as_of

    standing = as_of(current, moment)
    if standing.stale:
        errors.print(
            f"{standing.stale} verdicts are stale: their evidence is too old; run `verbund verify` again",
            markup=False,
            soft_wrap=True,
        )
    if standing.ended:
        errors.print(f"{standing.ended} verdicts are not met: their exception has ended", markup=False, soft_wrap=True)


def _catalogue(project: Project) -> list[Entry]:
    from verbund.baseline.controls import require_controls

    entries = require_controls(project.roles)
    if not entries:
        raise UsageError(
            f"{project.roles}: no role has controls, so there is no component definition to write",
            "run the command in a complete checkout",
        )
    return entries


def _declared(project: Project) -> tuple[dict[str, Declared], Model | None]:
    """What the intent says; where it has errors the papers say less, and this says why."""
    from verbund.errors import VerbundError
    from verbund.intent import load
    from verbund.network.reachability import Model
    from verbund.report import Declared

    try:
        intent = load(project.inventory)
        names: dict[str, set[str]] = {}
        for host in intent.select(None):
            names.setdefault(host.tenant, set()).add(host.name)
        model = Model.of(intent)
    except VerbundError:
        errors.print(
            "the papers do not say how many hosts a tenant has, and there are none of its networks: the intent has "
            "errors (see `verbund check`)",
            markup=False,
            soft_wrap=True,
        )
        return {}, None
    return {
        name: Declared(tenant.name, tenant.contact, frozenset(names.get(name, ())))
        for name, tenant in intent.tenants.items()
    }, model


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
