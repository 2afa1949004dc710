# SPDX-License-Identifier: EUPL-1.2
"""``python -m verbund.lab.switches``: switches to type at, on loopback, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from pathlib import Path

from verbund.lab.switches import PLATFORMS, Device, Faults, Switch


async def _run(switches: list[Switch]) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for switch in switches:
            await stack.enter_async_context(switch)
            sys.stdout.write(
                f"{switch.device.name}  {switch.device.dialect.name:<12} ssh -p {switch.port} admin@{switch.host}"
                f"   {switch.host_key}\n"
            )
        sys.stdout.flush()
        await asyncio.Event().wait()


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
    options = parser.parse_args()
    try:
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
        asyncio.run(_run(switches))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
