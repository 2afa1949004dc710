# SPDX-License-Identifier: EUPL-1.2
"""The lab: real Debian hosts on this machine, up and down, the same for the demo, the tests and CI."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from verbund.errors import UnreachableError, UsageError, VerbundError
from verbund.files import private_directory
from verbund.lab import access, image
from verbund.lab.container import Containers
from verbund.lab.hosts import LabHost, Seed, cables
from verbund.lab.state import HostState, LabState, end, locked, marked
from verbund.lab.tools import search_path
from verbund.lab.vm import VirtualMachines
from verbund.pki import TenantKeys, generate_ssh_key

if TYPE_CHECKING:
    from verbund.lab.driver import Driver

DriverName = Literal["auto", "vm", "container"]
Note = Callable[[str], None]

CERTIFICATE_VALIDITY = timedelta(days=7)
"""Lab hosts live for days; the automation's certificate must not end in between."""

BOOT_SECONDS = {"vm": 600.0, "container": 60.0}
"""How long a host may take to answer; an emulated machine on a busy controller needs minutes."""

PARALLEL = {"vm": 8, "container": 4}
"""How many hosts are started side by side."""


@dataclass(frozen=True, slots=True)
class HostStatus:
    """What ``lab status`` shows of a host.

    Args:
        name: host name.
        host_class: its class.
        address: planned address or None.
        port: loopback port of its sshd.
        running: whether its process runs.
        answers: whether its sshd answers.
        enrolled: whether day 0 is done.
        snapshots: names of the kept states.
    """

    name: str
    host_class: str
    address: str | None
    port: int
    running: bool
    answers: bool
    enrolled: bool
    snapshots: tuple[str, ...]


