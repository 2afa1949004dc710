# SPDX-License-Identifier: EUPL-1.2
"""How a switch takes a change back by itself when nobody confirms it, and how it is told to do so at once.

=============  ====================================  ====================================  ==========================
platform       armed by                              taken back at once by                 confirmed by
=============  ====================================  ====================================  ==========================
cisco_ios      configure terminal revert timer       configure revert now                  configure confirm
cisco_ios (*)  reload in                             computed inverse                      reload cancel
aruba_aoscx    checkpoint auto                       checkpoint rollback                   checkpoint auto confirm
aruba_aoss     reload after                          computed inverse                      no reload
hpe_comware    configuration commit delay            computed inverse                      configuration commit
lancom_sx      nothing: what is saved comes back     computed inverse                      nothing
=============  ====================================  ====================================  ==========================

(*) versions that know no revert timer. The timer needs an ``archive``; where there is none, one is made, and taken away
again when the change is taken back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from verbund.errors import VerbundError
from verbund.network.push.terminal import RefusedError

if TYPE_CHECKING:
    from verbund.network.push.terminal import Terminal
    from verbund.network.structured import PlatformName

Kind = Literal["revert-timer", "checkpoint", "reload-timer", "commit-delay", "none"]

CHECKPOINT = "verbund-before"
"""The named checkpoint of AOS-CX to which a change is taken back without waiting for the timer."""
ARCHIVE = "flash:verbund"
"""Where IOS keeps the copy to which it reverts."""
_PENDING = re.compile(r"already (?:pending|in progress)", re.IGNORECASE)
_NO_REVERT = re.compile(r"archive feature is not configured|invalid input|incomplete command", re.IGNORECASE)
_RELOAD_ANSWERS = ((r"save\? \[yes/no\]", "no\n"), (r"\[confirm\]", "\n"), (r"\[y/n\]|\(y/n\)", "y"))


class PendingError(VerbundError):
    """Another change of the device waits to be confirmed."""


@dataclass(frozen=True, slots=True)
class Way:
    """What was armed.

    Args:
        kind: which mechanism; ``none`` where the device has no timer.
        minutes: after which the device takes the change back.
    """

    kind: Kind
    minutes: int

    @property
    def timed(self) -> bool:
        """Whether the device comes back by itself."""
        return self.kind != "none"

    @property
    def restarts(self) -> bool:
        """Whether it comes back by a restart, to what was saved."""
        return self.kind == "reload-timer"


def choices(platform: PlatformName) -> tuple[Kind, ...]:
    """The mechanisms of a platform, the best first."""
    kinds: dict[str, tuple[Kind, ...]] = {
        "cisco_ios": ("revert-timer", "reload-timer"),
        "aruba_aoscx": ("checkpoint",),
        "aruba_aoss": ("reload-timer",),
        "hpe_comware": ("commit-delay",),
    }
    return kinds.get(platform, ("none",))


def _archived(running: str) -> bool:
    return re.search(r"^archive\n(?: .*\n)*? path ", running, re.MULTILINE) is not None


def prepare(terminal: Terminal, way: Way, before: str) -> None:
    """Make what the mechanism needs: a revert timer an archive.

    Args:
        terminal: of the device.
        way: what will be armed.
        before: what it runs.
    """
    if way.kind == "revert-timer" and not _archived(before):
        terminal.configure()
        for line in ("archive", f"path {ARCHIVE}"):
            terminal.order(line)
        terminal.leave()


def tidy(terminal: Terminal, before: str) -> None:
    """Take away what `prepare` made, once what ran before runs again.

    Args:
        terminal: of the device.
        before: what it ran before.
    """
    if terminal.login.platform == "cisco_ios" and not _archived(before) and _archived(terminal.running()):
        terminal.configure()
        terminal.order("archive" if re.search(r"^archive$", before, re.MULTILINE) else "no archive")
        if terminal.at.endswith("(config-archive)#"):
            terminal.order("no path")
        terminal.leave()


def arm(terminal: Terminal, way: Way) -> None:
    """Arm the device's own way back; afterwards the terminal may be in the configuration mode.

    Raises:
        PendingError: something is armed already.
        RefusedError: the device has no such mechanism.
    """
    match way.kind:
        case "revert-timer":
            _armed(terminal, f"configure terminal revert timer {way.minutes}")
            if not terminal.configuring:
                raise RefusedError(f"configure terminal revert timer {way.minutes}", terminal.at)
        case "checkpoint":
            _armed(terminal, f"checkpoint auto {way.minutes}")
            terminal.order(f"copy running-config checkpoint {CHECKPOINT}", seconds=terminal.login.save_seconds)
        case "reload-timer" if terminal.login.platform == "cisco_ios":
            terminal.order(f"reload in {way.minutes}", answers=_RELOAD_ANSWERS)
        case "reload-timer":
            terminal.order(f"reload after {way.minutes}", answers=_RELOAD_ANSWERS)
        case "commit-delay":
            terminal.configure()
            terminal.order(f"configuration commit delay {way.minutes}")
        case "none":
            pass


def _armed(terminal: Terminal, line: str) -> None:
    said = terminal.order(line)
    if _PENDING.search(said):
        raise PendingError(
            "another change waits to be confirmed on this device",
            "wait until it is confirmed or its timer has run out, then try again",
        )
    if match := _NO_REVERT.search(said):
        raise RefusedError(line, match[0])


def at_once(terminal: Terminal, way: Way) -> bool:
    """Let the device take the change back now, by its own copy of what was.

    Returns:
        Whether it has such a copy; if not, the computed inverse is to be typed.
    """
    match way.kind:
        case "revert-timer":
            terminal.leave()
            said = terminal.type("configure revert now", answers=((r"\[confirm\]", "\n"), (r"y/n", "y\n")))
            return "no rollback confirmed change" not in said.lower()
        case "checkpoint":
            terminal.leave()
            terminal.order(
                f"checkpoint rollback {CHECKPOINT}",
                answers=((r"y/n", "y\n"),),
                seconds=terminal.login.save_seconds,
            )
            return True
        case _:
            return False


def disarm(terminal: Terminal, way: Way) -> None:
    """Stop the timer: what runs now stays. Nothing happens where none runs any more.

    Raises:
        RefusedError: the device did not take it.
    """
    line = {
        "revert-timer": "configure confirm",
        "checkpoint": "checkpoint auto confirm",
        "reload-timer": "reload cancel" if terminal.login.platform == "cisco_ios" else "no reload",
        "commit-delay": "configuration commit",
        "none": "",
    }[way.kind]
    if not line:
        return
    if way.kind == "commit-delay":
        terminal.configure()
    else:
        terminal.leave()
    said = terminal.type(line, answers=((r"y/n", "y\n"),))
    if re.search(r"invalid input|unrecognized|unknown command|denied", said, re.IGNORECASE):
        raise RefusedError(line, said.strip().split("\n")[0])
    terminal.leave()
