# SPDX-License-Identifier: EUPL-1.2
"""Isolate hosts by nftables except from their gateway's management address, or release them again.

    VERBUND_LIMIT=gse-r101-pc01 pyinfra -y deploy/inventory.py deploy/quarantine.py
    VERBUND_LIMIT=gse-r101-pc01 pyinfra -y deploy/inventory.py deploy/quarantine.py --data release=yes

For admins who suspect a host; ``verbund quarantine`` and ``verbund release`` run the same. It survives a
reboot. The host undoes it by itself after two minutes unless the controller comes back over a new connection.
"""

import base64
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pyinfra import host
from pyinfra.api.exceptions import ConnectError, OperationError
from pyinfra.operations import python

from verbund.inventory import Connections
from verbund.inventory.pyinfra_ssh import project, read_bounded, sections, tell
from verbund.rollout import quarantine as q

_connections = Connections.load(project().state)


def _fail(text):
    tell(host.name, "failed", text)
    raise OperationError(text)


def _run(script, done):
    try:
        read_bounded(host, script, limit=q.LIMIT)
    except ConnectError as error:
        _fail(str(error))
    if done:
        tell(host.name, "changed", done)


def _confirm():
    route = _connections.route(host.name, host.data.verbund_tenant, host.data.verbund_address)
    script = base64.b64encode(q.confirm_script().encode()).decode()
    worked, said = route.answers(f"echo {script} | base64 -d | sudo -n sh")
    if not worked:
        _fail(
            f"{host.name} could not be reached over a new connection ({said}); "
            f"it takes its isolation away by itself within {q.UNDO_AFTER} s"
        )
    tell(host.name, "changed", "isolated")


_release = str(host.data.get("release") or "no").lower() in {"yes", "true", "1"}
_seen = sections(read_bounded(host, q.PROBE, limit=q.LIMIT))
if _release:
    if any(_seen.get(key, "").strip() for key in ("live", "rules")) or _seen.get("enabled", "").strip() == "enabled":
        python.call(name="Take the isolation away", function=_run, script=q.release_script(), done="released")
    else:
        tell(host.name, "unchanged", "not isolated")
else:
    try:
        _networks = q.sources(host.data.dict())
        q.require(_networks, _seen)
    except q.NotPossibleError as error:
        _fail(f"{host.name} was not isolated: {error}")
    _text = q.rules(_networks, [int(port) for port in _seen.get("ports", "").split() if port.isdigit()] or [22])
    if q.isolated(_text, _seen):
        tell(host.name, "unchanged", "already isolated")
    else:
        python.call(name="Isolate the host, with a way back", function=_run, script=q.isolate_script(_text), done="")
        python.call(name="Come back over a new connection and confirm", function=_confirm)
