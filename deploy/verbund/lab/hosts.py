# SPDX-License-Identifier: EUPL-1.2
"""What the lab knows of a host, how the hosts are cabled, and the seed that makes a copy of the image this host."""

from __future__ import annotations

import hashlib
import io
import ipaddress
import re
import tarfile
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from verbund.errors import UsageError

if TYPE_CHECKING:
    from verbund.intent import Host, Intent

MANAGEMENT = ipaddress.IPv4Network("192.0.2.0/24")
"""The lab's management network (RFC 5737 TEST-NET-1: no real network can clash with it)."""

CONTROLLER = "192.0.2.2"
"""Where a lab host sees the controller come from."""

SITE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""What a host reaches through its site's gateway (RFC 1918)."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class LabHost:
    """A host of the lab.

    Args:
        name: host name.
        host_class: ``client``, ``laptop``, ``server`` or ``gateway``.
        address: planned IPv4 address in its zone, or None for a host without a site.
        prefix_length: of that address.
        gateway: address of the site's gateway in that zone, or None.
        zone: name of the zone.
        tenant: whose keys it trusts.
        site: hosts of one site are cabled to that site's gateway.
        variables: Ansible variables that hold in the lab instead of the intent's.
    """

    name: str
    host_class: str = "server"
    address: str | None = None
    prefix_length: int = 24
    gateway: str | None = None
    zone: str | None = None
    tenant: str = "lab"
    site: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UsageError(f"{self.name!r} is not a host name", "small letters, digits and -, at most 63")

    @classmethod
    def from_intent(cls, host: Host, variables: Mapping[str, Any] | None = None) -> LabHost:
        """A lab host like a host of the intent.

        Args:
            host: the host.
            variables: what is different in the lab, see :func:`lab_hosts`.
        """
        return cls(
            variables=variables or {},
            name=host.name,
            host_class=host.host_class,
            address=host.address,
            prefix_length=host.prefix_length,
            gateway=host.gateway,
            zone=host.zone,
            tenant=host.tenant,
            site=host.site,
        )

    @classmethod
    def bare(cls, name: str, tenant: str = "lab", host_class: str = "server") -> LabHost:
        """A host that belongs to no site: only the management network."""
        return cls(name=name, tenant=tenant, host_class=host_class)

    def as_json(self) -> dict[str, Any]:
        """Plain data for the lab's state file."""
        return {name: getattr(self, name) for name in self.__slots__}


def lab_hosts(intent: Intent, hosts: Collection[Host]) -> list[LabHost]:
    """Hosts of the intent as they are in a lab that holds just them.

    Args:
        intent: the loaded intent.
        hosts: which of its hosts.
    """
    inside = {host.address for host in hosts}
    sites = {(host.tenant, host.site) for host in hosts if host.host_class == "gateway"}
    inside |= {host.gateway for host in hosts if host.gateway and (host.tenant, host.site) in sites}
    return [LabHost.from_intent(host, _without_the_outside(intent.variables(host), inside)) for host in hosts]


def _without_the_outside(variables: Mapping[str, Any], inside: Collection[str]) -> dict[str, Any]:
    """What a host's variables have to say in the lab, where only the lab's own hosts exist.

    Log and time servers outside of the lab (the data centre's, the internet's) are left out; a gateway without any time
    server declares its own clock to be the time of the site.

    Args:
        variables: the host's variables as the intent has them.
        inside: addresses that exist in the lab, gateway legs included.
    """
    logs = [address for address in variables.get("verbund_log_servers", ()) if address in inside]
    times = [address for address in variables.get("verbund_time_servers", ()) if address in inside]
    result: dict[str, Any] = {"verbund_log_servers": logs, "verbund_time_servers": times, "time_upstream_servers": []}
    if not logs:
        result["verbund_log_server_names"] = []
    return result


@dataclass(frozen=True, slots=True)
class Cable:
    """One cable: a port of a gateway to the site port of a host.

    Args:
        gateway: name of the gateway.
        port: its port, 0-based.
        host: name of the host at the other end.
        zone: the zone the cable carries (untagged).
    """

    gateway: str
    port: int
    host: str
    zone: str


def cables(hosts: Iterable[LabHost]) -> list[Cable]:
    """The cables of a set of hosts: each host of a site to the gateway of that site.

    Raises:
        UsageError: a site has two gateways.
    """
    ordered = sorted(hosts, key=lambda host: host.name)
    gateways: dict[tuple[str, str], LabHost] = {}
    for host in ordered:
        if host.host_class == "gateway" and host.address:
            other = gateways.setdefault((host.tenant, host.site), host)
            if other != host:
                raise UsageError(f"{other.name} and {host.name} are both gateways of site {host.site}")
    result: list[Cable] = []
    ports: dict[str, int] = {}
    for host in ordered:
        gateway = gateways.get((host.tenant, host.site))
        if gateway is None or host == gateway or not host.address or not host.zone:
            continue
        port = ports.get(gateway.name, 0)
        ports[gateway.name] = port + 1
        result.append(Cable(gateway.name, port, host.name, host.zone))
    return result


