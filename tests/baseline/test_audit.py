# SPDX-License-Identifier: EUPL-1.2
"""Checks of the role audit. Where a host has no kernel of its own (a container) there is nothing to audit."""

import re

import pytest

LOADED = "auditctl -l"
STATUS = "auditctl -s"
STORED = "cat /etc/audit/rules.d/*.rules"
DAEMON = "cat /etc/audit/auditd.conf"
PROGRAMS = (
    "cd /usr/sbin && find auditctl auditd augenrules aureport ausearch"
    " \\( -perm /022 -o ! -user root -o ! -group root \\) -printf 'open /usr/sbin/%p\\n';"
    " dpkg --verify auditd; :"
)


# Programs that run with the rights of their owner or group, where software is installed.
BORROWING = "find /usr /opt -xdev -type f -perm /6000 2> /dev/null | sort"

LISTED = {"auid!=unset": "auid!=-1", "-C euid!=uid": "-C uid!=euid", " -S all ": " "}
"""How a rule may be written -> how we compare it; the kernel lists it in a form of its own."""


def rules(text):
    found = [" ".join(line.split()) for line in text.splitlines() if re.match(r"-[aw] ", line)]
    for written, listed in LISTED.items():
        found = [line.replace(written, listed) for line in found]
    return [re.sub(r"^(-w \S*[^/])/ ", r"\1 ", line) for line in found]


def loaded(host):
    result = host.run(LOADED)
    assert result.rc == 0, "the kernel does not tell its audit rules"
    return rules(result.stdout)


def status(host):
    result = host.run(STATUS)
    assert result.rc == 0, "the kernel does not tell the state of its audit"
    return dict(re.findall(r"^(\w+) (\S+)", result.stdout, re.MULTILINE))


def daemon(host):
    return {
        key: value.strip() for key, value in re.findall(r"^(\w+)\s*=\s*(.*)$", host.check_output(DAEMON), re.MULTILINE)
    }


def unwatched(host, paths, access="wa"):
    """The paths without a loaded watch for this access (default: writing, and changes of attributes)."""
    watches = {}
    for rule in loaded(host):
        match = re.match(r"-w (\S+) -p (\S+)( -k \S+)?$", rule)
        if match:
            watches[match[1].rstrip("/")] = set(match[2])
    return [path for path in paths if not watches.get(path, set()) >= set(access)]


# What may narrow a rule down without a hole: the architecture, people instead of services, and the key.
NARROWING = re.compile(r"(-a always,exit|-F arch=b(64|32)|-S \S+|-F auid>=1000|-F auid!=(-1|unset)|-F key=\S+) ?")


def unrecorded(host, calls, condition=""):
    """The system calls without a loaded rule that records them at their exit, for both ways to call the kernel."""
    recorded = {"b64": set(), "b32": set()}
    for rule in loaded(host):
        match = re.match(r"-a always,exit -F arch=(b64|b32) -S (\S+)", rule)
        if match and condition in rule and not NARROWING.sub("", rule.replace(condition, "")).strip():
            recorded[match[1]] |= set(match[2].split(","))
    return [call for call in calls if call not in recorded["b64"] & recorded["b32"]]


@pytest.mark.control("VB-AUD-001")
def test_audit_runs(host, settings, own_kernel):
    """auditd runs and starts at boot, the kernel audits, and somebody takes its records."""
    state = host.check_output("systemctl show -p ActiveState -p UnitFileState --value auditd.service").split()
    assert sorted(state) == ["active", "enabled"], f"auditd is {' and '.join(state)}, must be active and enabled"
    values = status(host)
    assert values["enabled"] in {"1", "2"}, "the kernel does not audit (auditctl -e 0)"
    assert values["pid"] != "0", "no program takes the records of the kernel"
    silencing = [
        rule
        for rule in loaded(host)
        if re.match(r"-a (never,(task|exit)|(task|exit),never)", rule) and rule not in settings["audit_extra_rules"]
    ]
    assert not silencing, f"a rule keeps the kernel from recording: {silencing[0]}"


