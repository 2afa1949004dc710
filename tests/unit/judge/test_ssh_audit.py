# SPDX-License-Identifier: EUPL-1.2
"""What ssh-audit finds is weighed against what our own policy states."""

from __future__ import annotations

from verbund.judge.ssh_audit import findings, listed

POLICY = """\
# ciphers = none
name = "ours"
host keys = ecdsa-sha2-nistp256
key exchanges = ecdh-sha2-nistp521, ecdh-sha2-nistp256
"""


def answer(*errors):
    fields = ("mismatched_field", "actual", "expected_required")
    return {"passed": False, "errors": [dict(zip(fields, error, strict=True)) for error in errors]}


def test_lists_of_a_policy_file():
    assert listed(POLICY) == {
        "host keys": {"ecdsa-sha2-nistp256"},
        "key exchanges": {"ecdh-sha2-nistp521", "ecdh-sha2-nistp256"},
    }


def test_what_our_profile_states_is_told_from_what_it_does_not():
    found = findings(
        answer(
            ("Key exchanges", ["ecdh-sha2-nistp521"], ["curve25519-sha256"]),
            ("Host keys", ["ecdsa-sha2-nistp256", "ssh-rsa"], ["ssh-ed25519"]),
            ("MACs", ["hmac-sha1"], ["hmac-sha2-512-etm@openssh.com"]),
        ),
        listed(POLICY),
    )
    assert [(finding.field, finding.stated) for finding in found] == [
        ("Key exchanges", True),
        ("Host keys", False),
        ("MACs", False),
    ]


def test_a_host_that_follows_the_policy_has_no_finding():
    assert findings({"passed": True, "errors": []}, {}) == ()


def test_names_of_methods_come_from_the_host_and_are_made_harmless():
    (finding,) = findings(answer(("Ciphers", ["aes\x1b[31m"], [])), {})
    assert finding.actual == ("aes\u241b[31m",)
