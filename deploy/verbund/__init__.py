# SPDX-License-Identifier: EUPL-1.2
"""Verbund: one standard for the schools and town halls of many municipalities."""

__version__ = "2026.1.0"
