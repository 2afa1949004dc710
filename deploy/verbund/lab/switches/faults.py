# SPDX-License-Identifier: EUPL-1.2
"""What can go wrong with a switch, as switches that a test turns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(slots=True)
class Faults:
    """The misbehaviour of one switch; all may be changed while it runs.

    Attributes:
        drop_after_lines: the TCP connection breaks after this many lines of a session that are not
            empty; these are done, the next one is not.
        drop_how: ``reset`` (RST), ``close`` (FIN) or ``silence`` (nothing comes any more, as after a lost cable).
        refuse: lines that match are refused with `refusal` or the vendor's words.
        refusal: what is answered to refused lines; empty takes the vendor's "invalid input".
        ignore: lines that match are taken without a word and do nothing.
        mute: after a line that matches, the prompt never returns.
        latency: seconds between a line and its answer.
        slow: seconds that lines matching `slow_lines` take.
        slow_lines: which those are; default saving.
        dialogs: a line that matches is answered by a question, and done only after ``y``.
        question: the words of that question.
        pager_stays: output is paged although paging was switched off.
        garbage: bytes of a disturbed terminal before every answer: escapes, bells, backspaces.
        messages: log messages of the switch that break into the output, one before each prompt until used up.
        press_any_key: a key must be pressed before the first prompt.
        login_banner: shown before the password is asked for (RFC 4252, 5.4).
        motd: shown after the login, before the prompt.
        deny_logins: every login fails.
        password_change: the first login must answer a question about a new password.
        vty_limit: logins at a time; one more is refused. 0 is the dialect's own limit.
        flash_full: saving fails.
        legacy_ssh: only diffie-hellman-group14-sha1 and ssh-rsa, as old switches have it.
        stale_echo: the echo of a line is missing.
        native_opens_trunk: AOS-CX: `vlan trunk native` also sets `vlan trunk allowed all`, which its guide says and
            which not every release does.
    """

    drop_after_lines: int | None = None
    drop_how: str = "reset"
    refuse: str | None = None
    refusal: str = ""
    ignore: str | None = None
    mute: str | None = None
    latency: float = 0.0
    slow: float = 0.0
    slow_lines: str = r"^(do )?(wr|write|save|copy run)"
    dialogs: str | None = None
    question: str = "Do you want to continue (y/n)? "
    pager_stays: bool = False
    garbage: str = ""
    messages: list[str] = field(default_factory=list)
    press_any_key: bool = False
    login_banner: str = ""
    motd: str = ""
    deny_logins: bool = False
    password_change: bool = False
    vty_limit: int = 0
    flash_full: bool = False
    legacy_ssh: bool = False
    stale_echo: bool = False
    native_opens_trunk: bool = False

    def hits(self, pattern: str | None, line: str) -> bool:
        """Whether a line is one of those that a switch names."""
        return pattern is not None and re.search(pattern, line.strip(), re.IGNORECASE) is not None
