# SPDX-License-Identifier: EUPL-1.2
"""Packages that must not and that must be there."""

import fnmatch
import shlex

import pytest

STATES = "dpkg-query --show --showformat '${db:Status-Abbrev} ${Package}\\n'"
# Plain text logins and super-servers. Stands here because an exception in the settings must not make it vanish.
PLAINTEXT = frozenset(
    {
        "fingerd",
        "ftp",
        "ftpd",
        "inetutils-ftp",
        "inetutils-ftpd",
        "inetutils-inetd",
        "inetutils-talkd",
        "inetutils-telnet",
        "inetutils-telnetd",
        "nis",
        "openbsd-inetd",
        "rsh-client",
        "rsh-redone-client",
        "rsh-redone-server",
        "rsh-server",
        "rwhod",
        "talkd",
        "telnet",
        "telnetd",
        "tftp",
        "tnftp",
        "xinetd",
        "ypbind-mt",
    }
)
DOCUMENTATION = ("/usr/share/doc/", "/usr/share/info/", "/usr/share/locale/", "/usr/share/man/")
UNMANAGED = (
    "for top in /usr/local/bin /usr/local/sbin /usr/local/lib /usr/local/libexec /opt; do [ -d $top ] && "
    "find $top -xdev -type f \\( -perm /0111 -o -name '*.so*' \\) -print; done | head -n 500; true"
)


def _states(host):
    """Package to its two or three letter state of dpkg-query(1): wanted, status, error."""
    states = {}
    for line in host.check_output(STATES).splitlines():
        name = line[3:].strip()
        # With several architectures the installed one counts.
        if states.get(name, "  ")[1] != "i":
            states[name] = line[:3]
    if len(states) < 20:
        raise RuntimeError(f"dpkg knows only {len(states)} packages; its database is not believable")
    return states


def _installed(host):
    return {name for name, state in _states(host).items() if state[1] not in "nc"}


def _by_class(settings):
    return settings["packages_forbidden_by_class"].get(settings.get("verbund_host_class", "server"), [])


@pytest.mark.control("VB-PKG-001")
def test_no_plaintext_remote_access(host, settings):
    """Nothing is installed that logs in or is logged into without encryption."""
    forbidden = PLAINTEXT | (set(settings["packages_forbidden"]) - set(settings["packages_allowed"]))
    found = sorted(forbidden & _installed(host))
    assert not found, f"installed: {', '.join(found)}"


@pytest.mark.control("VB-PKG-002")
def test_no_forbidden_packages(host, settings):
    """Nothing is installed that has no place on this host class."""
    forbidden = {*_by_class(settings), *settings["packages_forbidden_extra"]}
    others = PLAINTEXT.union(settings["packages_forbidden"], settings["packages_allowed"])
    found = sorted((forbidden - others) & _installed(host))
    assert not found, f"installed although it has no place here: {', '.join(found)}"


@pytest.mark.control("VB-PKG-003")
def test_required_packages_are_installed(host, settings):
    """Everything that is required is installed completely."""
    states = _states(host)
    required = [*settings["packages_required"], *settings["packages_required_extra"]]
    missing = sorted(name for name in required if states.get(name, "   ")[1] != "i")
    assert not missing, f"not installed: {', '.join(missing)}"


@pytest.mark.control("VB-PKG-004")
def test_no_package_is_half_installed(host):
    """No installation, removal or configuration of a package was interrupted."""
    # Installed, only configuration left, not installed: everything else is a job that dpkg did not finish.
    broken = sorted(name for name, state in _states(host).items() if state[1] not in "icn" or state[2] == "R")
    assert not broken, f"interrupted: {', '.join(broken)}"


@pytest.mark.control("VB-PKG-005")
def test_every_program_came_with_a_package(host, settings):
    """There are no programs and libraries outside of package management unless they are declared."""
    paths = host.check_output(UNMANAGED).splitlines()
    allowed = settings["packages_unmanaged_allowed"]
    found = sorted(path for path in paths if not any(fnmatch.fnmatchcase(path, pattern) for pattern in allowed))
    # Packages of vendors put their programs below /opt; those are managed. One question for all of them.
    unowned = found
    if found:
        known = host.run("dpkg-query --search '/opt/*' 2>/dev/null | cut -d: -f2- | head -n 20000")
        owned = {line.strip() for line in known.stdout.splitlines()}
        unowned = [path for path in found if path not in owned]
    assert not unowned, f"{len(unowned)} programs came without a package, for example {', '.join(unowned[:5])}"


@pytest.mark.control("VB-PKG-006")
def test_no_development_tools(host, settings):
    """Servers and gateways carry no compiler and no debugger."""
    found = sorted((set(settings["packages_development"]) - set(settings["packages_allowed"])) & _installed(host))
    assert not found, f"installed: {', '.join(found)}"


@pytest.mark.control("VB-PKG-007")
def test_no_graphical_interface(host, settings):
    """Servers and gateways carry no display server and no graphical login."""
    found = sorted((set(settings["packages_graphical"]) - set(settings["packages_allowed"])) & _installed(host))
    assert not found, f"installed: {', '.join(found)}"


@pytest.mark.control("VB-PKG-008")
def test_programs_for_logins_are_unchanged(host, settings):
    """Files of the packages that decide about logins and rights have the checksums that the packages brought."""
    names = sorted(set(settings["packages_verified"]))
    # Configuration (marked c) is the business of the roles; documentation is left out on small installations.
    result = host.run(f"dpkg --verify {' '.join(shlex.quote(name) for name in names)} | head -n 500")
    if result.rc or "not installed" in result.stderr:
        raise RuntimeError(f"dpkg cannot compare: {result.stderr.strip()}")
    changed = [
        line.split()[-1]
        for line in result.stdout.splitlines()
        if line[10:11] != "c" and not line.split()[-1].startswith(DOCUMENTATION)
    ]
    assert not changed, f"not as their package brought them: {', '.join(changed[:5])}"
