# SPDX-License-Identifier: EUPL-1.2
"""SSH server: what sshd makes of all its files, and whether the running sshd has read them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from support import lines, not_applicable, settings_of

SSHD_T = "/usr/sbin/sshd -T"
UNITS = (
    "systemctl show --timestamp=us+utc -p Id -p ActiveState -p UnitFileState -p StateChangeTimestamp -p MainPID "
    "ssh.service ssh.socket"
)
# The command of the client's check, so that it is asked once.
OWNERS = (
    "find /etc/ssh ! -type l \\( ! -user root -o ! -group root -o -perm /022 -o -name sshd_config -perm /077 \\) "
    "-printf '%u:%g %m %p\\n'"
)
# The command of the role services, so that it is asked once.
SOCKETS = "ss --no-header --tcp --udp --listening --numeric --processes"
CRYPTO = Path(__file__).parents[2] / "roles" / "sshd" / "files"


def _effective(host, command=SSHD_T):
    """Option -> list of values, since some options are listed once per value."""
    found = {}
    for line in lines(host.check_output(command)):
        key, _, value = line.partition(" ")
        found.setdefault(key.lower(), []).append(value.strip())
    return found


def _unit(host, name):
    """What the manager says of a unit."""
    blocks = (settings_of(block, "=") for block in host.check_output(UNITS).split("\n\n"))
    return next(block for block in blocks if block["Id"] == name)


def _differences(effective, wanted):
    return [
        f"{key} is {' '.join(effective.get(key, ['not set']))}, not {value}"
        for key, value in wanted.items()
        if effective.get(key) != [str(value)]
    ]


def _profile(settings):
    path = CRYPTO / f"crypto_{settings['sshd_crypto_guideline']}.yml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))["profiles"][settings["sshd_crypto_profile"]]["ssh"]


def _outside(effective, option, allowed):
    offered = set(effective[option][0].split(","))
    assert offered != {""}, f"sshd offers no {option} at all"
    return [f"{option} offers {name}" for name in sorted(offered - {entry["name"] for entry in allowed})]


@pytest.mark.control("VB-SSH-001")
def test_root_cannot_log_in(host):
    """Root is refused, whatever address it comes from."""
    effective = _effective(host, f"{SSHD_T} -C user=root,host=localhost,addr=127.0.0.1")
    assert effective["permitrootlogin"] == ["no"], f"sshd allows root: {effective['permitrootlogin'][0]}"


@pytest.mark.control("VB-SSH-002")
def test_only_public_keys_are_accepted(host):
    """No passwords and no other way of authentication."""
    wanted = {
        "pubkeyauthentication": "yes",
        "authenticationmethods": "publickey",
        "passwordauthentication": "no",
        "permitemptypasswords": "no",
        "kbdinteractiveauthentication": "no",
        "hostbasedauthentication": "no",
        "kerberosauthentication": "no",
        "gssapiauthentication": "no",
    }
    problems = _differences(_effective(host), wanted)
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-SSH-003")
def test_key_exchange_follows_the_guideline(host, settings):
    """Only key exchange methods of the crypto profile."""
    problems = _outside(_effective(host), "kexalgorithms", _profile(settings)["kex"])
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-SSH-004")
def test_ciphers_and_macs_follow_the_guideline(host, settings):
    """Only ciphers and MACs of the crypto profile."""
    effective, profile = _effective(host), _profile(settings)
    problems = _outside(effective, "ciphers", profile["ciphers"]) + _outside(effective, "macs", profile["macs"])
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-SSH-005")
def test_host_keys_follow_the_guideline(host, settings):
    """Only host keys and host key methods of the crypto profile."""
    effective, profile = _effective(host), _profile(settings)
    problems = _outside(effective, "hostkeyalgorithms", profile["signatures"] + profile["certificates"])
    problems += [f"host key {path} is offered" for path in effective["hostkey"] if path not in profile["host_keys"]]
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-SSH-006")
def test_user_keys_follow_the_guideline(host, settings):
    """Only user keys, and certificates signed by methods, of the crypto profile."""
    effective, profile = _effective(host), _profile(settings)
    problems = _outside(effective, "pubkeyacceptedalgorithms", profile["signatures"] + profile["certificates"])
    problems += _outside(effective, "casignaturealgorithms", profile["signatures"])
    size = int(effective["requiredrsasize"][0])
    if size < profile["rsa_bits"]:
        problems.append(f"RSA keys of {size} bits are accepted")
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-SSH-007")
def test_session_keys_are_renewed(host):
    """After 1 GiB or one hour at the latest; sshd shows bytes and seconds, 0 is never."""
    volume, seconds = (int(value) for value in _effective(host)["rekeylimit"][0].split())
    assert 0 < volume <= 2**30, f"session keys are renewed after {volume} bytes (0: never)"
    assert 0 < seconds <= 3600, f"session keys are renewed after {seconds} s (0: never)"


@pytest.mark.control("VB-SSH-008")
def test_nothing_is_forwarded(host, settings):
    """No agent, display, tunnel or port forwarding, except the way through a gateway to the SSH port of its hosts."""
    tcp = settings["sshd_tcp_forwarding"]
    if tcp == "by_class":
        tcp = "local" if settings.get("verbund_host_class") == "gateway" else "no"
    effective = _effective(host)
    wanted = {
        "allowtcpforwarding": tcp,
        "allowagentforwarding": "no",
        "allowstreamlocalforwarding": "no",
        "gatewayports": "no",
        "x11forwarding": "no",
        "permittunnel": "no",
    }
    if tcp == "no":
        wanted["disableforwarding"] = "yes"
    else:
        wanted["permitopen"] = "*:22"
    problems = _differences(effective, wanted)
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-SSH-009")
def test_guessing_is_limited(host, settings):
    """Attempts, time and parallel unauthenticated connections are limited as declared."""
    wanted = {
        "maxauthtries": settings["sshd_max_auth_tries"],
        "logingracetime": settings["sshd_login_grace_time"],
        "maxstartups": settings["sshd_max_startups"],
        "maxsessions": settings["sshd_max_sessions"],
    }
    problems = _differences(_effective(host), wanted)
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-SSH-010")
def test_dead_sessions_end(host, settings):
    """A client that gives no sign of life loses its session."""
    wanted = {
        "clientaliveinterval": settings["sshd_client_alive_interval"],
        "clientalivecountmax": settings["sshd_client_alive_count_max"],
    }
    problems = _differences(_effective(host), wanted)
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-SSH-011")
def test_logins_are_logged_with_their_key(host):
    """At VERBOSE sshd logs the fingerprint of the key with each login."""
    effective = _effective(host)
    assert effective["loglevel"] == ["VERBOSE"], f"sshd logs at {effective['loglevel'][0]}, not VERBOSE"


@pytest.mark.control("VB-SSH-012")
def test_private_host_keys_are_private(host):
    """Every private host key belongs to root and is readable by nobody else."""
    listed = lines(host.check_output("stat -L -c '%U:%G %a %n' /etc/ssh/ssh_host_*_key"))
    problems = [line for line in listed if not line.startswith("root:root 600 ")]
    assert not problems, f"readable by others than root: {'; '.join(problems)}"


@pytest.mark.control("VB-SSH-013")
def test_no_exceptions_for_single_users_or_addresses(host):
    """Match blocks override everything else for some logins, and further includes hide where a value comes from."""
    found = host.run(
        "grep -rnisE '^[[:space:]]*(match|include)[[:space:]=]' /etc/ssh/sshd_config /etc/ssh/sshd_config.d"
    )
    assert found.rc in {0, 1}, f"the configuration of sshd cannot be read: {found.stderr}"
    vendor = "Include /etc/ssh/sshd_config.d/*.conf"
    surplus = [line for line in found.stdout.splitlines() if line.split(":", 2)[-1].strip() != vendor]
    assert not surplus, f"exceptions in the configuration of sshd: {'; '.join(surplus[:10])}"


@pytest.mark.control("VB-SSH-014")
def test_running_sshd_has_read_its_configuration(host):
    """The service runs, starts at boot, and was (re)loaded after the last change of its files."""
    unit = _unit(host, "ssh.service")
    # Options on the command line win over every file, and "sshd -T" does not show them.
    started = host.check_output("systemctl show -p ExecStart --value ssh.service")
    commands = re.findall(r"argv\[\]=(.*?) ;", started)
    assert commands == ["/usr/sbin/sshd -D $SSHD_OPTS"], f"ssh.service starts '{'; '.join(commands)}'"
    given = host.run("grep -hsE '^[[:space:]]*(export[[:space:]]+)?SSHD_OPTS=' /etc/default/ssh").stdout
    options = [line.strip() for line in given.splitlines() if line.partition("=")[2].strip() not in {"", "''", '""'}]
    assert not options, f"sshd gets options beside its configuration (/etc/default/ssh): {'; '.join(options)}"
    set_ = host.check_output("systemctl show -p Environment --value ssh.service")
    assert "SSHD_OPTS=" not in set_, f"sshd gets options beside its configuration: {set_}"
    assert unit["ActiveState"] == "active", f"ssh.service is {unit['ActiveState']}"
    assert unit["UnitFileState"] == "enabled", f"ssh.service does not start at boot: {unit['UnitFileState']}"
    # The time of the last change of the inode: that of the content can be set to anything.
    newer = host.check_output(
        "find /etc/ssh/sshd_config /etc/ssh/sshd_config.d -newerct "
        '"$(systemctl show --timestamp=us+utc -P StateChangeTimestamp ssh.service)"'
    )
    assert not newer, f"changed since sshd read its configuration: {' '.join(newer.split()[:10])}"


@pytest.mark.control("VB-SSH-015")
def test_accounts_cannot_weaken_their_session(host):
    """Files in a home directory set no environment and run nothing at login, and are nobody else's to write."""
    wanted = {"permituserenvironment": "no", "permituserrc": "no", "strictmodes": "yes", "ignorerhosts": "yes"}
    problems = _differences(_effective(host), wanted)
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-SSH-016")
def test_only_the_declared_ca_is_trusted(host, settings):
    """User certificates count only from the declared CA and for the declared principals; nothing else names keys."""
    wanted = {
        "trustedusercakeys": settings["sshd_trusted_user_ca_file"] or "none",
        "authorizedprincipalsfile": settings["sshd_authorized_principals_file"] or "none",
        "authorizedkeysfile": ".ssh/authorized_keys",
        "authorizedkeyscommand": "none",
        "authorizedprincipalscommand": "none",
    }
    problems = _differences(_effective(host), wanted)
    # Who has the rights of root without a password comes in by certificate only, which ends by itself.
    for name in ("root", *settings["sudo_nopasswd_accounts"]):
        keys = host.run(
            'home=$(getent -s files passwd %s | cut -d: -f6); cat "$home/.ssh/authorized_keys"', name
        ).stdout
        if lines(keys):
            problems.append(f"{len(lines(keys))} keys let {name} in without a certificate")
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-SSH-017")
def test_only_root_changes_the_configuration(host):
    """Configuration, trusted keys and principals belong to root; others neither write them nor read sshd_config."""
    # Private host keys and what belongs to the client have checks of their own.
    others = r"/etc/ssh/(ssh_host_\w+_key$|ssh_config|ssh_known_hosts)"
    found = [line for line in lines(host.check_output(OWNERS)) if not re.match(others, line.split(" ", 2)[2])]
    assert not found, f"others than root have rights: {'; '.join(found[:10])}"


