# SPDX-License-Identifier: EUPL-1.2
"""``verbund crypto``: which cryptographic methods are used where and until when, and settings for other programs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from verbund.baseline.crypto import Entry

GUIDELINE, PROFILE = "tr-02102_2026-01", "bsi-strict"


class Format(StrEnum):
    """What is printed."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JSON = "json"
    SSHD = "sshd"
    SSH = "ssh"
    SSH_AUDIT = "ssh-audit"
    RSYSLOG_OSSL = "rsyslog-ossl"
    RSYSLOG_GTLS = "rsyslog-gtls"
    OPENSSL = "openssl"
    NGINX = "nginx"
    APACHE = "apache"
    IPSEC = "ipsec"


def register(app: typer.Typer) -> None:
    """Add ``crypto``."""
    app.command()(crypto)


def day(given: datetime | None) -> date:
    """The day to judge for: the given one, else today."""
    return given.date() if given else datetime.now(UTC).astimezone().date()


def crypto(  # noqa: PLR0917 - typer reads options from parameters
    form: Annotated[
        Format,
        typer.Option("--format", "-f", help="The inventory, or settings for a program."),
    ] = Format.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    on: Annotated[
        datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="Judge for this day (default: today).")
    ] = None,
    guideline: Annotated[str, typer.Option("--guideline", help="Edition, for settings.")] = GUIDELINE,
    profile: Annotated[str, typer.Option("--profile", help="Profile of the edition, for settings.")] = PROFILE,
    openssh: Annotated[
        str, typer.Option("--openssh", help="Oldest OpenSSH that has to understand settings (Debian 12: 9.2).")
    ] = "10.0",
) -> None:
    """Show which cryptographic methods are used where and until when (CON.1.A19), or write settings from the same data.

    Warnings about methods that end soon go to standard error. Exit code 1: one has ended and is still in use.

    For example:
      verbund crypto --format markdown > krypto-kataster.md

      verbund crypto --format ipsec --profile interop

      verbund crypto --format ssh-audit > policy.txt && ssh-audit -P policy.txt HOST
    """
    import re

    from verbund.baseline.crypto import chosen, inventory, read, warnings
    from verbund.baseline.crypto_formats import render
    from verbund.cli.console import errors, safe
    from verbund.errors import ExitCode, UsageError
    from verbund.intent import load
    from verbund.project import Project

    project = Project.find()
    form = Format.JSON if as_json else form
    if form not in {Format.TABLE, Format.MARKDOWN, Format.JSON}:
        if not re.fullmatch(r"\d{1,3}(\.\d{1,3}){0,2}", openssh):
            raise UsageError(safe(f"--openssh: '{openssh}' is no version"), "write it like 10.0")
        chosen(project.roles, guideline, profile)
        typer.echo(render(form.value, read(project.roles, guideline)[0], profile, openssh), nl=False)
        return
    rows = inventory(project.roles, load(project.inventory))
    judged = day(on)
    if form is Format.JSON:
        typer.echo(_json(rows, judged))
    elif form is Format.MARKDOWN:
        typer.echo(_markdown(rows, judged), nl=False)
    else:
        _table(rows)
    for finding in warnings(project.roles, rows, judged):
        errors.print(safe(str(finding)), markup=False, soft_wrap=True)
    if any(row.until is not None and row.until < judged.year for row in rows):
        raise typer.Exit(ExitCode.FINDINGS)


def _cells(row: Entry) -> tuple[str, ...]:
    bits, until = (str(number) if number is not None else "–" for number in (row.bits, row.until))
    return (row.use, row.kind, row.name, bits, str(row.hosts), row.profile or "–", row.since, until, row.source)


def _table(rows: list[Entry]) -> None:
    """What fits a terminal; profile, release and source stand in the other forms."""
    from rich.table import Table
    from rich.text import Text

    from verbund.cli.console import output, safe

    table = Table(box=None, pad_edge=False)
    for heading in ("used by", "for", "method", "bits", "hosts", "until"):
        table.add_column(heading, justify="right" if heading in {"bits", "hosts"} else "left", overflow="fold")
    for row in rows:
        use, kind, name, bits, hosts, _, _, until, _ = _cells(row)
        table.add_row(*(Text(safe(cell)) for cell in (use, kind, name, bits, hosts, until)))
    output.print(table)


def _markdown(rows: list[Entry], on: date) -> str:
    """The inventory as a document, German, since it is for the auditor."""
    titles = ("genutzt von", "Zweck", "Verfahren", "Bit", "Hosts", "Profil", "seit", "bis Ende", "Quelle")
    lines = [
        "# Krypto-Kataster (CON.1.A19)",
        "",
        f"Stand: {on}. Erzeugt aus Vorgaben und Inventar, nicht gemessen.",
        "",
    ]
    lines += [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    lines += [f"| {' | '.join(cell.replace('|', '/') for cell in _cells(row))} |" for row in rows]
    reasons = {row.until: set[str]() for row in rows if row.until is not None}
    for row in rows:
        if row.until is not None:
            reasons[row.until].add(row.why)
    lines += ["", "Warum ein Verfahren endet:", ""]
    lines += [f"- Ende {year}: {'; '.join(sorted(why))}" for year, why in sorted(reasons.items())]
    return "\n".join([*lines, ""])


def _json(rows: list[Entry], on: date) -> str:
    import json
    from dataclasses import asdict

    document = {"format": "verbund-crypto/1", "on": on.isoformat(), "entries": [asdict(row) for row in rows]}
    return json.dumps(document, indent=2, ensure_ascii=False)
