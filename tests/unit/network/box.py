# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: E501 - tables of words
"""A switch small enough to be obviously right: takes lines as a device does and tells what it then runs.

It shares nothing with `verbund.network`: the vendors' rules are written down here a second time, more coarsely. What a
device does with lists of VLANs, with ports that change their kind, and with negated lines is the point of it.
"""

from __future__ import annotations

import re

EVERY = set(range(1, 4095))

_SECTIONS = {
    "cisco_ios": r"vlan \d+|interface .+|aaa group .+|ip access-list .+|ipv6 access-list .+|ipv6 \w+ \w+ policy .+|"
    r"spanning-tree mst configuration|radius server .+|line .+|ipv6 dhcp guard policy .+",
    "lancom_sx": r"vlan \d+|interface .+|line .+",
    "aruba_aoscx": r"vlan \d+|interface .+|aaa group .+|port-access role .+|access-list .+|cli-session|"
    r"aaa authentication port-access (dot1x authenticator|mac-auth)",
    "aruba_aoss": r"vlan \d+|interface \S+",
    "hpe_comware": r"vlan \d+|interface \S+|stp region-configuration|line .+|acl .+|radius scheme .+"
    r"|domain (?!default).+|"
    r"local-user .+",
}
_SINGLE = {
    "cisco_ios": "hostname|description|ip address|name|revision|exec-timeout|switchport access vlan|switchport voice vlan|"
    "switchport mode|switchport trunk native vlan|spanning-tree mst 0 priority|spanning-tree portfast|vtp mode|"
    "authentication host-mode|authentication order|authentication priority|authentication timer reauthenticate|"
    "authentication event fail action|authentication event server dead action|ip default-gateway|channel-group|"
    "storm-control broadcast level|storm-control multicast level|banner login|aaa authentication login default|"
    "aaa authorization exec default|aaa accounting dot1x default|key|address ipv4|service timestamps log|ipv6 nd raguard|"
    "ipv6 dhcp guard attach-policy",
    "lancom_sx": "hostname|description|ip address|name|exec-timeout|switchport access vlan|switchport mode|banner login|"
    "switchport trunk native vlan|switchport hybrid native vlan|spanning-tree mst 0 priority|spanning-tree mst name|"
    "dot1x port-control|dot1x authentication timer re-authenticate|qos storm broadcast|qos storm multicast|logging host|"
    "aggregation group|aaa authentication login ssh|snmp-server engine-id local|ntp server 1",
    "aruba_aoscx": "hostname|description|ip address|name|timeout|vlan access|vlan trunk native|spanning-tree priority|"
    "spanning-tree config-name|spanning-tree config-revision|spanning-tree port-type|rate-limit broadcast|"
    "rate-limit multicast|banner motd|aaa authentication port-access client-limit|reauth-period|lag|"
    "aaa authentication port-access critical-role|aaa authentication port-access reject-role|"
    "aaa authentication port-access preauth-role|aaa authentication login ssh|user notfall|logging 10.0.8.20",
    "aruba_aoss": "hostname|name|ip address|broadcast-limit|ip default-gateway|spanning-tree priority|console idle-timeout|"
    "spanning-tree config-name|spanning-tree config-revision|banner motd|aaa authentication ssh login|"
    "aaa authentication ssh enable",
    "hpe_comware": "sysname|description|ip address|name|region-name|revision-level|idle-timeout|port access vlan|"
    "port link-type|port trunk pvid|port hybrid pvid|voice-vlan|broadcast-suppression|multicast-suppression|"
    "dot1x auth-fail vlan|dot1x critical vlan|dot1x timer reauth-period|mac-authentication guest-vlan|"
    "mac-authentication critical vlan|stp instance 0 priority|header login|authentication login|authorization login",
}
_SHOWN_NEGATIVE = (
    "no service pad", "no ip domain lookup", "no ip dhcp snooping information option", "no vstack", "no cdp run",
    "no ip http server", "no ip http secure-server", "no ip dhcp snooping trust", "no ip arp inspection trust",
    "no aaa authentication login telnet", "no aaa authentication login http", "no aaa authentication login https",
    "no telnet-server", "no web-management", "no tftp client", "no tftp server", "no power-over-ethernet",
)  # fmt: skip


def numbers(text: str) -> set[int]:
    found: set[int] = set()
    for part in re.split(r"[ ,]+", re.sub(r" to ", "-", text.strip())):
        if part in {"", "none"}:
            continue
        if part == "all":
            return set(EVERY)
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def port_names(text: str) -> list[str]:
    names = []
    for part in text.split(","):
        if match := re.fullmatch(r"([A-Z]?)(\d+)-[A-Z]?(\d+)", part):
            names += [match[1] + str(number) for number in range(int(match[2]), int(match[3]) + 1)]
        else:
            names.append(part)
    return names


