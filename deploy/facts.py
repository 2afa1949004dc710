# SPDX-License-Identifier: EUPL-1.2
"""Survey hosts: facts as JSON, one file per host. Reads only; needs no Python on the host.

    VERBUND_LIMIT=tenant:erkrath pyinfra -y deploy/inventory.py deploy/facts.py --data facts_dir=/tmp/facts

For admins who want to know what is there; ``verbund facts`` prints the same to standard output. Files go to
``.verbund/facts/`` unless ``facts_dir`` says otherwise.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pyinfra import host

from verbund.files import write_atomically
from verbund.inventory.pyinfra_ssh import project, read_bounded, sections, tell
from verbund.rollout import facts

_directory = Path(host.data.get("facts_dir") or project().state / "facts")
_found = facts.parse(sections(read_bounded(host, facts.SCRIPT, limit=facts.LIMIT)))
_path = _directory / f"{host.name}.json"
write_atomically(_path, json.dumps({"host": host.name, **_found}, indent=2) + "\n")
tell(host.name, "unchanged", f"facts in {_path}", path=str(_path))
