# SPDX-License-Identifier: EUPL-1.2
"""The main job, end to end."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
