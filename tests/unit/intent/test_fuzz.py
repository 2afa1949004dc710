# SPDX-License-Identifier: EUPL-1.2
"""Whatever stands in a file: findings with a place, or a usable intent. Never a traceback."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from verbund.errors import InputError
from verbund.intent import load
from verbund.intent.yaml_source import Source

ROOT = Path(__file__).parents[3]
FILES = [
    "provider.yml",
    "haan/tenant.yml",
    "haan/sites/rathaus.yml",
    "haan/sites/grundschule.yml",
    "haan/deviations.yml",
    "procedures/einwohner.yml",
]
SCRAPS = [
    "",
    "~",
    "[]",
    "{}",
    "[",
    "}",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "'",
    '"',
    "null",
    "true",
    "-1",
    "0",
    "99999999999999999999999",
    "1e999",
    ".inf",
    "10.0.0.0/8",
    "::/0",
    "2001:db8::/32",
    "&a",
    "*a",
    "!x",
    "%YAML 9",
    "---\n",
    "...\n",
    "? ",
    "|\n",
    ">\n",
    "#",
    "\t",
    "\u00e4",
    "\u202e",
    "\U0001f600",
    "{{ x }}",
    "<<: ",
    "0.0.0.0/0",
    "10.48.0.0/31",
    "{from: 9, to: 1}",
    "2026-02-30",
    "switch",
    "\ufeff",
    "\x85",
]


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fuzz")
    shutil.copytree(ROOT / "inventory", root / "inventory")
    deviations = (root / "inventory/erkrath/deviations.yml").read_text(encoding="utf-8")
    deviations = deviations.replace("[grundschule]", "[rathaus]").replace("hosts: [rhe-srv2]", "hosts: [rhh-srv1]")
    (root / "inventory/haan/deviations.yml").write_text(deviations, encoding="utf-8")
    load(root / "inventory", ["haan"])
    return root / "inventory"


def attempt(inventory: Path) -> None:
    try:
        intent = load(inventory, ["haan"])
    except InputError as error:
        refused = error
    else:
        refused = None
    if refused is not None:
        assert refused.findings
        for finding in refused.findings:
            assert finding.message
            assert str(finding.path).endswith(".yml")
            assert finding.line >= 0
            assert (finding.line == 0) == (finding.column == 0)
    else:
        for host in intent.hosts:
            intent.variables(host)
            intent.groups(host)


SETTINGS = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SETTINGS
@given(raw=st.binary(max_size=400), name=st.sampled_from(FILES))
@example(raw=b"\xff\xfe", name=FILES[0])
@example(raw=b"\x00", name=FILES[1])
def test_random_bytes(inventory: Path, raw: bytes, name: str) -> None:
    path = inventory / name
    good = path.read_bytes()
    try:
        path.write_bytes(raw)
        attempt(inventory)
    finally:
        path.write_bytes(good)


@SETTINGS
@given(data=st.data(), name=st.sampled_from(FILES))
def test_mutated_samples(inventory: Path, data: st.DataObject, name: str) -> None:
    path = inventory / name
    good = path.read_text(encoding="utf-8")
    text = good
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.sampled_from([0, 1, 2, 5, 20, 200])))
        text = text[:start] + data.draw(st.sampled_from(SCRAPS) | st.text(max_size=5)) + text[end:]
    try:
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        attempt(inventory)
    finally:
        path.write_text(good, encoding="utf-8")


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 70000)
    | st.floats()
    | st.sampled_from([*SCRAPS[:3], "sw1", "10.48.0.0/19"])
    | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@SETTINGS
@given(data=st.data(), name=st.sampled_from(FILES))
def test_any_value_at_any_place(inventory: Path, data: st.DataObject, name: str) -> None:
    """Well-formed YAML with a random value at a random place of the document."""
    import json

    path = inventory / name
    good = path.read_text(encoding="utf-8")
    value = Source(path).value
    place, container, key = value, value, None
    while isinstance(place, dict | list) and place and (key is None or data.draw(st.integers(0, 3))):
        container = place
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        place = place[key]
    container[key] = data.draw(VALUES)
    try:
        path.write_text(json.dumps(value), encoding="utf-8")
        attempt(inventory)
    finally:
        path.write_text(good, encoding="utf-8")
