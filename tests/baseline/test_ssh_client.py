# SPDX-License-Identifier: EUPL-1.2
"""SSH client: what ssh makes of the configuration of the host, for an account that has none of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support import lines, settings_of

# The command of the server's check, so that it is asked once.
OWNERS = (
    "find /etc/ssh ! -type l \\( ! -user root -o ! -group root -o -perm /022 -o -name sshd_config -perm /077 \\) "
    "-printf '%u:%g %m %p\\n'"
)
SSH_G = "ssh -G -F /etc/ssh/ssh_config host.invalid"
CRYPTO = Path(__file__).parents[2] / "roles" / "sshd" / "files"


def _profile(settings):
    path = CRYPTO / f"crypto_{settings['ssh_client_crypto_guideline']}.yml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))["profiles"][settings["ssh_client_crypto_profile"]]["ssh"]


def _outside(effective, option, allowed):
    offered = set(effective[option].split(","))
    assert offered != {""}, f"ssh offers no {option} at all"
    return [f"{option} offers {name}" for name in sorted(offered - {entry["name"] for entry in allowed})]


def _differences(effective, wanted):
    return [
        f"{key} is {effective.get(key, 'not set')}, not {value}"
        for key, value in wanted.items()
        if effective.get(key) != value
    ]


@pytest.mark.control("VB-SSC-001")
def test_connections_follow_the_guideline(host, settings):
    """Key exchange, ciphers and MACs of the crypto profile only."""
    effective, profile = settings_of(host.check_output(SSH_G)), _profile(settings)
    problems = _outside(effective, "kexalgorithms", profile["kex"])
    problems += _outside(effective, "ciphers", profile["ciphers"])
    problems += _outside(effective, "macs", profile["macs"])
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-SSC-002")
def test_keys_follow_the_guideline(host, settings):
    """Host keys, own keys and signatures of CAs by methods of the crypto profile only."""
    effective, profile = settings_of(host.check_output(SSH_G)), _profile(settings)
    problems = _outside(effective, "hostkeyalgorithms", profile["signatures"] + profile["certificates"])
    problems += _outside(effective, "pubkeyacceptedalgorithms", profile["signatures"] + profile["certificates"])
    problems += _outside(effective, "casignaturealgorithms", profile["signatures"])
    if int(effective["requiredrsasize"]) < profile["rsa_bits"]:
        problems.append(f"RSA keys of {effective['requiredrsasize']} bits are accepted")
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-SSC-003")
def test_unknown_servers_are_not_trusted(host, settings):
    """An unknown host key is never accepted silently, and no server or DNS answer adds keys."""
    effective = settings_of(host.check_output(SSH_G))
    # ssh -G prints true and false for some options whose file syntax is yes and no.
    checking = {"true": "yes", "false": "no"}.get(
        effective["stricthostkeychecking"], effective["stricthostkeychecking"]
    )
    problems = [] if checking in {"yes", "ask"} else [f"stricthostkeychecking is {checking}"]
    wanted = settings["ssh_client_strict_host_key_checking"]
    if not problems and checking != wanted:
        problems.append(f"stricthostkeychecking is {checking}, not {wanted}")
    problems += [
        f"{option} is {effective[option]}"
        for option in ("updatehostkeys", "verifyhostkeydns", "nohostauthenticationforlocalhost")
        if effective[option] not in {"no", "false"}
    ]
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-SSC-004")
def test_nothing_is_forwarded(host):
    """A server that was taken over gets neither the agent nor the display nor a tunnel of the user."""
    wanted = {"forwardagent": "no", "forwardx11": "no", "forwardx11trusted": "no", "tunnel": "false"}
    wanted |= {"permitlocalcommand": "no", "gssapidelegatecredentials": "no"}
    problems = _differences(settings_of(host.check_output(SSH_G)), wanted)
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-SSC-005")
def test_only_keys_are_used(host):
    """No password is ever typed into a connection, and known_hosts does not tell where a user has been."""
    wanted = {"pubkeyauthentication": "true", "passwordauthentication": "no", "kbdinteractiveauthentication": "no"}
    wanted |= {"hostbasedauthentication": "no", "gssapiauthentication": "no", "hashknownhosts": "yes"}
    problems = _differences(settings_of(host.check_output(SSH_G)), wanted)
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-SSC-006")
def test_only_root_changes_what_holds_for_all(host):
    """Configuration and known host keys of all accounts belong to root, and nobody else writes them."""
    ours = ("/etc/ssh/ssh_config", "/etc/ssh/ssh_known_hosts")
    found = [line for line in lines(host.check_output(OWNERS)) if line.split(" ", 2)[2].startswith(ours)]
    assert not found, f"others than root have rights: {'; '.join(found[:10])}"


@pytest.mark.control("VB-SSC-007")
def test_session_keys_are_renewed(host):
    """After 1 GiB or one hour at the latest; ssh shows bytes and seconds, 0 is never."""
    volume, seconds = (int(value) for value in settings_of(host.check_output(SSH_G))["rekeylimit"].split())
    assert 0 < volume <= 2**30, f"session keys are renewed after {volume} bytes (0: never)"
    assert 0 < seconds <= 3600, f"session keys are renewed after {seconds} s (0: never)"


@pytest.mark.control("VB-SSC-008")
def test_nothing_is_read_before_the_declared_file(host):
    """The first value counts: a block for one server in an earlier place weakens connections to that server."""
    answer = host.check_output(
        r"sed -n '/^[[:space:]]*\(#\|$\)/d;p;q' /etc/ssh/ssh_config; LC_ALL=C ls -1 /etc/ssh/ssh_config.d"
    )
    first, *names = lines(answer) or [""]
    assert first == "Include /etc/ssh/ssh_config.d/*.conf", f"/etc/ssh/ssh_config begins with: {first}"
    read = [name for name in names if name.endswith(".conf")]
    ours = [name for name in read if name.startswith("00-verbund")]
    assert ours, "the files of Verbund are missing"
    assert read[: len(ours)] == ours, f"read before the files of Verbund: {read[0]}"
