# SPDX-License-Identifier: EUPL-1.2
"""The dialects by platform name; each table is read once per process."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verbund.lab.switches.dialect import Dialect

PLATFORMS = ("cisco_ios", "aruba_aoscx", "aruba_aoss", "lancom_sx", "hpe_comware")


@cache
def dialect(platform: str) -> Dialect:
    """The dialect of a platform.

    Raises:
        ValueError: there is none.
    """
    if platform not in PLATFORMS:
        raise ValueError(f"no dialect {platform}, there are {', '.join(PLATFORMS)}")
    found: Dialect = import_module(f"verbund.lab.switches.{platform}").DIALECT()
    return found
