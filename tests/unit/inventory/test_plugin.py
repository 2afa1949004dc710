# SPDX-License-Identifier: EUPL-1.2
"""The Ansible inventory plugin, as plain ``ansible-inventory`` and ``ansible`` see it."""

from __future__ import annotations

import json


def _gateway(fleet):
    return next(host for host in fleet.intent().hosts if host.host_class == "gateway")


def test_hosts_groups_and_variables_are_the_intents(fleet):
    intent = fleet.intent()
    listed = json.loads(fleet.ansible("ansible-inventory", "--list").stdout)
    # ansible-inventory marks every string it must not template; that is checked here and taken off.
    assert listed["_meta"]["hostvars"][intent.hosts[0].name]["verbund_site"] == {
        "__ansible_unsafe": intent.hosts[0].site
    }
    variables = _plain(listed["_meta"]["hostvars"])
    assert set(variables) == {host.name for host in intent.hosts}
    for host in intent.hosts:
        found = {key: value for key, value in variables[host.name].items() if key != "ansible_local"}
        assert found == json.loads(json.dumps(intent.variables(host)))
    members = _members(listed)
    for host in intent.hosts:
        assert all(host.name in members[group] for group in intent.groups(host))


def _plain(value):
    if isinstance(value, dict):
        if set(value) == {"__ansible_unsafe"}:
            return value["__ansible_unsafe"]
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _members(listed):
    found = {}

    def of(group):
        if group not in found:
            entry = listed.get(group, {})
            found[group] = set(entry.get("hosts", [])).union(*(of(child) for child in entry.get("children", [])), set())
        return found[group]

    for group in listed:
        of(group)
    return found


def test_a_template_that_slips_through_the_intents_checks_is_never_executed(fleet):
    """The intent refuses Jinja; should it ever miss some, Ansible must not run it on the controller."""
    marker = fleet.root / "executed"
    gateway = _gateway(fleet)
    fleet.host(gateway.name)
    (cached,) = (fleet.root / ".verbund" / "cache").glob("inventory-*.json")
    text = cached.read_text()
    assert '"reason":"Internet"' in text
    cached.write_text(text.replace('"Internet"', json.dumps(f"{{{{ lookup('pipe', 'touch {marker}') }}}}")))
    shown = fleet.ansible(
        "ansible",
        gateway.name,
        "-c",
        "local",
        "-m",
        "ansible.builtin.debug",
        "-a",
        "msg={{ verbund_firewall_forward }}",
    ).stdout
    assert "lookup(" in shown  # how YAML quotes and folds the rest depends on its length
    assert not marker.exists()


def test_the_same_template_in_plain_yaml_is_executed(fleet):
    """Shows that the test above can fail: Ansible trusts its own YAML inventory."""
    marker = fleet.root / "executed"
    plain = fleet.root / "plain.yml"
    plain.write_text(json.dumps({"all": {"hosts": {"h": {"x": f"{{{{ lookup('pipe', 'touch {marker}') }}}}"}}}}))
    fleet.source = plain
    fleet.ansible(
        "ansible",
        "h",
        "-c",
        "local",
        "-m",
        "ansible.builtin.debug",
        "-a",
        "msg={{ x }}",
        ANSIBLE_INVENTORY_ENABLED="yaml",
    )
    assert marker.exists()


def test_group_vars_and_host_vars_override_the_intent_as_the_intent_ranks_its_levels(fleet):
    host = next(h for h in fleet.intent().hosts if h.room)
    groups = {name.partition("_")[0]: name for name in fleet.intent().groups(host)}
    directory = fleet.inventory / "group_vars"
    directory.mkdir()
    # Every level also sets "up_to_LEVEL" of the levels above it: the winner shows where the level itself stands.
    ranks = [("all",), ("tenant", "class", "zone"), ("site",), ("profile",), ("room",)]
    for rank, kinds in enumerate(ranks):
        above = [kind for higher in ranks[rank:] for kind in higher]
        for kind in kinds:
            lines = [f"up_to_{other}: {kind}\n" for other in above if other == kind or other not in kinds]
            (directory / f"{groups.get(kind, 'all')}.yml").write_text("".join(lines))
    with (directory / "all.yml").open("a") as stream:
        stream.write("verbund_time_servers: [all]\n")
    (fleet.inventory / "host_vars").mkdir()
    (fleet.inventory / "host_vars" / f"{host.name}.yml").write_text("verbund_address: 192.0.2.99\n")
    found = fleet.host(host.name)
    for kind in ("all", "tenant", "class", "zone", "site", "profile", "room"):
        assert found[f"up_to_{kind}"] == kind
    assert found["verbund_time_servers"] == ["all"]
    assert found["verbund_address"] == "192.0.2.99"


