# SPDX-License-Identifier: EUPL-1.2
"""``verbund lab``: real hosts on this machine."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from verbund.lab import Lab

lab_app = typer.Typer(
    name="lab",
    no_args_is_help=True,
    help="Real Debian hosts on this machine: virtual machines or containers, for trying things and for the tests.",
    epilog="Start with [bold]verbund lab up[/bold]; [bold]verbund lab down[/bold] leaves nothing behind.",
)

HostArgument = Annotated[str, typer.Argument(help="Name of a host of the lab.")]
HostsOption = Annotated[
    list[str] | None, typer.Option("--host", help="Only this host; may be given several times (default: all).")
]
SnapshotArgument = Annotated[str, typer.Argument(help="Name of the snapshot.")]


class DriverChoice(StrEnum):
    """How hosts are run."""

    AUTO = "auto"
    VM = "vm"
    CONTAINER = "container"


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(lab_app, name="lab")


@lab_app.command()
def up(
    limit: Annotated[
        str | None,
        typer.Option("--limit", help="Which hosts of the intent: names, globs, site:S, class:C ... (default: all)."),
    ] = None,
    driver: Annotated[
        DriverChoice, typer.Option(help="auto: virtual machines where QEMU is installed. Containers need root.")
    ] = DriverChoice.AUTO,
    suite: Annotated[str, typer.Option(help="Debian release of a new lab.")] = "trixie",
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build the image anew with today's packages.")] = False,
) -> None:
    """Have hosts of the intent running and reachable; what runs already is left alone."""
    from verbund.cli.console import Stages, interruptible
    from verbund.errors import UsageError
    from verbund.intent import load
    from verbund.lab import lab_hosts
    from verbund.project import Project

    intent = load(Project.find().inventory)
    hosts = lab_hosts(intent, intent.select(limit))
    if not hosts:
        raise UsageError("no host is selected", "see the hosts with: ansible-inventory --graph")
    lab = _lab()
    most = 200 if DriverChoice.CONTAINER.value in (driver.value, lab.driver) else 12
    if len(hosts) > most:
        raise UsageError(
            f"{len(hosts)} hosts are more than this machine can run", f"choose up to {most} of them with --limit"
        )
    stages = Stages(1)
    stages.begin(f"starting {len(hosts)} hosts")
    with interruptible(
        "hosts that were started go on running; what was half made is made anew",
        "the same command again goes on, 'verbund lab down' removes the lab",
    ):
        lab.up(hosts, driver.value, suite=suite, rebuild=rebuild, note=stages.note)
    _table(lab)


@lab_app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False,
) -> None:
    """Show the hosts of the lab. Exit code 3 when one of them does not answer."""
    import json
    from dataclasses import asdict

    from verbund.errors import ExitCode

    lab = _lab()
    if as_json:
        hosts = lab.status()
        typer.echo(json.dumps([asdict(host) for host in hosts], indent=1))
        good = all(host.answers for host in hosts)
    else:
        good = _table(lab)
    if not good:
        raise typer.Exit(ExitCode.UNREACHABLE)


@lab_app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def ssh(
    host: HostArgument,
    command: Annotated[list[str] | None, typer.Argument(help="What to run there (default: a shell).")] = None,
) -> None:
    """Log in to a host; its host key is checked. Leaves with the exit code of the command."""
    import subprocess

    raise typer.Exit(subprocess.call(_lab().ssh_command(host, *(command or []))))


@lab_app.command()
def console(host: HostArgument) -> None:
    """Attach to a host's console, without its network. Leave a virtual machine with Ctrl-], a container with exit."""
    import subprocess

    from verbund.cli.console import errors

    lab = _lab()
    call = lab.console_command(host)
    errors.print(f"console of {host}; what it said so far: {lab.console_log(host)}", markup=False, soft_wrap=True)
    raise typer.Exit(subprocess.call(call, cwd=lab.directory))


@lab_app.command()
def snapshot(name: SnapshotArgument, host: HostsOption = None) -> None:
    """Keep the state of running hosts under a name."""
    from verbund.cli.console import interruptible

    with interruptible("hosts named above as kept are; of the others, an earlier snapshot of that name still counts"):
        _lab().snapshot(name, host, note=_note())


@lab_app.command()
def restore(name: SnapshotArgument, host: HostsOption = None) -> None:
    """Bring hosts back to a kept state."""
    from verbund.cli.console import interruptible

    with interruptible(
        "each host has its old state or the kept one, and may be off", "the same command again brings all of them back"
    ):
        _lab().restore(name, host, note=_note())


@lab_app.command()
def screenshot(
    host: HostArgument,
    target: Annotated[Path | None, typer.Argument(help="PNG file to write (default: HOST.png here).")] = None,
) -> None:
    """Write what the screen of a virtual machine shows as a PNG file."""
    path = target or Path(f"{host}.png")
    _lab().screenshot(host, path)
    typer.echo(str(path))


@lab_app.command()
def down() -> None:
    """Remove the lab whole: processes, networks, files. The image and the keys stay for the next time."""
    from verbund.cli.console import interruptible

    with interruptible("parts of the lab may still be there", "'verbund lab down' removes the rest"):
        if not _lab().down(note=_note()):
            typer.echo("there is no lab")


def _lab() -> Lab:
    from verbund.lab import Lab
    from verbund.project import Project

    return Lab(Project.find().state)


def _note() -> Callable[[str], None]:
    from verbund.cli.console import Stages

    return Stages(1).note


def _table(lab: Lab) -> bool:
    """Print the hosts; returns whether all of them answer."""
    from rich.table import Table
    from rich.text import Text

    from verbund.cli.console import output

    hosts = lab.status()
    if not hosts:
        output.print("there is no lab; verbund lab up makes one")
        return True
    table = Table("host", "class", "address", "port", "state", "day 0", "snapshots")
    for host in hosts:
        state = "answers" if host.answers else "runs, no answer yet" if host.running else "off"
        table.add_row(
            Text(host.name),
            host.host_class,
            host.address or "-",
            str(host.port),
            state,
            "done" if host.enrolled else "to do",
            Text(", ".join(host.snapshots) or "-"),
        )
    output.print(table)
    output.print(Text(f"ssh: verbund lab ssh HOST, or ssh -F {lab.ssh_config} HOST"), soft_wrap=True)
    return all(host.answers for host in hosts)
