# SPDX-License-Identifier: EUPL-1.2
"""Units that are off, sockets that are declared, nothing failed."""

import ipaddress
import re

import pytest
from support import lines

SOCKETS = "ss --no-header --tcp --udp --listening --numeric --processes"
SESSIONS = "systemd-analyze cat-config systemd/logind.conf; ls /var/lib/systemd/linger 2> /dev/null; :"
MANAGER = "/org/freedesktop/login1 org.freedesktop.login1.Manager"
FAILED = "systemctl list-units --state=failed --plain --no-legend --no-pager"


def _units(host, names):
    """Unit to its properties, by one question."""
    text = host.check_output(
        "systemctl show --property=Id --property=LoadState --property=ActiveState --property=UnitFileState -- "
        + " ".join(names)
    )
    blocks = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in text.strip().split("\n\n")]
    if len(blocks) != len(names):
        raise RuntimeError(f"systemd answered for {len(blocks)} of {len(names)} units")
    return dict(zip(names, blocks, strict=True))


def _off(host, names):
    """Assert that the units neither run nor can start."""
    wrong = []
    for name, shown in _units(host, names).items():
        if shown["ActiveState"] in {"active", "activating", "reloading"}:
            wrong.append(f"{name} is running")
        if shown["LoadState"] not in {"not-found", "masked"}:
            wrong.append(f"{name} can start ({shown['UnitFileState'] or shown['LoadState']})")
        elif shown["UnitFileState"] == "masked-runtime":
            wrong.append(f"{name} is masked only until the next start")
    assert not wrong, "; ".join(wrong)


AUTOLOGIN = re.compile(r"agetty[^;]* (--autologin|-a)\b")
# Units of the list that have a control of their own.
OWN_CONTROLS = frozenset({"ctrl-alt-del.target", "debug-shell.service"})


@pytest.mark.control("VB-SVC-001")
def test_unneeded_units_are_off(host, settings):
    """Declared units are neither running nor able to start."""
    by_class = settings["services_off_by_class"].get(settings.get("verbund_host_class", "server"), [])
    names = {*settings["services_off"], *by_class, *settings["services_off_extra"]}
    names -= {*settings["services_kept"], *OWN_CONTROLS}
    if not names:
        pytest.skip("not applicable: no unit is declared as off")
    _off(host, sorted(names))


@pytest.mark.control("VB-SVC-002")
def test_ctrl_alt_del_is_off(host):
    """The target is masked and pressing seven times does nothing either, now and at the next start."""
    _off(host, ["ctrl-alt-del.target"])
    config = host.check_output("systemd-analyze cat-config systemd/system.conf")
    words = [line.strip() for line in config.splitlines() if line.strip().startswith("CtrlAltDelBurstAction")]
    assert words, "CtrlAltDelBurstAction is not set: seven presses restart the host"
    assert words[-1].replace(" ", "") == "CtrlAltDelBurstAction=none", f"the configuration says {words[-1]}"
    now = host.check_output("systemctl show --property=CtrlAltDelBurstAction --value").strip()
    assert now in {"none", ""}, f"the running manager has CtrlAltDelBurstAction={now}"


@pytest.mark.control("VB-SVC-003")
def test_no_shell_without_login(host):
    """No debug shell, no login without password on a console, no rescue shell without one."""
    _off(host, ["debug-shell.service"])
    text = host.check_output(
        "systemctl show --property=Id --property=ExecStart --property=Environment 'getty@*' 'serial-getty@*' "
        "console-getty.service rescue.service emergency.service"
    )
    for block in text.split("\n\n"):
        name = block.partition("Id=")[2].partition("\n")[0]
        assert not AUTOLOGIN.search(block), f"{name} logs in by itself"
        assert "SYSTEMD_SULOGIN_FORCE=1" not in block, f"{name} gives root a shell without a password"


def _sockets(host):
    """Protocol, port and process of every socket that another host can reach."""
    found = set()
    for line in host.check_output(SOCKETS).splitlines():
        words = line.split(None, 6)
        address, _, port = words[4].rpartition(":")
        address = address.strip("[]").split("%")[0]
        if address != "*" and ipaddress.ip_address(address).is_loopback:
            continue
        process = words[6].split('"')[1] if len(words) > 6 and '"' in words[6] else "the kernel"
        found.add((words[0], int(port), process))
    return sorted(found)


def _allowed_listeners(settings):
    by_class = settings["services_allowed_listeners_by_class"].get(settings.get("verbund_host_class", "server"), [])
    allowed = [*settings["services_allowed_listeners"], *by_class, *settings["services_allowed_listeners_extra"]]
    for flow in settings.get("verbund_firewall_inbound", []):
        allowed += [{"protocol": flow["protocol"], "port": port} for port in flow.get("ports", [])]
    return {(entry["protocol"], entry["port"], entry.get("process")) for entry in allowed}


