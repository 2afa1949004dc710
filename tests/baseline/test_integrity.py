# SPDX-License-Identifier: EUPL-1.2
"""File integrity check: valid, broad enough, protected, and really running."""

import re

import pytest

CONFIG = "/etc/aide/aide.conf"
BUILDING = "systemctl show --property=ActiveState --property=Result verbund-aide-init.service"
PATHS = "stat --format '%n %a %U %s' /var/lib/aide /var/lib/aide/verbund.db /etc/aide/aide.conf 2>/dev/null || true"
# Files that decide about a host. AIDE itself says whether its rules would record them (aide(1), --path-check).
MUST_BE_COVERED = (
    "/etc/passwd",
    "/etc/shadow",
    "/etc/ssh/sshd_config",
    "/usr/bin/sudo",
    "/usr/sbin/sshd",
    "/usr/bin/login",
)

# Programs that would have to be replaced to hide something; a question to AIDE costs time, so not all of them.
TOOLS = ("/usr/bin/aide", "/usr/sbin/auditctl", "/usr/sbin/auditd", "/usr/sbin/rsyslogd")


def _paths(host):
    """Path to (mode, owner, size) of what exists."""
    found = {}
    for line in host.check_output(PATHS).splitlines():
        words = line.split()
        found[words[0]] = (words[1], words[2], int(words[3]))
    return found


def _rules(host):
    """Path to (exit status, what AIDE says about its rule); above 2 AIDE could not tell."""
    asked = host.check_output(
        f"for p in {' '.join((*MUST_BE_COVERED, *TOOLS))}; do "
        f"said=$(aide --config={CONFIG} --path-check=f:$p 2>/dev/null); echo $p $? $said; done"
    )
    rows = [line.split(maxsplit=2) for line in asked.splitlines()]
    return {row[0]: (int(row[1]), row[2] if row[2:] else "") for row in rows}


def _watched(settings):
    if settings.get("verbund_host_class", "server") not in settings["integrity_classes"]:
        pytest.skip("not applicable: files of this host class are not watched (integrity_classes)")


def _building(host):
    """Whether the first reference is being built right now."""
    return "ActiveState=activating" in host.check_output(BUILDING)


@pytest.mark.control("VB-INT-001")
def test_configuration_is_valid(host, settings):
    """AIDE accepts the configuration that the units use."""
    _watched(settings)
    checked = host.run("aide --config=/etc/aide/aide.conf --config-check")
    assert checked.rc == 0, f"AIDE refuses its configuration (status {checked.rc}): {checked.stderr.strip()[:300]}"
    units = host.check_output("systemctl show --property=ExecStart aidecheck.service verbund-aide-init.service")
    commands = [line for line in units.splitlines() if line.startswith("ExecStart=")]
    using = [line for line in commands if f"--config={CONFIG}" in line]
    assert len(using) == 2, "the units that compare and build the reference do not use this configuration"


@pytest.mark.control("VB-INT-002")
def test_scope_covers_what_matters(host, settings):
    """Accounts, login programs, SSH and sudo are within the scope, with their content."""
    _watched(settings)
    answers = {path: code for path, (code, _) in _rules(host).items() if path in MUST_BE_COVERED}
    if set(answers) != set(MUST_BE_COVERED):
        raise RuntimeError("AIDE did not answer for every path")
    # 0: a rule records it; 1 or 2: left out or no rule; above: AIDE could not tell.
    broken = [path for path, code in answers.items() if code > 2]
    assert not broken, f"AIDE cannot say whether it watches {', '.join(sorted(broken))}"
    missing = sorted(path for path, code in answers.items() if code != 0)
    assert not missing, f"not watched: {', '.join(missing)}"
    rules = host.check_output("grep -E '^[A-Z][A-Za-z]+ *=' /etc/aide/aide.conf")
    assert "sha256" in rules or "sha512" in rules, "the content of files is not compared"


@pytest.mark.control("VB-INT-003")
def test_reference_state_exists(host, settings):
    """There is a reference, and it is not empty."""
    _watched(settings)
    _, _, size = _paths(host).get("/var/lib/aide/verbund.db", ("", "", 0))
    if not size and _building(host):
        raise RuntimeError("the first reference is being built; verify again in a few minutes")
    assert size > 1000, "there is no reference to compare files with"


@pytest.mark.control("VB-INT-004")
def test_reference_state_is_protected(host, settings):
    """Only root reads and writes the reference and the configuration."""
    _watched(settings)
    found = _paths(host)
    for path, modes in (
        ("/var/lib/aide", {"700"}),
        ("/etc/aide/aide.conf", {"600", "400"}),
        ("/var/lib/aide/verbund.db", {"600", "400"}),
    ):
        if path not in found:
            # A missing reference is the finding of another control.
            assert path.endswith(".db"), f"{path} does not exist"
            continue
        mode, owner, _ = found[path]
        assert owner == "root", f"{path} belongs to {owner}"
        assert mode in modes, f"{path} has mode {mode}"


@pytest.mark.control("VB-INT-005")
def test_check_runs_daily(host, settings):
    """The timer is active, survives a restart, and starts the check."""
    _watched(settings)
    text = host.check_output(
        "systemctl show --property=UnitFileState --property=ActiveState --property=Unit --property=TimersCalendar "
        "aidecheck.timer"
    )
    shown = dict(line.partition("=")[::2] for line in text.splitlines())
    assert shown.get("ActiveState") == "active", "the timer of the integrity check is not active"
    assert shown.get("UnitFileState") == "enabled", "the timer of the integrity check does not survive a restart"
    assert shown.get("Unit") == "aidecheck.service", f"the timer starts {shown.get('Unit')}"
    events = shown.get("TimersCalendar", "")
    assert "OnCalendar=*-*-* " in events, f"the timer does not start every day: {events or 'no calendar event'}"


@pytest.mark.control("VB-INT-006")
def test_last_check_was_completed(host, settings):
    """The files were compared within the last days, and the last comparison ran to its end."""
    _watched(settings)
    if _building(host):
        raise RuntimeError("the first reference is being built; verify again in a few minutes")
    days = int(settings["integrity_max_age"])
    recent = host.check_output(
        "find /var/lib/aide -maxdepth 1 -name verbund.checked -mmin -%s -print", str(days * 1440)
    )
    assert recent.strip(), f"the files were not compared within the last {days} days"
    result = host.check_output("systemctl show --property=Result --value aidecheck.service").strip()
    assert result == "success", f"the last comparison ended with: {result}"


@pytest.mark.control("VB-INT-007")
def test_tools_are_watched(host, settings):
    """The programs that watch the host are in the scope, with SHA-512, ACLs and extended attributes."""
    _watched(settings)
    rules = _rules(host)
    for tool in TOOLS:
        code, said = rules[tool]
        assert code <= 2, f"AIDE cannot say whether it watches {tool}"
        assert code == 0, f"{tool} is not watched"
        weak = sorted({"sha512", "acl", "xattrs"} - set(re.findall(r"[a-z0-9]+", said)))
        assert not weak, f"{tool} is watched without {', '.join(weak)}"
