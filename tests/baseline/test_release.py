# SPDX-License-Identifier: EUPL-1.2
"""Checks of the role release: what the host carries, where it belongs, whether its system is still maintained."""

import datetime
import json
import re

import pytest

STAMP = "cat /etc/verbund/release.json"


def stamp(host):
    result = host.run(STAMP)
    assert result.rc == 0, "the host carries no release (/etc/verbund/release.json is missing)"
    try:
        content = json.loads(result.stdout)
    except ValueError:
        pytest.fail("the stamp of the release is damaged (/etc/verbund/release.json is no JSON)")
    assert isinstance(content, dict), "the stamp of the release is damaged (/etc/verbund/release.json is no object)"
    return content


@pytest.mark.control("VB-REL-001")
def test_host_carries_the_release(host, settings):
    """The last complete run on this host was one of the release that is verified."""
    wanted = settings["release_version"] or settings.get("verbund_release", "")
    carried = stamp(host).get("release")
    assert carried == wanted, f"the host carries release {carried}, verified is {wanted}"


@pytest.mark.control("VB-REL-002")
def test_host_knows_where_it_belongs(host, settings):
    """Tenant, site, class, profile and zone on the host are the ones of the intent."""
    content = stamp(host)
    wanted = {
        "tenant": settings.get("verbund_tenant", ""),
        "site": settings.get("verbund_site", ""),
        "class": settings.get("verbund_host_class", "server"),
        "profile": settings.get("verbund_profile", ""),
        "zone": settings.get("verbund_zone", ""),
    }
    wrong = [
        f"{key} is '{content.get(key)}', declared is '{value}'"
        for key, value in wanted.items()
        if content.get(key) != value
    ]
    assert not wrong, "; ".join(wrong)


@pytest.mark.control("VB-REL-003")
def test_stamp_is_protected(host):
    """Nobody but root can make a host claim another release."""
    result = host.run("stat -c '%a %U %n' /etc/verbund /etc/verbund/release.json")
    assert result.rc == 0, "the host carries no release (/etc/verbund/release.json is missing)"
    faults = [
        line for line in result.stdout.splitlines() if int(line.split()[0], 8) & 0o022 or line.split()[1] != "root"
    ]
    assert not faults, f"others can change the stamp (mode owner path): {'; '.join(faults)}"


@pytest.mark.control("VB-REL-004")
def test_operating_system_is_maintained(host, settings):
    """The host runs a Debian release that still gets security updates."""
    values = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', host.check_output("cat /etc/os-release"), re.MULTILINE))
    system = values.get("VERSION_CODENAME") if values.get("ID") == "debian" else None
    supported = settings["release_supported_systems"]
    name = values.get("PRETTY_NAME", "unknown")
    assert system in supported, f"{name} is not supported, only Debian {', '.join(sorted(supported))}"
    end = datetime.date.fromisoformat(str(supported[system]))
    assert datetime.datetime.now(datetime.UTC).date() <= end, f"security updates for {name} ended on {end}"