@pytest.mark.control("VB-AUD-002")
def test_loaded_rules_are_the_stored_ones(host, settings, own_kernel):
    """What the kernel records is what the files say, so it is still so after a restart."""
    running, stored = set(loaded(host)), set(rules(host.check_output(STORED)))
    assert stored, "no audit rules are stored on the host"
    missing, extra = sorted(stored - running), sorted(running - stored)
    assert not missing, f"{len(missing)} stored rules are not loaded, the first: {missing[0]}"
    assert not extra, f"{len(extra)} rules are loaded but not stored, the first: {extra[0]}"
    if settings["audit_immutable"]:
        assert status(host)["enabled"] == "2", "the rules can be changed without a restart"


@pytest.mark.control("VB-AUD-003")
def test_account_changes_are_recorded(host, own_kernel):
    """Files that say who exists, and with which password."""
    paths = ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/security/opasswd"]
    missing = unwatched(host, paths)
    assert not missing, f"changes are not recorded: {', '.join(missing)}"


@pytest.mark.control("VB-AUD-004")
def test_borrowed_rights_are_recorded(host, own_kernel):
    """Commands that run as root for somebody who is not root."""
    missing = unrecorded(host, ["execve"], "-C uid!=euid -F euid=0")
    assert not missing, "commands that run with borrowed rights are not recorded"
    recorded = set(re.findall(r"^-a always,exit -F path=(\S+) -F perm=x ", "\n".join(loaded(host)), re.MULTILINE))
    missing = [path for path in host.check_output(BORROWING).splitlines() if path not in recorded]
    assert not missing, f"programs with the rights of others are not recorded: {', '.join(missing[:10])}"


@pytest.mark.control("VB-AUD-005")
def test_clock_and_kernel_changes_are_recorded(host, own_kernel):
    """System calls that change the time, or the kernel itself."""
    calls = ["adjtimex", "settimeofday", "clock_settime", "init_module", "finit_module", "delete_module"]
    missing = unrecorded(host, calls)
    assert not missing, f"system calls are not recorded: {', '.join(missing)}"


@pytest.mark.control("VB-AUD-006")
def test_access_changes_are_recorded(host, own_kernel):
    """Files that say who may do what, and what is recorded."""
    paths = [
        "/etc/sudoers",
        "/etc/sudoers.d",
        "/var/log/sudo.log",
        "/etc/pam.d",
        "/etc/ssh",
        "/etc/audit",
        "/etc/rsyslog.d",
        "/etc/verbund",
    ]
    missing = unwatched(host, paths)
    assert not missing, f"changes are not recorded: {', '.join(missing)}"


@pytest.mark.control("VB-AUD-007")
def test_records_are_protected(host):
    """Others can neither read records nor change what is recorded."""
    found = host.check_output("find /var/log/audit /etc/audit -perm /027 -type f -o -type d -perm /027 -o ! -user root")
    assert not found.strip(), f"others can read or change: {', '.join(found.split()[:10])}"


@pytest.mark.control("VB-AUD-008")
def test_records_cannot_fill_the_disk(host, settings):
    """Files are rotated within a bound, and a low disk is reported before it is full."""
    values = daemon(host)
    action = values.get("max_log_file_action", "").upper()
    assert action == "ROTATE", f"full log files are not rotated (max_log_file_action is {action or 'not set'})"
    limit = settings["audit_log_file_size"] * settings["audit_log_files"]
    used = int(values.get("max_log_file", "0")) * int(values.get("num_logs", "0"))
    assert 0 < used <= limit, f"records may take {used} MB, declared are {limit} MB"
    warning = values.get("space_left_action", "").upper()
    assert warning in {"SYSLOG", "EMAIL", "EXEC"}, (
        f"nobody is told when the disk gets full (space_left_action is {warning})"
    )
    halting = [key for key in ("disk_full_action", "admin_space_left_action") if values.get(key, "").upper() == "HALT"]
    assert not halting, f"a full disk would stop the host: {', '.join(halting)} = HALT"


@pytest.mark.control("VB-AUD-009")
def test_mounts_are_recorded(host, own_kernel):
    """All ways to mount and unmount, also the ones that mount(8) uses since Debian 13."""
    missing = unrecorded(host, ["mount", "umount2", "move_mount", "mount_setattr"])
    assert not missing, f"system calls are not recorded: {', '.join(missing)}"


