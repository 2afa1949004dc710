# SPDX-License-Identifier: EUPL-1.2
"""One lab of containers and one virtual machine for all tests of this directory, started when first needed.

``school`` is a project of its own (a copy of this checkout with the sample intent) whose gateway, server and one client
run as containers; ``machine`` is another one whose server runs as a virtual machine. Both can be brought to a known
state: ``bare`` (as started), ``enrolled`` (after day 0) and ``rolled-out`` (after ``playbooks/site.yml``). A state is
reached once and then restored from a snapshot, so tests may break hosts and run in any order: a module begins with the
state it needs.

Everything lies in ``.verbund/lab-tests`` of this checkout and is removed at the end, also after Ctrl-C. What a killed
session left there is removed by the next one.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from verbund import intent as intents
from verbund.lab import Lab, lab_hosts
from verbund.rollout.fleet import Deploy

# What runs in the background (a job of CI, say) may have been started deaf to Ctrl-C, and so would be what tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[2]
WORKSHOP = ROOT / ".verbund" / "lab-tests"
PARTS = ("deploy", "inventory", "playbooks", "plugins", "roles", "templates", "tests", "ansible.cfg", "pyproject.toml")
GATEWAY, SERVER, CLIENT = "gse-gw1", "gse-srv1", "gse-r101-pc01"
# What the sample leaves out, so that no control is without a host it is for.
PLAIN_GATEWAY = "gateways: [{name: gw1, number: 1}]"
SET_GATEWAY = "gateways: [{name: gw1, number: 1, settings: {mounts_hide_processes: true}}]"
State = Literal["bare", "enrolled", "rolled-out"]
Done = subprocess.CompletedProcess[str]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mutations", "which mutations are made (tests/lab/mutations/README.md)")
    group.addoption("--mutations", choices=["rounds", "each"], default="rounds", help="several at once, or one by one")
    group.addoption("--mutated", action="append", default=[], metavar="ROLE|CONTROL", help="only these")
    group.addoption("--mutate-machine", action="store_true", help="also on the virtual machine, which takes long")
    group.addoption("--mutation-table", metavar="FILE", help="write what was seen as a page of the documentation")


class School:
    """A project with the sample intent, and hosts of it that run in its lab.

    Args:
        root: where the project is made.
        driver: ``vm`` or ``container``.
        names: the hosts.
    """

    def __init__(self, root: Path, driver: Literal["vm", "container"], *names: str) -> None:
        self.root = root
        for part in PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / part, root / part)
        site = root / "inventory" / "erkrath" / "sites" / "grundschule.yml"
        text = site.read_text(encoding="utf-8")
        assert PLAIN_GATEWAY in text, "the sample data changed"
        site.write_text(text.replace(PLAIN_GATEWAY, SET_GATEWAY), encoding="utf-8")
        self.driver = driver
        self.state = root / ".verbund"
        self.lab = Lab(self.state)
        self.inventory = root / "inventory" / "verbund.yml"
        intent = intents.load(root / "inventory")
        self.hosts = intent.select(",".join(names))
        self.names = [host.name for host in self.hosts]
        self.machines = lab_hosts(intent, self.hosts)
        self.runs: dict[str, Done] = {}
        """What the playbook said on the way to ``rolled-out``: ``check``, ``first``, ``second``."""
        self._reached: set[State] = set()

    def start(self) -> None:
        """Start the hosts."""
        self.lab.up(self.machines, self.driver)
        self._keep("bare")

    def at(self, state: State, *names: str) -> None:
        """Bring hosts to a known state, whatever was done to them.

        Args:
            state: the state; it is reached first if no test needed it before.
            names: the hosts; none for all. A gateway only together with the hosts that are cabled to it.
        """
        if state in self._reached:
            self.lab.restore(state, names or None)
        elif state == "enrolled":
            self.at("bare")
            events = {host: result for host, result in self.deploy("enrol").items() if result[0] != "changed"}
            assert not events, events
            self._keep(state)
        elif state == "rolled-out":
            self.at("enrolled")
            if self.driver == "container":  # where a run takes seconds, not minutes
                self.runs["check"] = self.site("--check", "--diff")
            self.runs["first"] = self.site()
            assert self.runs["first"].returncode == 0, said(self.runs["first"])
            self.runs["second"] = self.site()
            self._keep(state)

    def deploy(self, name: str, *hosts: str, **data: str) -> dict[str, tuple[str, str]]:
        """Run a pyinfra deploy; what became of each host, and the sentence that says so."""
        chosen = [host for host in self.hosts if not hosts or host.name in hosts]
        results = Deploy(self.root, self.state, name, chosen, data).run(lambda *_: None)
        return {host: (result.event, result.text) for host, result in results.items()}

    def command(self, program: str, *arguments: str) -> list[str]:
        """The command line of a program of this environment."""
        return [str(Path(sys.executable).with_name(program)), *arguments]

    @property
    def verbund_command(self) -> list[str]:
        """How the command line of the project is started."""
        return [sys.executable, "-m", "verbund"]

    @property
    def environment(self) -> dict[str, str]:
        """What programs need to know to work on this project instead of the checkout."""
        return {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "deploy"),
            "VERBUND_PROJECT": str(self.root),
            "ANSIBLE_CONFIG": str(self.root / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
        }

    def call(self, command: list[str], timeout: float = 1800) -> Done:
        """Run a command in the project."""
        # Nobody answers questions, and no program may leave the terminal of the tests in another mode.
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    def verbund(self, *arguments: str) -> Done:
        """Run ``verbund`` in the project."""
        return self.call([*self.verbund_command, *arguments])

    def site(self, *arguments: str) -> Done:
        """Run ``playbooks/site.yml`` with plain Ansible, on hosts of the lab only."""
        return self.call(self.command("ansible-playbook", "playbooks/site.yml", "--limit", "lab", *arguments))

    def _keep(self, state: State) -> None:
        self.lab.snapshot(state)
        self._reached.add(state)


@dataclass(frozen=True)
class Machine:
    """One host of a school."""

    school: School
    name: str

    @property
    def lab(self) -> Lab:
        """The lab it runs in."""
        return self.school.lab

    @property
    def ssh_config(self) -> Path:
        """The OpenSSH configuration that knows it by its name."""
        return self.lab.ssh_config

    def run(self, command: str, **options: Any) -> str:
        """Run a shell command there; returns what it said."""
        return self.lab.ssh(self.name, command, **options).stdout

    def at(self, state: State) -> None:
        """Bring it to a known state."""
        self.school.at(state, self.name)

    def reset(self) -> None:
        """Bring it back to the state in which it was started."""
        self.at("bare")


@dataclass
class Workshop:
    """Where the session's labs are."""

    schools: dict[str, School] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def place(self) -> Path:
        """A new directory; short, since paths of sockets are limited."""
        path = WORKSHOP / str(next(self.numbers))
        path.mkdir(parents=True)
        return path


