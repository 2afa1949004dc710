# SPDX-License-Identifier: EUPL-1.2
"""Which roles a host needs: those of controls that do not hold, and those that changed since they were applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from verbund.baseline.results import Verdict

if TYPE_CHECKING:
    from verbund.baseline.results import Results
    from verbund.rollout.ledger import Ledger

_NEEDS = {Verdict.NOT_MET, Verdict.NOT_EVALUATED, Verdict.STALE}


def drift(results: Results, role_of: Mapping[str, str], ledger: Ledger) -> dict[str, set[str]]:
    """Roles that each host needs; a host that could be asked and needs none has an empty set.

    An excepted control needs nothing: its role would leave it alone. A host that could not be asked is left out.

    Args:
        results: of a verification of the hosts just now.
        role_of: control id -> the role that enforces it.
        ledger: has looked at the hosts.
    """
    return {
        host.host: ledger.changed(host.host)
        | {role_of[found.control] for found in host.results if found.verdict in _NEEDS and found.control in role_of}
        for host in results.hosts
        if not host.error
    }
