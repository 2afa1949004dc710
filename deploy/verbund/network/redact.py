# SPDX-License-Identifier: EUPL-1.2
"""Take the secrets out of what a switch reports, so that backups and differences may be kept, mailed and compared.

A secret becomes the word ``<secret>``, and so do the references of rendered lines; a backup of the same device is thus
the same text every day. What changes by itself (times, counters, self-signed certificates) is left out too.
"""

from __future__ import annotations

import re

MASK = "<secret>"

# One expression per way to write a secret; what is captured is kept, the rest becomes the mask. The words between
# (0, 5, 7, 8, 9, cipher, ciphertext, encrypted ...) say only how the device hides it, so they go as well.
_HOW = r"(?:(?:[0-9]|cipher|ciphertext|plaintext|simple|hash|encrypted|unencrypted|sha1|sha256)[ ]+)?"
_VALUE = r'(?:"[^"]*"|\S+)'
_SECRETS = tuple(
    re.compile(expression, re.IGNORECASE)
    for expression in (
        rf"^(\s*username \S+ .*?(?:secret|password)) {_HOW}{_VALUE}",
        rf"^(\s*enable (?:secret|password)(?: level [0-9]+)?) {_HOW}{_VALUE}",
        rf"^(\s*user \S+ group \S+ password) {_HOW}{_VALUE}",
        rf"^(\s*password (?:manager|operator)(?: user-name {_VALUE})?) {_HOW}{_VALUE}",
        rf"^(\s*(?:password|secret)) {_HOW}{_VALUE}$",
        rf"^(\s*set authentication password) {_HOW}{_VALUE}",
        (
            rf"^(\s*(?:server-private|radius-server|tacacs-server|radius|tacacs)\b.*? (?:key|encrypted-key"
            rf"|secret-key)) {_HOW}{_VALUE}"
        ),
        rf"^(\s*(?:key|key-string|pre-shared-key|server-key|wpa-psk (?:ascii|hex))) {_HOW}{_VALUE}$",
        rf"^(\s*(?:primary|secondary) (?:authentication|accounting) .*? key) {_HOW}{_VALUE}",
        rf"^(\s*snmp-server community) {_HOW}{_VALUE}",
        rf"^(\s*snmp-agent community (?:read|write)) {_HOW}{_VALUE}",
        rf"^(\s*snmp-server host \S+(?: (?:informs|traps|vrf \S+|version (?:1|2c)))*) {_VALUE}$",
        rf"^(\s*ntp authentication-key [0-9]+ \S+) {_HOW}{_VALUE}(?: [0-9]+)?",
        rf"^(\s*ntp-service authentication-keyid [0-9]+ .*?(?:cipher|simple)) {_VALUE}",
    )
)
# Most lines have no secret, and looking once is cheaper than looking for each of its forms.
_PERHAPS = re.compile(r"secret|password|key|community|snmp-server (?:user|host)|usm-user|snmpv3|wpa-psk", re.IGNORECASE)
# A user of SNMPv3 has two secrets in one line, each behind a word.
_SNMP_USER = re.compile(r"^\s*(?:snmp-server user|snmpv3 user|snmp-agent usm-user)\b")
_SNMP_VALUES = re.compile(
    rf"\b((?:auth|authentication-mode)[ ]+)?"
    rf"((?:md5|sha(?:-?(?:224|256|384|512))?|des(?:56)?|3des|aes(?:[ -]?(?:128|192|256))?)"
    rf"(?:[ ]+(?:auth-pass|priv-pass))?) {_HOW}{_VALUE}",
    re.IGNORECASE,
)
_SNMP_HOW = re.compile(r"(?<=\s)(?:cipher|simple|encrypted)\s+(?=authentication-mode)")

_VOLATILE = re.compile(
    r"^(?:Building configuration\.\.\.|Current configuration ?:|! (?:Last configuration change"
    r"|NVRAM config last updated"
    r"|No configuration change)|Running configuration:?|ntp clock-period |; Ver #|#?\s*Return$|!Time:|!export-time)"
)
_CERTIFICATE = re.compile(r"^\s*certificate (?:self-signed|ca) ")


def mask(line: str) -> str:
    """One line without its secrets, and without the words that tell how they are hidden.

    Args:
        line: a line of a device or of a rendered configuration (``<secret:NAME>`` is masked like any secret).
    """
    if not _PERHAPS.search(line):
        return line
    if negation := re.match(r"\s*(?:no|undo) ", line):
        return negation[0] + mask(line[negation.end() :])
    if _SNMP_USER.match(line):
        return _SNMP_VALUES.sub(rf"\1\2 {MASK}", _SNMP_HOW.sub("", line))
    for expression in _SECRETS:
        line = expression.sub(rf"\1 {MASK}", line)
    return line


def redact(text: str) -> str:
    """A whole configuration, fit for git: no secrets, no carriage returns, nothing that changes by itself.

    Args:
        text: what the device printed.

    Returns:
        Text whose lines end in line feeds, without trailing blanks.
    """
    kept: list[str] = []
    in_certificate = False
    for raw in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        line = raw.rstrip()
        if in_certificate:
            in_certificate = line.strip() != "quit"
            continue
        if _CERTIFICATE.match(line):
            in_certificate = True
            kept.append(f"{line} {MASK}")
            continue
        if _VOLATILE.match(line):
            continue
        kept.append(mask(line))
    while kept and not kept[-1]:
        kept.pop()
    return "\n".join(kept).lstrip("\n") + "\n"
