# SPDX-License-Identifier: EUPL-1.2
"""What is shown before and after a login."""

import re

import pytest

# Names and versions of systems, and the escapes by which agetty(8) would print them.
LEAK = re.compile(r"debian|ubuntu|gnu/linux|linux \d|kernel|trixie|bookworm|x86_64|aarch64", re.IGNORECASE)
# agetty wants a terminal even for this; script(1) of the same package family gives it one.
CONSOLE = "script --quiet --return --command 'agetty --show-issue' /dev/null </dev/null"
ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\[mrsvoS]")
# Where a file is absent nothing is shown; where it cannot be read nobody knows.
NET = "cat /etc/issue.net 2>/dev/null || [ ! -e /etc/issue.net ]"


def _has_notice(text, settings):
    # Only words are compared: consoles break and indent lines as they like.
    return " ".join(settings["banner_notice"].split()) in " ".join(text.split())


@pytest.mark.control("VB-BAN-001")
def test_console_shows_the_notice(host, settings):
    """What agetty would print before the prompt contains the legal notice."""
    shown = host.check_output(CONSOLE)
    assert _has_notice(shown, settings), "the console does not show the legal notice before login"


@pytest.mark.control("VB-BAN-002")
def test_remote_login_gets_the_notice(host, settings):
    """The file that the SSH server shows contains the legal notice."""
    assert _has_notice(host.check_output(NET), settings), "/etc/issue.net has no legal notice"


@pytest.mark.control("VB-BAN-003")
def test_notices_do_not_name_the_system(host):
    """Neither the console nor the SSH server names the system or its version before login."""
    shown = host.check_output(CONSOLE)
    for where, text in (("the console", shown), ("/etc/issue.net", host.check_output(NET))):
        found = LEAK.search(text)
        assert not found, f"before login {where} says: {found.group(0)}"
    # What the running version resolves to harmless text today may name the system after an upgrade.
    raw = host.check_output("cat /etc/issue; for f in /etc/issue.d/*; do [ -f $f ] && cat $f; done; true")
    found = ESCAPE.search(raw)
    assert not found, f"/etc/issue contains the escape {found.group(0)}, which names the system"


@pytest.mark.control("VB-BAN-004")
def test_message_of_the_day_does_not_name_the_system(host):
    """No text and no script prints name or version of the system after login."""
    found = LEAK.search(host.check_output("cat /etc/motd 2>/dev/null || [ ! -e /etc/motd ]"))
    assert not found, f"/etc/motd says: {found.group(0)}"
    scripts = host.check_output(
        "for f in /etc/update-motd.d/*; do [ -x $f ] && grep -lE 'uname|os-release|lsb_release|issue' $f; done; true"
    )
    assert not scripts.strip(), f"prints the version of the system after login: {', '.join(scripts.split())}"


@pytest.mark.control("VB-BAN-005")
def test_notices_are_protected(host):
    """What is shown at a login cannot be forged, and the scripts that root runs there not be replaced."""
    listed = host.check_output(
        "for path in /etc/issue /etc/issue.net /etc/motd /etc/issue.d /etc/motd.d /etc/update-motd.d; do "
        "[ ! -e $path ] || find $path ! -type l -printf '%m %u %p\\n'; done | head -n 200"
    )
    wrong = [line for line in listed.splitlines() if int(line.split()[0], 8) & 0o022 or line.split()[1] != "root"]
    assert not wrong, f"others can change what is shown or run at a login (mode owner path): {'; '.join(wrong[:5])}"
