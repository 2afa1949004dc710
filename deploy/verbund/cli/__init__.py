# SPDX-License-Identifier: EUPL-1.2
"""The command ``verbund``: one module per group of commands, registered here."""

from __future__ import annotations

from verbund.cli.main import main

__all__ = ["main"]
