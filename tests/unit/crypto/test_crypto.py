# SPDX-License-Identifier: EUPL-1.2
"""Dated crypto data: the files, what follows from them for programs, the inventory, and warnings on a given day."""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml

from verbund import intent as intents
from verbund.baseline import crypto
from verbund.baseline.crypto_formats import FORMATS, SIGNALS, gnutls_priority, openssl_commands, render
from verbund.errors import InputError

ROOT = Path(__file__).parents[3]
ROLES = ROOT / "roles"
EDITION = "tr-02102_2026-01"
PROFILES = ("bsi-strict", "interop")


@pytest.fixture(scope="module")
def guideline():
    return crypto.read(ROLES, EDITION)[0]


@pytest.fixture(scope="module")
def rows():
    return crypto.inventory(ROLES, intents.load(ROOT / "inventory"))


@pytest.fixture
def edited(tmp_path):
    """A copy of the data that a test may change; gives the directory of roles."""

    def change(edit):
        directory = tmp_path / "roles" / crypto.DIRECTORY
        directory.mkdir(parents=True)
        path = directory / f"crypto_{EDITION}.yml"
        path.write_text(edit(crypto.path_of(ROLES, EDITION).read_text(encoding="utf-8")), encoding="utf-8")
        return tmp_path / "roles"

    return change


def methods(guideline, profile):
    for part in ("ssh", "tls", "ipsec"):
        for _, found in crypto.lists(getattr(guideline.profiles[profile], part)):
            yield from found


def commands(text):
    return dict(line.split(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))


# -- the data ----------------------------------------------------------------------------------------------------------


def test_the_strict_profile_holds_only_what_the_guideline_lists(guideline):
    assert {"unlisted"} == {method.source for method in methods(guideline, "interop")} - {
        method.source for method in methods(guideline, "bsi-strict")
    }
    assert all(guideline.ends[method.end].year for method in methods(guideline, "bsi-strict") if method.bits)


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("source: ssh-mac", "source: ssh-mak", "profiles.bsi-strict.ssh.macs.0.source", "'ssh-mak' is not in sources"),
        ("end: tls-dhe", "end: soon", "", "'soon' is not in ends"),
        ("bits: 4096", "bits: many", "", "valid integer"),
        ("warn_years: 3", "warn_years: 0", "warn_years", "greater than or equal to 1"),
        ("since:", "sinse:", "sinse", "Extra inputs are not permitted"),
    ],
)
def test_a_mistake_in_the_data_is_one_plain_error_with_its_place(edited, old, new, place, message):
    roles = edited(lambda text: text.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        crypto.read(roles, EDITION)
    lines = crypto.path_of(roles, EDITION).read_text(encoding="utf-8").splitlines()
    (finding,) = [finding for finding in caught.value.findings if message in finding.message]
    assert new.split(": ")[-1].strip() in lines[finding.line - 1], place


def test_an_unknown_edition_names_those_there_are():
    with pytest.raises(InputError, match=f"no such edition.*\n.*{EDITION}"):
        crypto.read(ROLES, "tr-02102_1999-01")


# -- settings for programs ---------------------------------------------------------------------------------------------


ROLE_TEMPLATES = {"sshd": ("sshd.conf.j2", "sshd"), "ssh_client": ("ssh.conf.j2", "ssh")}
ROLE_CASES = [("bsi-strict", "10.0"), ("interop", "9.2")]


@pytest.fixture(scope="module")
def templated(tmp_path_factory):
    """What the templates of the roles make of the data, by plain Ansible in one run."""
    directory = tmp_path_factory.mktemp("templated")
    plays = []
    for role, (template, _) in ROLE_TEMPLATES.items():
        files = [path for path in (ROLES / role).glob("*/main.yml") if path.parent.name in {"tasks", "vars"}]
        text = "".join(path.read_text(encoding="utf-8") for path in files)
        path = ROLES / role / "templates" / template
        content = "".join(
            f"{{{{ lookup('ansible.builtin.template', '{path}', template_vars={{'control': '{control}'}}) }}}}"
            for control in ["", *sorted(set(re.findall(r"'control': '(VB-[A-Z]+-\d+)'", text)))]
        )
        plays += [
            {
                "hosts": "localhost",
                "connection": "local",
                "gather_facts": False,
                "vars_files": [str(ROLES / role / kind / "main.yml") for kind in ("defaults", "vars")],
                "tasks": [
                    {
                        "ansible.builtin.copy": {
                            "content": content,
                            "dest": str(directory / f"{role}-{profile}-{openssh}"),
                            "mode": "0600",
                        },
                        "vars": {
                            "ansible_python_interpreter": sys.executable,
                            "role_path": str(ROLES / role),
                            f"{role}_crypto_profile": profile,
                            f"{role}_openssh": openssh,
                        },
                    }
                    for profile, openssh in ROLE_CASES
                ],
            }
        ]
    (directory / "play.yml").write_text(yaml.safe_dump(plays), encoding="utf-8")
    (directory / "empty.cfg").touch()
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(directory / "play.yml")],
        env={**os.environ, "ANSIBLE_CONFIG": str(directory / "empty.cfg")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return directory


@pytest.mark.loopback
@pytest.mark.parametrize("role", ROLE_TEMPLATES)
@pytest.mark.parametrize(("profile", "openssh"), ROLE_CASES)
def test_ssh_settings_are_those_of_the_roles(guideline, templated, role, profile, openssh):
    text = render(ROLE_TEMPLATES[role][1], guideline, profile, openssh)
    wanted = [line for line in text.splitlines() if line and not line.startswith("#")]
    made = (templated / f"{role}-{profile}-{openssh}").read_text(encoding="utf-8").splitlines()
    assert [line for line in wanted if line not in made] == []
    assert ("mlkem" in "".join(wanted)) == (profile == "interop" and openssh != "9.2")


@pytest.mark.parametrize("profile", PROFILES)
def test_the_policy_of_ssh_audit_states_the_profile_and_nothing_else(guideline, profile):
    text = render("ssh-audit", guideline, profile)
    stated = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
    ssh = guideline.profiles[profile].ssh
    for key, lists in {
        "key exchanges": [ssh.kex],
        "ciphers": [ssh.ciphers],
        "macs": [ssh.macs],
        "host keys": [ssh.signatures, ssh.certificates],
    }.items():
        names = {method.name for found in lists for method in found} | (set(SIGNALS) if "exch" in key else set())
        assert set(stated[key].split(", ")) == names


@pytest.mark.parametrize("profile", PROFILES)
def test_openssl_understands_the_suites_and_takes_no_other(guideline, profile):
    tls = guideline.profiles[profile].tls
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(dict(openssl_commands(tls))["CipherString"])
    taken = [cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] != "TLSv1.3"]
    assert taken == [suite.openssl for suite in tls.suites_1_2]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
