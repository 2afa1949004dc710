# SPDX-License-Identifier: EUPL-1.2
"""Which VLAN passes which port, and whether the management station still gets through: pure functions of the state.

The dialects reduce their configuration to a `View`; everything here works on that and on nothing else, so that a test,
a bridge of the lab or a probe can ask the same question of every vendor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Literal

Interface = IPv4Interface | IPv6Interface
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class PortView:
    """What the configuration says of a port or a bundle of ports.

    Attributes:
        enabled: administratively up.
        mode: how frames are told apart; ``routed`` ports carry no VLAN.
        access: untagged VLAN in mode access.
        native: VLAN of untagged frames in mode trunk and hybrid; None drops them.
        native_tagged: the native VLAN goes out tagged and untagged frames are dropped.
        allowed: VLANs a trunk carries; None carries all.
        untagged: mode hybrid: VLANs that leave untagged.
        tagged: mode hybrid: VLANs that leave tagged.
        voice: VLAN of the telephone, tagged on an access port.
        bundle: the port channel this port is a member of; its VLANs are the bundle's.
        guarded: nothing passes before 802.1X or MAC authentication says so.
        description: free text.
    """

    enabled: bool = True
    mode: Literal["access", "trunk", "hybrid", "routed"] = "access"
    access: int = 1
    native: int | None = 1
    native_tagged: bool = False
    allowed: frozenset[int] | None = None
    untagged: frozenset[int] = frozenset()
    tagged: frozenset[int] = frozenset()
    voice: int | None = None
    bundle: str | None = None
    guarded: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class VlanView:
    """A VLAN that exists on the switch."""

    name: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class SviView:
    """The switch's own interface in a VLAN."""

    addresses: tuple[Interface, ...] = ()
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class View:
    """All that matters for frames and for management.

    Attributes:
        vlans: existing VLANs.
        ports: ports and bundles by name.
        svis: the switch's own interfaces by VLAN.
        gateways: next hops of default routes.
        ssh: the SSH server runs.
        permitted: networks from which a login may start; None means from everywhere.
        dropped: whether the filter drops every packet from elsewhere (the session stalls) or only new logins.
        trunks_need_vlan: a trunk carries only VLANs that exist; on some systems only access ports care.
    """

    vlans: Mapping[int, VlanView] = field(default_factory=dict)
    ports: Mapping[str, PortView] = field(default_factory=dict)
    svis: Mapping[int, SviView] = field(default_factory=dict)
    gateways: tuple[Address, ...] = ()
    ssh: bool = True
    permitted: tuple[Network, ...] | None = None
    dropped: bool = False
    trunks_need_vlan: bool = True

    def active(self, vlan: int | None) -> bool:
        """Whether a VLAN exists and is not shut."""
        found = self.vlans.get(vlan) if vlan is not None else None
        return found is not None and found.active


@dataclass(frozen=True, slots=True)
class Forwarding:
    """What a port lets through.

    Attributes:
        up: the port is enabled (and its bundle is).
        pvid: VLAN that an untagged frame coming in belongs to; None drops it.
        untagged: VLANs that leave without a tag.
        tagged: VLANs that come in and leave with a tag.
        guarded: only after authentication.
    """

    up: bool
    pvid: int | None
    untagged: frozenset[int]
    tagged: frozenset[int]
    guarded: bool = False

    @property
    def vlans(self) -> frozenset[int]:
        """All VLANs that pass."""
        return self.untagged | self.tagged


CLOSED = Forwarding(up=False, pvid=None, untagged=frozenset(), tagged=frozenset())


def forwarding(view: View) -> dict[str, Forwarding]:
    """What every port and bundle lets through."""
    return {name: passes(view, name) for name in view.ports}


def passes(view: View, name: str) -> Forwarding:
    """What one port or bundle lets through; a member of a bundle has the bundle's VLANs."""
    port = view.ports.get(name)
    if port is None:
        return CLOSED
    if port.bundle is None:
        return _port(port, view)
    bundle = view.ports.get(port.bundle)
    return CLOSED if bundle is None or not port.enabled else _port(bundle, view)


