# SPDX-License-Identifier: EUPL-1.2
"""Checks of the role time: who sets the clock, who gets time, and whether the clock is right."""

import re

import pytest

# chronyd -p prints the configuration with all included files merged, and starts nothing.
EFFECTIVE = "chronyd -p -f /etc/chrony/chrony.conf"
SOURCE = ("server", "pool", "peer", "refclock", "initstepslew")


def directives(host):
    """The configuration as (directive, words), without comments."""
    result = host.run(EFFECTIVE)
    assert result.rc == 0, f"chronyd cannot read its configuration: {(result.stdout + result.stderr)[:300]}"
    rows = [line.split() for line in result.stdout.splitlines() if line.strip() and line.strip()[0] not in "#!;%"]
    return [(row[0], row[1:]) for row in rows]


def declared_servers(settings):
    """(addresses, whether they are outside): the same rule as in the role."""
    inside = settings["time_servers"]
    if not inside and settings.get("verbund_host_class", "server") != "gateway":
        inside = [a for a in settings.get("verbund_time_servers", []) if a != settings.get("verbund_address")]
    return (inside, False) if inside else ([server["address"] for server in settings["time_upstream_servers"]], True)


def declared_clients(settings):
    flows = [f for f in settings.get("verbund_firewall_inbound", []) if f["protocol"] == "udp" and 123 in f["ports"]]
    return set(settings["time_clients"] or [source for flow in flows for source in flow["sources"]])


@pytest.mark.control("VB-TIM-001")
def test_exactly_one_time_service(host, request):
    """chrony runs and starts at boot; no other program sets the clock."""
    output = host.check_output(
        "systemctl show -p Id -p ActiveState -p UnitFileState --value "
        "chrony.service systemd-timesyncd.service ntpsec.service openntpd.service"
    )
    units = {block.split()[0]: block.split()[1:] for block in output.strip().split("\n\n") if block.split()}
    chrony = units.pop("chrony.service")
    others = [name for name, state in units.items() if "active" in state or "enabled" in state]
    assert not others, f"a second time service is active or enabled: {', '.join(others)}"
    # In a container chrony cannot set the clock and does not start; a second service is wrong there too.
    request.getfixturevalue("own_kernel")
    assert sorted(chrony) == ["active", "enabled"], f"chrony is {' and '.join(chrony)}, must be active and enabled"


@pytest.mark.control("VB-TIM-002")
def test_only_declared_servers(host, settings):
    """The configuration, and the running chronyd, know the declared servers and no other."""
    servers, _ = declared_servers(settings)
    rows = directives(host)
    configured = [words[0] for directive, words in rows if directive in SOURCE]
    assert sorted(configured) == sorted(servers), f"configured are {configured}, declared are {servers}"
    result = host.run("chronyc -N -c sources")
    if result.rc == 0:
        running = [line.split(",")[2] for line in result.stdout.splitlines() if line.count(",") > 2]
        assert sorted(running) == sorted(servers), f"the running chronyd asks {running}, declared are {servers}"
    else:
        container = host.run("systemd-detect-virt --quiet --container").rc == 0
        assert container, "chronyd does not answer, so nobody sets the clock"


@pytest.mark.control("VB-TIM-003")
def test_clock_is_right(host, settings, own_kernel):
    """chronyd follows a server and is closer to it than the limit."""
    result = host.run("chronyc -n -c tracking")
    assert result.rc == 0, "chronyd does not answer, so nobody knows whether the clock is right"
    reference, address, _stratum, _reference_time, offset, *_ = result.stdout.split(",")
    leap = result.stdout.strip().split(",")[-1]
    servers, _ = declared_servers(settings)
    own_clock = reference == "7F7F0101"
    assert leap != "Not synchronised", "the clock follows no server"
    assert not (own_clock and servers), f"the clock runs free: no answer from {', '.join(servers)}"
    limit = settings["time_max_offset"]
    assert abs(float(offset)) <= limit, f"the clock is {float(offset):.3f} s away from {address}, allowed are {limit} s"


