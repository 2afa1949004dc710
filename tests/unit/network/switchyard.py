# SPDX-License-Identifier: EUPL-1.2
"""Test switches that run the sample configuration, and what the push tests do with them again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sample

from verbund.lab.switches import Device, Farm, Faults, HandClock, Uplink
from verbund.network import diff, render, structured
from verbund.network.push import engine
from verbund.network.push.secrets import Secrets
from verbund.network.push.store import Store
from verbund.network.push.terminal import Login

ROOT = Path(__file__).resolve().parents[3]
SECRET = "Geheim-12345678"
ENVIRONMENT = {
    f"VERBUND_SECRET_{name}": SECRET for name in ("SWITCH_NOTFALL", "RADIUS_ERK_GGS", "SNMP_AUTH", "SNMP_PRIV")
}


def configuration(platform: str, change: Callable[[dict[str, Any]], None] | None = None) -> structured.DeviceConfig:
    plain = sample.plain(platform)
    plain["ports"][2]["isolated"] = False
    if change:
        change(plain)
    return structured.parse(plain)


def other(plain: dict[str, Any]) -> None:
    """What most tests change: a VLAN more, a port elsewhere, a VLAN less on a trunk."""
    plain["vlans"].insert(5, {"id": 30, "name": "werkstatt"})
    plain["channels"][0]["tagged"] = "10,20-22,30,80,98"
    plain["ports"][4] = {"name": plain["ports"][4]["name"], "description": "Labor", "access": 30}
    plain["ports"][9]["tagged"] = "10,30"


def fresh(platform: str, clock: HandClock, faults: Faults | None = None, *, archive: bool = True) -> Device:
    """A switch that runs and has saved the sample."""
    names = [port.name for port in sample.sample(platform).ports]
    if platform == "lancom_sx":
        names = [name.replace("GigabitEthernet", "GigabitEthernet ") for name in names]
    device = Device(platform, "sw1", ports=names, clock=clock)
    console = device.console()
    start = render.render(configuration(platform), ROOT).text
    lines = diff.plan(platform, device.running_config(), start, secrets=True).lines(lambda _: SECRET)
    if platform == "cisco_ios" and archive:
        lines += ["archive", "path flash:verbund", "exit"]
    for line in lines:
        for part in line.split("\n"):
            console.configure(part)
    device.save()
    device.saves = 0
    device.uplink = Uplink(device.hardware.ports[10], 10, controller="10.0.8.5", address="10.32.10.11")
    device.address = device._own_address()
    device.check_reach()
    device.outages.clear()
    assert device.manageable(), device.reach.why
    if faults:
        device.faults = faults
    return device


@dataclass
class Yard:
    """One switch, and everything to push to it."""

    device: Device
    farm: Farm
    clock: HandClock
    store: Store
    keys: tuple[str, ...] = ()
    seconds: float = 1.0
    steps: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=lambda: dict(ENVIRONMENT))

    def task(self, change: Callable[[dict[str, Any]], None] | None = other) -> engine.Task:
        platform: Any = self.device.dialect.name
        config = configuration(platform, change)
        switch = self.farm["sw1"]
        login = Login(
            "sw1", platform, switch.host, switch.port, "admin", "admin", self.keys or (switch.host_key,),
            legacy=self.device.faults.legacy_ssh, seconds=self.seconds, save_seconds=2.0,
        )  # fmt: skip
        return engine.Task(login, "erkrath/ggs", render.render(config, ROOT).text, config.management)

    def pause(self, seconds: float) -> bool:
        """Time passes for the switch, and a moment for the sockets."""
        time.sleep(0.05)
        self.farm.advance(self.clock, seconds)
        return False

    def push(self, change: Callable[[dict[str, Any]], None] | None = other, **options: Any) -> engine.Result:
        options.setdefault("pause", self.pause)
        return engine.push(
            self.task(change), engine.Options(**options), Secrets(environment=self.environment), self.store,
            self.steps.append,
        )  # fmt: skip


@contextmanager
def yard(platform: str, path: Path, faults: Faults | None = None, **more: Any) -> Iterator[Yard]:
    clock = HandClock()
    device = fresh(platform, clock, faults, **more)
    with Farm([device]) as farm:
        yield Yard(device, farm, clock, Store(path / "network"))
