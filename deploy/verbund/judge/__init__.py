# SPDX-License-Identifier: EUPL-1.2
"""Other people's judges on hosts of the lab: OpenSCAP with the CIS profiles of Debian's data stream, and ssh-audit.

They know nothing of our controls, which is their worth: what they find is either a gap, or it fails on purpose and the
reason stands in ``reasons.yml``.
"""

from verbund.judge.kit import Kit
from verbund.judge.openscap import PROFILES, About, Profile, ask
from verbund.judge.openscap import judge as judge_cis
from verbund.judge.reasons import Judgement, Reason, lint, load, weigh
from verbund.judge.reasons import file as reasons_file
from verbund.judge.reasons import markdown as reasons_markdown
from verbund.judge.results import Outcome, RuleResult, read
from verbund.judge.ssh_audit import HARDENED, Policy, SshFinding, listed
from verbund.judge.ssh_audit import judge as judge_ssh

__all__ = [
    "HARDENED",
    "PROFILES",
    "About",
    "Judgement",
    "Kit",
    "Outcome",
    "Policy",
    "Profile",
    "Reason",
    "RuleResult",
    "SshFinding",
    "ask",
    "judge_cis",
    "judge_ssh",
    "lint",
    "listed",
    "load",
    "read",
    "reasons_file",
    "reasons_markdown",
    "weigh",
]
