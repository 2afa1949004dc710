# SPDX-License-Identifier: EUPL-1.2
"""Memory dumps: sessions, services, the kernel and systemd-coredump all say no."""

import pytest


def _last(text, key):
    """The value of the last assignment of `key` in concatenated drop-ins, or None."""
    value = None
    for line in text.splitlines():
        name, separator, rest = line.strip().lstrip("-").partition("=")
        if separator and name.strip().replace("/", ".") == key:
            value = rest.strip()
    return value


@pytest.mark.control("VB-COR-001")
def test_sessions_write_no_dumps(host):
    """The session that this check opened on the host has a hard limit of zero."""
    # Asking through su or runuser would only show what they inherit from this very session.
    words = host.check_output("grep '^Max core file size' /proc/self/limits").split()
    assert words[5] == "0", f"a session that logs in now may write memory dumps of up to {words[5]} bytes"


@pytest.mark.control("VB-COR-002")
def test_limit_is_fixed_for_all_accounts(host):
    """The last hard limit of limits.d is zero for everyone and for root, and no other line allows more."""
    text = host.check_output(
        "cat /etc/security/limits.conf; for f in /etc/security/limits.d/*.conf; do [ -e $f ] && cat $f; done; true"
    )
    hard = {}
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if len(words) == 4 and words[2] == "core" and words[1] in {"hard", "-"}:
            hard[words[0]] = words[3]
    assert hard.get("*") == "0", "limits.d sets no hard core limit of zero for all accounts"
    assert hard.get("root") == "0", "limits.d sets no hard core limit of zero for root"
    others = sorted(domain for domain, value in hard.items() if value != "0")
    assert not others, f"limits.d allows memory dumps for {', '.join(others)}"


@pytest.mark.control("VB-COR-003")
def test_kernel_discards_dumps(host, settings, own_kernel):
    """kernel.core_pattern leads nowhere, now and at the next start."""
    discarding = {"|/bin/false", "|/usr/bin/false", "|/bin/true", "/dev/null"}
    now = host.check_output("cat /proc/sys/kernel/core_pattern").strip()
    assert now in discarding, f"the kernel sends memory dumps to {now}"
    boot = _last(host.check_output("systemd-analyze cat-config sysctl.d"), "kernel.core_pattern")
    assert boot in discarding, f"after the next start the kernel sends memory dumps to {boot}"


@pytest.mark.control("VB-COR-004")
def test_services_start_without_dumps(host):
    """The manager gives services a core limit of zero, and its files say so too."""
    now = host.check_output("systemctl show --property=DefaultLimitCORE --value").strip()
    assert now == "0", f"services start with DefaultLimitCORE={now}"
    boot = _last(host.check_output("systemd-analyze cat-config systemd/system.conf"), "DefaultLimitCORE")
    assert boot in {"0", "0:0"}, f"after the next start services have DefaultLimitCORE={boot}"


@pytest.mark.control("VB-COR-005")
def test_systemd_coredump_keeps_nothing(host):
    """The configuration of systemd-coredump stores nothing, and nothing is stored."""
    text = host.check_output("systemd-analyze cat-config systemd/coredump.conf")
    storage, size = _last(text, "Storage"), _last(text, "ProcessSizeMax")
    assert storage == "none", f"systemd-coredump has Storage={storage}"
    assert size == "0", f"systemd-coredump has ProcessSizeMax={size}"
    kept = host.check_output("find /var/lib/systemd/coredump -type f 2>/dev/null | head -n 5 || true").split()
    assert not kept, f"memory dumps are kept: {', '.join(kept)}"


@pytest.mark.control("VB-COR-006")
def test_nothing_dumps_the_whole_memory(host):
    """No tool that writes the whole memory to disk after a crash of the kernel is ready."""
    shown = host.check_output(
        "systemctl show --property=LoadState --property=ActiveState kdump-tools.service; "
        "systemd-detect-virt --quiet --container || cat /sys/kernel/kexec_crash_loaded"
    ).split()
    assert {"LoadState=masked", "LoadState=not-found"}.intersection(shown), "kdump-tools.service can be started"
    assert "ActiveState=active" not in shown, "kdump-tools.service is running"
    assert "1" not in shown, "a kernel that writes the whole memory to disk is loaded (kexec_crash_loaded)"