@pytest.mark.parametrize("profile", PROFILES)
def test_openssl_loads_the_configuration(guideline, profile, tmp_path):
    path = tmp_path / "openssl.cnf"
    path.write_text(render("openssl", guideline, profile), encoding="utf-8")

    def ciphers():
        return subprocess.run(
            ["openssl", "ciphers", "-s", "-stdname"],
            env={**os.environ, "OPENSSL_CONF": str(path)},
            capture_output=True,
            text=True,
            check=False,
        )

    done, tls = ciphers(), guideline.profiles[profile].tls
    assert done.returncode == 0, done.stderr
    offered = {line.split()[0] for line in done.stdout.splitlines()}
    assert offered == {suite.name for suite in (*tls.suites_1_3, *tls.suites_1_2)}


@pytest.mark.skipif(ctypes.util.find_library("gnutls") is None, reason="needs the library of GnuTLS")
@pytest.mark.parametrize("profile", PROFILES)
def test_gnutls_understands_the_priorities(guideline, profile):
    library = ctypes.CDLL(ctypes.util.find_library("gnutls"))

    def accepted(text):
        made, wrong = ctypes.c_void_p(), ctypes.c_char_p()
        status = library.gnutls_priority_init(ctypes.byref(made), text.encode(), ctypes.byref(wrong))
        if status == 0:
            library.gnutls_priority_deinit(made)
        return status == 0

    text = gnutls_priority(guideline.profiles[profile].tls)
    assert accepted(text)
    assert "CCM" not in text  # it would bring suites of TLS 1.2 that are not in the profile
    assert not accepted(f"{text}:+AES-999-GCM")


def test_rsyslog_gets_one_line_per_command(guideline):
    """As the role logging writes it: rsyslog makes line ends of the two characters."""
    line = render("rsyslog-ossl", guideline, "bsi-strict").splitlines()[-1]
    value = line.removeprefix('gnutlsPriorityString="').removesuffix('"')
    assert value.split(r"\n") == [
        f"{key}={text}" for key, text in openssl_commands(guideline.profiles["bsi-strict"].tls)
    ]


@pytest.mark.parametrize("profile", PROFILES)
def test_ipsec_is_ikev2_within_the_lifetimes(guideline, profile):
    text = render("ipsec", guideline, profile)
    ipsec = guideline.profiles[profile].ipsec
    lines = [line.strip().partition(" = ") for line in text.splitlines() if " = " in line]
    hours = [int(value.removesuffix("h")) for key, _, value in lines if key.endswith("_time")]
    assert ("version", " = ", "2") in lines
    assert not re.search(r"^connections", text, re.MULTILINE)
    assert (hours[0] + hours[1], hours[3]) == (ipsec.ike_hours, ipsec.child_hours)
    assert hours[2] < hours[3]
    (proposal,) = [value for key, _, value in lines if key == "proposals"]
    assert set(proposal.split("-")) == {
        method.name for found in (ipsec.encryption, ipsec.prf, ipsec.groups) for method in found
    }


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("profile", PROFILES)
def test_every_format_says_where_it_comes_from(guideline, kind, profile):
    first, *rest = render(kind, guideline, profile).splitlines()
    assert first.startswith(f"# TR-02102 (2026-01), profile {profile}.")
    assert any(rest)