@pytest.mark.control("VB-TIM-004")
def test_jumps_are_limited(host, settings):
    """The clock is stepped only after a start; later large changes are refused."""
    rows = dict(directives(host))
    step, change = rows.get("makestep"), rows.get("maxchange")
    assert step, "makestep is not set, so a wrong clock is never put right after a start"
    assert 0 < int(step[1]) <= settings["time_step_updates"], (
        f"the clock may be stepped at any time (makestep {' '.join(step)})"
    )
    assert change, "maxchange is not set, so a server can move the clock as far as it likes"
    assert float(change[0]) <= settings["time_max_change"], f"changes of {change[0]} s are followed"


@pytest.mark.control("VB-TIM-005")
def test_unsolicited_time_is_ignored(host):
    """No servers from DHCP or other directories, no broadcasts, no peers that may push time."""
    rows = directives(host)
    faults = [
        f"{name} {' '.join(words)}" for name, words in rows if name in {"broadcast", "peer", "manual", "sourcedir"}
    ]
    assert not faults, f"time that nobody asked for is accepted: {'; '.join(faults)}"


@pytest.mark.control("VB-TIM-006")
def test_time_is_served_to_declared_networks_only(host, settings):
    """Only a host with declared clients answers, only to them, and nobody controls chronyd over the network."""
    rows = directives(host)
    allowed = {" ".join(words) or "everybody" for name, words in rows if name == "allow"}
    declared = declared_clients(settings)
    assert allowed == declared, (
        f"time is served to {sorted(allowed) or 'nobody'}, declared is {sorted(declared) or 'nobody'}"
    )
    commands = [" ".join(words) for name, words in rows if name in {"cmdallow", "bindcmdaddress"}]
    assert not commands, f"chronyd takes commands over the network: {', '.join(commands)}"
    ports = re.findall(r":(123|323)\s", host.check_output("ss -Hulpn"))
    assert "323" not in ports, "chronyd takes commands over the network (UDP 323)"
    assert declared or "123" not in ports, "the host answers on UDP 123 although it serves nobody"


@pytest.mark.control("VB-TIM-007")
def test_foreign_servers_prove_who_they_are(host, settings):
    """Every server outside of the site, declared or not, is authenticated by NTS."""
    declared, outside = declared_servers(settings)
    inside = [] if outside else declared
    servers = [words for name, words in directives(host) if name in {"server", "pool", "peer"}]
    foreign = [words for words in servers if words[0] not in inside]
    if not foreign:
        pytest.skip("not applicable: this host asks no server outside of its site")
    bare = [words[0] for words in foreign if "nts" not in words]
    assert not bare, f"servers that do not prove who they are (no NTS): {', '.join(bare)}"


@pytest.mark.control("VB-TIM-008")
def test_time_service_is_unprivileged(host):
    """chronyd gives up the rights of root after its start."""
    users = [words[0] for name, words in directives(host) if name == "user"]
    assert users[-1:] == ["_chrony"], f"chronyd is told to work as {users[-1] if users else 'its default user'}"
    # The process with the privileges only answers the other one, which talks to the network (chronyd(8), option -x).
    running = host.run("ps -C chronyd -o user=").stdout.split()
    assert not running or "_chrony" in running, f"chronyd runs as {', '.join(running)}"


@pytest.mark.control("VB-TIM-009")
def test_settings_are_protected(host):
    """Others can neither change the settings nor read the keys; those who may are root and chronyd."""
    open_ = host.check_output(
        "find /etc/chrony \\( ! -type l -perm /022 -o ! -user root -o -name chrony.keys -perm /007 \\) "
        "-printf '%m %u %p\\n'"
    ).splitlines()
    assert not open_, f"others can change or read settings of chronyd (mode owner path): {'; '.join(open_)}"
