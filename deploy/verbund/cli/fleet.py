# SPDX-License-Identifier: EUPL-1.2
"""``verbund enrol``, ``facts``, ``quarantine`` and ``release``: what pyinfra does for many hosts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verbund.cli.console import errors, safe

if TYPE_CHECKING:
    from verbund.errors import ExitCode
    from verbund.rollout.fleet import FleetResult

Limit = Annotated[
    str | None,
    typer.Option(
        "--limit", "-l", help="Which hosts: names, globs, tenant:T, site:S, room:R, profile:P, class:C; a,b or a&b."
    ),
]
RequiredLimit = Annotated[
    str, typer.Option("--limit", "-l", help="Which hosts: names, globs, site:S, room:R ...; there is no default.")
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("enrol", epilog="Example: verbund enrol --limit site:grundschule")(enrol)
    app.command("facts", epilog="Example: verbund facts --limit gse-srv1 > facts.json")(facts)
    app.command("quarantine", epilog="Example: verbund quarantine --limit gse-r101-pc01")(quarantine)
    app.command("release", epilog="Example: verbund release --limit gse-r101-pc01")(release)


def enrol(
    limit: Limit = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", help="Private key the bare hosts accept (the lab knows its own).", exists=True),
    ] = None,
    user: Annotated[str, typer.Option("--user", help="Account that accepts the key.")] = "root",
) -> None:
    """Make bare hosts managed ones: account, SSH trust, certificates, release stamp; then remove the bootstrap key.

    The key is removed only after a new connection with a certificate has worked. A second run changes nothing.
    """
    if key is not None:
        os.environ["VERBUND_BOOTSTRAP_KEY"] = str(key.absolute())
        os.environ["VERBUND_BOOTSTRAP_USER"] = user
    raise typer.Exit(_run("enrol", limit)[0])


def facts(limit: Limit = None) -> None:
    """Read facts of hosts (system, hardware, disks, open ports ...) and print them as JSON. Changes nothing."""
    import json

    code, results = _run("facts", limit)
    found = {}
    for name, result in results.items():
        found[name] = (
            json.loads(Path(result.path).read_text(encoding="utf-8")) if result.path else {"error": result.text}
        )
    typer.echo(json.dumps(found, indent=2))
    raise typer.Exit(code)


def quarantine(limit: RequiredLimit) -> None:
    """Isolate hosts: only SSH from their management addresses goes on. Survives a reboot; see 'verbund release'."""
    raise typer.Exit(_run("quarantine", limit)[0])


def release(limit: RequiredLimit) -> None:
    """Take the isolation of 'verbund quarantine' away."""
    raise typer.Exit(_run("quarantine", limit, {"release": "yes"})[0])


def _run(name: str, limit: str | None, data: dict[str, str] | None = None) -> tuple[ExitCode, dict[str, FleetResult]]:
    from verbund import intent
    from verbund.errors import ExitCode
    from verbund.inventory.connection import Connections
    from verbund.project import Project
    from verbund.rollout.fleet import GOOD, Deploy, exit_code

    project = Project.find()
    hosts = intent.load(project.inventory).select(limit, {"lab": Connections.load(project.state).lab})
    deploy = Deploy(project.root, project.state, name, hosts, data or {})
    seen: set[str] = set()
    results = deploy.run(_Lines(len(hosts), seen))
    for host, result in results.items():
        if result.event not in GOOD and host not in seen:
            errors.print(safe(f"{host}  {result.event}  {result.text}"), markup=False, soft_wrap=True)
    good = sum(result.event in GOOD for result in results.values())
    errors.print(
        f"{good} of {len(results)} hosts are done; log: {os.path.relpath(deploy.log)}"
        + ("; interrupted, run the same command again to go on" if deploy.interrupted else ""),
        markup=False,
        soft_wrap=True,
    )
    return (ExitCode.INTERRUPTED if deploy.interrupted else exit_code(results), results)


class _Lines:
    """Prints one line per host as it is done: ``[3/40] gse-srv1  changed  enrolled``."""

    def __init__(self, total: int, seen: set[str]) -> None:
        self._total = total
        self._seen = seen

    def __call__(self, host: str, result: FleetResult) -> None:
        if result.event != "connected":
            self._seen.add(host)
            line = f"[{len(self._seen)}/{self._total}] {host}  {result.event}  {result.text}"
            errors.print(safe(line), markup=False, soft_wrap=True)
