# SPDX-License-Identifier: EUPL-1.2
"""Mount options of shared directories, removable media, and privileges of files."""

import fnmatch
import re

import pytest
from support import not_applicable, settings_of

MOUNTS = "findmnt --raw --noheadings --output TARGET,FSTYPE,OPTIONS"

SERVICE = "systemctl show --property=UnitFileState --property=ExecStart verbund-kernel-mounts.service"

# One walk over all local file systems answers six checks. A bind mount shows a file system twice: each is walked once.
# What processes leave in memory file systems is gone with the next start and not looked at. The bounds keep a broken
# file system from filling the evidence; more findings than that are one finding. Root exists, so it is not looked
# up: asking for the owner of every file takes longer than the walk.
FILES = (
    "command -v getcap > /dev/null || exit 1;"
    " findmnt --raw --noheadings --output MAJ:MIN,TARGET --types ext2,ext3,ext4,xfs,btrfs,f2fs,zfs,overlay"
    " | sort -u -k1,1 | cut -d' ' -f2- | while read -r top; do find \"$(printf '%b' \"$top\")\" -xdev"
    " \\( -path /var/lib/docker -o -path /var/lib/containers -o -path /var/lib/machines -o -path /run \\) -prune -o"
    " -type f -perm /0111 -exec getcap {} + -false -o"
    " -path '/usr/*' ! -type l \\( ! -user root -o -perm /0022 ! -group staff \\) -printf 'foreign %p\\n' -false -o"
    " -type d -perm -0002 ! -perm -1000 -printf 'sticky %p\\n' -o"
    " -type f -perm -0002 -printf 'writable %p\\n' -o"
    " -type f -perm /6000 -printf 'setid %p\\n' -o"
    " \\( ! -uid 0 -nouser -o ! -gid 0 -nogroup \\) -printf 'orphan %p\\n'; done | head -n 2000"
)


def _mounts(host):
    """Mount point to its options; of several mounts on one place the last one covers the others."""
    mounts = {}
    for line in host.check_output(MOUNTS).splitlines():
        target, _, options = line.split(" ", 2)
        mounts[target] = set(options.split(","))
    return mounts


def _unit(host, unit, wanted):
    """Assert that `unit` mounts with the wanted options at the next start."""
    shown = settings_of(
        host.check_output(f"systemctl show --property=LoadState --property=WantedBy --property=RequiredBy {unit}"), "="
    )
    assert shown["LoadState"] == "loaded", f"{unit} does not exist: nothing sets the options at the next start"
    pulled_in = f"{shown.get('WantedBy')} {shown.get('RequiredBy')}".split()
    assert "local-fs.target" in pulled_in, f"{unit} is not mounted at the next start"
    # Not "systemctl show": for a mounted unit that gives the options of now. The last assignment wins.
    return wanted - set(settings_of(host.check_output(f"systemctl cat {unit}"), "=").get("Options", "").split(","))


def _check(host, directory, unit, wanted):
    mounts = _mounts(host)
    assert directory in mounts, f"{directory} is no mount of its own"
    missing = wanted - mounts[directory]
    assert not missing, f"{directory} is mounted without {', '.join(sorted(missing))}"
    missing = _unit(host, unit, wanted)
    assert not missing, f"{unit} will mount {directory} without {', '.join(sorted(missing))} at the next start"


@pytest.mark.control("VB-MNT-001")
def test_tmp_runs_no_programs(host):
    """/tmp is mounted nosuid, nodev and noexec, now and at the next start."""
    _check(host, "/tmp", "tmp.mount", {"nosuid", "nodev", "noexec"})


@pytest.mark.control("VB-MNT-002")
def test_var_tmp_grants_no_privileges(host):
    """/var/tmp is mounted nosuid and nodev, now and at the next start."""
    _check(host, "/var/tmp", "var-tmp.mount", {"nosuid", "nodev"})


@pytest.mark.control("VB-MNT-003")
def test_shared_memory_runs_no_programs(host):
    """/dev/shm is mounted nosuid, nodev and noexec, now and at the next start."""
    wanted = {"nosuid", "nodev", "noexec"}
    missing = wanted - _mounts(host).get("/dev/shm", set())
    assert not missing, f"/dev/shm is mounted without {', '.join(sorted(missing))}"
    unit = host.check_output(SERVICE)
    fstab = host.check_output(
        "findmnt --fstab --raw --noheadings --output OPTIONS --target /dev/shm --mountpoint /dev/shm || true"
    )
    by_unit = "UnitFileState=enabled" in unit and any(
        "/dev/shm" in line and wanted <= set(line.replace("remount,", "").replace(" ", ",").split(","))
        for line in unit.splitlines()
    )
    assert by_unit or wanted <= set(fstab.strip().split(",")), "nothing sets the options of /dev/shm at the next start"