def mac(lab: str, host: str, port: str) -> str:
    """A stable, locally administered MAC address for a port."""
    digest = hashlib.sha256(f"{lab}/{host}/{port}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x52, 0x54, 0x00, *digest[:3]))


def bridge_name(zone: str) -> str:
    """Name of the gateway's bridge for a zone; interface names end at 15 characters (IFNAMSIZ)."""
    name = f"z-{zone}"
    return name if len(name) <= 15 else f"z-{zone[:8]}-{hashlib.sha256(zone.encode()).hexdigest()[:4]}"


@dataclass(frozen=True, slots=True)
class Seed:
    """What makes a copy of the image one certain host.

    Args:
        host: the host.
        hosts: all hosts of the lab, for the gateway's addresses and /etc/hosts.
        lab: id of the lab.
        management: address in the management network.
        machine: True for a virtual machine: ports are named by MAC address and the disk is in fstab.
        host_key: private SSH host key.
        host_key_public: its public half.
        bootstrap: public key that root lets in until the host is enrolled.
    """

    host: LabHost
    hosts: Sequence[LabHost]
    lab: str
    management: str
    machine: bool
    host_key: str
    host_key_public: str
    bootstrap: str

    def archive(self) -> bytes:
        """The seed as a tar archive, owned by root, ready to be unpacked over the image."""
        buffer = io.BytesIO()
        directories: set[str] = set()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path, (text, mode) in sorted(self.files().items()):
                for parent, parent_mode in (("root/.ssh", 0o700), ("var/lib/verbund-lab", 0o755)):
                    if path.startswith(f"{parent}/") and parent not in directories:
                        directories.add(parent)
                        entry = tarfile.TarInfo(parent)
                        entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, parent_mode, int(time.time())
                        archive.addfile(entry)
                data = text.encode()
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode, entry.mtime = len(data), mode, int(time.time())
                archive.addfile(entry, io.BytesIO(data))
        return buffer.getvalue()

    def files(self) -> dict[str, tuple[str, int]]:
        """Path within the host (no leading slash) -> text and mode."""
        files = {
            "etc/hostname": (f"{self.host.name}\n", 0o644),
            "etc/hosts": (self._hosts(), 0o644),
            "etc/ssh/ssh_host_ecdsa_key": (self.host_key, 0o600),
            "etc/ssh/ssh_host_ecdsa_key.pub": (self.host_key_public + "\n", 0o644),
            "root/.ssh/authorized_keys": (self.bootstrap + "\n", 0o600),
            "var/lib/verbund-lab/seeded": ("", 0o644),
        }
        if not self.machine:
            # Audit belongs to the kernel of the machine below; a container that fails to load rules is not broken.
            for unit in ("audit-rules.service", "auditd.service"):
                files[f"etc/systemd/system/{unit}.d/10-verbund-lab.conf"] = (
                    "[Unit]\nConditionVirtualization=!container\n",
                    0o644,
                )
        if self.machine:
            files["etc/fstab"] = ("/dev/vda / ext4 rw,relatime,errors=remount-ro 0 1\n", 0o644)
        for name, text in self._network().items():
            files[f"etc/systemd/network/{name}"] = (text, 0o644)
        return files

    def _hosts(self) -> str:
        lines = ["127.0.0.1 localhost", f"127.0.1.1 {self.host.name}", "::1 localhost ip6-localhost ip6-loopback"]
        lines += [
            f"{other.address} {other.name}"
            for other in sorted(self.hosts, key=lambda other: other.name)
            if other.address and other.name != self.host.name
        ]
        return "\n".join(lines) + "\n"

    def _network(self) -> dict[str, str]:
        ports = ["eth0"]
        files = {
            "10-eth0.network": f"[Match]\nName=eth0\n\n[Network]\nAddress={self.management}/{MANAGEMENT.prefixlen}\n"
            "LinkLocalAddressing=no\nIPv6AcceptRA=no\n"
        }
        host = self.host
        own = [cable for cable in cables(self.hosts) if cable.gateway == host.name]
        if host.host_class == "gateway" and host.address:
            zones = {host.zone or "site": f"{host.address}/{host.prefix_length}"}
            for other in sorted(self.hosts, key=lambda other: other.name):
                if other.gateway and other.zone and any(cable.host == other.name for cable in own):
                    zones.setdefault(other.zone, f"{other.gateway}/{other.prefix_length}")
            # What is not in the lab does not exist: no packet for the real networks behind the intent's addresses
            # finds its way out of the lab.
            nowhere = "".join(f"\n[Route]\nDestination={network}\nType=unreachable\n" for network in SITE_NETWORKS)
            for zone, address in zones.items():
                bridge = bridge_name(zone)
                files[f"20-{bridge}.netdev"] = f"[NetDev]\nName={bridge}\nKind=bridge\n"
                files[f"20-{bridge}.network"] = (
                    f"[Match]\nName={bridge}\n\n[Network]\nAddress={address}\nConfigureWithoutCarrier=yes\n"
                    f"IPv4Forwarding=yes\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n{nowhere}"
                )
            for cable in own:
                port = f"cable{cable.port}"
                ports.append(port)
                files[f"30-{port}.network"] = (
                    f"[Match]\nName={port}\n\n[Network]\nBridge={bridge_name(cable.zone)}\nLinkLocalAddressing=no\n"
                )
        elif host.address:
            ports.append("site0")
            routes = "".join(
                f"\n[Route]\nDestination={network}\nGateway={host.gateway}\n"
                for network in SITE_NETWORKS
                if host.gateway
            )
            files["20-site0.network"] = (
                f"[Match]\nName=site0\n\n[Network]\nAddress={host.address}/{host.prefix_length}\n"
                f"ConfigureWithoutCarrier=yes\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n{routes}"
            )
        if self.machine:
            for port in ports:
                address = mac(self.lab, host.name, port)
                files[f"05-{port}.link"] = f"[Match]\nMACAddress={address}\n\n[Link]\nName={port}\n"
        return files
