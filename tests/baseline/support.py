# SPDX-License-Identifier: EUPL-1.2
"""What the checks of the baseline share: small readers for the plain-text output of system tools."""

from __future__ import annotations

from typing import NoReturn

import pytest


def lines(text: str) -> list[str]:
    """The lines that say something: stripped, without empty ones and without ``#`` comments.

    Args:
        text: output of a command, or a configuration file.
    """
    stripped = (line.strip() for line in text.splitlines())
    return [line for line in stripped if line and not line.startswith("#")]


def settings_of(text: str, separator: str | None = None) -> dict[str, str]:
    """Read ``key value`` or ``key=value`` lines; where a key stands twice the last one wins.

    Args:
        text: output such as that of ``sshd -T``, ``sysctl -a`` or ``systemctl show``.
        separator: what stands between key and value; default: white space.
    """
    found: dict[str, str] = {}
    for line in lines(text):
        key, *rest = line.split(separator, 1)
        found[key.strip()] = rest[0].strip() if rest else ""
    return found


def not_applicable(why: str) -> NoReturn:
    """End the check with the verdict ``not applicable``.

    Args:
        why: the reason, for readers of the report.
    """
    pytest.skip(f"not applicable: {why}")
