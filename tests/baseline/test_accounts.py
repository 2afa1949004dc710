# SPDX-License-Identifier: EUPL-1.2
"""Checks of the role accounts: who exists on the host, and what new accounts get."""

import collections
import json
import re

import pytest

PASSWD = "getent -s files passwd"
# What stands for the hash leaves the host, never the hash: locked (! or *), nothing, or "set".
SHADOW = (
    "getent -s files shadow | "
    'awk -F: -v OFS=: \'$2 ~ /^[!*]/ {$2 = substr($2, 1, 1)} $2 !~ /^[!*]/ && $2 != "" {$2 = "set"} {print}\''
)
GROUP = "getent -s files group"


def records(host, command):
    return [line.split(":") for line in host.check_output(command).splitlines() if line]


def people(host):
    """Accounts of people and of automation: UID 1000 and above, without nobody."""
    return [record for record in records(host, PASSWD) if 1000 <= int(record[2]) != 65534]


@pytest.mark.control("VB-ACC-001")
def test_only_root_has_uid_zero(host):
    """There is one account with the rights of root, and it is called root."""
    zero = [record[0] for record in records(host, PASSWD) if record[2] == "0"]
    assert zero == ["root"], f"accounts with UID 0: {', '.join(zero)}"


@pytest.mark.control("VB-ACC-002")
def test_ids_are_unique_and_resolvable(host):
    """No two accounts or groups share a name or number, and every primary group exists."""
    accounts, groups = records(host, PASSWD), records(host, GROUP)
    faults = []
    for what, rows in (("account", accounts), ("group", groups)):
        for label, column in (("name", 0), ("number", 2)):
            counted = collections.Counter(row[column] for row in rows)
            faults += [f"{what} {label} {value} is used {n} times" for value, n in counted.items() if n > 1]
    known = {row[2] for row in groups}
    faults += [f"primary group {row[3]} of {row[0]} does not exist" for row in accounts if row[3] not in known]
    assert not faults, "; ".join(faults)


@pytest.mark.control("VB-ACC-003")
def test_no_account_has_an_empty_password(host):
    """Nobody logs in without proof of who they are."""
    empty = [record[0] for record in records(host, SHADOW) if record[1] == ""]
    unshadowed = [record[0] for record in records(host, PASSWD) if record[1] != "x"]
    assert not empty, f"accounts with an empty password: {', '.join(empty)}"
    assert not unshadowed, f"accounts whose password is not in the shadow file: {', '.join(unshadowed)}"


@pytest.mark.control("VB-ACC-004")
def test_root_has_no_password(host):
    """Root is no account to log in with; its rights are reached through personal accounts."""
    root = {record[0]: record[1] for record in records(host, SHADOW)}["root"]
    assert root[:1] in {"!", "*"}, "root has a usable password"


@pytest.mark.control("VB-ACC-005")
def test_system_accounts_cannot_log_in(host, settings):
    """Accounts of services have no login shell."""
    excepted = {"root", *settings["accounts_shell_exceptions"]}
    open_ = [
        f"{record[0]} ({record[6] or '/bin/sh'})"
        for record in records(host, PASSWD)
        if (int(record[2]) < 1000 or record[2] == "65534")
        and record[0] not in excepted
        and not record[6].endswith(("/nologin", "/false"))
    ]
    assert not open_, f"system accounts with a login shell: {', '.join(open_)}"


@pytest.mark.control("VB-ACC-006")
def test_home_directories_are_private(host):
    """Others cannot look into a home directory, the own group cannot write to it."""
    homes = host.check_output(
        "getent -s files passwd | awk -F: '$3 >= 1000 && $3 != 65534 {print $6}' | while IFS= read -r home; do "
        '[ ! -d "$home" ] || stat -L -c "%a %U %n" "$home"; done'
    )
    faults = [line for line in homes.splitlines() if int(line.split()[0], 8) & 0o027]
    assert not faults, f"home directories open to others (mode owner path): {'; '.join(faults)}"


@pytest.mark.control("VB-ACC-007")
def test_no_files_that_trust_other_hosts(host):
    """No rhosts files, and no passwords of other systems in .netrc."""
    found = host.check_output(
        "for file in /etc/hosts.equiv /etc/shosts.equiv; do [ ! -e $file ] || echo $file; done; "
        "getent -s files passwd | cut -d: -f6 | sort -u | while IFS= read -r home; do "
        'for file in .rhosts .shosts .netrc; do [ ! -e "$home/$file" ] || echo "$home/$file"; done; done'
    )
    assert not found.strip(), f"files that stand in for a login: {', '.join(found.split())}"