def said(done: Done) -> str:
    """What a program printed, with line breaks of the console taken out."""
    return " ".join((done.stdout + done.stderr).split())


def _remove(directory: Path) -> None:
    """Remove what lies in a directory of the workshop, labs first."""
    for state in (directory, directory / ".verbund", directory / "state"):
        Lab(state).down() if state.is_dir() else None
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    """The session's place for labs; empty at the beginning and at the end."""
    WORKSHOP.mkdir(parents=True, exist_ok=True)
    with WORKSHOP.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pytest.exit(f"another session of these tests is using {WORKSHOP}", returncode=2)
        for left in WORKSHOP.iterdir():
            _remove(left)
        try:
            yield Workshop()
        finally:
            for left in WORKSHOP.iterdir():
                _remove(left)
            WORKSHOP.rmdir()


def _started(workshop: Workshop, driver: Literal["vm", "container"], *names: str) -> School:
    school = School(workshop.place(), driver, *names)
    workshop.schools[driver] = school
    school.start()
    return school


@pytest.fixture(scope="session")
def school(workshop: Workshop) -> School:
    """Gateway, server and one client of the sample primary school, as containers. Skips where we are not root."""
    if os.geteuid() != 0:
        pytest.skip("containers of the lab need root")
    return _started(workshop, "container", GATEWAY, SERVER, CLIENT)


@pytest.fixture(scope="session")
def machine(workshop: Workshop) -> School:
    """The server of the sample primary school, alone, as a virtual machine."""
    return _started(workshop, "vm", SERVER)


@pytest.fixture(scope="session")
def container(school: School) -> Machine:
    """The school's server, as the last test left it."""
    return Machine(school, SERVER)


@pytest.fixture(scope="session")
def vm(machine: School) -> Machine:
    """The virtual machine, as the last test left it."""
    return Machine(machine, SERVER)


@pytest.fixture
def clean_vm(vm: Machine) -> Machine:
    """The virtual machine, as it was started."""
    vm.reset()
    return vm


@pytest.fixture
def clean_container(container: Machine) -> Machine:
    """The school's server, as it was started."""
    container.reset()
    return container


@pytest.fixture
def no_vm(workshop: Workshop) -> None:
    """Stop the session's virtual machine: the test starts its own, and there is never more than one."""
    if "vm" in workshop.schools:
        workshop.schools["vm"].lab.stop(SERVER)


@pytest.fixture
def place(workshop: Workshop) -> Iterator[Path]:
    """A state directory for a lab of the test's own; the lab is removed afterwards, whatever happened."""
    directory = workshop.place()
    yield directory
    _remove(directory)


@pytest.fixture
def new_lab(place: Path) -> Callable[[], Lab]:
    """Make a lab of the test's own."""
    lab = Lab(place)
    return lambda: lab
