# SPDX-License-Identifier: EUPL-1.2
"""The lab: real Debian hosts, as virtual machines or containers, on one machine."""

from __future__ import annotations

from verbund.lab.hosts import LabHost, lab_hosts
from verbund.lab.lab import HostStatus, Lab

__all__ = ["HostStatus", "Lab", "LabHost", "lab_hosts"]