@pytest.mark.control("VB-SSH-018")
def test_the_patch_level_is_not_disclosed(host):
    """The greeting names the protocol and the program, not the distribution and its patches."""
    problems = _differences(_effective(host), {"debianbanner": "no", "versionaddendum": "none"})
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-SSH-019")
def test_the_notice_is_shown_before_login(host, settings):
    """The declared file is shown before anybody logs in, and says something."""
    wanted = settings["sshd_banner"]
    if not wanted:
        not_applicable("no notice is declared (sshd_banner)")
    problems = _differences(_effective(host), {"banner": wanted})
    # The command of the role banner, so that it is asked once.
    if not host.check_output("cat %s 2>/dev/null || [ ! -e %s ]", wanted, wanted).strip():
        problems.append(f"{wanted} is empty or missing")
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-SSH-020")
def test_rules_of_pam_hold_for_ssh(host):
    """Locks, limits and the end of an account, which PAM knows, hold for logins by key too."""
    effective = _effective(host)
    assert effective["usepam"] == ["yes"], f"sshd does not ask PAM: usepam is {effective['usepam'][0]}"


@pytest.mark.control("VB-SSH-021")
def test_one_ssh_server_only(host):
    """No socket unit starts servers of its own, and no second server listens with a configuration of its own."""
    socket = _unit(host, "ssh.socket")
    problems = []
    if socket["ActiveState"] != "inactive" or socket["UnitFileState"] not in {"disabled", "masked", ""}:
        problems.append(f"ssh.socket is {socket['ActiveState']}, at boot {socket['UnitFileState']}")
    main = _unit(host, "ssh.service")["MainPID"]
    for line in lines(host.check_output(SOCKETS)):
        for name, pid in re.findall(r'\("([^"]*)",pid=(\d+)', line):
            if name in {"sshd", "dropbear"} and pid != main:
                problems.append(f"{name} (process {pid}) listens at {line.split()[4]} beside ssh.service")
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-SSH-022")
def test_only_declared_groups_log_in(host, settings):
    """sshd asks for a group, and lets in no other than the declared ones and the administrators'."""
    declared = settings["sshd_allow_groups"]
    if not declared:
        not_applicable("logins are not limited to groups (sshd_allow_groups)")
    declared = {*declared, *(admin["name"] for admin in settings["accounts_admins"])}
    allowed = set(_effective(host).get("allowgroups", []))
    assert allowed, "every account with a key may log in (no AllowGroups)"
    assert allowed <= declared, f"undeclared groups may log in: {', '.join(sorted(allowed - declared))}"
