# SPDX-License-Identifier: EUPL-1.2
"""Facts of an honest host are understood, those of a lying one are harmless."""

from __future__ import annotations

import json
import subprocess

from hypothesis import given
from hypothesis import strategies as st

from verbund.inventory.pyinfra_ssh import sections
from verbund.rollout import facts

NAMES = [
    "os", "kernel", "hostname", "virtualisation", "packages", "listening", "disks", "interfaces", "memory", "cpu",
    "vendor", "product", "serial", "bios", "uptime", "failed", "stamp", "done",
]  # fmt: skip


def test_this_machine_has_facts():
    output = subprocess.run(["sh", "-s"], input=facts.SCRIPT.encode(), capture_output=True, check=True).stdout
    found = facts.parse(sections(output))
    assert found["complete"]
    assert found["kernel"].startswith("Linux")
    assert found["memory_bytes"] > 1_000_000
    assert found["os"]["id"]


def test_a_cut_answer_is_named_as_such():
    found = facts.parse({"kernel": "Linux 6 x86_64\n"})
    assert not found["complete"]
    assert "os" in found["problems"]
    assert found["os"] is None


JSON_TEXT = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
).map(json.dumps)


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=200) | JSON_TEXT))
def test_a_lying_host_is_harmless(seen):
    found = facts.parse(seen)
    text = json.dumps(found, ensure_ascii=False)
    assert text.isprintable()
    assert len(text) < 100_000


def test_terminal_escapes_long_texts_and_deep_nesting_are_cut():
    deep = json.dumps({"blockdevices": [[[[[[[[[["x"]]]]]]]]]]})
    found = facts.parse({"kernel": "\x1b[31mred\u202e" + "x" * 10_000, "disks": deep, "stamp": "[" * 5000})
    assert "\x1b" not in found["kernel"]
    assert "\u202e" not in found["kernel"]
    assert len(found["kernel"]) <= 500
    assert "x" not in json.dumps(found["disks"])
    assert found["release"] is None
