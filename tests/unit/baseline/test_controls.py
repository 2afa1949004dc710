# SPDX-License-Identifier: EUPL-1.2
"""The linter finds what is missing, dangling or false, each at its line; and the command line around it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from verbund.baseline import coverage
from verbund.baseline.controls import (
    bsi_catalogue,
    bsi_modules,
    catalogue_markdown,
    load_controls,
    require_controls,
)
from verbund.baseline.coverage import CLASSES
from verbund.baseline.lint import lint
from verbund.cli.main import main
from verbund.errors import InputError


def messages(tiny, profiles=None) -> list[str]:
    return [str(finding) for finding in lint(tiny.write(), profiles)[1]]


def line_of(tiny, text: str) -> int:
    lines = (tiny.role / "meta" / "controls.yml").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_the_catalogue_is_whole():
    catalogue = bsi_catalogue()
    assert len(catalogue) == 408
    assert len({requirement.rsplit(".", 1)[0] for requirement in catalogue}) == 21
    assert catalogue["SYS.1.3.A8"].title == "Verschlüsselter Zugriff über Secure Shell"
    assert catalogue["SYS.1.1.A5"].level == "B"
    assert Counter(requirement.level for requirement in catalogue.values()).keys() == {"B", "S", "H"}
    assert all(requirement.title.strip() for requirement in catalogue.values())


def test_a_sound_project_has_no_findings(tiny):
    tiny.add("pass")
    tiny.add("pass", profiles="[p1]")
    assert messages(tiny, {"p1"}) == []


MALFORMED = {
    "bad id": ({"id": "VB-SSH-1"}, "id: VB-SSH-1", "id: String should match"),
    "no id": ({"id": "-"}, "- title", "id: is missing"),
    "no bsi": ({"bsi": "[]"}, "bsi: []", "bsi"),
    "bad level": ({"bsi": "[{req: SYS.1.3.A8, level: X}]"}, "level: X", "level"),
    "unknown class": ({"classes": "[toaster]"}, "[toaster]", "classes.0"),
    "no classes": ({"classes": "[]"}, "classes: []", "classes"),
    "malformed since": ({"since": "soon"}, "since: soon", "since: String should match"),
    "malformed test": ({"test": "test_1"}, "test: test_1", "test: String should match"),
    "unknown key": ({"colour": "red"}, "colour: red", "colour: is not a key of a control"),
    "one language": ({"title": "{de: Regel}"}, "{de: Regel}", "title.en: is missing"),
    "bad evidence": ({"evidence": "maybe"}, "evidence: maybe", "evidence"),
    "bad lifetime": ({"lifetime_hours": "0"}, "lifetime_hours: 0", "lifetime_hours"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_entries(tiny, case: str):
    changes, place, message = MALFORMED[case]
    tiny.add("pass")
    tiny.add("pass", **changes)
    found = [text for text in messages(tiny) if "controls.yml" in text]
    assert any(f"controls.yml:{line_of(tiny, place)}:" in text and message in text for text in found), found


DANGLING = {
    "wrong prefix": ({"id": "VB-TIM-001"}, "id: VB-TIM-001", "begin with VB-SSH-"),
    "tag on no task": ({"tag": "VB-SSH-99"}, "tag: VB-SSH-99", "no task of role 'sshd' has the tag"),
    "no such test": ({"test": "tests/baseline/test_sshd.py::test_9"}, "test_9", "there is no test"),
    "no such file": ({"test": "tests/baseline/test_x.py::test_2"}, "test_x.py", "did you mean"),
    "unknown BSI id": ({"bsi": "[{req: SYS.1.3.A88, level: S}]"}, "A88", "is not a requirement of Edition 2023"),
    "wrong BSI level": ({"bsi": "[{req: SYS.1.3.A8, level: H}]"}, "level: H", "has level S, not H"),
    "sentence 0": ({"bsi": "[{req: SYS.1.3.A8, level: S, sentences: [0]}]"}, "[0]", "counted from 1"),
    "unknown profile": ({"profiles": "[p2]"}, "[p2]", "profile 'p2' is unknown"),
    "duplicate id": ({"id": "VB-SSH-001"}, None, "VB-SSH-001 is also defined in roles/sshd/meta/controls.yml:2"),
    "shared test": ({"test": "tests/baseline/test_sshd.py::test_1"}, None, "already proves VB-SSH-001"),
}


@pytest.mark.parametrize("case", DANGLING)
def test_dangling_references(tiny, case: str):
    changes, place, message = DANGLING[case]
    tiny.add("pass")
    tiny.add("pass", **changes)
    found = messages(tiny, {"p1"})
    where = f"controls.yml:{line_of(tiny, place)}:" if place else "controls.yml:"
    assert any(where in text and message in text for text in found), found


def test_markers(tiny):
    tiny.add("pass", marker="")
    tiny.add("pass", marker='@pytest.mark.control("VB-SSH-077")')
    tiny.add("pass", marker='@pytest.mark.control("VB-SSH-001")')
    found = "\n".join(messages(tiny))
    assert "VB-SSH-001: its test lacks the marker (tests/baseline/test_sshd.py:" in found
    assert "VB-SSH-077 is not a control of any role" in found
    assert "VB-SSH-001 names another test" in found
    assert "test_1 proves no control" in found


@pytest.mark.parametrize(
    "text", ["", "controls: 3\n", "controls: []\n", "a: [\n", "controls:\n\t- x\n", "\xff", "- a\n"]
)
def test_broken_files_are_findings_not_tracebacks(tiny, text: str):
    tiny.add("pass")
    tiny.write()
    (tiny.role / "meta" / "controls.yml").write_bytes(text.encode("latin-1"))
    entries, findings = load_controls(tiny.root / "roles")
    assert not entries
    assert str(findings[0]).startswith("roles/sshd/meta/controls.yml")
    with pytest.raises(InputError):
        require_controls(tiny.root / "roles")


def test_a_broken_test_file_is_a_finding(tiny):
    tiny.add("pass")
    tiny.tests.append("def test_(:")
    assert any("test_sshd.py" in text and "cannot be parsed" in text for text in messages(tiny))


def test_tags_inside_blocks_count(tiny):
    name = tiny.add("pass")
    tiny.write()
    tasks = f"- block:\n    - name: A\n      verbund_state: {{}}\n      tags: 'x, {name}'\n"
    (tiny.role / "tasks" / "main.yml").write_text(tasks)
    assert lint(tiny.root)[1] == []


def test_markdown_lists_every_control_once_and_escapes_bars(tiny):
    tiny.add("pass", title="{de: 'a|b', en: c}")
    tiny.add("pass")
    entries, _ = load_controls(tiny.write() / "roles")
    text = catalogue_markdown(entries)
    assert text.count("| VB-SSH-001 | c | a\\|b | SYS.1.3.A8:1 (S) | server | both | 2026.1 |") == 1
    assert "| SYS.1.3.A8 (S) | Verschlüsselter Zugriff über Secure Shell | VB-SSH-001, VB-SSH-002 |" in text
    assert text == catalogue_markdown(entries)


def everything_manual(path: Path, **proven: str) -> Path:
    """A coverage file in which people answer for all requirements but those given (id with _ for ., and its entry)."""
    entry = "{status: manual, answer: ISB, de: d, en: e}"
    lines = ["answers: {ISB: Officer}", "modules:"]
    for name, module in bsi_modules().items():
        lines += [f"  {name}:", f"    classes: [{', '.join(CLASSES)}]", "    requirements:"]
        lines += [f"      {key}: {proven.get(key.replace('.', '_'), entry)}" for key in module.requirements]
    path.write_text("\n".join(lines) + "\n")
    return path


SERVERS = """
        - {classes: [server], status: automated}
        - {classes: [client, laptop, gateway, switch], status: manual, answer: ISB, de: d, en: e}"""


class TestCommandLine:
    @pytest.fixture(autouse=True)
    def _intent(self, tiny, monkeypatch):
        """A project whose intent has one host, which is this machine."""
        host = SimpleNamespace(
            name="h1", tenant="t", site="s", room=None, host_class="server", profile="p1", zone="z", address="192.0.2.1"
        )
        intent = SimpleNamespace(
            standard=SimpleNamespace(release="2026.1", profiles={"p1": None}),
            select=lambda limit, groups: [host] if limit is None else [],
            variables=lambda host: {"ansible_connection": "local"},
            hosts=[host],
            deviations_for=lambda host, on: {},
        )
        monkeypatch.setattr("verbund.intent.load", lambda inventory, tenants=None: intent, raising=False)
        (tiny.root / "inventory").mkdir()
        (tiny.root / "inventory" / "verbund.yml").write_text("plugin: verbund\n")
        monkeypatch.setenv("VERBUND_PROJECT", str(tiny.root))
        monkeypatch.setattr(coverage, "FILE", everything_manual(tiny.root / "coverage.yml", SYS_1_3_A8=SERVERS))

    def run(self, *arguments: str) -> int:
        with pytest.raises(SystemExit) as stopped:
            main(list(arguments))
        return int(stopped.value.code or 0)

    def test_verify(self, tiny, capfd):
        tiny.add("pass")
        bad = tiny.add('assert 0, "evil \\x1b[31m [bold]markup[/bold]"')
        tiny.write()
        assert self.run("verify") == 1
        out, err = capfd.readouterr()
        assert f"not met: {bad} h1: Rule 2: evil ␛[31m [bold]markup[/bold]" in out
        assert "[1/1  0:00:" in err
        assert "1 met" in err
        written = {path.name.split("-")[-1] for path in (tiny.root / ".verbund" / "results").iterdir()}
        assert {"latest.json", "junit.xml"} <= written
        assert self.run("verify", "--from-evidence", "--json") == 1
        assert json.loads(capfd.readouterr().out)["run"]["command"].startswith("verbund")

    def test_verify_interrupted(self, tiny, capfd, monkeypatch):
        from verbund.baseline.verify import Verification
        from verbund.errors import Interrupted

        def interrupted(verification):
            raise Interrupted("interrupted: evidence of 1 of 2 hosts", "go on with --from-evidence")

        monkeypatch.setattr(Verification, "run", interrupted)
        tiny.add("pass")
        tiny.write()
        assert self.run("verify") == 130
        assert "go on with --from-evidence" in capfd.readouterr().err
        assert not (tiny.root / ".verbund" / "results").exists()

    def test_verify_nobody(self, tiny, capfd):
        tiny.add("pass")
        tiny.write()
        assert self.run("verify", "--limit", "x") == 2
        assert "no hosts to verify" in capfd.readouterr().err
        assert not (tiny.root / ".verbund").exists()

    def test_controls(self, tiny, capfd):
        tiny.add("pass")
        tiny.write()
        assert self.run("controls") == 0
        assert "controls: 1" in capfd.readouterr().out
        assert self.run("controls", "--json") == 0
        assert json.loads(capfd.readouterr().out)[0]["role"] == "sshd"
        assert self.run("controls", "lint") == 2
        assert "templates/papers/places.yml: cannot be read" in capfd.readouterr().err
        places = tiny.root / "templates" / "papers" / "places.yml"
        places.parent.mkdir(parents=True)
        place = "id: a, title: A, roles: [sshd]"
        places.write_text(
            f"tom: [{{{place}, goal: G, law: L, about: x, ask: [{{who: W, ask: Q}}]}}]\n"
            f"wiba: [{{{place}, who: W, classes: [server]}}]\n"
        )
        assert self.run("controls", "lint") == 0
        places.write_text(places.read_text().replace("classes: [server]", "classes: [client]"))
        assert self.run("controls", "lint") == 2
        assert "VB-SSH-001 has no place in wiba (class server)" in capfd.readouterr().err
        assert self.run("controls", "--markdown") == 0
        assert "# Control catalogue" in capfd.readouterr().out

    def test_controls_lint_compares_with_the_coverage(self, tiny, capfd):
        tiny.add("pass", bsi="[{req: SYS.1.3.A3, level: B}]")
        tiny.write()
        assert self.run("controls", "lint") == 2
        told = capfd.readouterr().err
        lines = (tiny.root / "coverage.yml").read_text().splitlines()
        place = next(number for number, line in enumerate(lines, 1) if "SYS.1.3.A3:" in line)
        assert f"coverage.yml:{place}: SYS.1.3.A3 is 'manual' for server, but VB-SSH-001 " in told
        assert "SYS.1.3.A8 is 'automated' for server, but no control" in told

    def test_controls_lint_fails_with_all_findings(self, tiny, capfd):
        tiny.add("pass", tag="x1")
        tiny.add("pass", tag="x2")
        tiny.write()
        assert self.run("controls", "lint") == 2
        assert capfd.readouterr().err.count("no task of role") == 2


def test_the_controls_of_this_project_are_sound():
    root = Path(__file__).parents[3]
    if not list((root / "roles").glob("*/meta/controls.yml")):
        pytest.skip("this checkout has no roles")
    entries, findings = lint(root, coverage=coverage.FILE)
    assert not findings, "\n".join(map(str, findings))
    assert len(entries) >= 60
