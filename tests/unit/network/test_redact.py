# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: E501 - lines of devices are as long as they are
"""Backups without secrets: no form of any vendor gets through, and nothing else is lost."""

from __future__ import annotations

import pytest

from verbund.network.redact import mask, redact


@pytest.mark.parametrize(
    "line",
    [
        "username notfall privilege 15 secret 9 $9$HIDDEN",
        "username notfall privilege 15 secret HIDDEN",
        "username admin privilege 15 password encrypted $argon2id$v=19$m=HIDDEN",
        "enable secret 5 $1$HIDDEN",
        "enable password 7 HIDDEN",
        "user notfall group administrators password ciphertext AQBapHIDDEN",
        'password manager user-name "notfall" sha1 "HIDDEN"',
        'password manager user-name "notfall" plaintext "HIDDEN WITH BLANKS"',
        " password hash $h$6$HIDDEN",
        " password simple HIDDEN",
        " password 7 HIDDEN",
        " key 7 HIDDEN",
        " key HIDDEN",
        "radius-server host 10.1.1.1 key ciphertext HIDDEN",
        "radius-server host 10.1.1.1 auth-port 1812 acct-port 1813 key HIDDEN",
        'radius-server host 10.1.1.1 key "HIDDEN"',
        'radius-server host 10.1.1.1 encrypted-key "HIDDEN"',
        " primary authentication 10.1.1.1 1812 key cipher $c$3$HIDDEN",
        "radius dyn-authorization client 10.1.1.1 secret-key ciphertext HIDDEN vrf default",
        "snmp-server community HIDDEN ro",
        'snmp-server community "HIDDEN" unrestricted',
        "snmp-agent community read cipher HIDDEN",
        "snmp-server host 10.1.1.1 version 2c HIDDEN",
        "snmp-server user monitor VERBUND v3 auth sha HIDDEN priv aes 128 HIDDEN",
        "snmp-server user monitor engine-id 8000 sha encrypted HIDDEN priv aes encrypted HIDDEN",
        "snmpv3 user monitor auth sha auth-pass ciphertext HIDDEN priv aes priv-pass ciphertext HIDDEN",
        'snmpv3 user "monitor" auth sha "HIDDEN" priv aes "HIDDEN"',
        "snmp-agent usm-user v3 monitor verbund cipher authentication-mode sha $c$3$HIDDEN privacy-mode aes128 HIDDEN",
        "ntp authentication-key 1 md5 HIDDEN 7",
        "tacacs-server host 10.1.1.1 key 7 HIDDEN",
    ],
)
def test_no_secret_is_left(line: str) -> None:
    masked = mask(line)
    assert "HIDDEN" not in masked
    assert "<secret>" in masked
    assert mask(masked) == masked


@pytest.mark.parametrize(
    "line",
    [
        "hostname secret-lair", " description key 7 in der Pforte", "ip ssh version 2", "aaa authentication login default local",
        "snmp-server group VERBUND v3 priv read VERBUND", " authentication priority dot1x mab", "no service password-recovery",
    ],
)  # fmt: skip
def test_other_lines_stay(line: str) -> None:
    assert mask(line) == line


def test_a_reference_and_a_secret_look_alike() -> None:
    assert mask(" key <secret:radius/erk>") == mask(" key 7 0822455D0A16")
    rendered = (
        "snmp-agent usm-user v3 m verbund simple authentication-mode sha <secret:a> privacy-mode aes128 <secret:b>"
    )
    shown = "snmp-agent usm-user v3 m verbund cipher authentication-mode sha $c$3$aa== privacy-mode aes128 $c$3$bb=="
    assert mask(rendered) == mask(shown)


def test_backup_is_the_same_text_every_day() -> None:
    head = "Building configuration...\r\n\r\nCurrent configuration : {} bytes\r\n! Last configuration change at {} by x\r\n"
    body = "hostname sw1  \r\nntp clock-period {}\r\ncrypto pki certificate chain X\r\n certificate self-signed 01\r\n  3082\r\n"
    tail = "  \tquit\r\nusername a privilege 15 secret 9 $9$x{}\r\nend\r\n\r\n"
    one, two = ((head + body + tail).format(*values) for values in (("11", "Mon", "3", "4"), ("12", "Tue", "5", "6")))
    assert redact(one) == redact(two)
    assert redact(one) == (
        "hostname sw1\ncrypto pki certificate chain X\n certificate self-signed 01 <secret>\n"
        "username a privilege 15 secret <secret>\nend\n"
    )