@pytest.mark.control("VB-ACC-008")
def test_new_accounts_get_safe_defaults(host, settings):
    """useradd and passwd work with strong hashes, private homes, no expiry by time."""
    text = host.check_output("cat /etc/login.defs")
    defs = dict(re.findall(r"^\s*([A-Z_]+)\s+(\S+)", text, re.MULTILINE))
    for key, wanted in (
        ("ENCRYPT_METHOD", "YESCRYPT"),
        ("PASS_MAX_DAYS", "99999"),
        ("UMASK", settings["pam_umask"]),
    ):
        assert defs.get(key) == wanted, f"login.defs: {key} is {defs.get(key, 'not set')}, must be {wanted}"
    mode = defs.get("HOME_MODE", "0777")
    assert not int(mode, 8) & 0o027, f"login.defs: new home directories get mode {mode}"
    defaults = dict(re.findall(r"^(\w+)=(.*)$", host.check_output("useradd -D"), re.MULTILINE))
    wanted = str(settings["accounts_inactive_days"])
    assert defaults["INACTIVE"] == wanted, f"useradd: INACTIVE is {defaults['INACTIVE']}, must be {wanted}"


@pytest.mark.control("VB-ACC-009")
def test_idle_shells_end(host, settings):
    """A login shell gets a time limit that its user cannot lift."""
    limit = settings["accounts_shell_timeout"]
    output = host.check_output("env -i HOME=/root bash --login -c 'echo \"${TMOUT:-none}\"; readonly -p'")
    first, *rest = output.splitlines()
    assert limit > 0, "no time limit is declared for idle shells"
    assert first == str(limit), f"idle time of shells is {first}, must be {limit} seconds"
    assert any("TMOUT" in line for line in rest), "the time limit of shells can be lifted by the user"


@pytest.mark.control("VB-ACC-010")
def test_command_path_of_root_is_safe(host):
    """Root finds commands only in directories that nobody else can write to."""
    first, *directories = host.check_output(
        'env -i HOME=/root bash --login -c \'echo "$PATH"; IFS=:; stat -L -c "%a %u %n" $PATH 2> /dev/null; :\''
    ).splitlines()
    relative = [part or "(empty)" for part in first.split(":") if not part.startswith("/")]
    assert not relative, f"the command path of root has relative parts: {', '.join(relative)}"
    writable = [line for line in directories if int(line.split()[0], 8) & 0o022 or line.split()[1] != "0"]
    assert not writable, f"others can write to the command path of root (mode uid path): {'; '.join(writable)}"


@pytest.mark.control("VB-ACC-011")
def test_only_declared_administrators(host, settings):
    """The group sudo has exactly the declared members, and disabled accounts are expired."""
    declared = {admin["name"] for admin in settings["accounts_admins"] if admin.get("sudo")}
    declared |= set(settings["accounts_sudo_members"])
    members = {row[0]: {name for name in row[3].split(",") if name} for row in records(host, GROUP)}.get("sudo", set())
    assert members <= declared, f"undeclared members of the group sudo: {', '.join(sorted(members - declared))}"
    # Rights also come from rules that name an account or a group directly, in whatever file they stand.
    known = declared | {"root", "sudo", *settings["sudo_nopasswd_accounts"]}
    policy = json.loads(host.check_output("cvtsudoers -f json /etc/sudoers"))
    named = {
        f"{name}"
        for spec in policy.get("User_Specs", [])
        for user in spec["User_List"]
        for name in user.values()
        if name not in known
    }
    assert not named, f"sudo rules give rights to undeclared accounts or groups: {', '.join(sorted(named))}"
    shadow = {row[0]: row for row in records(host, SHADOW)}
    alive = [name for name in settings["accounts_disabled"] if name in shadow and shadow[name][7] != "1"]
    assert not alive, f"accounts that are to be disabled can still log in: {', '.join(alive)}"


@pytest.mark.control("VB-ACC-012")
def test_passwords_do_not_expire_by_time_alone(host):
    """A password is changed when there is a reason, not because time went by."""
    expiring = [
        f"{row[0]} ({row[4]} days)"
        for row in records(host, SHADOW)
        if row[1][:1] not in {"!", "*", ""} and row[4] and int(row[4]) < 99999
    ]
    assert not expiring, f"passwords expire by time alone: {', '.join(expiring)}"


@pytest.mark.control("VB-ACC-013")
def test_account_database_is_protected(host):
    """Mode and owner of the files and of the copies that the tools keep beside them."""
    listed = host.check_output(
        "stat -L -c '%n %a %U %G' /etc/passwd /etc/group /etc/shadow /etc/gshadow; "
        "for f in /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow-; do "
        "[ ! -e $f ] || stat -L -c '%n %a %U %G' $f; done"
    )
    wrong = []
    for line in listed.splitlines():
        path, mode, owner, group = line.split()
        secret = "shadow" in path
        if int(mode, 8) & (0o137 if secret else 0o133) or owner != "root" or group not in {"root", "shadow"}:
            wrong.append(f"{path} is {mode} {owner}:{group}")
    if listed.count("/etc/") < 4:
        raise RuntimeError("not every file of the account database can be looked at")
    assert not wrong, f"the account database is open to others: {'; '.join(wrong)}"


