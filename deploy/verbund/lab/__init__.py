# SPDX-License-Identifier: EUPL-1.2
"""Real Debian hosts on one machine: virtual machines and containers."""
