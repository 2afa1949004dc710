# SPDX-License-Identifier: EUPL-1.2
"""Every control proven both ways on live hosts; what a mutation is says ``mutations/README.md``.

A round breaks several settings at once, on the hosts of the school or on the virtual machine, where their controls do
not touch each other; ``--mutations each`` breaks them one by one.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from verbund.baseline.controls import require_controls
from verbund.baseline.results import Results, Verdict
from verbund.cli.demo import SETTLED

pytestmark = pytest.mark.lab
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CLASSES = ("server", "client", "gateway")
# The virtual machine runs without the gateway that gives its site the time, and says so.
KNOWN = {"container": set(), "vm": {"VB-TIM-003"}}
# Jobs of systemd, like the first reference of the integrity check, which a role starts and does not wait for.
JOBS = """
n=0
while systemctl list-jobs --no-legend | grep -q . && [ $n -lt 120 ]; do
    sleep 1
    n=$((n + 1))
done
"""
KEYS = {"control", "what", "break", "with", "hosts", "kernel", "alone", "restore", "why"}


@dataclass(frozen=True)
class Mutation:
    """One setting broken on one host."""

    role: str
    control: str
    what: str
    breaks: str
    host_class: str
    also: dict[str, str]
    kernel: bool
    alone: bool
    restore: str
    why: str

    @property
    def turns(self) -> frozenset[str]:
        """The controls that it turns."""
        return frozenset({self.control, *self.also})


@dataclass
class Round:
    """Mutations that are made at the same time."""

    driver: str
    mutations: list[Mutation] = field(default_factory=list)

    def __str__(self) -> str:
        return ",".join(mutation.control for mutation in self.mutations[:3]) + ("..." if self.mutations[3:] else "")

    def takes(self, new: Mutation, *, single: bool) -> bool:
        """Whether one more fits in without touching the controls of another."""
        if not self.mutations:
            return True
        if single or new.alone or any(known.alone for known in self.mutations):
            return False
        return not any(new.turns & known.turns for known in self.mutations if known.host_class == new.host_class)


def catalogue() -> dict[str, tuple[str, ...]]:
    """Every control with the classes it is for."""
    return {entry.control.id: tuple(entry.control.classes) for entry in require_controls(ROOT / "roles")}


def mutations() -> list[Mutation]:
    """All mutations of all roles; a mistake in a file is an error here."""
    classes, found = catalogue(), []
    for path in sorted((HERE / "mutations").glob("*.yml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["mutations"]:
            assert set(entry) <= KEYS, f"{path.name}: {entry['control']}: unknown keys {set(entry) - KEYS}"
            assert bool(entry.get("restore")) == bool(entry.get("why")), f"{path.name}: {entry['control']}: why?"
            also = entry.get("with", {})
            for control in (entry["control"], *also):
                assert control in classes, f"{path.name}: {control} is no control"
            its = classes[entry["control"]]
            found += [
                Mutation(
                    role=path.stem,
                    control=entry["control"],
                    what=entry["what"],
                    breaks=entry["break"],
                    host_class=host_class,
                    also=also,
                    kernel=entry.get("kernel", False),
                    alone=entry.get("alone", False),
                    restore=entry.get("restore", ""),
                    why=entry.get("why", ""),
                )
                for host_class in entry.get("hosts") or [next(name for name in CLASSES if name in its)]
            ]
    return found


def rounds(chosen: list[Mutation], *, single: bool) -> list[Round]:
    """Mutations in as few rounds as they allow."""
    made: list[Round] = []
    for mutation in chosen:
        driver = "vm" if mutation.kernel else "container"
        for known in made:
            if known.driver == driver and known.takes(mutation, single=single):
                known.mutations.append(mutation)
                break
        else:
            made.append(Round(driver, [mutation]))
    return made


def pytest_generate_tests(metafunc):
    if "broken" not in metafunc.fixturenames:
        return
    wanted = set(metafunc.config.getoption("--mutated"))
    chosen = [m for m in mutations() if not wanted or {m.role, m.control} & wanted]
    if not metafunc.config.getoption("--mutate-machine"):
        chosen = [m for m in chosen if not m.kernel]
    made = rounds(chosen, single=metafunc.config.getoption("--mutations") == "each")
    names = [
        f"{r.driver}-{r.mutations[0].control if len(r.mutations) == 1 else number}" for number, r in enumerate(made)
    ]
    metafunc.parametrize("broken", made, ids=names)


def test_every_control_has_a_mutation():
    """And what another control turns with it is a control of its own right."""
    missing = sorted(set(catalogue()) - {mutation.control for mutation in mutations()})
    assert not missing, f"no mutation proves {', '.join(missing)}"


class Subject:
    """The hosts that are broken, and what is said of them."""

    def __init__(self, school):
        self.school = school
        self.by_class = {host.host_class: host.name for host in school.hosts}
        self.known = {}
        self.clean = False

    def prepare(self):
        """Everything as after a rollout; from a snapshot only where the last round did not end well."""
        if not self.clean:
            self.school.at("rolled-out")
            self.settle({})
            self.known = self.unmet()
            assert set().union(*self.known.values()) <= KNOWN[self.school.driver], self.known
        self.clean = False

    def settle(self, unmet):
        """Wait until what was started has ended, and logs flow where they shall: a restarted log server is missed."""
        for host in self.school.hosts:
            wait = JOBS if "VB-LOG-005" in unmet.get(host.name, ()) else SETTLED + JOBS
            self.school.lab.ssh(host.name, wait, timeout=300, check=False)

    def unmet(self):
        """Host -> controls that are not met or could not be evaluated."""
        done = self.school.verbund("verify", "--limit", "lab")
        assert done.returncode in {0, 1}, done.stdout + done.stderr
        results = Results.read(self.school.state / "results" / "latest.json")
        fine = {Verdict.MET, Verdict.NOT_APPLICABLE}
        return {
            host.host: {found.control for found in host.results if found.verdict not in fine} for host in results.hosts
        }

    def roll_out(self, roles, expected, *arguments):
        """Run the roles with plain Ansible, after which some controls are still not met."""
        done = self.school.site("--tags", ",".join(sorted(roles)), *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        self.settle(expected)

    def make(self, scripts):
        """Run scripts of mutations, (class of the host, control, script), over one connection per host."""
        for host_class, name in self.by_class.items():
            text = "".join(
                f"sh -euc {shlex.quote(script)} || {{ echo {control} failed >&2; exit 1; }}\n"
                for wanted, control, script in scripts
                if wanted == host_class
            )
            if text:
                done = self.school.lab.ssh(name, "sudo -n sh", data=text, check=False, timeout=600)
                assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def subjects(request):
    """Driver -> its hosts, started when first needed."""
    made: dict[str, Subject] = {}

    def subject(driver: str) -> Subject:
        if driver not in made:
            made[driver] = Subject(request.getfixturevalue("school" if driver == "container" else "machine"))
        return made[driver]

    return subject


@pytest.fixture(scope="module")
def table(request):
    """What was seen; written as a page of the documentation where that was asked for."""
    rows: list[tuple[Mutation, str, str]] = []
    yield rows
    target = request.config.getoption("--mutation-table")
    if target:
        Path(target).write_text(page(rows), encoding="utf-8")


def test_what_is_broken_is_found_left_alone_by_a_deviation_and_repaired(broken, subjects, table):
    subject = subjects(broken.driver)
    subject.prepare()
    expected = {host: set(known) for host, known in subject.known.items()}
    subject.make([(m.host_class, m.control, m.breaks) for m in broken.mutations])
    for mutation in broken.mutations:
        expected[subject.by_class[mutation.host_class]] |= mutation.turns
    subject.settle(expected)
    assert differences(subject.unmet(), expected) == {}

    roles = {mutation.role for mutation in broken.mutations}
    # Each host has a deviation for what is broken on it, and no other.
    excepted = {
        name: sorted({control for m in broken.mutations if m.host_class == host_class for control in m.turns})
        for host_class, name in subject.by_class.items()
    }
    variables = {"excepted": excepted, "verbund_excepted_controls": "{{ excepted[inventory_hostname] }}"}
    subject.roll_out(roles, expected, "--extra-vars", json.dumps(variables))
    found = differences(subject.unmet(), expected)
    assert found == {}, "with a deviation the roles have to leave the host as it is"

    subject.make([(m.host_class, m.control, m.restore) for m in broken.mutations if m.restore])
    subject.roll_out(roles, subject.known)
    assert differences(subject.unmet(), subject.known) == {}
    subject.clean = True
    table += [(mutation, broken.driver, subject.by_class[mutation.host_class]) for mutation in broken.mutations]


def differences(found, expected):
    """Host -> what is not met although it should be, and what is met although it was broken."""
    return {
        host: {"too many": sorted(found[host] - expected[host]), "missed": sorted(expected[host] - found[host])}
        for host in expected
        if found[host] != expected[host]
    }


def page(rows) -> str:
    """The table of what was seen."""
    lines = [
        "<!-- SPDX-License-Identifier: EUPL-1.2 -->",
        "# Every control proven both ways",
        "",
        "Written by `pytest tests/lab/test_mutations.py --mutation-table docs/mutations.md`. Each row was one setting",
        "broken on a live host that was in order, together with others whose controls it does not touch. Then",
        "`verbund verify` found the controls of the third column of all these rows not met, and no others; a run with",
        "deviations for them left the hosts as they were; a run without any repaired them (or, where the last column",
        "gives a reason, a person has to). `--mutations each` breaks them one by one, which takes hours.",
        "",
        "| control | what was broken | not met afterwards | on | repaired by |",
        "|---|---|---|---|---|",
    ]
    for mutation, driver, _host in sorted(rows, key=lambda row: (row[0].control, row[0].host_class)):
        also = "".join(f"<br>{control}: {why}" for control, why in sorted(mutation.also.items()))
        repaired = f"a person: {mutation.why}" if mutation.restore else f"role {mutation.role}"
        where = f"{mutation.host_class} ({driver})"
        lines.append(f"| {mutation.control} | {mutation.what} | {mutation.control}{also} | {where} | {repaired} |")
    proven = {mutation.control for mutation, _, _ in rows}
    return "\n".join([*lines, "", f"{len(proven)} controls by {len(rows)} mutations.", ""])