@pytest.mark.control("VB-ACC-014")
def test_start_up_files_do_not_widen_rights(host, settings):
    """Shells keep a strict umask they were started with, and narrow a wide one; see VB-PAM-005 for sessions."""
    masks = host.check_output(
        "for mask in 077 022; do umask $mask; "
        "for kind in --login -i; do env -i HOME=/root bash $kind -c umask < /dev/null 2> /dev/null; done; done"
    ).split()
    if len(masks) != 4:
        raise RuntimeError(f"the shells of root answer {masks} instead of four masks")
    wanted = int(settings["pam_umask"], 8)
    open_ = [mask for mask in masks[:2] if int(mask, 8) & 0o077 != 0o077]
    open_ += [mask for mask in masks[2:] if int(mask, 8) & wanted != wanted]
    assert not open_, f"a start-up file of the shell sets umask {open_[0]}, so others get rights to new files"


@pytest.mark.control("VB-ACC-015")
def test_groups_with_access_to_everything_are_empty(host):
    """shadow reads the hashes, disk and kmem read everything past the rights of files."""
    groups = {row[0]: row for row in records(host, GROUP)}
    faults = []
    for name in ("shadow", "disk", "kmem"):
        if name not in groups:
            continue
        members = [member for member in groups[name][3].split(",") if member]
        members += [row[0] for row in records(host, PASSWD) if row[3] == groups[name][2]]
        faults += [f"{member} is in the group {name}" for member in members]
    assert not faults, "; ".join(faults)


@pytest.mark.control("VB-ACC-016")
def test_system_accounts_have_no_password(host):
    """Accounts of services are not logged in to, so there is no password that could be guessed."""
    system = {row[0] for row in records(host, PASSWD) if 0 < int(row[2]) < 1000 or row[2] == "65534"}
    usable = [row[0] for row in records(host, SHADOW) if row[0] in system and row[1][:1] not in {"!", "*", ""}]
    assert not usable, f"system accounts with a password: {', '.join(usable)}"


@pytest.mark.control("VB-ACC-017")
def test_home_directories_belong_to_their_accounts(host, settings):
    """A home directory exists, is a directory, has the right owner and is shared with nobody."""
    excepted = set(settings["accounts_home_exceptions"])
    listed = host.check_output(
        "getent -s files passwd | awk -F: '$3 >= 1000 && $3 != 65534 {print $1, $3, $6}' | "
        "while read -r name uid home; do "
        'echo "$name $uid $(stat -L -c "%u %F" -- "$home" 2> /dev/null || echo none) at $home"; done'
    )
    faults, seen = [], {}
    for line in listed.splitlines():
        found, _, home = line.partition(" at ")
        name, uid, owner, *kind = found.split()
        if name in excepted:
            continue
        if owner == "none":
            faults.append(f"{name} has no home directory ({home or 'none is named'})")
        elif owner != uid or kind != ["directory"]:
            faults.append(f"{home} of {name} is a {' '.join(kind)} of the account number {owner}")
        if seen.setdefault(home, name) != name:
            faults.append(f"{name} and {seen[home]} share {home}")
    assert not faults, "; ".join(faults)


@pytest.mark.control("VB-ACC-018")
def test_start_up_files_and_keys_are_protected(host):
    """Dot files and .ssh belong to their account or to root, and nobody else can write to them."""
    found = host.check_output(
        "getent -s files passwd | awk -F: '($3 == 0 || $3 >= 1000) && $3 != 65534 && $6 != \"/\" {print $3, $6}' | "
        'while read -r uid home; do [ ! -d "$home" ] || find -H "$home" "$home/.ssh" -maxdepth 1 '
        '\\( -path "$home/.*" -o -path "$home/.ssh/*" \\) \\( -type f -o -type d \\) '
        '\\( -perm /022 -o ! -uid "$uid" ! -uid 0 \\) -printf "%m %u %p\\n" 2> /dev/null; done | sort -u | head -n 50'
    )
    wrong = found.splitlines()
    assert not wrong, f"others can change what an account starts with (mode owner path): {'; '.join(wrong[:5])}"


@pytest.mark.control("VB-ACC-019")
def test_passwords_were_not_changed_in_the_future(host):
    """A date in the future switches every rule about the age of a password off, and says that a clock was wrong."""
    listed = host.check_output(
        "getent -s files shadow | awk -F: -v today=$(($(date +%s) / 86400)) '$3 > today + 1 {print $1, $3 - today}'"
    )
    wrong = ["{} (in {} days)".format(*line.split()) for line in listed.splitlines()]
    assert not wrong, f"passwords that were changed in the future: {', '.join(wrong)}"