@pytest.mark.control("VB-AUD-010")
def test_network_changes_are_recorded(host, own_kernel):
    """The name of the host, its addresses and its firewall."""
    missing = unrecorded(host, ["sethostname", "setdomainname"])
    assert not missing, f"system calls are not recorded: {', '.join(missing)}"
    paths = ["/etc/hosts", "/etc/hostname", "/etc/nftables.conf", "/etc/network", "/etc/systemd/network"]
    missing = unwatched(host, paths)
    assert not missing, f"changes are not recorded: {', '.join(missing)}"


@pytest.mark.control("VB-AUD-011")
def test_profile_changes_are_recorded(host, own_kernel):
    """Files that say what programs may do."""
    missing = unwatched(host, ["/etc/apparmor", "/etc/apparmor.d"])
    assert not missing, f"changes are not recorded: {', '.join(missing)}"


@pytest.mark.control("VB-AUD-012")
def test_login_traces_are_recorded(host, own_kernel):
    """Files that say who logged in and who failed to; some only Debian 12 writes."""
    missing = unwatched(
        host, ["/var/run/faillock", "/var/run/utmp", "/var/log/lastlog", "/var/log/wtmp", "/var/log/btmp"]
    )
    assert not missing, f"changes are not recorded: {', '.join(missing)}"


@pytest.mark.control("VB-AUD-013")
def test_tools_are_recorded(host, own_kernel):
    """Programs that change rights, accounts and the kernel, whoever starts them."""
    names = ["bin/chacl", "bin/chattr", "bin/kmod", "bin/setfacl", "sbin/setcap", "sbin/usermod"]
    missing = unwatched(host, [f"/usr/{name}" for name in names], access="x")
    assert not missing, f"programs are not recorded: {', '.join(missing)}"


@pytest.mark.control("VB-AUD-014")
def test_changes_of_rights_are_recorded(host, own_kernel):
    """System calls by which people change owner, mode and attributes of files."""
    calls = ["chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat"]
    calls += ["setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"]
    missing = unrecorded(host, calls)
    assert not missing, f"system calls are not recorded: {', '.join(missing)}"


@pytest.mark.control("VB-AUD-015")
def test_denied_access_is_recorded(host, own_kernel):
    """System calls by which people tried to open a file and were refused."""
    for code in ("EACCES", "EPERM"):
        missing = unrecorded(host, ["open", "creat", "openat", "openat2", "truncate", "ftruncate"], f"-F exit=-{code}")
        assert not missing, f"refusals with {code} are not recorded: {', '.join(missing)}"


@pytest.mark.control("VB-AUD-016")
def test_deleting_is_recorded(host, own_kernel):
    """System calls by which people remove and rename files."""
    missing = unrecorded(host, ["unlink", "unlinkat", "rmdir", "rename", "renameat", "renameat2"])
    assert not missing, f"system calls are not recorded: {', '.join(missing)}"


@pytest.mark.control("VB-AUD-017")
def test_kernel_holds_records(host, settings, own_kernel):
    """A busy moment loses nothing: enough room, no limit per second, and a word in the log if something is lost."""
    values = status(host)
    assert int(values["backlog_limit"]) >= settings["audit_backlog"], (
        f"the kernel holds {values['backlog_limit']} records, declared are {settings['audit_backlog']}"
    )
    assert values["rate_limit"] == "0", f"the kernel drops what is more than {values['rate_limit']} records a second"
    assert values["failure"] in {"1", "2"}, "the kernel says nothing when it loses records (auditctl -f 0)"


@pytest.mark.control("VB-AUD-018")
def test_programs_are_protected(host):
    """The programs of the package are what Debian ships, and only root may change them."""
    listed = host.check_output(PROGRAMS).splitlines()
    writable = [line for line in listed if line.startswith("open ")]
    assert not writable, f"others than root can change {writable[0].removeprefix('open ')}"
    # "??5?????? c path": the configuration is ours and checked elsewhere.
    changed = [line for line in listed if re.match(r"\S{9}  |missing  ", line)]
    assert not changed, f"not what the package brought: {changed[0].split()[-1]}"
