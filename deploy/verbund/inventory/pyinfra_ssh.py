# SPDX-License-Identifier: EUPL-1.2
"""pyinfra's view of the inventory: groups, host data, and a paramiko that is fast and strict.

What paramiko does not do by itself is settled here, once: small packets are sent at once (``TCP_NODELAY``; measured:
11.3 s become 2.4 s for 100 states), host keys are checked under the host's inventory name although the lab reaches it
over a forwarded port, a host that does not know the automation account yet is reached with its bootstrap key, and where
a gateway leads to the host or only a certificate vouches for it, OpenSSH makes the way and checks both.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import paramiko
from gevent.lock import BoundedSemaphore  # type: ignore[import-untyped,unused-ignore]
from gevent.pool import Pool  # type: ignore[import-untyped,unused-ignore]
from pyinfra.api.exceptions import ConnectError
from pyinfra.connectors.ssh import SSHConnector

from verbund.files import write_atomically
from verbund.inventory.connection import ACCOUNT, Bootstrap, Connections, Route, jumps, last_words
from verbund.pki import TenantKeys
from verbund.project import Project

if TYPE_CHECKING:
    from pyinfra.api.host import Host as PyinfraHost

    from verbund.intent import Host, Intent

_MARK = "_verbund"

_DOOR = 8
"""How many logins knock at one sshd side by side: from 10 on it may refuse some (MaxStartups of role sshd, CIS)."""

_doors: dict[str, BoundedSemaphore] = {}

one_at_a_time = BoundedSemaphore()
"""For what holds a file lock: such locks know processes, but hosts are greenlets of one process."""


class OutputTooLargeError(ConnectError):
    """A host sent more than was asked for; nothing of it is used."""


def groups(intent: Intent, state: Path, limit: str | None = None) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """The selected hosts as pyinfra groups: group name to ``(host name, data)``.

    Args:
        intent: the loaded intent.
        state: the project's state directory.
        limit: which hosts, as ``intent.select`` understands it; None means all.

    Raises:
        UsageError: the limit names nothing.
    """
    prepare()
    connections = Connections.load(state)
    selected = intent.select(limit, {"lab": connections.lab})
    write_ssh_config(intent, connections, {host.tenant for host in selected})
    over = jumps(intent.hosts)
    routes = {
        host.name: connections.route(host.name, host.tenant, host.address, over.get(host.name)) for host in selected
    }
    pinned, unknown = _pin(state, routes)
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {"all": []}
    for host in selected:
        data = _data(intent, host, routes[host.name], connections, pinned)
        data["verbund_unknown"] = unknown.get(host.name)
        found["all"].append((host.name, data))
        names = [*intent.groups(host), *(["lab"] if routes[host.name].lab else [])]
        for name in names:
            found.setdefault(name, []).append((host.name, {}))
    return found


def project() -> Project:
    """The project a pyinfra deploy works on: ``$VERBUND_PROJECT``, else the checkout this package lies in.

    Raises:
        UsageError: there is none.
    """
    return Project.find(Path(os.environ.get("VERBUND_PROJECT") or Path(__file__).resolve().parent))


def write_ssh_config(intent: Intent, connections: Connections, tenants: set[str]) -> None:
    """Write the OpenSSH configuration of some tenants, making their keys if they have none yet.

    Args:
        intent: the loaded intent.
        connections: where to write.
        tenants: whose hosts.
    """
    for tenant in tenants:
        TenantKeys.ensure(connections.state, tenant)
    connections.prepare_tenants(intent, tenants)


def prepare() -> None:
    """Make paramiko send at once, and pyinfra fall back to the bootstrap key. Safe to call again."""
    if not hasattr(paramiko.Transport.__init__, _MARK):
        setattr(paramiko.Transport, "__init__", _sending_at_once(paramiko.Transport.__init__))  # noqa: B010
    if not hasattr(SSHConnector.connect, _MARK):
        setattr(SSHConnector, "connect", _with_bootstrap(SSHConnector.connect))  # noqa: B010


def read_bounded(host: PyinfraHost, script: str, *, limit: int, timeout: float = 120.0) -> bytes:
    """Run a POSIX shell script as root on a host and read its output, however much the host tries to send.

    The script travels over standard input, so nothing of it stands in a process list.

    Args:
        host: a connected pyinfra host.
        script: the script.
        limit: most bytes to accept.
        timeout: most seconds to wait for the next output, and for the whole run.

    Raises:
        OutputTooLargeError: the host sent more than ``limit`` bytes.
        ConnectError: the host is not reached over SSH, fell silent, or the script failed.
    """
    client = getattr(host.connector, "client", None)
    transport = client.get_transport() if client is not None else None
    if transport is None:
        raise ConnectError(f"{host.name}: this needs an SSH connection")
    deadline = time.monotonic() + timeout
    try:
        channel = transport.open_session(timeout=timeout)
        channel.settimeout(timeout)
        channel.exec_command("exec sudo -n sh -s" if host.data.get("_sudo") else "exec sh -s")
        channel.sendall(script.encode())
        channel.shutdown_write()
        received = bytearray()
        while block := channel.recv(65536):
            received += block
            if len(received) > limit:
                raise OutputTooLargeError(f"{host.name} sent more than {limit} bytes; its answer is not used")
            if time.monotonic() > deadline:
                raise ConnectError(f"{host.name} did not finish within {timeout:.0f} s")
        status = channel.recv_exit_status()
        if status != 0:
            words = channel.recv_stderr(2000).decode(errors="replace").strip()
            raise ConnectError(f"{host.name}: the command ended with status {status}: {words}")
        return bytes(received)
    except (TimeoutError, paramiko.SSHException, OSError) as error:
        raise ConnectError(f"{host.name} fell silent: {error or type(error).__name__}") from error


def sections(output: bytes) -> dict[str, str]:
    """Decode lines of ``name:base64`` as the probe scripts write them; anything else is ignored.

    Args:
        output: what ``read_bounded`` returned.
    """
    found: dict[str, str] = {}
    for line in output.decode(errors="replace").splitlines():
        name, colon, value = line.partition(":")
        if not colon or name in found:
            continue
        try:
            found[name] = base64.b64decode(value, validate=True).decode(errors="replace")
        except ValueError:
            continue
    return found


def tell(host: str, event: str, text: str = "", **more: Any) -> None:
    """Tell the calling ``verbund`` command what became of a host; nothing without ``$VERBUND_EVENTS``.

    Args:
        host: inventory name.
        event: ``connected``, ``unreachable``, ``changed``, ``unchanged`` or ``failed``.
        text: plain sentence for the admin.
        more: further JSON values.
    """
    if path := os.environ.get("VERBUND_EVENTS"):
        line = json.dumps({"host": host, "event": event, "text": text[:2000], **more})
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")


def _data(intent: Intent, host: Host, route: Route, connections: Connections, pinned: Path) -> dict[str, Any]:
    data = {**intent.variables(host), **connections.lab.get(host.name, {})}
    data |= {
        "ssh_hostname": route.address,
        "ssh_port": route.port,
        # Everything stands here; what an admin's own configuration says is meant for the admin.
        "ssh_config_file": os.devnull,
        "verbund_route": route,
        "ssh_known_hosts_file": str(pinned),
        "ssh_strict_host_key_checking": "yes",
        "ssh_user": ACCOUNT,
        "ssh_key": str(route.identity),
        "verbund_bootstrap": connections.bootstrap_for(host.name),
        "_sudo": True,
    }
    return data


def _pin(state: Path, routes: Mapping[str, Route]) -> tuple[Path, dict[str, str]]:
    """A known-hosts file for paramiko, which knows neither host certificates nor ``HostKeyAlias``.

    Takes each host's pinned keys from the file OpenSSH uses and writes them under the address that paramiko will ask
    for. For a host that has none OpenSSH is asked, which believes its certificate. The name of the file depends on its
    content, so runs side by side do not disturb each other.

    Returns:
        the file, and for each host whose key cannot be known, why.
    """
    trusted: dict[Path, paramiko.HostKeys] = {}
    pinned = paramiko.HostKeys()
    strangers = []
    for route in routes.values():
        if route.known_hosts not in trusted:
            trusted[route.known_hosts] = _plain_keys(route.known_hosts)
        asked = _asked(route)
        known = False
        for name in (asked, route.address if route.port == 22 else asked, route.name):
            for kind, key in (trusted[route.known_hosts].lookup(name) or {}).items():
                pinned.add(asked, kind, key)
                known = True
        if not known:
            strangers.append(route)
    unknown = {}
    for route, (line, why) in zip(strangers, Pool(_DOOR).map(Route.certified_key, strangers), strict=True):
        entry = paramiko.hostkeys.HostKeyEntry.from_line(f"{_asked(route)} {line}") if line else None
        if entry is not None and entry.key is not None:
            pinned.add(_asked(route), entry.key.get_name(), entry.key)
        else:
            unknown[route.name] = (
                f"its host key cannot be checked: {why or 'it sent something else'}; a new host needs a line "
                f"'{route.name} KEY' in {route.known_hosts}"
            )
    lines = []
    for name, keys in pinned.items():
        lines += [f"{name} {kind} {key.get_base64()}\n" for kind, key in keys.items()]
    text = "".join(lines)
    path = state / "cache" / f"known_hosts-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    write_atomically(path, text)
    return path, unknown


def _asked(route: Route) -> str:
    """Under which name paramiko looks for a host's key."""
    return route.address if route.port == 22 else f"[{route.address}]:{route.port}"


