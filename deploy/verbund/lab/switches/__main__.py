# SPDX-License-Identifier: EUPL-1.2
"""``python -m verbund.lab.switches``: switches to type at, on loopback, until Ctrl-C.

With ``--rendered DIR --endpoints FILE`` they stand in for the switches of a site: one from its box for each file that
``verbund net render SITE --out DIR`` wrote, and ``VERBUND_SWITCHES=FILE`` makes ``verbund net`` find them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import sys
from pathlib import Path

import yaml

from verbund.files import write_atomically
from verbund.lab.switches import PLATFORMS, Device, Faults, Switch
from verbund.network import structured


async def _run(switches: list[Switch], endpoints: Path | None) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for switch in switches:
            await stack.enter_async_context(switch)
        if endpoints is not None:
            known = {
                switch.device.name: {"host": switch.host, "port": switch.port, "host_key": switch.host_key}
                for switch in switches
            }
            write_atomically(endpoints, yaml.safe_dump(known))
        for switch in switches:
            sys.stdout.write(
                f"{switch.device.name}  {switch.device.dialect.name:<12} ssh -p {switch.port} admin@{switch.host}"
                f"   {switch.host_key}\n"
            )
        sys.stdout.flush()
        await asyncio.Event().wait()


def _rendered(folder: Path, faults: Faults) -> list[Switch]:
    """One switch from its box for each structured configuration of a directory whose platform there is."""
    switches = []
    for file in sorted(folder.glob("*.yml")):
        config = structured.parse(yaml.safe_load(file.read_text(encoding="utf-8")))
        if config.platform in PLATFORMS:
            names = [port.name for port in config.ports]
            if config.platform == "lancom_sx":  # it writes and reads the number apart
                names = [re.sub(r"(?<=[a-z])(?=[0-9]+/)", " ", name) for name in names]
            switches.append(Switch(Device(config.platform, config.name, ports=names, faults=faults)))
    if not switches:
        raise ValueError(f"{folder}: holds no configuration that 'verbund net render --out' wrote")
    return switches


def main() -> int:
    """Run switches; the password of admin is admin.

    Returns:
        The exit code: 2 for a configuration that the switch refuses.
    """
    parser = argparse.ArgumentParser(prog="python -m verbund.lab.switches", description=__doc__)
    parser.add_argument("--platform", choices=PLATFORMS, action="append", help="one switch each; default one of all")
    parser.add_argument("--ports", type=int, default=48, help="how many ports each has")
    parser.add_argument("--startup", type=Path, help="a file with the configuration that each starts with")
    parser.add_argument("--first-port", type=int, default=0, help="TCP port of the first one; default free ones")
    parser.add_argument("--legacy-ssh", action="store_true", help="old key exchange and host keys only")
    parser.add_argument("--rendered", type=Path, help="directory of 'verbund net render --out': one for each file")
    parser.add_argument("--endpoints", type=Path, help="write where they listen to this file, for $VERBUND_SWITCHES")
    options = parser.parse_args()
    try:
        if options.rendered:
            asyncio.run(_run(_rendered(options.rendered, Faults(legacy_ssh=options.legacy_ssh)), options.endpoints))
        startup = options.startup.read_text(encoding="utf-8") if options.startup else ""
        switches = [
            Switch(
                Device(
                    platform,
                    f"sw{number}",
                    ports=options.ports,
                    startup=startup,
                    faults=Faults(legacy_ssh=options.legacy_ssh),
                ),
                port=options.first_port + number - 1 if options.first_port else 0,
            )
            for number, platform in enumerate(options.platform or PLATFORMS, start=1)
        ]
        asyncio.run(_run(switches, options.endpoints))
    except (ValueError, OSError, KeyError, yaml.YAMLError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