def test_every_level_of_group_vars_overrides_the_intent(fleet):
    host = next(h for h in fleet.intent().hosts if h.room)
    directory = fleet.inventory / "group_vars"
    directory.mkdir()
    groups = {name.partition("_")[0]: name for name in fleet.intent().groups(host)}
    computed = {
        "tenant": "verbund_time_servers", "class": "verbund_log_servers", "zone": "verbund_gateway",
        "site": "verbund_release", "profile": "verbund_zone", "room": "verbund_prefix_length",
    }  # fmt: skip
    for kind, name in computed.items():
        (directory / f"{groups[kind]}.yml").write_text(f"{name}: set by {kind}\n")
    found = fleet.host(host.name)
    assert {kind: found[name] for kind, name in computed.items()} == {kind: f"set by {kind}" for kind in computed}


def test_one_tenant_alone_reads_only_its_files(fleet):
    (fleet.inventory / "t002" / "tenant.yml").write_text("this: is [broken\n")
    fleet.source.write_text("plugin: verbund\ntenants: [t001]\n")
    listed = json.loads(fleet.ansible("ansible-inventory", "--list").stdout)
    assert {v["verbund_tenant"] for v in _plain(listed["_meta"]["hostvars"]).values()} == {"t001"}


def test_all_errors_of_the_intent_come_at_once_with_their_places(fleet):
    for tenant in ("t001", "t002"):
        path = next((fleet.inventory / tenant / "sites").iterdir())
        path.write_text(path.read_text() + "nonsense: 1\n")
    done = fleet.ansible("ansible-inventory", "--list", check=False)
    assert done.returncode != 0
    assert done.stderr.count("nonsense") >= 2
    assert "Traceback" not in done.stderr
    assert "t001/sites/" in done.stderr
    assert "t002/sites/" in done.stderr


def test_the_lab_lays_its_connection_over_a_host(fleet):
    host = fleet.intent().hosts[0]
    lab = fleet.root / ".verbund" / "lab"
    lab.mkdir(parents=True)
    overlay = {
        "ansible_host": "127.0.0.1",
        "ansible_port": 40001,
        "firewall_extra_management_sources": ["192.0.2.2/32"],
    }
    (lab / "connections.json").write_text(
        json.dumps({"hosts": {host.name: {"vars": overlay}, "foreign": {"vars": {}}}})
    )
    listed = json.loads(fleet.ansible("ansible-inventory", "--list").stdout)
    assert overlay.items() <= _plain(listed["_meta"]["hostvars"][host.name]).items()
    assert listed["lab"]["hosts"] == [host.name]
    assert listed["_meta"]["hostvars"][fleet.intent().hosts[1].name]["ansible_host"] != "127.0.0.1"


def test_a_broken_connections_file_is_a_plain_error(fleet):
    lab = fleet.root / ".verbund" / "lab"
    lab.mkdir(parents=True)
    (lab / "connections.json").write_text('{"hosts": [1]}')
    done = fleet.ansible("ansible-inventory", "--list", check=False)
    assert "is not a connections file of the lab" in done.stderr
    assert "Traceback" not in done.stderr


def test_limits_by_group_work(fleet):
    listed = fleet.ansible("ansible", "class_gateway:&tenant_t001", "--list-hosts").stdout
    assert "hosts (2)" in listed