class Lab:
    """The lab of a project (or of a test session).

    Args:
        state: state directory; the lab lives in ``<state>/lab``, its tenants' keys in ``<state>/keys``.
    """

    def __init__(self, state: Path) -> None:
        self._state_directory = state.absolute()
        self.directory = self._state_directory / "lab"
        self._lock = threading.Lock()
        self._interrupted = threading.Event()

    @property
    def ssh_config(self) -> Path:
        """The ssh_config that knows all hosts by name."""
        return self.directory / "ssh_config"

    @property
    def connections(self) -> Path:
        """What the inventory lays over the hosts' variables."""
        return self.directory / "connections.json"

    @property
    def driver(self) -> str | None:
        """How the hosts of an existing lab run, ``vm`` or ``container``; None without a lab."""
        lab = LabState.load(self.directory / "state.json")
        return lab.driver if lab else None

    def keys(self, tenant: str = "lab") -> TenantKeys:
        """The keys that hosts of a tenant trust."""
        return TenantKeys.ensure(self._state_directory, tenant)

    def up(
        self,
        hosts: Sequence[LabHost],
        driver: DriverName = "auto",
        *,
        suite: str = "trixie",
        rebuild: bool = False,
        note: Note = lambda _: None,
    ) -> None:
        """Have these hosts running and reachable. What runs already is left alone, other hosts of the lab stay.

        Args:
            hosts: the hosts.
            driver: ``vm``, ``container``, or ``auto``: machines where QEMU is installed. An existing lab keeps its own.
            suite: Debian release of a new lab.
            rebuild: build the image with today's packages first.
            note: told what is going on.

        Raises:
            UsageError: commands are missing, the hosts contradict each other or the existing lab.
            UnreachableError: a host does not answer in time.
            VerbundError: the image or a host could not be made.
        """
        names = [host.name for host in hosts]
        if len(set(names)) != len(names):
            raise UsageError(f"two hosts have the same name: {sorted({n for n in names if names.count(n) > 1})}")
        with self._locked():
            lab = self._found_or_new(driver, suite)
            self._check(lab, hosts)
            kind = _driver_class(lab.driver)
            kind.require()
            if rebuild or not lab.image:
                if lab.hosts and lab.image:
                    raise UsageError("hosts of this lab stand on the old image", "verbund lab down first")
                built = image.ensure(lab.suite, rebuild=rebuild, note=note)
            else:
                built = image.Image(Path(lab.image), "")
                if not built.disk.exists():
                    raise UsageError(f"the lab's image {built.path} is gone", "verbund lab down, then verbund lab up")
            image.use(built, self.directory)
            lab.image = str(built.path)
            self._add(lab, hosts)
            runner = kind(self.directory, lab, built)
            everything = [state.host for state in lab.hosts.values()]
            wires = cables(everything)
            for state in lab.hosts.values():
                self._seed(lab, runner, state, everything)
            self._write_access(lab)
            runner.connect(list(lab.hosts.values()), wires, note)
            wanted = [lab.hosts[name] for name in names]

            def bring_up(state: HostState) -> str:
                began = time.monotonic()
                if not (state.process and state.process.alive()):
                    end(marked(lab.id, state.host.name))
                    process = runner.start(state, wires)
                    with self._lock:
                        state.process = process
                        lab.save()
                self._wait(lab, state)
                return f"{state.host.name} answers after {time.monotonic() - began:.0f} s"

            self._each(bring_up, wanted, PARALLEL[lab.driver], note)

    def down(self, *, note: Note = lambda _: None) -> bool:
        """Remove the lab whole: processes, namespaces, mounts, files. May be repeated, and follows any crash.

        Args:
            note: told what is going on.

        Returns:
            False where there was no lab.
        """
        with self._locked():
            if not self.directory.exists():
                return False
            lab = LabState.load(self.directory / "state.json")
            if lab is not None:
                end(marked(lab.id))
                self._runner(lab).clean()
                note(f"{len(lab.hosts)} hosts ended")
            shutil.rmtree(self.directory)
        return True

    def status(self) -> list[HostStatus]:
        """The hosts of the lab and how they are; empty where there is none."""
        lab = LabState.load(self.directory / "state.json")
        if lab is None:
            return []

        def look(state: HostState) -> HostStatus:
            running = state.process is not None and state.process.alive()
            return HostStatus(
                name=state.host.name,
                host_class=state.host.host_class,
                address=state.host.address,
                port=state.port,
                running=running,
                answers=running and _speaks_ssh(state.port, 2.0),
                enrolled=state.enrolled,
                snapshots=tuple(state.snapshots),
            )

        with ThreadPoolExecutor(16) as pool:
            return list(pool.map(look, (lab.hosts[name] for name in sorted(lab.hosts))))

    def ssh_command(self, host: str, *command: str) -> list[str]:
        """The ssh command line for a host; host keys are checked.

        Args:
            host: its name.
            command: what to run there; none for a shell.
        """
        lab = self._existing()
        state = _of(lab, host)
        if state.enrolled:
            self.keys(state.host.tenant).ensure_automation_certificate(CERTIFICATE_VALIDITY)
        return ["ssh", "-F", str(self.ssh_config), host, *command]

    def ssh(
        self, host: str, command: str, *, timeout: float = 120.0, check: bool = True, data: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command on a host.

        Args:
            host: its name.
            command: for the host's shell.
            timeout: seconds.
            check: raise when the command fails.
            data: given to its standard input.

        Raises:
            UnreachableError: ssh itself failed or took too long.
            VerbundError: the command failed.
        """
        call = self.ssh_command(host, command)
        call[1:1] = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=30"]
        try:
            done = subprocess.run(
                call, input=data or "", capture_output=True, text=True, errors="replace", timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise UnreachableError(f"{host} took longer than {timeout:.0f} s for: {command}") from error
        if done.returncode == 255:
            raise UnreachableError(f"ssh to {host} failed: {done.stderr.strip()}")
        if check and done.returncode:
            raise VerbundError(f"on {host}, {command!r} failed ({done.returncode}): {done.stderr.strip()[-400:]}")
        return done

    def stop(self, host: str) -> None:
        """End a host hard, as a power cut does; ``up`` starts it again."""
        with self._locked():
            lab = self._existing()
            state = _of(lab, host)
            self._runner(lab).stop(state)
            state.process = None
            lab.save()

    def wait(self, host: str) -> None:
        """Wait until a host's sshd lets us in (after a reboot).

        Raises:
            UnreachableError: it does not in time.
        """
        lab = self._existing()
        self._wait(lab, _of(lab, host))

    def mark_enrolled(self, host: str, *, enrolled: bool = True) -> None:
        """Note that day 0 is done on a host: from now on it is reached as the automation, by certificate.

        Args:
            host: its name.
            enrolled: False takes it back.
        """
        with self._locked(wait=True):
            lab = self._existing()
            _of(lab, host).enrolled = enrolled
            lab.save()
            self._write_access(lab)

    def snapshot(self, name: str, hosts: Iterable[str] | None = None, *, note: Note = lambda _: None) -> None:
        """Keep the state of hosts under a name.

        Args:
            name: the name.
            hosts: which; None for all.
            note: told what is going on.

        Raises:
            UsageError: a host does not run.
        """
        if not name.replace("-", "").replace("_", "").isalnum():
            raise UsageError(f"{name!r} cannot name a snapshot", "letters, digits, - and _")
        with self._locked():
            lab = self._existing()
            runner = self._runner(lab)
            chosen = _chosen(lab, hosts)
            for state in chosen:
                if not (state.process and state.process.alive()):
                    raise UsageError(f"{state.host.name} does not run", "verbund lab up first")

            def keep(state: HostState) -> str:
                runner.snapshot(state, name)
                with self._lock:
                    process = state.process
                    state.process = process if process and process.alive() else None
                    state.snapshots[name] = state.enrolled
                    lab.save()
                return f"{state.host.name} kept as {name}"

            self._each(keep, chosen, 2, note)

    def restore(self, name: str, hosts: Iterable[str] | None = None, *, note: Note = lambda _: None) -> None:
        """Bring hosts back to a kept state, running and reachable, with the clock set.

        Args:
            name: the name of the snapshot.
            hosts: which; None for all that have it.
            note: told what is going on.

        Raises:
            UsageError: there is no such snapshot.
            UnreachableError: a host does not answer afterwards.
        """
        with self._locked():
            lab = self._existing()
            runner = self._runner(lab)
            chosen = [state for state in _chosen(lab, hosts) if hosts is not None or name in state.snapshots]
            if not chosen:
                raise UsageError(f"there is no snapshot {name}")
            for state in chosen:
                if name not in state.snapshots:
                    known = ", ".join(state.snapshots) or "none"
                    raise UsageError(f"{state.host.name} has no snapshot {name}", f"it has: {known}")
            wires = cables([state.host for state in lab.hosts.values()])

            def bring_back(state: HostState) -> str:
                began = time.monotonic()
                process = runner.restore(state, wires, name)
                with self._lock:
                    state.process = process
                    state.enrolled = state.snapshots[name]
                    lab.save()
                    self._write_access(lab)
                self._wait(lab, state)
                if runner.machine:
                    # The clock of a machine went on from the moment of the snapshot.
                    sudo = "sudo -n " if state.enrolled else ""
                    self.ssh(state.host.name, f"{sudo}date --utc --set=@{time.time():.0f}")
                return f"{state.host.name} is back at {name} after {time.monotonic() - began:.0f} s"

            self._each(bring_back, chosen, PARALLEL[lab.driver], note)

    def screenshot(self, host: str, target: Path) -> None:
        """Write what a virtual machine's screen shows as a PNG file.

        Raises:
            UsageError: the host has no screen (containers) or does not run.
        """
        lab = self._existing()
        self._runner(lab).screenshot(_of(lab, host), target)

    def console_command(self, host: str) -> list[str]:
        """The command that attaches a terminal to a host's console; run it in :attr:`directory`."""
        lab = self._existing()
        return self._runner(lab).console_command(_of(lab, host))

    def console_log(self, host: str) -> Path:
        """What the host's console said so far."""
        return self.directory / "hosts" / host / "console.log"

    def _locked(self, *, wait: bool = False) -> contextlib.AbstractContextManager[None]:
        return locked(self._state_directory / "lab.lock", wait=wait)

    def _existing(self) -> LabState:
        lab = LabState.load(self.directory / "state.json")
        if lab is None:
            raise UsageError("there is no lab", "verbund lab up makes one")
        return lab

    def _found_or_new(self, driver: DriverName, suite: str) -> LabState:
        lab = LabState.load(self.directory / "state.json")
        if lab is not None:
            if driver not in ("auto", lab.driver):
                raise UsageError(f"this lab runs on driver {lab.driver}", "verbund lab down first")
            return lab
        name = driver
        if name == "auto":
            found = shutil.which("qemu-system-x86_64", path=search_path())
            name = "vm" if found else "container"
        _driver_class(name).require()
        private_directory(self.directory)
        lab = LabState.create(self.directory / "state.json", name, suite)
        lab.save()
        return lab

    def _check(self, lab: LabState, hosts: Sequence[LabHost]) -> None:
        for host in hosts:
            there = lab.hosts.get(host.name)
            if there and there.host != host:
                raise UsageError(
                    f"{host.name} has changed in the intent since the lab was made",
                    "verbund lab down, then verbund lab up; a running lab cannot be rewired",
                )
        together = {state.host.name: state.host for state in lab.hosts.values()} | {host.name: host for host in hosts}
        before = set(cables([state.host for state in lab.hosts.values()]))
        for cable in set(cables(together.values())) ^ before:
            rewired = {cable.gateway, cable.host} & set(lab.hosts)
            if rewired:
                raise UsageError(
                    f"this would change the cables of {', '.join(sorted(rewired))}, which the lab has already",
                    "verbund lab down, then verbund lab up with all hosts of the site",
                )

    def _add(self, lab: LabState, hosts: Sequence[LabHost]) -> None:
        """Enter new hosts into the state file, before anything of them is made."""
        number = max((state.number for state in lab.hosts.values()), default=-1) + 1
        with contextlib.ExitStack() as held:
            for host in hosts:
                if host.name not in lab.hosts:
                    # All sockets stay open until all ports are chosen, or two hosts could get the same.
                    lab.hosts[host.name] = HostState(host, number, _free_port(held))
                    number += 1
        lab.save()

    def _seed(self, lab: LabState, runner: Driver, state: HostState, everything: list[LabHost]) -> None:
        place = private_directory(self.directory / "hosts" / state.host.name)
        bootstrap = generate_ssh_key(self.directory / "bootstrap", "verbund lab bootstrap")
        host_key = place / "ssh_host_ecdsa_key"
        public = generate_ssh_key(host_key, state.host.name)
        seed = Seed(
            host=state.host,
            hosts=everything,
            lab=lab.id,
            management=runner.management_address(state),
            machine=runner.machine,
            host_key=host_key.read_text(encoding="utf-8"),
            host_key_public=public,
            bootstrap=bootstrap,
        )
        runner.prepare(state, seed.archive())

    def _write_access(self, lab: LabState) -> None:
        tenants = {state.host.tenant: self.keys(state.host.tenant) for state in lab.hosts.values()}
        for keys in tenants.values():
            keys.ensure_automation_certificate(CERTIFICATE_VALIDITY)
        hosts = [
            access.Access(
                name=name,
                tenant=state.host.tenant,
                port=state.port,
                enrolled=state.enrolled,
                host_key=(self.directory / "hosts" / name / "ssh_host_ecdsa_key.pub").read_text(encoding="utf-8"),
                variables=state.host.variables,
            )
            for name, state in lab.hosts.items()
        ]
        access.write(self.directory, hosts, tenants)

    def _wait(self, lab: LabState, state: HostState) -> None:
        """Wait until sshd answers with the right key and lets us in."""
        name = state.host.name
        deadline = time.monotonic() + BOOT_SECONDS[lab.driver]
        said = "it never answered"
        while time.monotonic() < deadline and not self._interrupted.is_set():
            if state.process and not state.process.alive():
                tail = _tail(self.console_log(name))
                raise VerbundError(f"{name} ended while it started\n    {tail}", f"see {self.console_log(name)}")
            if _speaks_ssh(state.port, 5.0):
                try:
                    self.ssh(name, "true", timeout=60)
                except UnreachableError as error:
                    said = str(error)
                    if "HOST IDENTIFICATION HAS CHANGED" in said or "Host key verification failed" in said:
                        raise UnreachableError(
                            f"{name} shows another host key than the one it was given", "verbund lab down, then up"
                        ) from error
                else:
                    return
            time.sleep(0.3)
        raise UnreachableError(
            f"{name} does not let us in after {BOOT_SECONDS[lab.driver]:.0f} s: {said}",
            f"its console said: {self.console_log(name)}; verbund lab up goes on waiting",
        )

    def _each(self, work: Callable[[HostState], str], hosts: list[HostState], parallel: int, note: Note) -> None:
        """Do something with each host side by side; the first error is raised after all are done.

        An interrupt ends the waiting, not the hosts: what was started stays, is entered in the state file, and the next
        ``up`` goes on with it.
        """
        problems: list[VerbundError] = []
        self._interrupted.clear()
        with ThreadPoolExecutor(max(1, min(parallel, len(hosts)))) as pool:
            futures = [pool.submit(work, state) for state in hosts]
            try:
                for future in as_completed(futures):
                    try:
                        note(future.result())
                    except VerbundError as error:
                        note(f"problem: {error.message.splitlines()[0]}")
                        problems.append(error)
            except KeyboardInterrupt:
                self._interrupted.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        if problems:
            raise problems[0]

    def _runner(self, lab: LabState) -> Driver:
        return _driver_class(lab.driver)(self.directory, lab, image.Image(Path(lab.image), ""))


def _driver_class(name: str) -> type[VirtualMachines | Containers]:
    kinds: dict[str, type[VirtualMachines | Containers]] = {"vm": VirtualMachines, "container": Containers}
    if name not in kinds:
        raise UsageError(f"there is no driver {name!r}", "auto, vm or container")
    return kinds[name]


def _of(lab: LabState, host: str) -> HostState:
    if host not in lab.hosts:
        raise UsageError(f"the lab has no host {host!r}", f"it has: {', '.join(sorted(lab.hosts)) or 'none'}")
    return lab.hosts[host]


def _chosen(lab: LabState, hosts: Iterable[str] | None) -> list[HostState]:
    return list(lab.hosts.values()) if hosts is None else [_of(lab, host) for host in hosts]


def _free_port(held: contextlib.ExitStack) -> int:
    """A loopback port that nobody listens on; held until the caller has all it needs."""
    listener = held.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    return int(listener.getsockname()[1])


def _speaks_ssh(port: int, seconds: float) -> bool:
    """Whether an SSH server greets on a loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - 300))
            return stream.read().decode(errors="replace").strip()
    except OSError:
        return "its console said nothing"
