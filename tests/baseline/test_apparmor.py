# SPDX-License-Identifier: EUPL-1.2
"""AppArmor: in the kernel, loaded, enforced, and obeyed by what is running."""

import json

import pytest

STATUS = "aa-status --json"
ENABLED = "cat /sys/module/apparmor/parameters/enabled 2>/dev/null || true"


def _on(host):
    return host.check_output(ENABLED).strip() == "Y"


def _status(host):
    """What aa-status reports; a kernel without AppArmor is a finding of every check that needs it."""
    assert _on(host), "AppArmor is not switched on in the kernel"
    return json.loads(host.check_output(STATUS))


@pytest.mark.control("VB-AAR-001")
def test_apparmor_is_on(host, own_kernel):
    """The running kernel enforces AppArmor."""
    assert _on(host), "AppArmor is not switched on in the kernel"


@pytest.mark.control("VB-AAR-002")
def test_profiles_are_loaded(host, own_kernel):
    """The service loads profiles at boot and the kernel has some in enforce mode."""
    shown = host.check_output("systemctl show --property=UnitFileState --property=ActiveState apparmor.service")
    assert "UnitFileState=enabled" in shown, "apparmor.service does not start with the host"
    assert "ActiveState=active" in shown, "apparmor.service is not active"
    enforced = [name for name, mode in _status(host)["profiles"].items() if mode == "enforce"]
    assert enforced, "no profile is loaded in enforce mode"


@pytest.mark.control("VB-AAR-003")
def test_declared_profiles_are_enforced(host, settings, own_kernel):
    """Declared profiles that are installed are enforced, and no link will change that at the next start."""
    declared = {**settings["apparmor_enforced"], **settings["apparmor_enforced_extra"]}
    present = set(
        host.check_output("ls /etc/apparmor.d /etc/apparmor.d/disable /etc/apparmor.d/force-complain").split("\n")
    )
    links = set(
        host.check_output("find /etc/apparmor.d/disable /etc/apparmor.d/force-complain -type l -printf '%f\\n'").split()
    )
    modes = _status(host)["profiles"]
    installed = {file: profile for file, profile in declared.items() if file in present}
    if not installed:
        pytest.skip("not applicable: none of the declared profiles is installed")
    wrong = [
        f"{profile} is {modes.get(profile, 'not loaded')}"
        for profile in installed.values()
        if modes.get(profile) != "enforce"
    ]
    assert not wrong, "; ".join(wrong)
    switched_off = sorted(links & set(installed))
    assert not switched_off, f"links take profiles out at the next start: {', '.join(switched_off)}"


@pytest.mark.control("VB-AAR-004")
def test_no_process_escapes_its_profile(host, settings, own_kernel):
    """Every running program that has a profile is confined by it in enforce mode."""
    allowed = set(settings["apparmor_complain_allowed"])
    escaped = sorted(
        f"{program} ({process['status']})"
        for program, processes in _status(host)["processes"].items()
        for process in processes
        # "unconfined" here is a program with a loaded profile that it does not run under, see aa-status(8).
        if process["status"] != "enforce" and process["profile"] not in allowed
    )
    assert not escaped, f"not confined although there is a profile: {', '.join(escaped)}"


@pytest.mark.control("VB-AAR-005")
def test_apparmor_is_an_active_security_module(host, own_kernel):
    """The list of active security modules has AppArmor, and no boot option takes it away."""
    active = host.check_output("cat /sys/kernel/security/lsm").strip().split(",")
    assert "apparmor" in active, f"the active security modules are {', '.join(active)}"
    entries = host.check_output(
        "grep -hsE '^[[:space:]]*(linux|options|GRUB_CMDLINE_LINUX)' /boot/grub/grub.cfg /boot/loader/entries/*.conf "
        "/etc/default/grub /etc/default/grub.d/*.cfg | head -n 200"
    )
    for word in entries.replace('"', " ").split():
        assert word != "apparmor=0", "the boot loader switches AppArmor off at the next start"
        key, _, value = word.partition("=")
        assert key not in {"lsm", "security"} or "apparmor" in value.split(","), f"the boot loader sets {word}"
