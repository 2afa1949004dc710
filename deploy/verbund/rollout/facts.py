# SPDX-License-Identifier: EUPL-1.2
"""Read-only facts of a host: one POSIX shell script, and a parser that trusts nothing the host says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

LIMIT = 4_000_000
_TEXT_LIMIT = 500
_LIST_LIMIT = 2000

# Each command gets ten seconds and 200 kB; what is missing on a host is left out.
SCRIPT = """\
PATH=/usr/sbin:/usr/bin:/sbin:/bin; LC_ALL=C; export PATH LC_ALL
say() { n=$1; shift; printf '%s:' "$n"; timeout 10 "$@" 2>/dev/null | head -c 204800 | base64 | tr -d '\\n'; echo; }
say os cat /etc/os-release
say kernel uname -srm
say hostname uname -n
say virtualisation systemd-detect-virt
say packages sh -c 'dpkg-query -W -f "\\${db:Status-Status}\\n" | grep -c "^installed$"'
say listening ss -H -l -t -u -n
say disks lsblk -J -b -o NAME,TYPE,SIZE,MODEL,SERIAL,FSTYPE,MOUNTPOINTS
say interfaces ip -j address show
say memory cat /proc/meminfo
say cpu lscpu -J
say vendor cat /sys/class/dmi/id/sys_vendor
say product cat /sys/class/dmi/id/product_name
say serial cat /sys/class/dmi/id/product_serial
say bios cat /sys/class/dmi/id/bios_version
say uptime cat /proc/uptime
say failed systemctl list-units --failed --plain --no-legend
say stamp cat /etc/verbund/release.json
echo done:
"""


def parse(seen: Mapping[str, str]) -> dict[str, Any]:
    """Turn a host's answers into facts; what cannot be understood is named in ``problems`` and null.

    Args:
        seen: decoded sections of the script's output.

    Returns:
        JSON-ready facts: text without control characters and at most 500 characters, lists at most 2,000 long.
    """
    problems: list[str] = []

    def fact(name: str, read: Callable[[str], Any]) -> Any:
        try:
            return _bounded(read(seen[name]))
        except (KeyError, ValueError, TypeError, AttributeError, IndexError, RecursionError, OverflowError):
            problems.append(name)
            return None

    facts = {
        "os": fact("os", _os),
        "kernel": fact("kernel", _line),
        "hostname": fact("hostname", _line),
        "virtualisation": fact("virtualisation", _line),
        "packages": fact("packages", int),
        "listening": fact("listening", _listening),
        "disks": fact("disks", lambda text: json.loads(text)["blockdevices"]),
        "interfaces": fact("interfaces", _interfaces),
        "memory_bytes": fact("memory", _memory),
        "cpu": fact("cpu", _cpu),
        "hardware": {
            key: _bounded(seen.get(key, "").strip()) or None for key in ("vendor", "product", "serial", "bios")
        },
        "uptime_seconds": fact("uptime", lambda text: int(float(text.split()[0]))),
        "failed_units": fact("failed", lambda text: [line.split()[0] for line in text.splitlines() if line.strip()]),
    }
    facts["release"] = fact("stamp", json.loads) if seen.get("stamp", "").strip() else None
    facts["complete"] = "done" in seen
    facts["problems"] = problems
    return facts


def _bounded(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return "".join(c if c.isprintable() else "�" for c in value[:_TEXT_LIMIT])
    if isinstance(value, list | tuple):
        return [_bounded(item, depth + 1) for item in value[:_LIST_LIMIT]] if depth < 8 else None
    if isinstance(value, dict):
        items = list(value.items())[:_LIST_LIMIT]
        return {str(_bounded(str(key))): _bounded(item, depth + 1) for key, item in items} if depth < 8 else None
    return value if isinstance(value, int | float | bool) or value is None else str(value)[:_TEXT_LIMIT]


def _line(text: str) -> str:
    return text.strip().splitlines()[0]


def _os(text: str) -> dict[str, str]:
    pairs = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    wanted = ("ID", "VERSION_ID", "VERSION_CODENAME", "PRETTY_NAME")
    return {key.lower(): pairs[key].strip().strip('"') for key in wanted if key in pairs}


def _listening(text: str) -> list[dict[str, Any]]:
    found = []
    for line in text.splitlines():
        fields = line.split()
        address, _, port = fields[4].rpartition(":")
        found.append({"protocol": fields[0], "address": address, "port": int(port)})
    return found


def _interfaces(text: str) -> list[dict[str, Any]]:
    return [
        {
            "name": entry["ifname"],
            "mac": entry.get("address"),
            "state": entry.get("operstate"),
            "addresses": [f"{a['local']}/{a['prefixlen']}" for a in entry.get("addr_info", []) if "local" in a],
        }
        for entry in json.loads(text)
    ]


def _memory(text: str) -> int:
    values = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(values["MemTotal"].split()[0]) * 1024


def _cpu(text: str) -> dict[str, str]:
    wanted = {"Architecture:": "architecture", "CPU(s):": "count", "Model name:": "model", "Vendor ID:": "vendor"}
    flat: dict[str, str] = {}
    stack = list(json.loads(text)["lscpu"])
    while stack:
        entry = stack.pop()
        if entry["field"] in wanted:
            flat[wanted[entry["field"]]] = entry["data"]
        stack += entry.get("children", [])
    return flat


__all__ = ["LIMIT", "SCRIPT", "parse"]
