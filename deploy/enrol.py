# SPDX-License-Identifier: EUPL-1.2
"""Day 0: make a bare host (sshd and one bootstrap key) a managed one. The host needs no Python for it.

    VERBUND_LIMIT=site:grundschule pyinfra -y deploy/inventory.py deploy/enrol.py

For admins of a new site; ``verbund enrol`` runs the same with progress. The bootstrap key is removed only after a new
connection with a certificate, as the automation account and with sudo, has worked; until then it stays and the host can
be enrolled again. A second run changes nothing.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pyinfra import host
from pyinfra.api.exceptions import ConnectError, OperationError
from pyinfra.operations import python

from verbund.inventory import Connections
from verbund.inventory.pyinfra_ssh import one_at_a_time, project, read_bounded, sections, tell
from verbund.lab import Lab
from verbund.pki import TenantKeys
from verbund.rollout import enrolment as e

_state = project().state
_connections = Connections.load(_state)


def _wanted():
    keys = TenantKeys.ensure(_state, host.data.verbund_tenant)
    bootstrap = _connections.bootstrap_for(host.name)
    return e.Wanted(
        name=host.name,
        address=host.data.verbund_address,
        user_ca=keys.user_ca_public,
        host_ca=keys.host_ca_public,
        tls_ca=keys.tls_ca,
        stamp={
            "release": str(host.data.verbund_release),
            "tenant": host.data.verbund_tenant,
            "site": host.data.verbund_site,
            "host_class": host.data.verbund_host_class,
            "profile": host.data.get("verbund_profile") or "",
        },
        bootstrap=bootstrap.public_key() if bootstrap else None,
        bootstrap_user=bootstrap.user if bootstrap else "root",
    )


def _probe(wanted):
    seen = sections(read_bounded(host, wanted.probe(), limit=e.PROBE_LIMIT))
    if "done" not in seen:
        raise OperationError(f"{host.name} answered the probe with something else; it was left as it is")
    return seen


def _run(script):
    """Run a script as root; a failure ends this host's enrolment, not the others'."""
    try:
        read_bounded(host, script, limit=e.PROBE_LIMIT, timeout=900)
    except ConnectError as error:
        _fail(str(error))


def _fail(text):
    tell(host.name, "failed", text)
    raise OperationError(text)


def _sign(wanted):
    """Sign what the host showed over the pinned connection; no private key travels."""
    seen = _probe(wanted)
    keys = TenantKeys.ensure(_state, host.data.verbund_tenant)
    try:
        certificate = keys.sign_host(seen[f"{e.HOST_KEY}.pub"], [wanted.name, wanted.address])
        tls = keys.issue_tls(wanted.name, [wanted.address], seen["tls_public"])
    except KeyError as missing:
        _fail(f"{host.name} shows no {missing}; sshd or openssl on it is not usable")
    _run(e.trust_script(wanted, certificate, tls.certificate))


def _confirm(wanted):
    """Nobody is locked out: a new connection must work before the bootstrap key goes."""
    route = _connections.route(host.name, host.data.verbund_tenant, wanted.address)
    worked, said = route.answers("sudo -n true", require_certificate=True)
    if not worked:
        _fail(
            f"{host.name} does not accept a new connection as 'verbund' with a certificate: {said or 'sudo refused'}. "
            "Its bootstrap key was left in place; put the cause right and enrol it again."
        )


def _tell_lab():
    """The lab reaches an enrolled host as the automation from now on."""
    if host.data.get("ansible_user") == "root" and host.name in _connections.lab:
        with one_at_a_time:
            Lab(_state).mark_enrolled(host.name)


def _finish(wanted):
    left = e.lacks(_probe(wanted), wanted)
    if left:
        _fail(f"{host.name} still lacks: {', '.join(left)}")
    _tell_lab()
    tell(host.name, "changed", "enrolled")


_want = _wanted()
_seen = _probe(_want)
_missing = e.lacks(_seen, _want)
if "packages" in _missing:
    python.call(
        name="Install what the automation needs (python3, sudo, openssl)",
        function=_run,
        script=e.packages_script(_seen["packages"]),
    )
if "account" in _missing or _seen.get(e.SUDOERS) != e.FIXED[e.SUDOERS]:
    python.call(name="Make the automation account and its sudo rule", function=_run, script=e.account_script())
if "keys" in _missing:
    python.call(name="Make the host's keys, which never leave it", function=_run, script=e.keys_script())
if {"keys", "trust"} & set(_missing):
    python.call(name="Trust the tenant's user CA and show signed certificates", function=_sign, wanted=_want)
if "stamp" in _missing:
    python.call(
        name="Note release and place on the host",
        function=_run,
        script=e.stamp_script(_want, datetime.now(UTC).astimezone().date().isoformat()),
    )
if _missing:
    python.call(name="Prove a new connection with certificate and sudo", function=_confirm, wanted=_want)
if "bootstrap" in _missing:
    python.call(name="Remove the bootstrap key", function=_run, script=e.bootstrap_script(_want))
if _missing:
    # After the bootstrap key is gone this connection, opened with it, still lives; the next one cannot.
    python.call(name="Check that nothing is missing", function=_finish, wanted=_want)
else:
    _tell_lab()
    tell(host.name, "unchanged", "already enrolled")