# -- inventory and warnings --------------------------------------------------------------------------------------------


def test_the_inventory_counts_every_host(rows):
    everything = len(intents.load(ROOT / "inventory").hosts)
    assert {row.use for row in rows} >= {use for use, _ in crypto.USES.values()}
    for use, _ in crypto.USES.values():
        assert sum(row.hosts for row in rows if row.use == use and row.name in {"aes256-ctr", "TLSv1.3"}) == everything


def test_a_setting_of_one_town_is_a_row_of_its_own(tmp_path):
    shutil.copytree(ROOT / "inventory", tmp_path / "inventory")
    path = next((tmp_path / "inventory").glob("haan/tenant.yml"))
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    document.setdefault("settings", {})["sshd_crypto_profile"] = "interop"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    intent = intents.load(tmp_path / "inventory")
    found = crypto.inventory(ROLES, intent)
    (row,) = [row for row in found if row.name == "mlkem768x25519-sha256" and row.use == "SSH server"]
    assert (row.tenants, row.until) == (("haan",), None)
    assert row.hosts == sum(host.tenant == "haan" for host in intent.hosts)


@pytest.mark.parametrize(
    ("on", "words"),
    [
        ("2026-11-22", []),
        ("2028-12-31", []),
        ("2029-01-01", ["ends with 2031, 35 months"]),
        ("2031-12-31", ["ends with 2031, this month"]),
        ("2032-01-01", ["ended with 2031 and still in use"]),
        ("2033-01-01", ["ended with 2031 and still in use", "ends with 2035"]),
    ],
)
def test_warnings_come_ahead_of_the_end(rows, on, words):
    found = crypto.warnings(ROLES, rows, date.fromisoformat(on))
    assert all(finding.warning and finding.line for finding in found)
    for word in words:
        assert any(word in finding.message for finding in found)
    assert bool(found) == bool(words)


def test_what_ends_first_is_said_first_and_for_those_who_use_it_only(rows):
    """2029 belongs to DHE, which only `interop` has."""
    on = date(2027, 1, 1)
    assert crypto.warnings(ROLES, rows, on) == []
    intent = intents.load(ROOT / "inventory")

    class Interop:
        hosts = intent.hosts[:1]

        @staticmethod
        def variables(host):
            return {**intent.variables(host), "logging_crypto_profile": "interop"}

    (finding,) = crypto.warnings(ROLES, crypto.inventory(ROLES, Interop()), on)
    assert "ends with 2029, 35 months" in finding.message
    assert "DHE" in finding.message
    assert crypto.warnings(ROLES, crypto.inventory(ROLES, Interop()), date(2026, 12, 31)) == []


# -- the command line --------------------------------------------------------------------------------------------------


@pytest.fixture
def run(capsys, monkeypatch):
    from verbund.cli import main

    monkeypatch.setenv("VERBUND_PROJECT", str(ROOT))

    def call(*words):
        with pytest.raises(SystemExit) as left:
            main(list(words))
        said = capsys.readouterr()
        return left.value.code or 0, said.out, said.err

    return call


def test_check_warns_on_the_day_that_is_asked_for(run):
    code, out, err = run("check", "--on", "2029-01-01")
    assert code == 0
    assert "ends with 2031, 35 months from 2029-01-01" in err
    assert "0 warnings" not in out
    code, out, err = run("check", "haan", "--on", "2028-12-31")
    assert (code, err) == (0, "")
    assert "0 warnings" in out


def test_a_method_that_has_ended_is_a_finding(run):
    assert run("crypto", "--on", "2031-12-31")[0] == 0
    code, out, err = run("crypto", "--json", "--on", "2032-01-01")
    assert code == 1
    assert "ended with 2031 and still in use" in err
    document = json.loads(out)
    assert document["on"] == "2032-01-01"
    entry = next(entry for entry in document["entries"] if entry["name"] == "ecdh-sha2-nistp384")
    assert (entry["use"], entry["bits"], entry["until"], entry["profile"]) == ("SSH server", 384, 2031, "bsi-strict")


def test_the_inventory_for_auditors_names_every_method(run, rows):
    code, out, _ = run("crypto", "--format", "markdown", "--on", "2026-11-22")
    assert code == 0
    assert out.startswith("# Krypto-Kataster (CON.1.A19)\n\nStand: 2026-11-22.")
    assert all(f"| {row.name} |" in out for row in rows)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--profile", "fast"), "there is no profile 'fast'"),
        (("--guideline", "../../x"), "there is no such edition"),
        (("--openssh", "new"), "'new' is no version"),
    ],
)
def test_a_wrong_choice_is_one_plain_error(run, words, said):
    code, out, err = run("crypto", "--format", "sshd", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert "hint:" in err