def _plain_keys(path: Path) -> paramiko.HostKeys:
    """The pinned keys of a known-hosts file; lines with a marker (``@cert-authority``, ``@revoked``) are OpenSSH's."""
    keys = paramiko.HostKeys()
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for line in lines:
        if line.strip() and not line.startswith(("#", "@")):
            with contextlib.suppress(paramiko.hostkeys.InvalidHostKey):
                entry = paramiko.hostkeys.HostKeyEntry.from_line(line)
                if entry is not None and entry.key is not None:
                    for name in entry.hostnames:
                        keys.add(name, entry.key.get_name(), entry.key)
    return keys


def _sending_at_once(original: Any) -> Any:
    @functools.wraps(original)
    def init(self: paramiko.Transport, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        connection = self.sock
        if isinstance(connection, socket.socket) and connection.family in {socket.AF_INET, socket.AF_INET6}:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    setattr(init, _MARK, True)
    return init


def _with_bootstrap(original: Any) -> Any:
    @functools.wraps(original)
    def connect(self: Any) -> None:
        host = self.host
        try:
            try:
                _connect(self, original)
            except ConnectError as error:
                bootstrap: Bootstrap | None = host.data.get("verbund_bootstrap")
                if bootstrap is None or not str(error).startswith("Authentication error"):
                    raise
                self.data["ssh_user"] = bootstrap.user
                self.data["ssh_key"] = str(bootstrap.key)
                host.data._sudo = bootstrap.user != "root"  # noqa: SLF001 - pyinfra's name for the argument
                _connect(self, original)
        except ConnectError as error:
            tell(host.name, "unreachable", str(error))
            raise
        tell(host.name, "connected")

    setattr(connect, _MARK, True)
    return connect


def _connect(connector: Any, original: Any) -> None:
    """Connect, through the gateway where one leads to the host.

    Raises:
        ConnectError: why not: the host's key is not known, or with what the gateway's ssh said, if that is why.
    """
    if unknown := connector.host.data.get("verbund_unknown"):
        raise ConnectError(unknown)
    route: Route | None = connector.host.data.get("verbund_route")
    call = route.tunnel() if route else None
    if route is None or call is None:
        original(connector)
        return
    ours, theirs = socket.socketpair()
    with _doors.setdefault(str(route.jump), BoundedSemaphore(_DOOR)):
        with theirs:
            # It ends by itself when paramiko, or all of this, lets go of the other end of the socket.
            way = subprocess.Popen(call, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.PIPE)
        connector.data["ssh_paramiko_connect_kwargs"] = {"sock": ours}
        try:
            original(connector)
        except ConnectError as error:
            ours.close()
            way.terminate()
            said = last_words(way.communicate()[1])
            if said and str(error).startswith("SSH error"):
                raise ConnectError(f"{route.jump} does not lead to it: {said}") from error
            raise
