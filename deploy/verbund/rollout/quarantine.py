# SPDX-License-Identifier: EUPL-1.2
"""Isolate a host with nftables, except from its gateway's management address, as data and POSIX shell.

The rules are stateless and run before connection tracking (priority -400, below ``raw``), so they come before every
other table, and connections that were open before (malware that phones home) are cut too.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Iterable, Mapping

TABLE = "inet verbund_quarantine"
RULES = "/etc/verbund/quarantine.nft"
UNIT = "verbund-quarantine.service"
UNDO = "verbund-quarantine-undo"
UNDO_AFTER = 120
LIMIT = 200_000

_HEADER = "# Managed by Verbund (quarantine). Remove with: verbund release --limit <host>\n"
_UNIT_TEXT = f"""{_HEADER}[Unit]
Description=Verbund quarantine: nothing but SSH from the management addresses
DefaultDependencies=no
Before=network-pre.target nftables.service shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f {RULES}

[Install]
WantedBy=sysinit.target
"""

PROBE = f"""\
PATH=/usr/sbin:/usr/bin:/sbin:/bin; LC_ALL=C; export PATH LC_ALL
say() {{ printf '%s:' "$1"; head -c 65536 | base64 | tr -d '\\n'; echo; }}
command -v nft 2>/dev/null | say nft
[ ! -f {RULES} ] || say rules < {RULES}
nft list table {TABLE} 2>/dev/null | say live
systemctl is-enabled {UNIT} 2>/dev/null | say enabled
systemctl is-active {UNDO}.timer 2>/dev/null | say undo
sshd -T 2>/dev/null | grep '^port ' | cut -d' ' -f2 | say ports
# Where this session comes from, seen from the host; sudo drops the variable, the parents of this shell still have it.
p=$$
while [ "$p" -gt 1 ]; do
  c=$(tr '\\0' '\\n' < /proc/$p/environ 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p')
  [ -z "$c" ] || break
  p=$(awk '/^PPid:/ {{print $2}}' /proc/$p/status)
done
echo "$c" | say connection
echo done:
"""


class NotPossibleError(Exception):
    """Quarantine would lock everyone out, or cannot be done; the message says why."""


def sources(data: Mapping[str, object]) -> list[str]:
    """The addresses that may still reach the host, as networks in canonical form.

    Args:
        data: the host's variables.

    Raises:
        NotPossibleError: none is known, or one is not an address.
    """
    found: set[str] = set()
    for key in ("verbund_management_sources", "firewall_extra_management_sources"):
        value = data.get(key) or []
        for item in value if isinstance(value, Iterable) and not isinstance(value, str) else [value]:
            try:
                found.add(str(ipaddress.ip_network(str(item), strict=False)))
            except ValueError as error:
                raise NotPossibleError(f"{key}: {error}") from error
    if not found:
        raise NotPossibleError("no management address is known for it, so nobody could reach it any more")
    return sorted(found)


def admits(networks: Iterable[str], connection: str) -> bool:
    """Whether the controller's own connection, as the host sees it, comes from one of the networks.

    Args:
        networks: what ``sources`` returned.
        connection: value of ``SSH_CONNECTION`` on the host: client address first.
    """
    try:
        client = ipaddress.ip_address(connection.split(maxsplit=1)[0].partition("%")[0])
    except (ValueError, IndexError):
        return False
    mapped = getattr(client, "ipv4_mapped", None)
    return any((mapped or client) in ipaddress.ip_network(network) for network in networks)


def require(networks: Iterable[str], seen: Mapping[str, str]) -> None:
    """Make sure that isolating the host leaves a way in for this controller.

    Args:
        networks: what ``sources`` returned.
        seen: decoded answer to the probe.

    Raises:
        NotPossibleError: nft is missing, or this controller comes from an address that would be shut out.
    """
    if not seen.get("nft", "").strip():
        raise NotPossibleError("it has no nft command; install the package nftables first")
    connection = seen.get("connection", "")
    if not admits(networks, connection):
        here = (connection.split() or ["an unknown address"])[0]
        raise NotPossibleError(
            f"this controller reaches it from {here}, "
            f"which is not one of its management addresses ({', '.join(networks)})"
        )


def rules(networks: Iterable[str], ports: Iterable[int] = (22,)) -> str:
    """The nftables file.

    Args:
        networks: canonical networks that may open SSH.
        ports: TCP ports sshd listens on.
    """
    by_family: dict[str, list[str]] = {"ip": [], "ip6": []}
    for network in networks:
        by_family["ip" if ipaddress.ip_network(network).version == 4 else "ip6"].append(network)
    numbers = ", ".join(str(port) for port in sorted(set(ports)))
    inward, outward = [], []
    for family, members in by_family.items():
        if members:
            names = ", ".join(members)
            inward.append(f"    {family} saddr {{ {names} }} tcp dport {{ {numbers} }} accept")
            outward.append(f"    {family} daddr {{ {names} }} tcp sport {{ {numbers} }} accept")
    neighbours = "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
    return "\n".join(
        [
            f"{_HEADER}table {TABLE}",
            f"delete table {TABLE}",
            f"table {TABLE} {{",
            "  chain input {",
            "    type filter hook input priority -400; policy drop;",
            "    iif lo accept",
            neighbours,
            *inward,
            "  }",
            "  chain output {",
            "    type filter hook output priority -400; policy drop;",
            "    oif lo accept",
            neighbours,
            *outward,
            "  }",
            "  chain forward {",
            "    type filter hook forward priority -400; policy drop;",
            "  }",
            "}",
            "",
        ]
    )


def isolated(text: str, seen: Mapping[str, str]) -> bool:
    """Whether the host is isolated by these rules, for good: now, after a boot, and no undo is under way.

    Args:
        text: what ``rules`` returned.
        seen: decoded answer to the probe.
    """
    state = {key: seen.get(key, "").strip() for key in ("live", "enabled", "undo")}
    # An isolation that was never confirmed (its controller was killed) looks the same until its timer takes it away.
    return bool(
        seen.get("rules") == text and state["live"] and state["enabled"] == "enabled" and state["undo"] != "active"
    )


def isolate_script(text: str) -> str:
    """Check the rules, arm the undo timer, then put them in place, now and for the next boot.

    Args:
        text: what ``rules`` returned.
    """
    return f"""{_PREAMBLE}
mkdir -p -m 0755 /etc/verbund
printf %s {_encoded(text)} | base64 -d > {RULES}.verbund-new
if ! nft -c -f {RULES}.verbund-new; then
  rm -f {RULES}.verbund-new
  echo 'nft refuses the rules; nothing was changed' >&2
  exit 1
fi
systemctl stop {UNDO}.timer {UNDO}.service 2>/dev/null || true
systemctl reset-failed {UNDO}.service 2>/dev/null || true
systemd-run --quiet --collect --unit={UNDO} --on-active={UNDO_AFTER} --timer-property=AccuracySec=1s \\
  /bin/sh -c '{_TAKE_AWAY}'
mv -f {RULES}.verbund-new {RULES}
printf %s {_encoded(_UNIT_TEXT)} | base64 -d > /etc/systemd/system/{UNIT}
systemctl daemon-reload
systemctl --quiet enable {UNIT}
nft -f {RULES}
"""


def confirm_script() -> str:
    """Disarm the undo timer; run over a new connection."""
    return f"{_PREAMBLE}\nsystemctl stop {UNDO}.timer\n"


def release_script() -> str:
    """Take the isolation away, now and for the next boot."""
    return f"{_PREAMBLE}\nsystemctl stop {UNDO}.timer 2>/dev/null || true\n{_TAKE_AWAY}\n"


_TAKE_AWAY = (
    f"nft delete table {TABLE} 2>/dev/null; systemctl --quiet disable {UNIT} 2>/dev/null; "
    f"rm -f {RULES} /etc/systemd/system/{UNIT}; systemctl daemon-reload; ! nft list table {TABLE} >/dev/null 2>&1"
)

_PREAMBLE = """\
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin; LC_ALL=C; export PATH LC_ALL
umask 022"""


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
