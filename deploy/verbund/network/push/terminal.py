# SPDX-License-Identifier: EUPL-1.2
"""One login at a switch: netmiko opens it, then lines are typed one by one.

netmiko's own sending of many lines is not used: it reads on at the first ``#`` anywhere, knows no dialogs, cannot say
which line was refused without searching everything again, and turns its checks off for a whole set when a banner is in
it. Here each line is answered by its echo and a prompt at the very end of the output, or it is not done.
"""

from __future__ import annotations

import codecs
import logging
import re
import socket
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import paramiko
from netmiko import ConnectHandler
from netmiko.exceptions import NetmikoAuthenticationException, NetmikoBaseException

from verbund.errors import UnreachableError, UsageError, VerbundError
from verbund.network.platforms import PLATFORMS
from verbund.network.redact import mask
from verbund.text import clean

if TYPE_CHECKING:
    from types import TracebackType

    from verbund.network.structured import PlatformName

Answer = tuple[str, str]
"""A question (an expression over its last line) and what is typed as the answer, line end included."""

_HASH_PROMPT = r"[\w.+-]{1,63}(?:\([\w<>/.,:+ -]+\))?[#>]"
_PROMPTS: dict[str, str] = {"hpe_comware": r"(?:<[\w.+-]+>|\[[*~]?[\w.+/-]+\])"}
_CONFIGURE: dict[str, tuple[str, str]] = {"hpe_comware": ("system-view", "return")}
_NO_PAGES: dict[str, tuple[str, ...]] = {
    "cisco_ios": ("terminal length 0", "terminal width 511"),
    "lancom_sx": ("terminal length 0",),
    "hpe_comware": ("screen-length disable",),
}
_SHOW_SAVED: dict[str, str] = {
    "cisco_ios": "show startup-config",
    "aruba_aoscx": "show startup-config",
    "aruba_aoss": "show config",
    "lancom_sx": "more flash:startup-config",
    "hpe_comware": "display saved-configuration",
}
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[78=>]|\x07|\x00")
_NEXT_LINE = re.compile(r"\x1bE|\r\n|\r(?!\n)")
_PAGER = re.compile(r"\s*-{2,4} ?more ?-{2,4}[^\n]*\Z", re.IGNORECASE)
_PAGED = re.compile(r"[ ]*-{2,4} ?more ?-{2,4}(?:, next page: [^\n\x08]*)?[ ]*(?:\x08+ *\x08*)?", re.IGNORECASE)
_QUESTION = re.compile(
    r"[^\n]*(?:[\[(](?:y/n|yes/no|confirm)[^\])\n]*[\])]|press any key[^\n]*|password:|user ?name:"
    r"|filename \[[^\]\n]*\]\?)[ ?:]*\Z",
    re.IGNORECASE,
)
# Log messages of the device that break into the output: "*Mar  1 00:00:00.0: %LINK-3-UPDOWN: ...", "%Jan 1 ... %10..".
_LOG = re.compile(r"^(?:[*.%]?[A-Z][a-z]{2}\s+[0-9]{1,2}\s.*)?%[A-Z0-9_]+(?:-[A-Z0-9_]+)?-[0-7]-[A-Z0-9_]+:")
# What a line is answered with that was not taken. Advice (PortFast, VLANs made on the way) is none; what slips through
# is found when the configuration is read again.
_REFUSED = re.compile(
    r"^\s*(?:%\s*(?:invalid|incomplete|ambiguous|unrecognized|unknown|wrong|too many|bad|cannot|error|failed|"
    r"not |access denied|command rejected|authorization failed|permission|this command|default vlan|vlan .*not)"
    r"|%\s?(?=.*\b(?:denied|rejected|failed|not (?:allowed|supported|found|configured|enabled)|cannot|exceeds?)\b)"
    r"|invalid input|incomplete (?:input|command)|ambiguous input|unknown command|command (?:rejected|authorization)"
    r"|module not present|error:|failed|failure"
    r"|[^\n]*\b(?:does not exist|not found|cannot be|can't be|is not (?:allowed|supported|permitted)|access denied"
    r"|permission denied|must be assigned|is reserved|is a member of|is full|not enough|no space|already exists"
    r"|may not be|is not an?\b.*\bport|please configure the link type)\b)",
    re.IGNORECASE | re.MULTILINE,
)
_ADVICE = re.compile(r"^%\s?warning", re.IGNORECASE)
_SHORTEST = 3
"""Lines that any running configuration has."""
_LONG = 20
"""How many times the longest silence an answer may take that goes on and on, as a large configuration does."""
_QUIET = 0.4
"""Seconds without a byte after which a prompt counts although the echo was not seen."""

