# SPDX-License-Identifier: EUPL-1.2
"""Compiling keeps every variable of every host, and the cache never answers with something old."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verbund.inventory.compile import OWN, compile_intent, compiled

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4) | st.floats(-2, 2, allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


COMMON = {
    "verbund_tenant": "t",
    "verbund_site": "s",
    "verbund_host_class": "client",
    "verbund_address6": None,
    "verbund_room": "",
}


@dataclass(frozen=True)
class Host:
    name: str
    host_class: str = "client"
    tenant: str = "t"
    site: str = "s"


class FakeIntent:
    """Only what compiling asks of an intent."""

    def __init__(self, variables: dict[str, dict]) -> None:
        self._variables = variables
        self.hosts = tuple(Host(name) for name in variables)

    def variables(self, host):
        return self._variables[host.name]

    def groups(self, host):
        return [f"class_{host.host_class}"]


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,5}", fullmatch=True),
        st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), VALUES, max_size=4),
        max_size=8,
    )
)
def test_every_host_keeps_exactly_its_variables(variables):
    full = {
        name: {**COMMON, "verbund_address": f"10.0.0.{n}", "ansible_host": f"10.0.0.{n}", **own}
        for n, (name, own) in enumerate(variables.items())
    }
    model = compile_intent(FakeIntent(full))
    assert model.names == list(full)
    for index, name in enumerate(model.names):
        found = model.variables(index)
        # Types count too: True is not 1, and 1 is not 1.0.
        assert json.dumps(found, sort_keys=True) == json.dumps(full[name], sort_keys=True)
    assert len(model.settings) <= max(1, len({json.dumps(v, sort_keys=True) for v in variables.values()}))


def test_the_model_of_the_generated_fleet_is_the_intents(fleet):
    intent = fleet.intent()
    model = compiled(fleet.inventory)
    for index, host in enumerate(intent.hosts):
        expected = intent.variables(host)
        assert model.variables(index) == {**expected, **{key: expected.get(key) for key in OWN}}
        assert model.memberships[model.groups_of[index]] == intent.groups(host)
        if host.host_class == "gateway":
            assert model.jumps[index] is None
        else:
            assert intent.host(model.jumps[index]).site == host.site


class _NoLoadingError(Exception):
    pass


def _no_loading(*args):
    raise _NoLoadingError


def test_an_unchanged_inventory_comes_from_the_cache(fleet, monkeypatch):
    state = fleet.root / ".verbund"
    first = compiled(fleet.inventory, state=state)
    monkeypatch.setattr("verbund.intent.load", _no_loading)
    assert compiled(fleet.inventory, state=state) == first


@pytest.mark.parametrize(
    "change",
    [
        lambda f: (f.inventory / "provider.yml").open("a").write("# changed\n"),
        lambda f: (f.inventory / "t001" / "deviations.yml").write_text("deviations: []\n"),
        lambda f: next((f.inventory / "t002" / "sites").iterdir()).unlink(),
    ],
    ids=["changed file", "new file", "removed file"],
)
def test_any_change_of_the_input_misses_the_cache(fleet, monkeypatch, change):
    state = fleet.root / ".verbund"
    compiled(fleet.inventory, state=state)
    change(fleet)
    monkeypatch.setattr("verbund.intent.load", _no_loading)
    with pytest.raises(_NoLoadingError):
        compiled(fleet.inventory, state=state)


def test_another_day_misses_the_cache_because_deviations_expire(fleet, monkeypatch):
    state = fleet.root / ".verbund"
    compiled(fleet.inventory, state=state, today=datetime.date(2026, 1, 1))
    monkeypatch.setattr("verbund.intent.load", _no_loading)
    with pytest.raises(_NoLoadingError):
        compiled(fleet.inventory, state=state, today=datetime.date(2026, 1, 2))


def test_a_change_of_another_tenant_does_not_matter_to_a_tenant_alone(fleet, monkeypatch):
    state = fleet.root / ".verbund"
    compiled(fleet.inventory, ["t001"], state=state)
    (fleet.inventory / "t002" / "tenant.yml").write_text("broken: [\n")
    monkeypatch.setattr("verbund.intent.load", _no_loading)
    assert {host[:3] for host in compiled(fleet.inventory, ["t001"], state=state).names}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 1}', b"\xff\xfe", b'{"format": 99}'])
def test_a_damaged_cache_is_made_anew(fleet, content):
    state = fleet.root / ".verbund"
    first = compiled(fleet.inventory, state=state)
    (path,) = (state / "cache").glob("inventory-*.json")
    path.write_bytes(content)
    assert compiled(fleet.inventory, state=state) == first


def test_the_cache_does_not_grow_for_ever(fleet):
    state = fleet.root / ".verbund"
    for day in range(1, 15):
        compiled(fleet.inventory, state=state, today=datetime.date(2026, 1, day))
    assert len(list((state / "cache").iterdir())) <= 8