@pytest.mark.control("VB-MNT-004")
def test_removable_media_are_not_mounted_automatically(host):
    """No automounter runs, and the last word of the udev rules keeps desktops from mounting removable media."""
    units = host.check_output(
        "systemctl show --property=Id --property=ActiveState --property=UnitFileState autofs.service devmon.service"
    )
    for block in units.split("\n\n"):
        shown = dict(line.partition("=")[::2] for line in block.splitlines())
        name = shown.get("Id", "")
        assert shown.get("ActiveState") != "active", f"{name} is running and mounts by itself"
        assert shown.get("UnitFileState") != "enabled", f"{name} will run after the next start and mounts by itself"
    rules = host.check_output("systemd-analyze cat-config udev/rules.d | grep -E 'UDISKS_AUTO|^# /' || true")
    settings = [line for line in rules.splitlines() if "UDISKS_AUTO" in line and not line.lstrip().startswith("#")]
    forbidding = [line for line in settings if 'ENV{UDISKS_AUTO}="0"' in line]
    assert any('ENV{ID_BUS}=="usb' in line for line in forbidding), "no udev rule keeps USB media from being mounted"
    assert any('ATTRS{removable}=="1"' in line for line in forbidding), (
        "no udev rule keeps removable media from being mounted"
    )
    assert 'UDISKS_AUTO}="0"' in settings[-1], f"a later udev rule allows it again: {settings[-1].strip()}"


def _findings(host, kind):
    lines = host.check_output(FILES).splitlines()
    # A cut list could hide findings of the other kinds.
    if len(lines) >= 2000:
        raise RuntimeError("more than 2000 suspicious files on this host; the list is cut, look at the host")
    return sorted(line.partition(" ")[2] for line in lines if line.startswith(kind + " "))


def _none(paths, text):
    assert not paths, f"{len(paths)} {text}, for example {', '.join(paths[:5])}"


@pytest.mark.control("VB-MNT-005")
def test_shared_directories_are_sticky(host):
    """In a directory everyone may write to, only the owner may remove a file."""
    _none(_findings(host, "sticky"), "directories are writable for everyone and not sticky")


@pytest.mark.control("VB-MNT-006")
def test_every_file_has_an_owner(host):
    """No file belongs to a user or group that does not exist."""
    _none(_findings(host, "orphan"), "files belong to no known user or group")


@pytest.mark.control("VB-MNT-007")
def test_no_file_is_writable_for_everyone(host):
    """No regular file is writable for everyone."""
    _none(_findings(host, "writable"), "files are writable for everyone")


@pytest.mark.control("VB-MNT-008")
def test_only_declared_programs_are_setuid(host, settings):
    """Set-uid and set-gid programs are those that are declared."""
    allowed = [*settings["mounts_setuid_allowed"], *settings["mounts_setuid_allowed_extra"]]
    undeclared = [
        path for path in _findings(host, "setid") if not any(fnmatch.fnmatchcase(path, pattern) for pattern in allowed)
    ]
    _none(undeclared, "programs are set-uid or set-gid and not declared")


@pytest.mark.control("VB-MNT-010")
def test_only_declared_programs_have_capabilities(host, settings):
    """A capability of a file is a piece of root for everybody who may run it."""
    allowed = [*settings["mounts_capabilities_allowed"], *settings["mounts_capabilities_allowed_extra"]]
    # getcap names the path first; the lines of the other findings begin with a word.
    carried = [line for line in host.check_output(FILES).splitlines() if line.startswith("/")]
    undeclared = sorted(line for line in carried if not any(fnmatch.fnmatchcase(line, pattern) for pattern in allowed))
    _none(undeclared, "programs have capabilities and are not declared")


@pytest.mark.control("VB-MNT-011")
def test_separate_file_systems_grant_no_privileges(host, settings):
    """Where data has a file system of its own, it brings neither devices nor privileges, now and at the next start."""
    mounts = _mounts(host)
    separate = {
        directory: set(options)
        for directory, options in settings["mounts_separate_options"].items()
        if directory in mounts
    }
    if not separate:
        not_applicable("no directory with data is a file system of its own")
    unit = host.check_output(SERVICE)
    for directory, wanted in separate.items():
        missing = wanted - mounts[directory]
        assert not missing, f"{directory} is mounted without {', '.join(sorted(missing))}"
        remounts = [line for line in unit.splitlines() if re.search(rf" {re.escape(directory)}( |$)", line)]
        later = any(wanted <= set(re.findall(r"[a-z]+", line)) for line in remounts)
        assert later, f"nothing sets the options of {directory} at the next start"
    assert "UnitFileState=enabled" in unit, "verbund-kernel-mounts.service does not start with the host"


@pytest.mark.control("VB-MNT-012")
def test_only_root_changes_programs(host):
    """Programs, libraries and what else lies below /usr belong to root, and nobody else may write there."""
    _none(_findings(host, "foreign"), "files below /usr can be changed by others than root")


@pytest.mark.control("VB-MNT-009")
def test_processes_of_others_are_hidden(host, settings):
    """/proc hides the processes of other users, now and at the next start."""
    if not settings["mounts_hide_processes"]:
        pytest.skip("not applicable: mounts_hide_processes is off")
    options = _mounts(host)["/proc"]
    assert options & {"hidepid=2", "hidepid=invisible"}, "/proc shows the processes of all users"
    unit = host.check_output(SERVICE)
    assert "UnitFileState=enabled" in unit, "verbund-kernel-mounts.service does not start with the host"
    assert "hidepid=" in unit, "nothing hides processes at the next start"