# What a device from this decade does not need; old ones are marked in the site file and reported as a finding.
_UNSAFE: dict[str, list[str]] = {
    "kex": [
        "diffie-hellman-group1-sha1",
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group-exchange-sha1",
    ],
    "keys": ["ssh-rsa", "ssh-dss"],
    "pubkeys": ["ssh-rsa", "ssh-dss"],
    "ciphers": ["aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc", "blowfish-cbc"],
    "macs": ["hmac-sha1", "hmac-sha1-96", "hmac-md5", "hmac-md5-96"],
}
_BROKEN: dict[str, list[str]] = {
    "kex": ["diffie-hellman-group1-sha1"],
    "keys": ["ssh-dss"],
    "ciphers": ["blowfish-cbc"],
    "macs": ["hmac-md5", "hmac-md5-96"],
}


class SessionLostError(VerbundError):
    """The session ended or went silent; what the last line did is not known."""


class RefusedError(VerbundError):
    """The device did not take a line.

    Args:
        line: the line, without secrets.
        answer: what the device said.
    """

    def __init__(self, line: str, answer: str) -> None:
        self.line = line
        self.answer = answer
        super().__init__(f"the device refuses '{line}': {answer}")


@dataclass(frozen=True, slots=True)
class Login:
    """How a switch is reached.

    Args:
        name: of the switch, for messages.
        platform: its system.
        host: address.
        port: TCP port.
        user: login name.
        password: its password; never shown.
        host_keys: the only keys that are accepted, as ``ssh-keyscan`` prints them without the name.
        legacy: algorithms of old devices are allowed.
        enable: password for the privileged mode; default the login's.
        seconds: the longest silence before an answer or within it.
        save_seconds: the longest silence while it saves.
    """

    name: str
    platform: PlatformName
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    host_keys: tuple[str, ...]
    legacy: bool = False
    enable: str = field(default="", repr=False)
    seconds: float = 30.0
    save_seconds: float = 120.0


