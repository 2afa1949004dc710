# SPDX-License-Identifier: EUPL-1.2
"""``verbund demo``: a small school from its intent file to the report, on this machine."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from verbund.cli.console import Stages, interruptible, output

if TYPE_CHECKING:
    from verbund.baseline.results import Results
    from verbund.intent import Host, Intent
    from verbund.lab import Lab
    from verbund.project import Project
    from verbund.rollout import Event, HostOutcome

SITE = "tenant:erkrath & site:grundschule"
CLASSES = ("gateway", "server", "client")
REBOOT_SECONDS = 600


class Driver(StrEnum):
    """What the lab runs hosts on."""

    AUTO = "auto"
    VM = "vm"
    CONTAINER = "container"


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("demo", epilog="Takes minutes; Ctrl-C is safe at any time. Clean up with: verbund lab down")(demo)


def demo(
    driver: Annotated[
        Driver, typer.Option(help="Virtual machines or containers; auto takes what works here.")
    ] = Driver.AUTO,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the lab running at the end, to look around.")] = False,
) -> None:
    """Build a small school in the lab, roll out, verify, reboot, verify again, and report.

    Takes the gateway, the server and one client of the sample primary school. Nothing outside this machine is contacted
    but the package source.
    """
    from verbund import intent as intents
    from verbund.lab import Lab
    from verbund.project import Project

    stages = Stages(8)
    project = Project.find()
    lab = Lab(project.state)
    with interruptible("the lab may still run", "'verbund demo' goes on with it, 'verbund lab down' removes it all"):
        stages.begin("checking the intent")
        intent = intents.load(project.inventory)
        hosts = school(intent)
        stages.note(f"{len(intent.hosts)} hosts are planned; taking {', '.join(host.name for host in hosts)}")
        results, page = _run(stages, project, lab, intent, hosts, driver)
    if not keep:
        lab.down(note=stages.note)
    _summary(results)
    output.print(f"report: {page}", markup=False, soft_wrap=True)
    output.print(
        f"done in {stages.elapsed()}" + ("; the lab is running: verbund lab status" if keep else ""), markup=False
    )
    from verbund.baseline.verify import exit_code

    raise typer.Exit(exit_code(results))


def school(intent: Intent) -> list[Host]:
    """Gateway, server and first client of the sample primary school.

    Args:
        intent: the loaded intent.

    Raises:
        UsageError: the sample school is not in the intent any more.
    """
    from verbund.errors import UsageError

    found = []
    hosts = intent.select(SITE)
    for host_class in CLASSES:
        first = next((host for host in hosts if host.host_class == host_class), None)
        if first is None:
            raise UsageError(
                f"the demo needs a {host_class} in {SITE}", "restore inventory/erkrath/sites/grundschule.yml"
            )
        found.append(first)
    return found


def _run(  # noqa: PLR0917 - the things the stages work on
    stages: Stages, project: Project, lab: Lab, intent: Intent, hosts: list[Host], driver: Driver
) -> tuple[Results, str]:
    from verbund.cli.apply import verified
    from verbund.errors import ExitCode, VerbundError
    from verbund.lab import lab_hosts
    from verbund.report import write_report
    from verbund.rollout import Application, Options, Runs
    from verbund.rollout.fleet import Deploy, exit_code

    stages.begin("starting the hosts")
    lab.up(lab_hosts(intent, hosts), driver.value, note=stages.note)

    stages.begin("enrolling them")
    deploy = Deploy(project.root, project.state, "enrol", hosts, {})
    enrolled = deploy.run(lambda name, news: stages.note(f"{name}: {news.event} {news.text}"))
    if deploy.interrupted:
        raise KeyboardInterrupt
    if exit_code(enrolled) is not ExitCode.GOOD:
        why = "\n".join(f"{name}: {news.event}: {news.text}" for name, news in enrolled.items())
        raise VerbundError(f"enrolling failed\n{why}", f"the log is {deploy.log}; the lab is left as it is")

    stages.begin("rolling out the standard")
    # All in one wave: a fresh site's hosts need each other (time, logs), so a canary alone would prove little.
    options = Options(limit=SITE, waves="rest", verify=False, command=("verbund", "demo"))
    application = Application.new(
        project.root, Runs(project.state / "runs"), intent, hosts, options, lambda _: {}, _Notes(stages)
    )
    code = application.run()
    if application.stopped:
        raise KeyboardInterrupt
    if code is not ExitCode.GOOD:
        said = "\n".join(application.failures())
        raise VerbundError(f"rolling out failed\n{said}", f"logs are in {application.runs.path(application.record.id)}")
    for name, host in application.record.waves[0].hosts.items():
        stages.note(f"{name}: {_done(host)}")

    stages.begin("verifying")
    verified(project, intent, hosts, "verbund demo", stages.note)

    stages.begin("rebooting the hosts")
    reboot(lab, hosts, stages)

    stages.begin("verifying again")
    results = verified(project, intent, hosts, "verbund demo", stages.note)

    stages.begin("writing the report")
    before = sorted((project.state / "results").glob("*Z-*.json"))
    from verbund.baseline.results import Results as ResultFile

    previous = ResultFile.read(before[-2]) if len(before) > 1 else None
    files = write_report(results, previous, project.state / "report", project.root / "templates" / "report")
    return results, str(files.pages["de"])


SETTLED = """
systemctl is-system-running --wait > /dev/null
logs() {
    [ ! -e /etc/rsyslog.d/60-verbund-forward.conf ] ||
        ss --no-header --tcp --numeric state established dport = :6514 | grep -q .
}
clock() {
    ! systemctl --quiet is-active chrony.service || ! sudo -n chronyc -n -c sources | grep -q . ||
        sudo -n chronyc waitsync 1 > /dev/null
}
n=0
while [ $n -lt 30 ] && ! { logs && clock; }; do
    sleep 2
    n=$((n + 1))