class Box:
    """One device.

    Args:
        platform: whose rules hold.
    """

    def __init__(self, platform: str) -> None:
        self.platform = platform
        self.no = "undo" if platform == "hpe_comware" else "no"
        self.sections: dict[tuple[str, ...], list[str]] = {(): []}
        self.lists: dict[tuple[str, str], set[int]] = {}
        self.path: tuple[str, ...] = ()
        self.untagged: dict[str, int] = {}
        self.tagged: dict[str, set[int]] = {}

    # -- input -----------------------------------------------------------------------------------------------------

    def load(self, text: str) -> Box:
        """Read a printed configuration: what belongs to a section stands indented below it."""
        lines = text.split("\n")
        stack: list[tuple[int, str]] = []
        position = 0
        while position < len(lines):
            line = lines[position]
            position += 1
            bare = line.strip()
            if bare == "#":
                stack = []
                continue
            if not bare or bare == "exit":
                continue
            if re.match(r"(banner|header) \w+ ", bare):
                mark = "^C" if "^C" in bare else bare.split(" ", 2)[2][0]
                while bare.count(mark) < 2:
                    bare += "\n" + lines[position]
                    position += 1
            depth = len(line) - len(line.lstrip())
            if self.platform == "hpe_comware" and not stack:
                depth = 0
            while stack and stack[-1][0] >= depth:
                stack.pop()
            self.path = tuple(header for _, header in stack)
            before = self.path
            self.take(bare, show=True)
            if self.path != before:
                stack.append((depth, bare))
        self.path = ()
        return self

    def type(self, lines: list[str]) -> Box:
        """Take the lines of a plan."""
        for line in lines:
            assert len(line) < 256 or "\n" in line, line
            if line in {"exit", "quit"}:
                assert self.path, "left configuration mode"
                self.path = self.path[:-1]
            else:
                self.take(line)
        assert not self.path
        return self

    def take(self, line: str, *, show: bool = False) -> None:
        """One line in the section that is open."""
        negated = line.startswith(f"{self.no} ")
        bare = line.removeprefix(f"{self.no} ")
        if not negated and re.fullmatch(_SECTIONS[self.platform], bare) and len(self.path) < 2:
            if self.path and not bare.startswith("aaa authentication port-access"):
                raise AssertionError(f"'{bare}' typed inside {self.path}")
            self.path = (*self.path, bare)
            self.sections.setdefault(self.path, [])
            return
        if self._special(negated, bare, show):
            return
        lines = self.sections[self.path]
        if negated:
            gone = [path for path in self.sections if path[: len(self.path) + 1] == (*self.path, bare)]
            for path in gone:
                self._forget(path)
            # The line itself, or, where only its beginning is given, every line that begins so.
            kept = [old for old in lines if old != bare]
            if kept == lines or bare.startswith("aaa port-access"):
                kept = [old for old in lines if old != bare and not old.startswith(bare + " ")]
            if line in _SHOWN_NEGATIVE and line not in kept:
                kept.append(line)
            self.sections[self.path] = kept
            return
        key = next(
            (word for word in _SINGLE[self.platform].split("|") if re.match(re.escape(word) + r"(?= |$)", bare)), None
        )
        kept = [
            old for old in lines
            if old != bare and old != f"{self.no} {bare}" and not (key and (old == key or old.startswith(key + " ")))
        ]  # fmt: skip
        default = f"{self.no} {bare}" in _SHOWN_NEGATIVE
        self.sections[self.path] = kept if default else [*kept, bare]

    def _forget(self, path: tuple[str, ...]) -> None:
        del self.sections[path]
        if match := re.fullmatch(r"vlan (\d+)", path[0]):
            for port, vlan in list(self.untagged.items()):
                assert vlan != int(match[1]), f"VLAN {vlan} deleted with port {port} in it"

    # -- what is particular ----------------------------------------------------------------------------------------

    def _special(self, negated: bool, bare: str, show: bool) -> bool:
        return bool(getattr(self, f"_{self.platform}")(negated, bare, show))

    def _vlan_list(self, negated: bool, bare: str, expression: str, name: str) -> bool:
        if not (match := re.fullmatch(expression, bare)):
            return False
        values = self.lists.setdefault((str(self.path), name), set())
        values.difference_update(numbers(match[1])) if negated else values.update(numbers(match[1]))
        return True

    def _ios_list(self, negated: bool, bare: str) -> bool:
        if not (match := re.match(r"switchport (trunk|hybrid) allowed vlan ?(add|remove)? ?(.*)", bare)):
            return False
        key = (str(self.path), match[1])
        if negated:
            self.lists.pop(key, None)
        elif match[2]:
            values = self.lists.setdefault(key, set(EVERY))
            values.update(numbers(match[3])) if match[2] == "add" else values.difference_update(numbers(match[3]))
        else:
            self.lists[key] = numbers(match[3])
        return True

    def _cisco_ios(self, negated: bool, bare: str, show: bool) -> bool:
        if bare == "shutdown" and negated:
            self.sections[self.path] = [line for line in self.sections[self.path] if line != "shutdown"]
            return True
        return self._ios_list(negated, bare) or any(
            self._vlan_list(negated, bare, word + r" vlan ([\d,-]+)", word)
            for word in ("ip dhcp snooping", "ip arp inspection")
        )

    def _lancom_sx(self, negated: bool, bare: str, show: bool) -> bool:
        if re.fullmatch(r"vlan 1,.*", bare):
            return True
        if match := re.fullmatch(r"access management (\d+)(?: (.*))?", bare):
            kept = [line for line in self.sections[()] if not line.startswith(f"access management {match[1]} ")]
            self.sections[()] = kept + ([] if negated else [bare])
            return True
        if bare.startswith("poe mode "):
            lines = [line for line in self.sections[self.path] if not line.startswith("poe mode")]
            self.sections[self.path] = lines + ([] if bare == "poe mode enable" else [bare])
            return True
        return self._ios_list(negated, bare) or self._vlan_list(
            negated, bare, r"ip arp inspection vlan ([\d,-]+)", "arp"
        )

    def _aruba_aoscx(self, negated: bool, bare: str, show: bool) -> bool:
        lines = self.sections[self.path]
        if match := re.fullmatch(r"vlan trunk allowed ([\d,-]+|all)", bare):
            key = (str(self.path), "allowed")
            if negated:
                assert key in self.lists, "no trunk"
                self.lists[key] -= numbers(match[1])
            else:
                self.lists[key] = self.lists.get(key, set()) | numbers(match[1])
                self.sections[self.path] = [line for line in lines if not line.startswith("vlan access")]
            return True
        if bare.startswith("vlan access ") and not negated:
            self.lists.pop((str(self.path), "allowed"), None)
            self.sections[self.path] = [line for line in lines if not line.startswith("vlan trunk")]
            return False
        if self.path and self.path[0].startswith("access-list") and (match := re.match(r"(\d+)\b", bare)):
            self.sections[self.path] = [line for line in lines if line.split()[0] != match[1]] + (
                [] if negated else [bare]
            )
            return True
        if bare in {"shutdown", "routing"} and negated:
            self.sections[self.path] = [line for line in lines if line != bare]
            return True
        if bare == "nd-snooping disable":
            self.sections[()] = [line for line in lines if line != "nd-snooping enable"]
            return True
        if negated and bare.startswith("https-server"):
            return True
        if bare == "power-over-ethernet":
            self.sections[self.path] = [line for line in lines if "power-over-ethernet" not in line]
            self.sections[self.path] += [f"no {bare}"] if negated else []
            return True
        return False

    def _aruba_aoss(self, negated: bool, bare: str, show: bool) -> bool:
        if match := re.fullmatch(r"(tagged|untagged) (\S+)", bare):
            vlan = int(self.path[0][5:])
            for port in port_names(match[2]):
                member = any(line.startswith(f"trunk {port} ") for line in self.sections[()])
                assert show or not member, f"port {port} belongs to a trunk group"
                tagged = self.tagged.setdefault(port, set())
                if negated and match[1] == "tagged":
                    tagged.discard(vlan)
                elif negated:
                    if self.untagged.get(port) == vlan:
                        del self.untagged[port]
                elif match[1] == "tagged":
                    tagged.add(vlan)
                    if self.untagged.get(port) == vlan:
                        del self.untagged[port]
                else:
                    self.untagged[port] = vlan
                    tagged.discard(vlan)
                if not show:
                    assert tagged or port in self.untagged, f"port {port} is in no VLAN"
            return True
        if match := re.fullmatch(r"trunk (\S+)(?: (trk\d+) lacp)?", bare):
            for port in port_names(match[1]):
                self.sections[()] = [line for line in self.sections[()] if not line.startswith(f"trunk {port} ")]
                self.untagged.pop(port, None)
                self.tagged.pop(port, None)
                self.sections[()] += [] if negated else [f"trunk {port} {match[2]} lacp"]
            return True
        if match := re.fullmatch(r"(aaa port-access \S+ \S+ [a-z-]+) \d+", bare):
            self.sections[()] = [line for line in self.sections[()] if not line.startswith(match[1] + " ")]
            self.sections[()] += [] if negated or bare.endswith(" 0") else [bare]
            return True
        if bare in {"disable", "enable"}:
            lines = [line for line in self.sections[self.path] if line != "disable"]
            self.sections[self.path] = lines + (["disable"] if bare == "disable" else [])
            return True
        if self.path and bare.startswith("ip address") and negated:
            self.sections[self.path] = [line for line in self.sections[self.path] if not line.startswith("ip address")]
            return True
        if bare == "power-over-ethernet" and not negated:
            self.sections[self.path] = [line for line in self.sections[self.path] if "power-over" not in line]
            return True
        if bare.startswith(("password manager", "snmp-server community")):
            return True
        return any(
            self._vlan_list(negated, bare, word + r" vlan ([\d ,-]+)", word)
            for word in ("dhcp-snooping", "arp-protect")
        )

    def _hpe_comware(self, negated: bool, bare: str, show: bool) -> bool:
        lines = self.sections[self.path]
        if match := re.fullmatch(r"port link-type (\w+)", bare):
            kept = [line for line in lines if not re.match(r"port (access|trunk|hybrid|link-type)|voice-vlan", line)]
            old = next((line for line in lines if line.startswith("port link-type")), "port link-type access")
            if old.split()[2] == match[1]:
                return True
            assert "access" in (old.split()[2], match[1]), "straight from trunk to hybrid"
            for key in [key for key in self.lists if key[0] == str(self.path)]:
                del self.lists[key]
            if match[1] == "access":
                self.sections[self.path] = kept
            else:
                self.sections[self.path] = [*kept, bare]
                self.lists[str(self.path), "permit" if match[1] == "trunk" else "untagged"] = {1}
            return True
        if match := re.fullmatch(r"port trunk permit vlan (.+)", bare):
            key = (str(self.path), "permit")
            assert key in self.lists, "no trunk"
            values = self.lists[key]
            values.difference_update(numbers(match[1])) if negated else values.update(numbers(match[1]))
            return True
        if match := re.fullmatch(r"port hybrid vlan (.+?)(?: (tagged|untagged))?", bare):
            assert "port link-type hybrid" in lines, "not hybrid"
            for name in ("tagged", "untagged"):
                values = self.lists.setdefault((str(self.path), name), set())
                values.difference_update(numbers(match[1]))
                if not negated and name == match[2]:
                    values.update(numbers(match[1]))
            return True
        if bare.startswith("port trunk ") and not show:
            assert "port link-type trunk" in lines, "not trunk"
        if bare.startswith("port access ") and not show:
            assert not any(line.startswith("port link-type") for line in lines), "not access"
        if bare == "port access vlan" and negated:
            return False
        if bare == "active region-configuration":
            return True
        if bare == "shutdown" and negated:
            self.sections[self.path] = [line for line in lines if line != bare]
            return True
        if re.fullmatch(r"(ip https? enable|telnet server enable)", bare) and negated:
            return True
        if negated and self.path and self.path[0].startswith("acl") and bare.startswith("rule"):
            self.sections[self.path] = [line for line in lines if line != bare]
            return True
        return False

    # -- output ----------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, object]:
        """Everything that the device runs, in an order of its own; a rendered configuration loaded gives the same."""
        result: dict[str, object] = {}
        for path, lines in self.sections.items():
            words = [line for line in lines if line not in {"exit", "no shutdown", "no routing"}]
            # Which number an entry of a list has does not matter for what it does.
            words = [
                re.sub(r"^(access management |)\d+ (?=permit|\d+ [0-9a-f.:]+ to)", r"\1# ", line) for line in words
            ]
            words = [line for line in words if not re.match(r"no ip address$|name \"DEFAULT", line)]
            if path and re.fullmatch(r"interface \S+", path[0]) and not words and self.platform == "aruba_aoss":
                continue
            result[" > ".join(path)] = sorted(words)
        lists = {key: values for key, values in self.lists.items() if values or "interface" in key[0]}
        result["~lists"] = {f"{key}": sorted(values) for key, values in sorted(lists.items()) if values}
        result["~untagged"] = dict(sorted(self.untagged.items()))
        result["~tagged"] = {port: sorted(vlans) for port, vlans in sorted(self.tagged.items()) if vlans}
        return result


def different(one: Box, other: Box) -> list[str]:
    """What two devices do not have in common, short enough to read."""
    first, second = one.state(), other.state()
    result = []
    for key in sorted({*first, *second}):
        left, right = first.get(key), second.get(key)
        if left != right:
            if isinstance(left, list) and isinstance(right, list):
                left, right = [x for x in left if x not in right], [x for x in right if x not in left]
            result.append(f"{key or 'top'}: {left} != {right}")
    return result