class Terminal:
    """A terminal at a switch, as a context manager.

    Args:
        login: where and as whom.

    Raises:
        UsageError: no host key is pinned.
        UnreachableError: no answer, a wrong host key, or the login is refused.
    """

    def __init__(self, login: Login) -> None:
        self.login = login
        self.platform = PLATFORMS[login.platform]
        self._prompt = re.compile(rf"(?:\A|\n)[ ]*({_PROMPTS.get(login.platform, _HASH_PROMPT)})[ ]*\Z")
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._connection = _connect(login)
        self._channel: Any = self._connection.remote_conn
        self._enter: str = self._connection.RETURN
        self.at = ""
        try:
            self._begin()
        except (RefusedError, SessionLostError) as error:
            self.close()
            raise UnreachableError(
                f"{login.name} ({login.host}:{login.port}) lets us in, but gives no usable terminal: {error.message}",
                "log in by hand once and see what it asks",
            ) from None

    def _begin(self) -> None:
        """From the login to a privileged prompt without pages. netmiko's own way waits for seconds on some systems."""
        key = (("press any key|to continue", "\n"),)
        self._read("", key, self.login.seconds)
        secret = f"{self.login.enable or self.login.password}\n"
        if self.at.endswith(">") and self.login.platform != "hpe_comware":
            self.type("enable", answers=(*key, ("password", secret), ("user ?name", f"{self.login.user}\n")))
            if self.at.endswith(">"):
                raise RefusedError("enable", "no privileged mode")
        for command in _NO_PAGES.get(self.login.platform, ("no page",)):
            self.type(command, answers=key)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection without a word: a logout may ask whether to save, and nobody shall answer that."""
        client, self._connection.remote_conn_pre = self._connection.remote_conn_pre, None
        if client is not None:
            client.close()

    @property
    def controller(self) -> str | None:
        """The IPv4 address that the switch sees us come from."""
        peer = self._channel.get_transport().sock.getsockname()[0]
        try:
            return str(IPv4Address(peer))
        except ValueError:
            return None

    # -- what is done at a terminal --

    def running(self) -> str:
        """The running configuration, complete and unchanged.

        Raises:
            RefusedError: what comes is none.
        """
        text = self.type(self.platform.show)
        if len(text.splitlines()) < _SHORTEST:
            raise RefusedError(self.platform.show, clean(mask(text.strip()), 200) or "nothing")
        return text

    def saved(self) -> str:
        """The configuration that the next start would bring; nearly nothing where none was ever saved."""
        return self.type(_SHOW_SAVED[self.login.platform])

    def configure(self) -> None:
        """Enter the configuration mode, unless it is already entered."""
        if not self.configuring:
            self.order(_CONFIGURE.get(self.login.platform, ("configure terminal", ""))[0])
            if not self.configuring:
                raise RefusedError("configure", self.at)

    @property
    def configuring(self) -> bool:
        """Whether the last prompt was one of the configuration mode."""
        return self.at.startswith("[") if self.login.platform == "hpe_comware" else "(" in self.at

    def leave(self) -> None:
        """Leave the configuration mode from wherever one is: no line shall end up in a section left open."""
        if self.configuring:
            self.order(_CONFIGURE.get(self.login.platform, ("", "end"))[1])

    def order(self, line: str, *, answers: Sequence[Answer] = (), seconds: float | None = None) -> str:
        """Type a line that must be taken.

        Args:
            line: the line, with its secrets; one with line feeds (a banner) is answered once.
            answers: questions that are expected; any other is answered with no.
            seconds: the longest silence.

        Returns:
            What the device said.

        Raises:
            RefusedError: the device complained, or asked something unexpected.
            SessionLostError: no prompt came back.
        """
        text = self.type(line, answers=answers, seconds=seconds)
        said = "\n".join(row for row in text.split("\n") if not _ADVICE.match(row.strip()))
        if match := _REFUSED.search(said):
            start = said.rfind("\n", 0, match.start()) + 1
            raise RefusedError(shown(line), clean(mask(said[start:].strip().split("\n")[0]), 200))
        return text

    def type(self, line: str, *, answers: Sequence[Answer] = (), seconds: float | None = None) -> str:
        """Type a line and read until the prompt is back.

        Args:
            line: what is typed.
            answers: expected questions and their answers.
            seconds: the longest silence.

        Returns:
            The output without echo, prompt, pages and log messages, its lines ended by line feeds.

        Raises:
            RefusedError: an unexpected question came; it was answered with no.
            SessionLostError: the session is gone or silent.
        """
        self._send(line.replace("\n", self._enter) + self._enter)
        return self._read(line, answers, seconds or self.login.seconds)

    def _send(self, text: str) -> None:
        try:
            self._channel.settimeout(self.login.seconds)
            self._channel.sendall(text.encode())
        except (OSError, EOFError) as error:
            raise SessionLostError(f"the session broke while typing: {error or 'closed'}") from None

    def _read(self, line: str, answers: Sequence[Answer], seconds: float) -> str:
        last = line.rsplit("\n", 1)[-1].strip()
        raw, seen, asked, heard = "", 0, "", time.monotonic()
        last_moment = heard + _LONG * seconds
        while True:
            now = time.monotonic()
            tail = _plain(raw[max(seen, len(raw) - 700) :])
            if match := self._prompt.search(tail):
                if not self._channel.recv_ready() and (_echoed(raw, last) or now - heard > _QUIET):
                    self.at = match[1]
                    break
            elif _PAGER.search(tail):
                seen = len(raw)
                self._send(" ")
            elif (question := _QUESTION.search(tail)) and _echoed(raw, last):
                seen = len(raw)
                reply = next(
                    (text for pattern, text in answers if re.search(pattern, question[0], re.IGNORECASE)), None
                )
                if reply is None:
                    asked = asked or question[0].strip()
                    reply = "n" if self.login.platform == "aruba_aoss" else "n\n"
                self._send(reply.replace("\n", self._enter))
            if now > min(heard + seconds, last_moment):
                about = f", last: '{clean(mask(tail.strip().rsplit(chr(10), 1)[-1]), 80)}'" if tail.strip() else ""
                raise SessionLostError(
                    f"the prompt did not return within {seconds:g} s after '{shown(line) or 'the login'}'{about}"
                )
            try:
                self._channel.settimeout(min(0.2, max(0.01, heard + seconds - now)))
                data: bytes = self._channel.recv(65535)
            except (TimeoutError, socket.timeout):  # noqa: UP041 - paramiko raises the older name
                continue
            except OSError as error:
                raise SessionLostError(f"the session broke after '{shown(line)}': {error}") from None
            if not data:
                raise SessionLostError(f"the device closed the session after '{shown(line)}'")
            heard = time.monotonic()
            raw += self._decoder.decode(data)
        if asked:
            raise RefusedError(shown(line), f"it asks '{clean(asked, 120)}', which was answered with no")
        return _output(raw, last, self._prompt)


def shown(line: str) -> str:
    """A line fit for messages: no secrets, and only the first line of a banner."""
    return clean(mask(line.split("\n", 1)[0]), 160)


def _plain(raw: str) -> str:
    return _ESCAPES.sub("", _NEXT_LINE.sub("\n", raw))


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _echoed(raw: str, last: str) -> bool:
    """Whether the typed line was echoed; terminals wrap, and AOS-CX spells abbreviations out."""
    wanted = _squeezed(last)
    return not wanted or wanted in _squeezed(_plain(raw).replace("\x08", ""))


def _output(raw: str, last: str, prompt: re.Pattern[str]) -> str:
    text = _PAGED.sub("", _plain(raw))
    rows = re.sub(r"\x08+", "", text).split("\n")
    wanted = _squeezed(last)
    for index, row in enumerate(rows):
        if wanted and _squeezed(row).endswith(wanted):
            rows = rows[index + 1 :]
            break
    text = "\n".join(row.rstrip() for row in rows if not _LOG.match(row.strip()))
    return prompt.sub("", text).strip("\n") + "\n"


def _connect(login: Login) -> Any:
    if not login.host_keys:
        raise UsageError(
            f"no host key of {login.name} is pinned",
            "read it at the console, or by ssh-keyscan over a way you trust, and write it to host_keys: of the switch",
        )
    # Their debug output holds what is typed, and so secrets.
    for name in ("netmiko", "paramiko"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    known = login.host if login.port == 22 else f"[{login.host}]:{login.port}"
    with tempfile.TemporaryDirectory(prefix="verbund-") as folder:
        keys = Path(folder) / "known_hosts"
        keys.write_text("".join(f"{known} {key}\n" for key in login.host_keys))
        try:
            connection = ConnectHandler(
                device_type=PLATFORMS[login.platform].netmiko,
                host=login.host,
                port=login.port,
                username=login.user,
                password=login.password,
                secret=login.enable or login.password,
                use_keys=False,
                allow_agent=False,
                ssh_strict=True,
                alt_host_keys=True,
                alt_key_file=str(keys),
                disabled_algorithms={key: list(names) for key, names in (_BROKEN if login.legacy else _UNSAFE).items()},
                conn_timeout=login.seconds,
                auth_timeout=login.seconds,
                banner_timeout=login.seconds,
                auto_connect=False,
            )
            connection.establish_connection()
        except (NetmikoBaseException, paramiko.SSHException, OSError, EOFError, ValueError) as error:
            raise UnreachableError(*_why(login, error)) from None
    return connection


def _why(login: Login, error: BaseException) -> tuple[str, str]:
    """Why nobody could log in, and what to do."""
    chain: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and len(chain) < 10:
        chain.append(at)
        at = at.__cause__ or at.__context__
    where = f"{login.name} ({login.host}:{login.port})"
    texts = " ".join(map(str, chain))
    if any(isinstance(one, paramiko.BadHostKeyException) for one in chain) or "not found in known_hosts" in texts:
        return (
            f"{where} shows another host key than the pinned one: this may be another device",
            "when the device was replaced, check its key at the console and put it into host_keys: of the site file",
        )
    if "no acceptable" in texts or "Incompatible" in texts:
        return (
            f"{where} speaks only SSH algorithms that are not safe any more",
            "write ssh_profile: legacy for this switch until it is replaced; verbund net check reports it",
        )
    if any(isinstance(one, NetmikoAuthenticationException) for one in chain):
        return f"{where} refuses the login of '{login.user}'", "check user and password, and the RADIUS server"
    first = clean(str(error).strip().split("\n")[0], 160) or type(error).__name__
    return f"{where} cannot be reached: {first}", "check power, cable, address, and whether SSH lets this machine in"