done
"""
"""Waits on a host until it has booted, its logs flow and its clock follows a server, at most a minute longer.

A gateway or log server that booted later than its clients is only found at their next try. Where chronyd has no servers
or does not run (a container), there is no clock to wait for."""


def reboot(lab: Lab, hosts: list[Host], stages: Stages) -> None:
    """Reboot hosts and wait until each is back with a new boot id.

    Args:
        lab: the running lab.
        hosts: which.
        stages: told about each.

    Raises:
        UnreachableError: one does not come back within ten minutes.
    """
    import time

    from verbund.errors import UnreachableError

    boots = {host.name: _boot(lab, host.name) for host in hosts}
    for name in boots:
        # The connection may end before the answer comes; the boot id is what counts.
        try:
            lab.ssh(name, "sudo -n systemctl reboot", timeout=30, check=False)
        except UnreachableError:
            continue
    deadline = time.monotonic() + REBOOT_SECONDS
    waiting = dict(boots)
    while waiting:
        for name, old in list(waiting.items()):
            try:
                back = _boot(lab, name) != old
                if back:
                    lab.ssh(name, SETTLED, timeout=REBOOT_SECONDS, check=False)
            except UnreachableError:
                back = False
            if back:
                stages.note(f"{name} is back")
                del waiting[name]
        if waiting and time.monotonic() > deadline:
            raise UnreachableError(
                f"{', '.join(waiting)} did not come back within {REBOOT_SECONDS // 60} minutes",
                "look with 'verbund lab console'",
            )
        if waiting:
            time.sleep(2)


def _boot(lab: Lab, name: str) -> str:
    return lab.ssh(name, "cat /proc/sys/kernel/random/boot_id").stdout


def _done(host: HostOutcome) -> str:
    return f"{host.outcome.value}, {host.changed_tasks} tasks changed something"


def _summary(results: Results) -> None:
    from verbund.cli.verify import summary

    summary(results)


class _Notes:
    """A rollout's progress as notes of the stage."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages

    def wave(self, number: int, total: int, hosts: object, log: object) -> None:
        """The demo has one wave; nothing to say."""

    def event(self, event: Event) -> None:
        """Say which task begins, and what fails."""
        if event.kind == "task" and "Validating arguments against arg spec" not in event.task:
            self._stages.note(event.task)
        elif event.kind in {"failed", "unreachable"}:
            self._stages.note(f"{event.host}: {event.kind}: {event.message}")

    def note(self, text: str) -> None:
        """Pass it on."""
        self._stages.note(text)
