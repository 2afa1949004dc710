# SPDX-License-Identifier: EUPL-1.2
"""Quarantine never shuts the controller out, and its rules are what nft accepts."""

from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verbund.rollout import quarantine as q

NETWORKS = st.lists(
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str) | st.just("10.1.0.0/16"), min_size=1, max_size=5
)


@given(NETWORKS)
def test_what_may_come_in_is_what_was_named(networks):
    found = q.sources({"verbund_management_sources": networks[:1], "firewall_extra_management_sources": networks[1:]})
    assert {ipaddress.ip_network(n) for n in found} == {ipaddress.ip_network(n) for n in networks}
    text = q.rules(found)
    assert all(network in text for network in found)
    assert text.count("policy drop;") == 3


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"verbund_management_sources": []},
        {"verbund_management_sources": None},
        {"verbund_management_sources": ["x"]},
    ],
)
def test_without_a_usable_source_it_is_refused(data):
    with pytest.raises(q.NotPossibleError):
        q.sources(data)


@pytest.mark.parametrize(
    ("connection", "admitted"),
    [
        ("10.1.2.3 50000 10.1.9.9 22", True),
        ("::ffff:10.1.2.3 50000 ::ffff:10.1.9.9 22", True),
        ("10.2.0.1 50000 10.1.9.9 22", False),
        ("", False),
        ("garbage", False),
        ("fe80::1%eth0 1 2 3", False),
    ],
)
def test_the_controllers_own_address_decides(connection, admitted):
    assert q.admits(["10.1.0.0/16"], connection) is admitted
    seen = {"nft": "/usr/sbin/nft", "connection": connection}
    if admitted:
        q.require(["10.1.0.0/16"], seen)
        with pytest.raises(q.NotPossibleError, match="nft"):
            q.require(["10.1.0.0/16"], {**seen, "nft": ""})
    else:
        with pytest.raises(q.NotPossibleError, match="not one of its management addresses"):
            q.require(["10.1.0.0/16"], seen)


@pytest.mark.skipif(shutil.which("nft") is None or os.geteuid() != 0, reason="needs nft and root")
@pytest.mark.parametrize("networks", [["10.1.0.0/16"], ["2001:db8::/64"], ["10.0.0.1/32", "2001:db8::1/128"]])
def test_nft_accepts_the_rules(networks):
    done = subprocess.run(
        ["nft", "-c", "-f", "-"], input=q.rules(networks, [22, 2222]), text=True, check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr


def test_scripts_are_posix_shell_and_the_way_back_is_armed_before_the_rules():
    script = q.isolate_script(q.rules(["10.0.0.0/8"]))
    for text in (q.PROBE, script, q.confirm_script(), q.release_script()):
        assert subprocess.run(["sh", "-n"], input=text, text=True, check=False, capture_output=True).stderr == ""
    assert script.index("systemd-run") < script.index(f"nft -f {q.RULES}\n")
    assert script.index("nft -c -f") < script.index("systemd-run")


def test_an_isolation_that_was_never_confirmed_does_not_count_as_one():
    text = q.rules(["10.1.0.0/16"])
    seen = {"rules": text, "live": "table\n", "enabled": "enabled\n", "undo": "inactive\n"}
    assert q.isolated(text, seen)
    # Its controller died before the confirmation: in two minutes the host takes the isolation away again.
    assert not q.isolated(text, {**seen, "undo": "active\n"})
    for key in ("rules", "live", "enabled"):
        assert not q.isolated(text, {**seen, key: ""})
