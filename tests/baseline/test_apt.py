# SPDX-License-Identifier: EUPL-1.2
"""Checks of the role apt: signed sources, automatic updates, the running kernel."""

import re

import pytest

SOURCES = "find /etc/apt/sources.list /etc/apt/sources.list.d -maxdepth 1 -type f -name '*.{}' -exec grep -H '' {{}} +"


def apt_config(host):
    """The configuration that apt works with, all files merged; lists keep their order."""
    values = {}
    for key, value in re.findall(r'^(\S+) "(.*)";$', host.check_output("apt-config dump"), re.MULTILINE):
        values.setdefault(key.removesuffix("::"), []).append(value)
    return values


def last(values, key, default):
    return values.get(key, [default])[-1]


def is_yes(value):
    return value.lower() in {"1", "yes", "true", "with", "on", "enable"}


@pytest.mark.control("VB-APT-001")
def test_every_source_names_its_key(host):
    """No archive is trusted because some key of the host signed it, and none without any key."""
    count = 0
    faults = []
    one_line = host.run(SOURCES.format("list")).stdout
    for path, line in re.findall(r"^([^:]+):\s*(deb(?:-src)?\s.*)$", one_line, re.MULTILINE):
        count += 1
        options = re.search(r"\[(.*?)\]", line)
        given = dict(re.findall(r"([\w-]+)\+?=(\S+)", options[1].lower())) if options else {}
        if "signed-by" not in given:
            faults.append(f"{path}: '{line}' names no key (signed-by)")
        faults += [f"{path}: {key}={given[key]}" for key in UNSAFE if is_yes(given.get(key, "no"))]
    stanzas = host.run(SOURCES.format("sources")).stdout
    by_file = {}
    for path, line in re.findall(r"^([^:]+\.sources):(.*)$", stanzas, re.MULTILINE):
        by_file.setdefault(path, []).append(line)
    for path, content in by_file.items():
        for stanza in re.split(r"\n\s*\n", "\n".join(line for line in content if not line.startswith("#"))):
            given = {key.lower(): value for key, value in re.findall(r"^([\w-]+):\s*(.*)$", stanza, re.MULTILINE)}
            if "uris" not in given or not is_yes(given.get("enabled", "yes")):
                continue
            count += 1
            if "signed-by" not in given:
                faults.append(f"{path}: the source {given['uris']} names no key (Signed-By)")
            faults += [f"{path}: {key}: {given[key]}" for key in UNSAFE if is_yes(given.get(key, "no"))]
    assert count, "the host has no package source at all, so it gets no updates"
    assert not faults, "; ".join(faults)


UNSAFE = ("trusted", "allow-insecure", "allow-weak", "allow-downgrade-to-insecure")


@pytest.mark.control("VB-APT-002")
def test_unsigned_packages_are_refused(host):
    """apt neither installs nor lists from archives whose signature is missing or weak."""
    values = apt_config(host)
    allowed = [
        key
        for key in (
            "APT::Get::AllowUnauthenticated",
            "Acquire::AllowInsecureRepositories",
            "Acquire::AllowWeakRepositories",
            "Acquire::AllowDowngradeToInsecureRepositories",
        )
        if is_yes(last(values, key, "false"))
    ]
    assert not allowed, f"apt allows what must be refused: {', '.join(allowed)}"
    user = last(values, "APT::Sandbox::User", "_apt")
    assert user == "_apt", f"apt downloads as '{user}' instead of the unprivileged '_apt'"
    assert is_yes(last(values, "Acquire::Check-Valid-Until", "true")), "apt accepts outdated archive states"


@pytest.mark.control("VB-APT-003")
def test_upgrade_origins_are_the_declared_ones(host, settings):
    """unattended-upgrades installs from the approved origins, and from no other."""
    values = apt_config(host)
    key = "Unattended-Upgrade::"
    effective = [v for v in values.get(f"{key}Origins-Pattern", []) + values.get(f"{key}Allowed-Origins", []) if v]
    assert effective == settings["apt_origins"], f"unattended-upgrades installs from {effective}"
    held = [v for v in values.get(f"{key}Package-Blacklist", []) if v]
    assert held == settings["apt_hold"], f"packages are held back from updates: {held}"


@pytest.mark.control("VB-APT-004")
def test_updates_run_daily(host):
    """The daily jobs are switched on in apt and started by systemd, now and after a restart."""
    values = apt_config(host)
    for key in ("Enable", "Update-Package-Lists", "Unattended-Upgrade"):
        value = last(values, f"APT::Periodic::{key}", "1" if key == "Enable" else "0")
        assert value in {"1", "always"}, f"APT::Periodic::{key} is {value}, must be daily (1)"
    output = host.check_output(
        "systemctl show -p Id -p ActiveState -p UnitFileState -p TimersCalendar apt-daily.timer apt-daily-upgrade.timer"
    )
    for block in output.strip().split("\n\n"):
        timer = dict(line.split("=", 1) for line in block.splitlines())
        name, state = timer["Id"], (timer["ActiveState"], timer["UnitFileState"])
        assert state == ("active", "enabled"), f"{name} is {' and '.join(state)}, must be active and enabled"
        assert "OnCalendar=*-*-* " in timer.get("TimersCalendar", ""), f"{name} does not start every day"
    package = host.run("dpkg-query -W -f '${db:Status-Status}' unattended-upgrades").stdout
    assert package == "installed", "the package unattended-upgrades is not installed"


