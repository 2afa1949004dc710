# SPDX-License-Identifier: EUPL-1.2
"""Bad input: one clear error with file, line, column and hint, exit code 2, nothing written."""

from __future__ import annotations

import os
import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from verbund.errors import InputError

GSE = "inventory/erkrath/sites/grundschule.yml"
DEV = "inventory/erkrath/deviations.yml"


def snapshot(root: Path) -> set[tuple[str, int]]:
    return {
        (str(path.relative_to(root)), path.lstat().st_mtime_ns) for path in root.rglob("*") if not path.is_symlink()
    }


def edit(path: str, old: str, new: str, count: int = 1) -> tuple[int, int]:
    """Replace text in a file; returns line and column where the replaced text began."""
    text = Path(path).read_text(encoding="utf-8")
    assert old in text, f"the sample data changed: {old!r} is not in {path}"
    before = text[: text.index(old)]
    Path(path).write_text(text.replace(old, new, count), encoding="utf-8")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def position(path: str, needle: str, occurrence: int = 1) -> tuple[int, int]:
    text = Path(path).read_text(encoding="utf-8")
    start = -1
    for _ in range(occurrence):
        start = text.index(needle, start + 1)
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)


# (file, text to replace, replacement, text that the finding points at and which occurrence, message, hint)
CASES = {
    "unknown key": (GSE, "short: gse", "shrt: gse", ("shrt", 1), "unknown key 'shrt'", "did you mean 'short'?"),
    "unknown nested key": (GSE, "slot: 5\n", "slott: 5\n", ("slott", 1), "unknown key 'slott'", "did you mean 'slot'?"),
    "missing key": (GSE, "short: gse\n", "", ("kind", 1), "key 'short' is missing", "verbund schema site"),
    "wrong type": (
        GSE,
        "number: 1\n",
        "number: one\n",
        ("one\n", 1),
        "'number' is the text 'one', expected a whole number",
        "",
    ),
    "text that is a number": (GSE, "name: r101", "name: 101", ("101", 1), "expected text", 'put it in quotes: "101"'),
    "boolean is not a number": (
        GSE,
        "slot: 5",
        "slot: true",
        ("true", 1),
        "'slot' is true or false, expected a whole",
        "",
    ),
    "fraction is not a count": (GSE, "slot: 5\n", "slot: 5.5\n", ("5.5", 1), "is the number 5.5, expected a whole", ""),
    "entry of a list": (
        DEV,
        "hosts: [",
        "classes: [clent], hosts: [",
        ("clent", 1),
        "'clent' is not possible for entry 1 of 'classes'",
        "did you mean 'client'?",
    ),
    "absent machine that never was": (
        GSE,
        "count: 22}",
        "count: 22, without: [3, 220]}",
        ("220", 1),
        "there is no machine 220 to be without",
        "count says 1 to 22",
    ),
    "subnet without room for a machine": (
        GSE,
        "rooms:\n",
        "zones: {servers: {network: 10.33.25.0/32}}\nrooms:\n",
        ("10, port", 1),
        "number 10 does not fit into zone servers (10.33.25.0/32)",
        "give the zone a larger subnet",
    ),
    "two machines with one MAC address": (
        GSE,
        "{name: gw1, number: 1}]\nservers: [{name: srv1, number: 10,",
        (
            "{name: gw1, number: 1, mac: '52:54:00:00:00:01'}]\n"
            "servers: [{name: srv1, number: 10, mac: '52:54:00:00:00:01',"
        ),
        ("'52:54:00:00:00:01'", 2),
        "MAC address 52:54:00:00:00:01 of gse-srv1 belongs to gse-gw1",
        "every network card has its own",
    ),
    "unknown choice": (
        GSE,
        "kind: school",
        "kind: shcool",
        ("shcool", 1),
        "is not possible for 'kind'",
        "did you mean 'school'?",
    ),
    "duplicate key": (
        GSE,
        "number: 1\n",
        "number: 1\nkind: school\n",
        ("kind: school", 2),
        "key 'kind' stands twice",
        "keep one",
    ),
    "duplicate room": (
        GSE,
        "name: r102",
        "name: r101",
        ("r101", 2),
        "room 'r101' is already in line",
        "name of its own",
    ),
    "duplicate slot": (
        GSE,
        "slot: 6\n",
        "slot: 5\n",
        ("5\n", 2),
        "slot 5 belongs to room 'r101'",
        "next free slot is 6",
    ),
    "missing slot": (GSE, "    slot: 5\n", "", ("r101", 1), "room 'r101' has no slot", "the next free slot is 5"),
    "slot out of range": (
        GSE,
        "slot: 5\n",
        "slot: 64\n",
        ("64", 1),
        "slot 64 is not possible, expected 1 to 63",
        "next free slot is 5",
    ),
    "duplicate host name": (
        GSE,
        "count: 22}",
        "count: 22}, {profile: school-client, number: 24, name: r101-pc01}",
        ("{profile: school-client, number: 24", 1),
        "the name 'gse-r101-pc01' is used twice, first in " + GSE,
        "unique",
    ),
    "site outside the block": (
        GSE,
        "10.33.0.0/19",
        "10.64.0.0/19",
        ("10.64", 1),
        "outside the block of tenant erkrath",
        "inside it",
    ),
    "no plan for the length": (
        GSE,
        "10.33.0.0/19",
        "10.33.0.0/22",
        ("10.33", 1),
        "no address plan for a /22",
        "/16 (large) or /19",
    ),
    "host bits": (GSE, "10.33.0.0/19", "10.33.0.7/19", ("10.33", 1), "has host bits set", ""),
    "overlapping sites": (
        "inventory/erkrath/sites/rathaus.yml",
        "10.33.32.0/19",
        "10.33.0.0/19",
        ("10.33", 1),
        f"10.33.0.0/19 overlaps 10.33.0.0/19 of {GSE}:7",
        "network of its own",
    ),
    "overlapping tenants": (
        "inventory/haan/tenant.yml",
        "10.48.0.0/12",
        "10.32.0.0/12",
        ("10.32", 1),
        "10.32.0.0/12 overlaps 10.32.0.0/12 of inventory/erkrath/tenant.yml:5",
        "block of its own",
    ),
    "overlapping zone": (
        GSE,
        "gateways:",
        "zones: {printers: {network: 10.33.25.0/25}}\ngateways:",
        ("10.33.25", 1),
        "10.33.25.0/25 of zone printers overlaps 10.33.25.0/24 of zone servers",
        "never overlap",
    ),
    "VLAN clash": (
        GSE,
        "gateways:",
        "zones: {printers: {vlan: 32}}\ngateways:",
        ("32}", 1),
        "VLAN 32 of zone printers is already used by zone teaching",
        "choose a VLAN id",
    ),
    "unknown zone": (
        GSE,
        "gateways:",
        "zones: {printer: {vlan: 99}}\ngateways:",
        ("printer:", 1),
        "zone 'printer' is unknown",
        "did you mean 'printers'?",
    ),
    "unknown profile": (
        GSE,
        "school-client, count: 22",
        "school-cleint, count: 22",
        ("school-cleint", 1),
        "profile 'school-cleint' is unknown",
        "did you mean 'school-client'?",
    ),
    "room without switch port": (
        GSE,
        "    ports: {switch: sw1, from: 1, to: 5}\n",
        "",
        ("r001", 1),
        "room 'r001' has 5 wired clients and devices but no switch port",
        "add: ports:",
    ),
    "too few ports": (
        GSE,
        "ports: {switch: sw1, from: 1, to: 5}",
        "ports: {switch: sw1, from: 1, to: 4}",
        ("{switch", 1),
        "room 'r001' has 5 wired clients and devices but only 4 switch ports",
        "add 1 more",
    ),
    "unknown switch": (
        GSE,
        "switch: sw1, from: 1, to",
        "switch: sw9, from: 1, to",
        ("sw9", 1),
        "switch 'sw9' is unknown",
        "did you mean",
    ),
    "port used twice": (
        GSE,
        "switch: sw1, from: 1, to: 5",
        "switch: sw1, from: 2, to: 6",
        ("{switch: sw1, from: 6", 1),
        "port 6 of sw1 is already used by room 'r001'",
        "a port serves one socket",
    ),
    "uplink used": (
        GSE,
        "switch: sw1, from: 1, to: 5",
        "switch: sw1, from: 48, to: 50",
        ("{switch: sw1, from: 48", 1),
        "port 48 of sw1 is already used by the uplink",
        "one socket",
    ),
    "port beyond the switch": (
        GSE,
        "switch: sw1, from: 1, to: 5",
        "switch: sw1, from: 53, to: 57",
        ("57", 1),
        "port 57 is beyond the 52 ports of sw1",
        "use 1 to 52",
    ),
    "more clients than addresses": (
        GSE,
        "school-client, count: 22",
        "school-client, count: 25",
        ("25}", 1),
        "25 machines of profile school-client, but the block of a room holds 24",
        "split the room",
    ),
    "reserved number": (
        GSE,
        "{name: srv1, number: 10,",
        "{name: srv1, number: 2,",
        ("2,", 1),
        "reserved for gateways",
        "use 5 to",
    ),
    "number used twice": (
        GSE,
        "{kind: phone, number: 12}",
        "{kind: phone, number: 11}",
        ("11}", 1),
        "belongs to gse-office-tel11",
        "next free number is 5",
    ),
    "no gateway": (
        GSE,
        "gateways: [{name: gw1, number: 1}]",
        "gateways: []",
        ("gateways", 1),
        "no gateway with number 1",
        "add: gateways",
    ),
    "unknown host": (
        GSE,
        "gateways:",
        'hosts: {gse-r101-pc99: {mac: "52:54:00:00:00:01"}}\ngateways:',
        ("gse-r101-pc99", 1),
        "host 'gse-r101-pc99' is unknown",
        "did you mean 'gse-r101-pc",
    ),
    "computed variable": (
        GSE,
        "gateways:",
        "settings: {verbund_zone: teaching}\ngateways:",
        ("verbund_zone", 1),
        "computed by Verbund",
        "change what",
    ),
    "malformed date": (
        DEV,
        "2027-06-30",
        "30.06.2027",
        ("30.06.2027", 1),
        "'30.06.2027' is not a date written as YYYY-MM-DD",
        "",
    ),
    "impossible date": (DEV, "2027-06-30", "2027-06-31", ("2027-06-31", 1), "'2027-06-31' is not a date", ""),
    "ends before it begins": (DEV, "2027-06-30", "2026-06-30", ("id: DEV-ERK-001", 1), "before it was created", ""),
    "deviation for an unknown site": (
        DEV,
        "sites: [grundschule]",
        "sites: [grundschul]",
        ("grundschul]", 1),
        "site 'grundschul' is unknown",
        "did you mean 'grundschule'?",
    ),
    "deviation for an unknown host": (
        DEV,
        "hosts: [rhe-srv2]",
        "hosts: [rhe-srv3]",
        ("rhe-srv3", 1),
        "host 'rhe-srv3' is unknown",
        "did you mean",
    ),
    "deviation id twice": (
        DEV,
        "DEV-ERK-002",
        "DEV-ERK-001",
        ("DEV-ERK-001", 2),
        "already used in line 3",
        "never reused",
    ),
    "not a control": (DEV, "VB-AUD-001", "AUD-1", ("AUD-1", 1), "expected the id of a control", ""),
    "tab": (GSE, "    slot: 5", "\tslot: 5", ("\t", 1), "a tab is used for indentation", "two spaces"),
    "anchor": (
        GSE,
        "kind: school",
        "kind: &a school",
        ("&a", 1),
        "anchors (&name) are not allowed",
        "write the value out",
    ),
    "alias": (GSE, "kind: school", "kind: *a", ("*a", 1), "aliases (*name) are not allowed", "write the value out"),
    "custom tag": (
        GSE,
        "kind: school",
        "kind: !!python/name:os.system school",
        ("!!python", 1),
        "tags (!name) are not allowed",
        "remove the tag",
    ),
    "two documents": (GSE, "gateways:", "---\ngateways:", ("---", 1), "more than one YAML document", "split the file"),
    "broken syntax": (GSE, "kind: school", "kind: school: x", (": x", 1), "is not valid YAML", "check indentation"),
    "template": (
        GSE,
        "Sandheide",
        "{{ lookup('pipe', 'id') }}",
        ("Gemeinschafts", 1),
        "Jinja is not allowed in intent",
        "plain value",
    ),
    "unknown network in a flow": (
        "inventory/provider.yml",
        "networks: [proxy]",
        "networks: [prxy]",
        ("prxy", 1),
        "network 'prxy' is unknown",
        "did you mean 'proxy'?",
    ),
    "administration meets pedagogy of another town": (
        "inventory/provider.yml",
        "erkrath-standesamt: [10.33.57.10/32",
        "erkrath-standesamt: [10.33.40.10/32",
        ("{networks: [erkrath-standesamt]}", 1),
        "connects administration with pedagogy",
        "share only services",
    ),
    "flow between towns without networks": (
        "inventory/provider.yml",
        "{networks: [haan-rathaus]}",
        "{tenants: [haan], zones: [administration]}",
        ("[haan], zones", 1),
        "a flow between tenants must name the other side by networks",
        "one flow for each tenant",
    ),
    "administration meets pedagogy": (
        "inventory/provider.yml",
        "    to: {networks: [directory]}",
        "    to: {zones: [teaching]}",
        ("{zones: [teaching]}", 1),
        "connects administration with pedagogy",
        "share only services",
    ),
    "procedure for an unknown profile": (
        "inventory/procedures/finanzen.yml",
        "townhall-client",
        "townhal-client",
        ("townhal-client", 1),
        "profile 'townhal-client' is unknown",
        "did you mean 'townhall-client'?",
    ),
    "tenant outside the pools": (
        "inventory/haan/tenant.yml",
        "10.48.0.0/12",
        "192.168.0.0/16",
        ("192.168", 1),
        "outside the provider's pools",
        "provider.yml",
    ),
    "id differs": (
        "inventory/haan/tenant.yml",
        "id: haan",
        "id: hahn",
        ("hahn", 1),
        "differs from the directory 'haan'",
        "write id: haan",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_error_names_place_and_remedy(case, project, run):
    path, old, new, (needle, occurrence), message, hint = CASES[case]
    edit(path, old, new)
    line, column = position(path, needle, occurrence)
    before = snapshot(project)
    result = run("check")
    assert result.code == 2, result.err
    assert result.out == ""
    findings = re.split(r"\n(?=inventory/|\d+ error)", result.err)
    matching = [finding for finding in findings if message in finding]
    assert matching, result.err
    place = f"{path}:{line}:{column}: "
    assert any(finding.startswith(place) for finding in matching), (place, matching)
    assert hint in matching[0], matching
    assert "Traceback" not in result.err
    assert snapshot(project) == before, "a failed check must not write"


def test_all_errors_of_all_files_at_once(project, run):
    edit(GSE, "kind: school", "kind: shcool")
    edit(DEV, "2027-06-30", "soon")
    edit("inventory/haan/sites/rathaus.yml", "townhall-counter", "counter")
    result = run("check")
    assert result.code == 2
    for path in (GSE, DEV, "inventory/haan/sites/rathaus.yml"):
        assert f"\n{path}:" in f"\n{result.err}"
    assert result.err.splitlines()[-1] == "3 errors in 3 files, 0 warnings"


def test_expired_deviation_is_a_warning_and_inactive(project, run):
    from verbund.intent import load

    edit(DEV, "2027-06-30", "2026-09-30")
    line, column = position(DEV, "2026-09-30")
    result = run("check")
    assert result.code == 0
    assert f"{DEV}:{line}:{column}: warning: deviation DEV-ERK-001 expired on 2026-09-30" in result.err
    assert "have it approved again" in result.err
    intent = load(Path("inventory"))
    assert intent.variables(intent.host("gse-r101-pc01"))["verbund_excepted_controls"] == []


def test_anchor_bomb_costs_nothing(project, run):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    Path(GSE).write_text("\n".join(lines), encoding="utf-8")
    result = run("check", "erkrath")
    assert result.code == 2
    assert f"{GSE}:1:5: anchors (&name) are not allowed in intent" in result.err


def test_deep_nesting_does_not_overrun_the_stack(project, run):
    for text in ("[" * 500_000, "{a: " * 200_000, "- " * 300_000 + "x", "a: " + "[" * 100 + "]" * 100, "? " * 300_000):
        Path(GSE).write_text(text, encoding="utf-8")
        result = run("check", "erkrath")
        assert result.code == 2
        assert f"{GSE}:1:" in result.err


def test_50_mb_file_is_not_read(project, run):
    with Path(GSE).open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    result = run("check", "erkrath")
    assert result.code == 2
    assert f"{GSE}: is larger than 1 MiB" in result.err
    assert "hint: split it" in result.err


def test_not_utf8(project, run):
    text = Path(GSE).read_text(encoding="utf-8").replace("Sandheide", "Sändheide")
    Path(GSE).write_bytes(text.encode("latin-1"))
    line, _ = position_in(text, "Sändheide")
    result = run("check", "erkrath")
    assert result.code == 2
    assert f"{GSE}:{line}:" in result.err
    assert "is not UTF-8 text (byte 0xe4)" in result.err
    assert "save the file as UTF-8" in result.err


def position_in(text: str, needle: str) -> tuple[int, int]:
    start = text.index(needle)
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)


def test_forbidden_characters(project, run):
    Path(GSE).write_text("kind: school\nname: a\x00b\x1b[2J\n", encoding="utf-8")
    result = run("check", "erkrath")
    assert result.code == 2
    assert f"{GSE}:2:" in result.err
    assert "\x1b" not in result.err


def test_symlink_loop(project, run):
    Path(GSE).unlink()
    Path(GSE).symlink_to("grundschule.yml")
    result = run("check", "erkrath")
    assert result.code == 2
    assert f"{GSE}: is a symbolic link that leads back to itself" in result.err
    assert "replace the link by the file" in result.err


def test_symlink_out_of_the_inventory(project, run):
    Path("secret.yml").write_text("kind: school\n", encoding="utf-8")
    Path(GSE).unlink()
    Path(GSE).symlink_to(project / "secret.yml")
    result = run("check", "erkrath")
    assert result.code == 2
    assert f"{GSE}: is a symbolic link that leaves the inventory" in result.err


def test_missing_files(project, run):
    Path("inventory/provider.yml").unlink()
    Path("inventory/haan/tenant.yml").unlink()
    result = run("check")
    assert result.code == 2
    assert "inventory/provider.yml: does not exist" in result.err
    assert "inventory/haan/tenant.yml: does not exist" in result.err
    assert "hint: create it" in result.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(project, run):
    Path(GSE).chmod(0)
    result = run("check", "erkrath")
    assert result.code == 2
    assert f"{GSE}: cannot be read: permission denied" in result.err


def test_unreadable_file_as_the_system_reports_it(project, run, monkeypatch):
    real = os.open

    def refuse(path, *arguments, **names):
        if str(path).endswith("grundschule.yml"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *arguments, **names)

    monkeypatch.setattr("verbund.intent.yaml_source.os.open", refuse)
    result = run("check", "erkrath")
    assert result.code == 2
    assert f"{GSE}: cannot be read: permission denied" in result.err
    assert "chmod u+r" in result.err


@pytest.mark.parametrize("closed", ["inventory", "inventory/erkrath", "inventory/erkrath/sites"])
def test_a_directory_that_may_not_be_listed(project, run, monkeypatch, closed):
    real = Path.iterdir

    def refuse(path):
        if path == project / closed:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    result = run("check")
    assert result.code == 2
    assert f"{closed}: cannot be read: Permission denied" in result.err
    assert "chmod u+rx" in result.err


def test_directory_instead_of_a_file(project, run):
    Path(DEV).unlink()
    Path(DEV).mkdir()
    result = run("check", "erkrath")
    assert result.code == 2
    assert f"{DEV}: is a directory, expected a file" in result.err


def test_named_pipe_does_not_hang(project, run):
    Path(GSE).unlink()
    os.mkfifo(GSE)
    result = run("check", "erkrath")
    assert result.code == 2
    assert f"{GSE}: is a pipe, socket or device, expected a file" in result.err


def test_wrong_suffix_is_not_silently_ignored(project, run):
    Path(GSE).rename("inventory/erkrath/sites/grundschule.yaml")
    result = run("check", "erkrath")
    assert result.code == 2
    assert "grundschule.yaml: is not read: file names end in .yml here" in result.err


def test_a_copy_left_by_an_editor_is_not_to_be_renamed_over_the_file(project, run):
    Path(f"{GSE}.bak").write_text("", encoding="utf-8")
    result = run("check", "erkrath")
    assert result.code == 2
    assert f"{GSE}.bak: is not read" in result.err
    assert "move it away" in result.err
    assert "rename" not in result.err


@pytest.mark.parametrize(("name", "meant"), [("deviation.yml", "deviations.yml"), ("Sites", "sites")])
def test_a_misspelt_name_in_a_tenants_directory_is_not_overlooked(project, run, name, meant):
    Path(f"inventory/erkrath/{meant}").rename(f"inventory/erkrath/{name}")
    result = run("check", "erkrath")
    assert result.code == 2
    assert f"inventory/erkrath/{name}: is not read" in result.err
    assert f"did you mean '{meant}'?" in result.err


def test_a_file_beside_the_tenants_is_named(project, run):
    Path("inventory/mettmann.yml").write_text("kind: school\n", encoding="utf-8")
    result = run("check")
    assert result.code == 0
    assert "inventory/mettmann.yml: warning: is not read" in result.err


def test_a_directory_that_cannot_be_a_tenant(project, run):
    Path("inventory/haan").rename("inventory/grünstadt")
    result = run("check")
    assert result.code == 2
    assert "inventory/grünstadt: 'grünstadt' cannot be the id of a tenant" in result.err
    assert "write id: grünstadt" not in result.err


def test_sites_that_cannot_be_listed_cause_no_other_errors(project, run):
    shutil.rmtree("inventory/erkrath/sites")
    Path("inventory/erkrath/sites").symlink_to("sites")
    result = run("check", "erkrath")
    assert result.code == 2
    assert "inventory/erkrath/sites: cannot be read" in result.err
    assert "deviations.yml" not in result.err


def test_a_deviation_that_fits_no_host_is_a_warning(project, run):
    deviation = """deviations:
  - id: DEV-ERK-901
    controls: [VB-SSH-001]
    scope: {sites: [gymnasium], rooms: [gse-r101]}
    owner: IT-Koordination
    reason: r
    compensation: c
    created: 2026-01-01
    expires: 2027-12-31
"""
    Path(DEV).write_text(deviation, encoding="utf-8")
    result = run("check", "erkrath")
    assert result.code == 0
    assert f"{DEV}:4:12: warning: no host is in the scope of deviation DEV-ERK-901" in result.err
    edit(DEV, "gymnasium", "grundschule")
    assert "DEV-ERK-901" not in run("check", "erkrath").err


def test_unknown_tenant(project, run):
    result = run("check", "erkrat")
    assert result.code == 2
    assert "there is no tenant 'erkrat' in inventory" in result.err
    assert "did you mean 'erkrath'?" in result.err


def test_unknown_command(project, run):
    result = run("chek")
    assert result.code == 2
    assert "chek" in result.err


def test_not_in_a_project(tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VERBUND_PROJECT", raising=False)
    result = run("check")
    assert result.code == 2
    assert "no Verbund project at or above" in result.err
    assert "--project" in result.err


@pytest.mark.parametrize(
    ("limit", "message", "hint"),
    [
        ("gse-r101-pc99", "no host is named 'gse-r101-pc99'", "did you mean 'gse-r101-pc"),
        ("site:grundschul", "no host has the site 'grundschul'", "did you mean 'grundschule'?"),
        ("zone:verwaltng", "no host has the zone 'verwaltng'", "known: "),
        ("profil:school-client", "unknown kind of limit 'profil:'", "did you mean 'profile'?"),
        ("class:client,", "the limit has an empty term", "--limit"),
        ("site:gse&tenant:haan", "no host is in 'site:gse&tenant:haan'", "every term exists"),
        ("xyz*", "no host is named 'xyz*'", "known: "),
    ],
)
def test_unknown_limit(project, limit, message, hint):
    from verbund.errors import ExitCode, UsageError
    from verbund.intent import load

    with pytest.raises(UsageError) as caught:
        load(Path("inventory")).select(limit)
    assert caught.value.message == message
    assert hint in caught.value.hint
    assert caught.value.exit_code == ExitCode.INPUT


ROLE = """\
argument_specs:
  main:
    options:
      sshd_crypto_profile: {type: str, choices: [bsi-strict, interop]}
      sshd_login_grace_seconds: {type: int}
      accounts_shell_timeout: {type: int}
      sshd_users: {type: list, elements: str}
      sshd_match: {type: list, elements: dict, options: {user: {type: str, required: true}, tunnel: {type: bool}}}
"""


@pytest.mark.parametrize(
    ("value", "needle", "message"),
    [
        ("sshd_crypto_profil: interop", "sshd_crypto_profil", "no role has a setting 'sshd_crypto_profil'"),
        (
            "sshd_crypto_profile: fast",
            "fast",
            "'fast' is not possible for 'sshd_crypto_profile', expected one of: bsi-strict, interop",
        ),
        (
            "sshd_login_grace_seconds: '30'",
            "'30'",
            "'sshd_login_grace_seconds' is the text '30', expected a whole number",
        ),
        ("sshd_login_grace_seconds: true", "true", "is true or false, expected a whole number"),
        ("sshd_users: [a, 7]", "7]", "is the number 7, expected text"),
        ("sshd_match: [{user: a, tunel: true}]", "true}]", "unknown key 'tunel'"),
        ("sshd_match: [{tunnel: true}]", "{tunnel", "key 'user' is missing"),
        ("sshd_users:", "sshd_users", "'sshd_users' is empty, expected a list"),
    ],
)
def test_settings_against_the_roles(project, run, value, needle, message):
    Path("roles/sshd/meta").mkdir(parents=True)
    Path("roles/sshd/meta/argument_specs.yml").write_text(ROLE, encoding="utf-8")
    assert run("check").code == 0
    edit(GSE, "gateways:", f"settings:\n  {value}\ngateways:")
    line, _ = position(GSE, needle)
    result = run("check")
    assert result.code == 2
    assert message in result.err
    assert f"{GSE}:{line}:" in result.err


def test_deviation_from_an_unknown_control(project, run):
    Path("roles/audit/meta").mkdir(parents=True)
    Path("roles/audit/meta/controls.yml").write_text(
        "controls: [{id: VB-AUD-001}, {id: VB-FWL-001}]\n", encoding="utf-8"
    )
    assert run("check").code == 0
    edit(DEV, "VB-AUD-001", "VB-AUD-009")
    line, column = position(DEV, "VB-AUD-009")
    result = run("check")
    assert result.code == 2
    assert f"{DEV}:{line}:{column}: control 'VB-AUD-009' is unknown\n    hint: did you mean 'VB-AUD-001'?" in result.err


def deviation(number, scope="{}", created="2026-11-01", expires="2027-12-31", approved=None, controls="[VB-SSH-001]"):
    """One entry of deviations.yml."""
    return f"""  - id: DEV-ERK-{number}
    controls: {controls}
    scope: {scope}
    owner: IT-Koordination
    reason: r
    compensation: c
    created: {created}
    expires: {expires}
""" + (f"    approved_by: {approved}\n" if approved else "")


@pytest.fixture
def told(project, monkeypatch):
    """What loading a deviations.yml says on 2026-11-22: errors and warnings."""
    from verbund.intent import load

    def tell(*entries):
        Path(DEV).write_text("deviations:\n" + "".join(entries), encoding="utf-8")
        try:
            found = load(Path("inventory"), {"erkrath"}, today=date(2026, 11, 22)).warnings
        except InputError as error:
            found = error.findings
        return [str(finding) for finding in found]

    return tell


def test_a_deviation_for_a_whole_tenant_needs_an_approval(told):
    [error] = told(deviation(901))
    assert f"{DEV}:2:5: deviation DEV-ERK-901 holds for all" in error
    assert "approved_by" in error
    # Not only an empty scope is a whole tenant.
    assert told(deviation(901, "{classes: [client, laptop, server, gateway]}")) != []
    assert told(deviation(901, approved="IT-Steuerung")) == []
    assert told(deviation(901, "{sites: [rathaus]}")) == []


def test_deviations_that_overlap_are_announced(told):
    first = deviation(901, "{sites: [grundschule]}")
    [warning] = told(first, deviation(902, "{profiles: [school-client]}", expires="2027-06-30"))
    assert "deviations DEV-ERK-901 and DEV-ERK-902 both except VB-SSH-001 on gse-" in warning
    assert "the one that lasts longer counts" in warning
    assert told(first, deviation(902, "{sites: [rathaus]}")) == [], "other hosts"
    assert told(first, deviation(902, "{sites: [grundschule]}", controls="[VB-SSH-002]")) == [], "another control"
    [warning] = told(
        deviation(901, "{sites: [grundschule]}", expires="2027-01-31"),
        deviation(902, "{sites: [grundschule]}", created="2027-02-01"),
    )
    assert "DEV-ERK-902 begins on 2027-02-01 and excepts nothing before" in warning, "one after the other"


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ({"created": "2025-01-01", "expires": "2026-11-21"}, "expired on 2026-11-21"),
        ({"expires": "2026-11-22"}, "expires in 0 days"),
        ({"expires": "2026-12-22"}, "expires in 30 days"),
        ({"expires": "2026-12-23"}, ""),
        ({"created": "2026-11-23"}, "begins on 2026-11-23"),
        ({"expires": "2028-11-01"}, ""),
        ({"expires": "2028-11-03"}, "lasts longer than two years"),
    ],
)
def test_the_term_of_a_deviation(told, days, said):
    found = told(deviation(901, "{sites: [rathaus]}", **days))
    assert [said in line for line in found] == ([True] if said else [])