@pytest.mark.control("VB-SVC-004")
def test_every_listener_is_declared(host, settings):
    """Every socket other hosts can reach is declared by class, host or zone policy."""
    allowed = _allowed_listeners(settings)
    undeclared = [
        f"{process} on {protocol} {port}"
        for protocol, port, process in _sockets(host)
        if not {(protocol, port, process), (protocol, port, None)} & allowed
    ]
    assert not undeclared, f"reachable for others and not declared: {', '.join(undeclared)}"


@pytest.mark.control("VB-SVC-005")
def test_no_unit_has_failed(host, settings):
    """systemd reports no failed unit."""
    ignored = set(settings["services_failure_ignored"])
    container = host.run("systemd-detect-virt --container")
    if container.rc == 0 and container.stdout.strip() != "none":
        # These talk to the kernel, and a container has none of its own.
        ignored |= {"audit-rules.service", "auditd.service", "systemd-modules-load.service"}
    failed = [line.split()[0] for line in host.check_output(FAILED).splitlines() if line.strip()]
    assert not set(failed) - ignored, f"failed: {', '.join(sorted(set(failed) - ignored))}"


@pytest.mark.control("VB-SVC-006")
def test_no_multicast_name_resolution(host):
    """No resolver answers LLMNR or mDNS, and systemd-resolved would not after the next start."""
    talking = [
        f"{process} on port {port}"
        for protocol, port, process in _sockets(host)
        if port in {5353, 5355} and process in {"systemd-resolve", "avahi-daemon", "mdnsd"}
    ]
    assert not talking, f"answers multicast name questions: {', '.join(talking)}"
    words = {}
    for line in host.check_output("systemd-analyze cat-config systemd/resolved.conf").splitlines():
        key, separator, value = line.strip().partition("=")
        if separator and not key.startswith("#"):
            words[key.strip()] = value.strip()
    for key in ("LLMNR", "MulticastDNS"):
        assert words.get(key) in {"no", "false", "0"}, f"systemd-resolved would start with {key}={words.get(key)}"


@pytest.mark.control("VB-SVC-007")
def test_jobs_by_time_are_for_declared_accounts(host, settings):
    """The lists of cron and at name nobody else, only root changes them, and nobody else has jobs already."""
    declared = {"root", *settings["services_cron_users"]}
    listed = host.check_output(
        "for file in /etc/cron.allow /etc/at.allow; do stat -c '%n %a %u' $file 2> /dev/null || echo $file none; "
        "sed 's/^/name /' $file 2> /dev/null; done; ls -A /var/spool/cron/crontabs 2> /dev/null | sed 's/^/table /'; :"
    )
    faults = []
    for kind, *rest in (line.split() for line in listed.splitlines()):
        name = rest[0] if rest else ""
        if kind == "name" and name and name not in declared:
            faults.append(f"{name} may have jobs")
        elif kind == "table" and name not in declared:
            faults.append(f"{name} has jobs of cron")
        elif kind.startswith("/") and (name == "none" or int(name, 8) & 0o022 or rest[1] != "0"):
            faults.append(f"{kind} is missing" if name == "none" else f"others can change {kind} ({name})")
    assert not faults, "; ".join(faults)


@pytest.mark.control("VB-SVC-008")
def test_what_starts_by_itself_is_protected(host):
    """Jobs of cron, units and start scripts belong to root, and nobody else can write to them."""
    found = host.check_output(
        "find /etc/crontab /etc/anacrontab /etc/cron.* /etc/systemd/system /usr/lib/systemd/system "
        "/usr/local/lib/systemd/system /etc/init.d ! -type l \\( -perm /022 -o ! -user root \\) "
        "-printf '%m %u %p\\n' 2> /dev/null | head -n 50"
    )
    wrong = found.splitlines()
    assert not wrong, f"others can change what root starts (mode owner path): {'; '.join(wrong[:5])}"


@pytest.mark.control("VB-SVC-009")
def test_nothing_stays_after_a_session(host):
    """The session manager ends what is left, now and after the next start, and nobody is exempt by lingering."""
    exempt = {"root", "verbund"}
    text = host.check_output(SESSIONS)
    words, staying = {}, []
    for line in lines(text):
        key, separator, value = line.partition("=")
        if separator:
            words[key.strip()] = value.strip()
        elif not line.startswith("["):
            staying.append(line)
    assert words.get("KillUserProcesses") in {"yes", "true", "1", "on"}, "after the next start processes stay"
    assert not words.get("KillOnlyUsers"), f"only processes of {words['KillOnlyUsers']} are ended"
    spared = set(words.get("KillExcludeUsers", "root").split()) - exempt
    assert not spared, f"processes of {', '.join(sorted(spared))} stay"
    assert not staying, f"processes of {', '.join(staying)} stay (lingering)"
    now = host.run(f"busctl get-property org.freedesktop.login1 {MANAGER} KillUserProcesses")
    if now.rc:
        raise RuntimeError(f"the session manager does not answer: {now.stderr.strip()}")
    assert now.stdout.strip() == "b true", "the running session manager leaves processes behind"