# Not "apt-get -s upgrade": that keeps silent about packages on hold, and plans with all the sixty thousand packages of
# Debian, for half a minute on a slow host. The list of the security archive is short.
PENDING = (
    "{ dpkg-query -W -f '= ${Package} ${Version} ${db:Status-Status}\\n';"
    " for list in /var/lib/apt/lists/*-security_*Packages*; do"
    " /usr/lib/apt/apt-helper cat-file $list || echo ! $list; done; }"
    ' | awk \'$1 == "=" && $4 == "installed" {have[$2] = $3} $1 == "Package:" {name = $2} $1 == "!" {print}'
    ' $1 == "Version:" && name in have && have[name] != $2 {print name, have[name], $2}\''
    " | sort -u | while read -r name old new; do"
    ' if [ "$name" = ! ] || dpkg --compare-versions "$old" lt "$new"; then echo "$name $old $new"; fi; done'
)


@pytest.mark.control("VB-APT-005")
def test_no_security_update_is_pending(host):
    """No newer version from a security archive is known for an installed package."""
    lists = host.check_output("find /var/lib/apt/lists -maxdepth 1 -name '*-security_*Packages*'")
    if not lists.strip():
        # Not "met" and not "not met": without lists nobody can say what is pending.
        raise RuntimeError("the host has no package list of a security archive, so nobody can say what is pending")
    found = [line.split() for line in host.check_output(PENDING).splitlines()]
    unread = [line[1] for line in found if line[0] == "!"]
    if unread:
        raise RuntimeError(f"package lists cannot be read: {', '.join(unread)}")
    pending = sorted({line[0] for line in found})
    assert not pending, f"{len(pending)} security updates are pending: {', '.join(pending[:10])}"


@pytest.mark.control("VB-APT-006")
def test_newest_kernel_is_running(host, own_kernel):
    """After a kernel update the host was restarted."""
    installed = host.check_output("ls -1 /boot | sed -n 's/^vmlinuz-//p' | sort -V").split()
    if not installed:
        pytest.skip("not applicable: the kernel of this host is not one of its packages")
    running = host.check_output("uname -r")
    assert running == installed[-1], f"{running} is running, but {installed[-1]} is installed: a restart is due"


@pytest.mark.control("VB-APT-007")
def test_services_restart_after_updates(host, settings):
    """needrestart, with all its files read, restarts services by itself."""
    script = 'our %nrconf; my $f = "/etc/needrestart/needrestart.conf"; -r $f or exit 3; do $f; $@ and exit 4; '
    result = host.run(f"perl -e '{script}print $nrconf{{restart}}'")
    assert result.rc == 0, "needrestart is not installed or its configuration cannot be read"
    mode = settings["apt_restart_mode"]
    assert result.stdout == mode, f"needrestart runs in mode '{result.stdout or 'default'}', must be '{mode}'"
    assert mode == "a", "needrestart is declared to list services only, so old libraries stay in use"


@pytest.mark.control("VB-APT-008")
def test_restart_window_is_the_declared_one(host, settings):
    """The host restarts itself only if its class may, only at night, and not under a logged-in person."""
    values = apt_config(host)
    key = "Unattended-Upgrade::Automatic-Reboot"
    wanted = settings.get("verbund_host_class", "server") in settings["apt_reboot_classes"]
    reboots = is_yes(last(values, key, "false"))
    assert reboots == wanted, f"restarting by itself is {'on' if reboots else 'off'}, declared is the opposite"
    assert not is_yes(last(values, f"{key}-WithUsers", "true")), "the host restarts although people are logged in"
    time = last(values, f"{key}-Time", "now")
    assert time == settings["apt_reboot_time"], f"restart time is {time}, declared is {settings['apt_reboot_time']}"


@pytest.mark.control("VB-APT-009")
def test_only_root_decides_on_sources(host):
    """Sources, settings and keys of apt belong to root, and nobody else can write them."""
    found = host.check_output(
        "find /etc/apt /usr/share/keyrings ! -type l \\( -perm /022 -o ! -user root \\) "
        "-printf '%m %u %p\\n' | head -n 20"
    ).splitlines()
    assert not found, f"others can change where software comes from (mode owner path): {'; '.join(found)}"


@pytest.mark.control("VB-APT-010")
def test_old_kernels_are_removed(host):
    """unattended-upgrades removes kernels that are not needed any more; a full /boot would stop all updates."""
    removed = last(apt_config(host), "Unattended-Upgrade::Remove-Unused-Kernel-Packages", "true")
    assert is_yes(removed), "old kernels stay until /boot is full, and then updates fail"
