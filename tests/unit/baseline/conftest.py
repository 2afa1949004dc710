# SPDX-License-Identifier: EUPL-1.2
"""A tiny project with real checks, evaluated against this machine over a local session (no ssh, no container)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from verbund.baseline.session import Limits
from verbund.baseline.target import Target
from verbund.baseline.verify import Verification

CHECKS = Path(__file__).parents[2] / "baseline"


class TinyProject:
    """Builds roles, controls and checks in a directory.

    Args:
        root: where.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.role = root / "roles" / "sshd"
        self.checks = root / "tests" / "baseline"
        for directory in (self.role / "meta", self.role / "defaults", self.role / "tasks", self.checks):
            directory.mkdir(parents=True)
        for name in ("conftest.py", "support.py"):
            shutil.copy(CHECKS / name, self.checks)
        (self.role / "defaults" / "main.yml").write_text("sshd_port: 22\nsshd_words: [a, b]\n")
        self.controls: list[str] = []
        self.tests = ["import time\n\nimport pytest\nfrom support import lines\n"]
        self.tags: list[str] = []

    def add(self, body: str, *, marker: str | None = None, decorator: str = "", **changes: str) -> str:
        """Add a control with a check whose body is given; ``changes`` replace lines of its entry."""
        number = len(self.controls) + 1
        name = f"VB-SSH-{number:03}"
        entry = {
            "id": name,
            "title": f"{{de: Regel {number}, en: Rule {number}}}",
            "bsi": "[{req: SYS.1.3.A8, sentences: [1], level: S}]",
            "classes": "[server]",
            "profiles": "[]",
            "tag": name,
            "test": f"tests/baseline/test_sshd.py::test_{number}",
            "evidence": "both",
            "since": '"2026.1"',
        } | changes
        self.controls.append("\n    ".join(f"{key}: {value}" for key, value in entry.items() if value != "-"))
        self.tags.append(name)
        indented = body.replace("\n", "\n    ")
        mark = f'@pytest.mark.control("{name}")' if marker is None else marker
        self.tests.append(f"{mark}\n{decorator}\ndef test_{number}(host, settings):\n    {indented}\n")
        return name

    def write(self) -> Path:
        """Write everything; return the project's root."""
        (self.role / "meta" / "controls.yml").write_text(
            "controls:\n" + "".join(f"  - {control}\n" for control in self.controls)
        )
        (self.checks / "test_sshd.py").write_text("\n".join(self.tests))
        tags = ", ".join(self.tags)
        (self.role / "tasks" / "main.yml").write_text(f"- name: Configure\n  verbund_state: {{}}\n  tags: [{tags}]\n")
        return self.root

    def verification(self, *targets: Target, **options: object) -> Verification:
        """A verification of this project; by default of one local host."""
        self.write()
        options.setdefault("limits", Limits(connect_seconds=3, command_seconds=2))
        return Verification(self.root, targets or (local(),), "2026.1", state=self.root / ".verbund", **options)


def local(name: str = "h1", host_class: str = "server", **variables: object) -> Target:
    """A host that is this machine."""
    return Target(name, host_class, "p1", "t1", "s1", variables={"ansible_connection": "local", **variables})


@pytest.fixture(name="tiny")
def tiny_project(tmp_path: Path) -> TinyProject:
    return TinyProject(tmp_path / "project")


@pytest.fixture(name="local")
def local_target():
    return local


@pytest.fixture(autouse=True)
def _root_or_sudo() -> None:
    """A session asks as root; where this account is not and may not become root, nothing can be asked."""
    import os
    import subprocess

    if os.geteuid() != 0 and subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs root or sudo without a password")
