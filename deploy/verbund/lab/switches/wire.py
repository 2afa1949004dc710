# SPDX-License-Identifier: EUPL-1.2
"""The cable between a client and a switch: it can go silent without anybody being told.

A TCP connection whose packets no longer arrive does not end; both sides wait. What the client sends meanwhile arrives
when the way is there again, as its retransmissions would. New connections get no answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class _Gate(asyncio.Transport):
    """The transport the SSH server writes to: passes on, or keeps, what it is given."""

    def __init__(self, wire: Wire, inner: asyncio.Transport) -> None:
        super().__init__()
        self._wire = wire
        self.inner = inner

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.inner.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._wire.outgoing(bytes(data))

    def is_closing(self) -> bool:
        return self.inner.is_closing()

    def close(self) -> None:
        # A FIN does not get through either while the way is blocked.
        if not self._wire.silent:
            self.inner.close()

    def abort(self) -> None:
        if not self._wire.silent:
            self.inner.abort()

    def pause_reading(self) -> None:
        self.inner.pause_reading()

    def resume_reading(self) -> None:
        self.inner.resume_reading()

    def get_write_buffer_size(self) -> int:
        return self.inner.get_write_buffer_size()

    def can_write_eof(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.inner.set_write_buffer_limits(high, low)


class Wire(asyncio.Protocol):
    """One TCP connection.

    Args:
        serve: makes the protocol of the SSH server, once packets get through; None refuses the connection.
        open_way: whether packets get through now.
        done: called when the connection is over.
    """

    def __init__(
        self,
        serve: Callable[[Wire], asyncio.Protocol | None],
        open_way: Callable[[], bool],
        done: Callable[[Wire], None],
    ) -> None:
        self._serve = serve
        self._open_way = open_way
        self._done = done
        self._inner: asyncio.Protocol | None = None
        self._transport: asyncio.Transport | None = None
        self._in: list[bytes] = []
        self._out: list[bytes] = []
        self._cut = False

    @property
    def lost(self) -> bool:
        """Whether the switch has forgotten this connection, and only the client still believes in it."""
        return self._cut

    @property
    def silent(self) -> bool:
        """Whether nothing gets through."""
        return self._cut or not self._open_way()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connects."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a TCP server gives
        self._transport = transport
        self.look()

    def look(self) -> None:
        """The way may have changed: deliver what waited."""
        if self._transport is None or self.silent:
            return
        if self._inner is None:
            self._inner = self._serve(self)
            if self._inner is None:
                self._transport.abort()
                return
            self._inner.connection_made(_Gate(self, self._transport))
        waiting, self._out = self._out, []
        for data in waiting:
            self._transport.write(data)
        arrived, self._in = self._in, []
        for data in arrived:
            self._inner.data_received(data)

    def data_received(self, data: bytes) -> None:
        """The client sends."""
        if self._inner is None or self.silent:
            self._in.append(data)
        else:
            self._inner.data_received(data)

    def outgoing(self, data: bytes) -> None:
        """The switch sends."""
        if self.silent:
            self._out.append(data)
        elif self._transport is not None:
            self._transport.write(data)

    def cut(self, how: str) -> None:
        """Break the connection.

        Args:
            how: ``reset``, ``close`` or ``silence``.
        """
        if self._transport is None:
            return
        if how == "reset":
            self._transport.abort()
        elif how == "close":
            self._transport.close()
        else:
            self._cut = True

    def close(self) -> None:
        """End it whatever the way is like; the switch is taken down."""
        if self._transport is not None:
            self._transport.abort()

    def pause_writing(self) -> None:
        """The client reads slowly."""
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """The client reads again."""
        if self._inner is not None:
            self._inner.resume_writing()

    def eof_received(self) -> bool | None:
        """The client closes its side."""
        return self._inner.eof_received() if self._inner is not None else None

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        self._transport = None
        if self._inner is not None:
            self._inner.connection_lost(exc)
        self._done(self)
