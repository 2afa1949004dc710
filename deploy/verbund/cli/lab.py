# SPDX-License-Identifier: EUPL-1.2
"""Commands of the lab."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