def _port(port: PortView, view: View) -> Forwarding:
    existing = frozenset(vlan for vlan, found in view.vlans.items() if found.active)
    if not port.enabled or port.mode == "routed":
        return CLOSED if not port.enabled else Forwarding(up=True, pvid=None, untagged=frozenset(), tagged=frozenset())
    if port.mode == "access":
        untagged = frozenset({port.access}) & existing
        tagged = (frozenset({port.voice}) & existing) - untagged if port.voice is not None else frozenset()
        return Forwarding(
            up=True, pvid=next(iter(untagged), None), untagged=untagged, tagged=tagged, guarded=port.guarded
        )
    if port.mode == "hybrid":
        untagged, tagged = port.untagged & existing, (port.tagged & existing) - port.untagged
        pvid = port.native if port.native in untagged | tagged else None
        return Forwarding(up=True, pvid=pvid, untagged=untagged, tagged=tagged, guarded=port.guarded)
    carried = _carried(port, view, existing)
    if port.native is None or port.native not in carried:
        return Forwarding(up=True, pvid=None, untagged=frozenset(), tagged=carried, guarded=port.guarded)
    if port.native_tagged:
        return Forwarding(up=True, pvid=None, untagged=frozenset(), tagged=carried, guarded=port.guarded)
    native = frozenset({port.native})
    return Forwarding(up=True, pvid=port.native, untagged=native, tagged=carried - native, guarded=port.guarded)


def _carried(port: PortView, view: View, existing: frozenset[int]) -> frozenset[int]:
    if port.allowed is None:
        return existing
    return port.allowed & existing if view.trunks_need_vlan else port.allowed


@dataclass(frozen=True, slots=True)
class Uplink:
    """Where the management station's frames come in.

    Attributes:
        port: the port (a member of a bundle or not).
        vlan: the management VLAN as the other end of the cable has it.
        tagged: whether its frames come with a tag.
        controller: the address the management station is seen with.
        address: the switch's own address; None takes the one it had in that VLAN when it started.
    """

    port: str
    vlan: int
    tagged: bool = True
    controller: str = "10.0.0.10"
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether the management station gets through.

    Attributes:
        packets: its packets reach the switch and the answers come back; else sessions stall.
        logins: a new login may start.
        why: what is in the way; empty when nothing is.
    """

    packets: bool
    logins: bool
    why: str = ""


def reach(view: View, uplink: Uplink | None, address: Address | None) -> Reach:
    """Whether management works, and what is in the way.

    Args:
        view: the state of the switch.
        uplink: where the station is; None is a console server that always gets through.
        address: the address that it talks to.
    """
    blocked = _path(view, uplink, address) if uplink else ""
    if blocked:
        return Reach(packets=False, logins=False, why=blocked)
    if not view.ssh:
        return Reach(packets=True, logins=False, why="the SSH server is off")
    if uplink and view.permitted is not None:
        controller = _address(uplink.controller)
        if not any(controller.version == network.version and controller in network for network in view.permitted):
            why = f"the access list does not permit {controller}"
            return Reach(packets=not view.dropped, logins=False, why=why)
    return Reach(packets=True, logins=True)


def _address(text: str) -> Address:
    return IPv6Address(text) if ":" in text else IPv4Address(text)


def _path(view: View, uplink: Uplink, address: Address | None) -> str:  # noqa: PLR0911 - each is one obstacle
    port = passes(view, uplink.port)
    if not port.up:
        return f"port {uplink.port} is down"
    if uplink.tagged:
        vlan = uplink.vlan if uplink.vlan in port.tagged else None
    else:
        vlan = port.pvid if port.pvid in port.untagged else None
    if vlan is None:
        kind = "tagged" if uplink.tagged else "untagged"
        return f"VLAN {uplink.vlan} does not pass port {uplink.port} {kind}"
    svi = view.svis.get(vlan)
    if svi is None or not view.active(vlan):
        return f"the switch has no interface in VLAN {vlan}"
    if not svi.enabled:
        return f"the interface in VLAN {vlan} is shut"
    own = [interface for interface in svi.addresses if address is None or interface.ip == address]
    if not own:
        return f"the address {address} is not on VLAN {vlan}" if address else f"no address on VLAN {vlan}"
    controller = _address(uplink.controller)
    if any(interface.version == controller.version and controller in interface.network for interface in own):
        return ""
    if any(gateway in interface.network for interface in own for gateway in view.gateways):
        return ""
    return f"no way back to {controller}"
