# SPDX-License-Identifier: EUPL-1.2
"""The commands around the intent: check, explain, init, schema."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer


class SiteKind(StrEnum):
    """What ``verbund init`` can scaffold."""

    school = "school"
    townhall = "townhall"


class Size(StrEnum):
    """The address plans."""

    small = "small"
    large = "large"


class FileKind(StrEnum):
    """Files with a schema."""

    site = "site"
    tenant = "tenant"
    provider = "provider"
    procedure = "procedure"
    deviations = "deviations"


def check(
    tenants: Annotated[
        list[str] | None, typer.Argument(metavar="[TENANT]...", help="Only these tenants (default: all).")
    ] = None,
    on: Annotated[
        datetime | None,
        typer.Option(
            "--on", formats=["%Y-%m-%d"], help="Warn of ending crypto methods as on this day (default: today)."
        ),
    ] = None,
) -> None:
    """Check the intent: every error with file, line, column and what to do. Nothing is written or contacted.

    Proves the network, too, before anything is plugged in: VLANs and cables, rules, and that administration and
    pedagogy never reach each other (``verbund net check``).

    Warns, too, of cryptographic methods that end within their lead time (``verbund crypto``).

    For example:
      verbund check             everything, also whether tenants overlap

      verbund check erkrath     one town; no other town's files are read
    """
    from verbund.baseline import crypto
    from verbund.cli.console import errors, output, safe
    from verbund.cli.crypto import day
    from verbund.errors import ExitCode, InputError
    from verbund.intent import load
    from verbund.network import checks
    from verbund.network.reachability import Model
    from verbund.project import Project

    project = Project.find()
    try:
        intent = load(project.inventory, tenants or None)
        network = checks.demand(Model.of(intent))
        ending = crypto.warnings(project.roles, crypto.inventory(project.roles, intent), day(on))
    except InputError as error:
        for finding in error.findings:
            errors.print(safe(str(finding)), markup=False, soft_wrap=True)
        warnings = sum(finding.warning for finding in error.findings)
        problems = len(error.findings) - warnings
        files = len({finding.path for finding in error.findings if not finding.warning})
        errors.print(
            f"{_count(problems, 'error')} in {_count(files, 'file')}, {_count(warnings, 'warning')}", markup=False
        )
        raise typer.Exit(ExitCode.INPUT) from None
    shown = [*intent.warnings, *network, *ending]
    for finding in shown:
        errors.print(safe(str(finding)), markup=False, soft_wrap=True)
    output.print(
        f"good: {_count(len(intent.tenants), 'tenant')}, {_count(len(intent.sites), 'site')}, "
        f"{_count(len(intent.hosts), 'host')}, {_count(len(intent.devices), 'device')}, "
        f"{_count(len(shown), 'warning')}",
        markup=False,
        soft_wrap=True,
    )


def explain(
    host: Annotated[str, typer.Argument(help="Name of the host, such as gse-r101-pc01.")],
    key: Annotated[str, typer.Argument(help="A setting, such as sshd_crypto_profile.")],
) -> None:
    """Show which file and line set a value for a host; the last line wins.

    The order is: standard < tenant < site < profile < room < host.

    For example:
      verbund explain gse-r101-pc01 sshd_crypto_profile
    """
    import json

    from verbund.cli.console import output, safe
    from verbund.intent import load
    from verbund.intent.yaml_source import shown
    from verbund.project import Project

    layers = load(Project.find().inventory).explain(host, key)
    for layer in layers:
        mark = "=>" if layer is layers[-1] else "  "
        value = json.dumps(layer.value, ensure_ascii=False, default=str)
        output.print(
            safe(f"{mark} {layer.level:<8} {value}   {shown(layer.path)}:{layer.line}"), markup=False, soft_wrap=True
        )


def init(
    tenant: Annotated[str, typer.Argument(help="Id of the town: small letters and digits.")],
    site: Annotated[str, typer.Argument(help="Id of the site: small letters and digits.")],
    kind: Annotated[SiteKind, typer.Option(help="What stands there.")],
    size: Annotated[
        Size, typer.Option(help="small: /19, rooms of up to 24 pupils' places; large: /16, up to 48.")
    ] = Size.small,
) -> None:
    """Write the first files of a site (and of its town), with the next free networks. Never overwrites.

    For example:
      verbund init mettmann grundschule --kind school

      verbund init mettmann rathaus --kind townhall
    """
    from verbund.cli.console import output
    from verbund.intent.scaffold import init as scaffold
    from verbund.intent.yaml_source import shown
    from verbund.project import Project

    for path in scaffold(Project.find().inventory, tenant, site, kind.value, size.value):
        output.print(f"wrote {shown(path)}", markup=False, soft_wrap=True)
    output.print(f"now edit the rooms, then run: verbund check {tenant}", markup=False, soft_wrap=True)


def schema(kind: Annotated[FileKind, typer.Argument(help="Which kind of file.")]) -> None:
    """Print the JSON Schema of an intent file, for editors that complete and check while typing.

    For example:
      verbund schema site > site.schema.json
    """
    import json

    from verbund.intent.schema import schema as export

    typer.echo(json.dumps(export(kind.value), indent=2, ensure_ascii=False))


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (check, explain, init, schema):
        app.command()(command)
