# SPDX-License-Identifier: EUPL-1.2
"""A switch without its network: configuration now and after the next start, timers, and who is logged in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verbund.lab.switches import forwarding
from verbund.lab.switches.clock import Alarm, Clock, WallClock
from verbund.lab.switches.dialect import Dialect, Hardware
from verbund.lab.switches.faults import Faults
from verbund.lab.switches.grammar import Misunderstood
from verbund.lab.switches.registry import dialect as find_dialect
from verbund.lab.switches.session import Session
from verbund.lab.switches.state import Node, Refused

if TYPE_CHECKING:
    from verbund.lab.switches.forwarding import Address, Forwarding, Reach, Uplink


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What LLDP hears on a port.

    Attributes:
        name: system name.
        port: the port at the other end.
        chassis: its MAC address, ``00:00:5e:00:53:01``.
    """

    name: str
    port: str
    chassis: str = "00:00:5e:00:53:01"


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without management.

    Attributes:
        since: seconds since 1970.
        why: what was in the way.
        line: the line after which it began.
    """

    since: float
    why: str
    line: str


class Device:
    """A switch that holds its state.

    Args:
        platform: ``cisco_ios``, ``aruba_aoscx``, ``aruba_aoss``, ``lancom_sx`` or ``hpe_comware``.
        name: its host name; the default is the vendor's.
        ports: how many, with the vendor's names, or their names.
        startup: lines it starts with, as the dialect's configuration has them.
        uplink: where the management station is; None gets through whatever happens.
        clock: what timers and slow answers go by.
        faults: its misbehaviour.
        accounts: logins that always work, as with a RADIUS server behind the switch.
        enable_password: what `enable` asks for; empty asks for nothing.
        privileged: logins start privileged.
        neighbours: what LLDP hears.
        macs: learned addresses: (VLAN, address, port).

    Raises:
        ValueError: a line of `startup` is refused.
    """

    def __init__(
        self,
        platform: str,
        name: str | None = None,
        *,
        ports: int | Sequence[str] = 48,
        startup: str | Iterable[str] = (),
        uplink: Uplink | None = None,
        clock: Clock | None = None,
        faults: Faults | None = None,
        accounts: Mapping[str, str] | None = None,
        enable_password: str = "",
        privileged: bool = True,
        neighbours: Mapping[str, Neighbour] | None = None,
        macs: Iterable[tuple[int, str, str]] = (),
    ) -> None:
        self.dialect: Dialect = find_dialect(platform)
        self.name = name or self.dialect.default_hostname
        self.hardware = Hardware(tuple(self.dialect.default_ports(ports) if isinstance(ports, int) else ports))
        self.types = self.dialect.types(self.hardware)
        self.writers = self.dialect.writers()
        self.clock: Clock = clock or WallClock()
        self.faults = faults or Faults()
        self.accounts = dict(accounts or {"admin": "admin"})
        self.enable_password = enable_password
        self.privileged = privileged
        self.neighbours = dict(neighbours or {})
        self.macs = tuple(macs)
        self.uplink = uplink
        self.flash: dict[str, Any] = {}
        self.sessions: list[Session] = []
        self.listeners: list[Callable[[], None]] = []
        self.lines: deque[str] = deque(maxlen=5000)
        self.outages: list[Outage] = []
        self.saves = 0
        self.booting = False
        self.changed_at = self.clock.now()
        self.changed_by = "console"
        self._alarms: dict[str, Alarm] = {}
        self._due: dict[str, float] = {}
        self._quiet = True
        self.address: Address | None = None
        self.startup: list[str] | None = None
        self.startup_shown: list[str] | None = None
        lines = startup.splitlines() if isinstance(startup, str) else list(startup)
        self.root = self._built(lines, fresh=True)
        if lines:
            self.save()
            self.saves = 0
        self._boot_up()

    def _boot_up(self) -> None:
        self.booting = False
        self._quiet = False
        self.address = self._own_address()
        self.reach: Reach = forwarding.reach(self.view(), self.uplink, self.address)

    def _own_address(self) -> Address | None:
        if self.uplink is None:
            return None
        if self.uplink.address:
            return forwarding._address(self.uplink.address)  # noqa: SLF001 - one reader of addresses in the package
        svi = self.view().svis.get(self.uplink.vlan)
        return svi.addresses[0].ip if svi and svi.addresses else None

    # -- configuration --

    def _built(self, lines: Iterable[str], *, fresh: bool = False) -> Node:
        """A state made of nothing but lines, or of what a switch from its box has and lines.

        Raises:
            ValueError: the device refuses one of them.
        """
        before, quiet = getattr(self, "root", None), self._quiet
        self._quiet = True
        self.root = Node("config", "", {})
        try:
            for source in (self.dialect.factory(self) if fresh else (), lines):
                console = Session(self, None)
                console.replaying = True
                console.enter_config()
                for line in source:
                    try:
                        console.configure(line)
                    except (Misunderstood, Refused) as error:
                        what = error.kind if isinstance(error, Misunderstood) else str(error)
                        raise ValueError(
                            f"{self.name}: {self.dialect.name} refuses the line '{line}': {what}"
                        ) from None
            return self.root
        finally:
            if before is not None:
                self.root = before
            self._quiet = quiet

    def console(self) -> Session:
        """A terminal that nobody looks at, in the configuration mode; questions are answered with yes."""
        console = Session(self, None)
        console.enter_config()
        return console

    def configure(self, lines: str | Iterable[str]) -> None:
        """Type lines in the configuration mode, as from a console cable.

        Raises:
            ValueError: one is refused; the ones before it are done.
        """
        console = self.console()
        for line in lines.splitlines() if isinstance(lines, str) else lines:
            try:
                console.configure(line)
            except (Misunderstood, Refused) as error:
                what = error.kind if isinstance(error, Misunderstood) else str(error)
                raise ValueError(f"{self.name}: {self.dialect.name} refuses the line '{line}': {what}") from None

    def running_config(self) -> str:
        """The running configuration as the switch shows it, without head and tail, which hold times and counts."""
        return "\n".join(self.dialect.body(self)) + "\n"

    def kept(self) -> list[str]:
        """The running configuration with what the switch never shows."""
        return [*self.dialect.body(self, hidden=True), *self.dialect.outside(self)]

    def replace(self, lines: Iterable[str]) -> None:
        """Put another configuration in the place of the running one, as a rollback does.

        Args:
            lines: all of it; no lines at all are what the switch had in its box.
        """
        lines = list(lines)
        self.root = self._built(lines, fresh=not lines)
        self.changed("rollback")

    def save(self) -> None:
        """Keep the running configuration over the next start."""
        self.startup = self.dialect.body(self, hidden=True)
        self.startup_shown = self.dialect.running(self, self.dialect.body(self))
        self.saves += 1

    @property
    def unsaved(self) -> bool:
        """Whether the next start would bring another configuration."""
        return self.startup != self.dialect.body(self, hidden=True)

    def changed(self, line: str, by: str = "console") -> None:
        """Tell everybody that the configuration is another one now."""
        if self._quiet:
            return
        self.lines.append(line)
        self.changed_at, self.changed_by = self.clock.now(), by
        self.check_reach(line)

    def check_reach(self, line: str = "") -> None:
        """See again whether the management station gets through."""
        before = self.reach
        self.reach = forwarding.reach(self.view(), self.uplink, self.address)
        if before.logins and not self.reach.logins:
            self.outages.append(Outage(self.clock.now(), self.reach.why, line))
        if before.packets != self.reach.packets:
            self.announce()

    def announce(self) -> None:
        """Let connections notice what changed on their way."""
        for listener in list(self.listeners):
            listener()

    # -- what it does --

    def view(self) -> forwarding.View:
        """The state as forwarding sees it."""
        return self.dialect.view(self)

    def forwarding(self) -> dict[str, Forwarding]:
        """What every port lets through."""
        return forwarding.forwarding(self.view())

    def manageable(self) -> bool:
        """Whether a new login gets through."""
        return self.reach.logins and not self.booting

    @property
    def answers(self) -> bool:
        """Whether packets to the switch are answered at all."""
        return self.reach.packets and not self.booting

    # -- timers --

    def arm(self, what: str, seconds: float, action: Callable[[], None]) -> None:
        """Do something later; a timer of the same name is replaced."""
        self.disarm(what)

        def ring() -> None:
            self._alarms.pop(what, None)
            self._due.pop(what, None)
            action()

        self._alarms[what] = self.clock.after(seconds, ring)
        self._due[what] = self.clock.now() + seconds

    def disarm(self, what: str) -> bool:
        """Stop a timer; tells whether it ran."""
        alarm = self._alarms.pop(what, None)
        self._due.pop(what, None)
        if alarm is not None:
            alarm.cancel()
        return alarm is not None

    def remaining(self, what: str) -> float | None:
        """Seconds until a timer rings; None when it does not run."""
        due = self._due.get(what)
        return None if due is None else due - self.clock.now()

    def reload(self) -> None:
        """Start again from what was saved: no packet is answered for a while, all sessions are gone."""
        for what in list(self._alarms):
            self.disarm(what)
        self.booting = True
        self.announce()
        for session in list(self.sessions):
            session.vanish()
        self.dialect_reload()
        self.arm("boot", self.dialect.boot_seconds, self._after_boot)

    def dialect_reload(self) -> None:
        """Forget the running configuration."""
        outside = self.dialect.outside(self)
        self.root = self._built([*(self.startup or ()), *outside], fresh=self.startup is None)

    def _after_boot(self) -> None:
        address = self.address
        self._boot_up()
        # The station goes on asking for the address that it knows.
        self.address = address or self.address
        self.check_reach("reload")
        self.announce()
