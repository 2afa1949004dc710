# SPDX-License-Identifier: EUPL-1.2
"""A switch on a TCP port of this machine, over SSH."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import asyncssh

from verbund.lab.switches.session import Session
from verbund.lab.switches.wire import Wire

if TYPE_CHECKING:
    from types import TracebackType

    from verbund.lab.switches.device import Device

# RFC 4253: what old switches have and nothing better. Their ciphers are CBC or CTR, never GCM.
_LEGACY: dict[str, Any] = {
    "kex_algs": ["diffie-hellman-group14-sha1"],
    "encryption_algs": ["aes128-ctr", "aes128-cbc", "3des-cbc"],
    "mac_algs": ["hmac-sha1"],
}


@cache
def _legacy_key() -> asyncssh.SSHKey:
    # One RSA key for all legacy switches of a process: making one takes longer than starting a hundred switches.
    return asyncssh.generate_private_key("ssh-rsa", key_size=2048)


class _Terminal(asyncssh.SSHServerSession[str]):
    def __init__(self, switch: Switch, wire: Wire, user: str) -> None:
        self._switch = switch
        self._wire = wire
        self._user = user
        self._channel: asyncssh.SSHServerChannel[str] | None = None
        self._session: Session | None = None
        self._command: str | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[str]) -> None:
        self._channel = chan

    def pty_requested(self, *_: Any) -> bool:
        return True

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        self._command = command
        return True

    def session_started(self) -> None:
        session = self._session = Session(self._switch.device, self._write, self._user)
        session.on_end = self._end
        session.on_drop = self._wire.cut
        if self._command is None:
            session.start()
        else:
            session.rows = 0
            session.start_command(self._command)

    def _write(self, text: str) -> None:
        if self._channel is not None:
            self._channel.write(text)

    def _end(self) -> None:
        if self._channel is not None:
            self._channel.exit(0)

    def data_received(self, data: str, datatype: asyncssh.DataType) -> None:
        del datatype
        if self._session is not None:
            self._session.receive(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._session is not None:
            self._session.gone()


class _Login(asyncssh.SSHServer):
    def __init__(self, switch: Switch, wire: Wire) -> None:
        self._switch = switch
        self._wire = wire
        self._connection: asyncssh.SSHServerConnection | None = None
        self._user = ""

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        self._user = username
        banner = self._switch.device.faults.login_banner
        if banner and self._connection is not None:
            self._connection.send_auth_banner(banner)
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        device = self._switch.device
        return not device.faults.deny_logins and device.accounts.get(username) == password

    def session_requested(self) -> _Terminal:
        return _Terminal(self._switch, self._wire, self._user)


class Switch:
    """A `Device` that listens on loopback.

    ::

        async with Switch(Device("cisco_ios", "sw1")) as switch:
            ...  # ssh -p {switch.port} admin@127.0.0.1

    Args:
        device: the switch.
        port: where to listen; 0 takes a free one.
        host: the loopback address to listen on.
    """

    def __init__(self, device: Device, *, port: int = 0, host: str = "127.0.0.1") -> None:
        self.device = device
        self.host = host
        self.port = port
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self._wires: set[Wire] = set()
        self._server: asyncio.Server | None = None
        self._options: asyncssh.SSHServerConnectionOptions | None = None
        self._options_legacy = False

    @property
    def host_key(self) -> str:
        """The host key as it stands in a known_hosts file, without a host."""
        key = _legacy_key() if self.device.faults.legacy_ssh else self._key
        return key.export_public_key("openssh").decode().strip()

    def change_host_key(self) -> None:
        """Be another switch, as after a replacement or with somebody in between."""
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self._options = None

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._wire, self.host, self.port, backlog=64)
        self.port = self._server.sockets[0].getsockname()[1]
        self.device.listeners.append(self._look)

    async def stop(self) -> None:
        """Listen no more and drop everybody."""
        if self._look in self.device.listeners:
            self.device.listeners.remove(self._look)
        for wire in list(self._wires):
            wire.close()
        if self._server is not None:
            self._server.close()
            self._server = None
        await asyncio.sleep(0)

    async def __aenter__(self) -> Switch:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _wire(self) -> Wire:
        wire = Wire(self._serve, lambda: self.device.answers, self._wires.discard)
        self._wires.add(wire)
        return wire

    def _look(self) -> None:
        for wire in list(self._wires):
            wire.look()

    def _serve(self, wire: Wire) -> asyncio.Protocol | None:
        device = self.device
        limit = device.faults.vty_limit or device.dialect.vty_limit
        if not device.reach.logins or sum(other is not wire and not other.lost for other in self._wires) >= limit:
            return None
        factory: Callable[[], asyncssh.SSHServer] = lambda: _Login(self, wire)  # noqa: E731 - typed
        return asyncssh.SSHServerConnection(asyncio.get_running_loop(), self._server_options(factory))

    def _server_options(self, factory: Callable[[], asyncssh.SSHServer]) -> asyncssh.SSHServerConnectionOptions:
        legacy = self.device.faults.legacy_ssh
        if self._options is None or legacy != self._options_legacy:
            self._options_legacy = legacy
            self._options = asyncssh.SSHServerConnectionOptions(
                server_host_keys=[_legacy_key() if legacy else self._key],
                line_editor=False,
                encoding="utf-8",
                errors="replace",
                allow_scp=False,
                agent_forwarding=False,
                x11_forwarding=False,
                gss_host=None,
                login_timeout=120,
                **(_LEGACY if legacy else {}),
            )
            if legacy:
                keys = self._options.server_host_keys
                for algorithm in [name for name in keys if name != b"ssh-rsa"]:
                    del keys[algorithm]
        options = asyncssh.SSHServerConnectionOptions.__new__(asyncssh.SSHServerConnectionOptions)
        options.__dict__.update(self._options.__dict__)
        options.protocol_factory = factory
        return options
