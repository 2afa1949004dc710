# SPDX-License-Identifier: EUPL-1.2
"""One login: what is typed, what comes back, and in which mode."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from verbund.lab.switches.dialect import Ask, Context
from verbund.lab.switches.grammar import Line, Match, Misunderstood, write
from verbund.lab.switches.state import Node, Refused, Section, Target

if TYPE_CHECKING:
    from verbund.lab.switches.device import Device

_CONTROL = re.compile("[\r\n\x03\x04\x08\x15\x1a\x7f]")
_PIPE = re.compile(r"\s*\|\s*(i\w*|b\w*|e\w*|s\w*)\s+(.+)$", re.IGNORECASE)


@dataclass(slots=True)
class Frame:
    """A configuration mode: its kind and which sections its lines go to."""

    kind: str
    headers: tuple[str, ...] = ()
    arguments: tuple[dict[str, Any], ...] = ()
    several: bool = False


class Session:
    """A terminal on a switch.

    Args:
        device: the switch.
        write: takes what goes to the terminal; None is a console nobody looks at.
        user: who is logged in.
    """

    def __init__(self, device: Device, write: Callable[[str], None] | None, user: str = "console") -> None:
        self.device = device
        self.faults = device.faults
        self.user = user
        self.privileged = device.privileged or write is None
        self.frames: list[Frame] = []
        self.rows = device.dialect.rows
        self.replaying = False
        self.open = True
        self.on_end: Callable[[], None] = lambda: None
        self.on_drop: Callable[[str], None] = lambda _: None
        self._write = write
        self._out: list[str] = []
        self._in = ""
        self._typed = ""
        self._shown = 0
        self._after_return = False
        self._busy = False
        self._key: Callable[[str], None] | None = None
        self._answer: Callable[[str], None] | None = None
        self._hide = False
        self._text: Callable[[str], bool] | None = None
        self.count = 0
        self._filter: Callable[[Sequence[str]], list[str]] | None = None

    # -- output --

    def raw(self, text: str) -> None:
        """Send text as it is."""
        if self._write is not None:
            self._out.append(text)

    def say(self, text: str) -> None:
        """Answer lines of text."""
        for line in text.split("\n"):
            self.raw(f"{line}\r\n")

    def _flush(self) -> None:
        if self._out and self._write is not None and self.open:
            text = "".join(self._out)
            self._out.clear()
            self._write(text)

    def _prompt(self) -> None:
        if not self.open or self._key or self._answer or self._text or self._busy:
            return
        if self.faults.messages:
            self.raw(f"\r\n{self.faults.messages.pop(0)}\r\n")
        self.raw(self.device.dialect.before_prompt(self.device.dialect.prompt(self)))

    def page(self, lines: Sequence[str]) -> None:
        """Show lines, a screen at a time as long as paging is on."""
        if self._filter:
            lines = self._filter(lines)
        rows = self.rows or (self.device.dialect.rows if self.faults.pager_stays else 0)
        if not rows or self._write is None:
            for line in lines:
                self.say(line)
            return
        self._screens([part for line in lines for part in line.split("\n")], rows - 1)

    def _screens(self, lines: list[str], rows: int) -> None:
        for line in lines[:rows]:
            self.raw(f"{line}\r\n")
        left = lines[rows:]
        if not left:
            return
        pager = self.device.dialect.pager
        self.raw(pager)

        def key(character: str) -> None:
            self._key = None
            self.raw("\b" * len(pager) + " " * len(pager) + "\b" * len(pager))
            if character == " ":
                self._screens(left, self.device.dialect.rows - 1)
            elif character in "\r\n":
                self._screens(left, 1)
            elif character in "gGaA":
                self._screens(left, len(left))
            elif character not in "qQ\x03":
                self.raw(pager)
                self._key = key

        self._key = key

    def ask(self, question: str, answer: Callable[[str], None], *, hide: bool = False) -> None:
        """Ask something; the next line is the answer and no command."""
        self.raw(question)
        self._answer = answer
        self._hide = hide

    def ask_key(self, question: str, answer: Callable[[str], None]) -> None:
        """Ask for one key; a return behind it belongs to it."""
        self.raw(question)

        def key(character: str) -> None:
            if character in "\r\n":
                return
            self._key = None
            self._in = self._in.removeprefix("\r").removeprefix("\n")
            self.raw(f"{character}\r\n")
            answer(character.lower())

        self._key = key

    def ask_yes(self, question: str, yes: Callable[[], None]) -> None:
        """Ask whether to go on."""

        def answered(text: str) -> None:
            if (
                text.strip().lower() in {"y", "yes", ""}
                if question.rstrip().endswith("[confirm]")
                else (text.strip().lower() in {"y", "yes"})
            ):
                yes()

        self.ask(question, answered)

    # -- life --

    def start(self) -> None:
        """The login is done; show what a switch shows."""
        self.device.sessions.append(self)
        self.raw(self.device.dialect.greeting(self))
        if self.faults.motd:
            self.say(self.faults.motd)
        if self.faults.password_change:
            self.ask("The password must be changed before the first use. Change now? [Y/N]: ", lambda _: None)
        elif self.faults.press_any_key:
            self.raw("Press any key to continue")
            self._key = self._any_key
        self._prompt()
        self._flush()

    def start_command(self, command: str) -> None:
        """One command without a terminal, as ``ssh switch show version`` sends it."""
        self.device.sessions.append(self)
        self.run(command)
        self._flush()
        self.end()

    def _any_key(self, character: str) -> None:
        del character
        self._key = None
        self.raw("\r\n")

    def end(self) -> None:
        """The switch closes the session."""
        self._flush()
        if self.open:
            self.gone()
            self.on_end()

    def gone(self) -> None:
        """The session is over."""
        self.open = False
        if self in self.device.sessions:
            self.device.sessions.remove(self)

    def vanish(self) -> None:
        """The switch stops in the middle of everything."""
        self.gone()
        self.on_drop("silence")

    # -- input --

    def receive(self, data: str) -> None:
        """What the terminal sends."""
        self._in += data
        self._pump()

    def _pump(self) -> None:
        while self._in and not self._busy and self.open:
            if self._key is not None:
                character, self._in = self._in[0], self._in[1:]
                self._key(character)
                self._prompt()
                continue
            match = _CONTROL.search(self._in)
            if match is None:
                self._typed += self._in
                self._in = ""
                self._echo()
                break
            self._typed += self._in[: match.start()]
            self._in = self._in[match.end() :]
            self._control(match[0])
        self._flush()

    def _echo(self) -> None:
        if not (self._hide or self.faults.stale_echo):
            self.raw(self._typed[self._shown :])
        self._shown = len(self._typed)

    def _control(self, character: str) -> None:
        if character == "\n" and self._after_return and not self._typed:
            self._after_return = False
            return
        self._after_return = character == "\r"
        if character in "\r\n":
            line, shown = self._typed, self._shown
            self._typed, self._shown = "", 0
            self._entered(line, shown)
        elif character in "\x08\x7f":
            self._echo()
            if self._typed:
                self._typed = self._typed[:-1]
                self._shown = len(self._typed)
                self.raw("\b \b")
        elif character == "\x1a":
            self._typed, self._shown = "", 0
            self.frames.clear()
            self.raw("^Z\r\n")
            self._prompt()
        else:
            self._typed, self._shown = "", 0
            if character == "\x03":
                self._answer, self._hide = None, False
            self.raw("\r\n")
            self._prompt()

    def _entered(self, line: str, shown: int) -> None:
        dialect = self.device.dialect
        plain = self._answer is not None or self._text is not None
        if not (self._hide or self.faults.stale_echo):
            self.raw(line[shown:] if shown or plain or not dialect.completes else self._completed(line))
        self.raw("\r\n")
        if self._text is not None:
            if self._text(line):
                self._text = None
            self._prompt()
            return
        if self._answer is not None:
            answer, self._answer, self._hide = self._answer, None, False
            answer(line)
            self._prompt()
            return
        self.count += bool(line.strip())
        faults = self.faults
        if faults.drop_after_lines is not None and self.count > faults.drop_after_lines:
            self._out.clear()
            self.gone()
            self.on_drop(faults.drop_how)
            return
        delay = faults.latency + (faults.slow if faults.hits(faults.slow_lines, line) else 0.0)
        if delay:
            self._flush()
            self._busy = True
            self.device.clock.after(delay, lambda: self._late(line))
        else:
            self._command(line)

    def _late(self, line: str) -> None:
        self._busy = False
        if self.open:
            self._command(line)
            self._flush()
            self._pump()

    def _completed(self, raw: str) -> str:
        """A line with its abbreviations spelled out, except the last word, behind which no blank was typed."""
        line = Line.read(raw)
        if len(line.words) < 2:
            return raw
        for tree in self._trees():
            try:
                spelled = tree.match(line, self.device.types).spelled.split(" ")
            except Misunderstood:
                continue
            if len(spelled) == len(line.words):
                return " ".join([*spelled[:-1], line.words[-1].text])
        return raw

    def _trees(self) -> list[Any]:
        dialect = self.device.dialect
        if not self.frames:
            return [dialect.trees["p" if self.privileged else "u"]]
        return [*(dialect.tables[frame.kind].tree for frame in reversed(self.frames)), dialect.trees["c"]]

    def _command(self, line: str) -> None:
        faults, dialect = self.faults, self.device.dialect
        if faults.garbage:
            self.raw(faults.garbage)
        if faults.hits(faults.mute, line):
            self._busy = True
            self.run(line)
            return
        if faults.hits(faults.refuse, line):
            words = Line.read(line).words
            error = Misunderstood("invalid", words[-1].start if words else 0, words[-1].text if words else "")
            self.say(faults.refusal or dialect.complaint(error, self, line))
        elif faults.hits(faults.dialogs, line):
            self.ask_yes(faults.question, lambda: self.run(line))
        elif not faults.hits(faults.ignore, line):
            self.run(line)
        self._prompt()

    # -- commands --

    def run(self, raw: str) -> None:
        """Do what a line says and answer."""
        text = raw.strip()
        if not text or text.startswith(self.device.dialect.comments):
            return
        try:
            if self.frames:
                self.configure(raw)
            else:
                self.run_exec(raw)
        except Misunderstood as error:
            self.say(self.device.dialect.complaint(error, self, raw))
        except Refused as error:
            if str(error):
                self.say(str(error))

    def run_exec(self, raw: str) -> None:
        """Do a command outside the configuration modes.

        Raises:
            Misunderstood: there is none like it.
        """
        raw, self._filter = self._piped(raw)
        try:
            tree = self.device.dialect.trees["p" if self.privileged else "u"]
            match = tree.match(Line.read(raw), self.device.types)
            self.device.dialect.run_command(self, match)
        finally:
            self._filter = None

    @staticmethod
    def _piped(raw: str) -> tuple[str, Callable[[Sequence[str]], list[str]] | None]:
        match = _PIPE.search(raw)
        if not match:
            return raw, None
        how, pattern = match[1].lower()[0], match[2].strip().strip('"')
        try:
            test = re.compile(pattern)
        except re.error:
            test = re.compile(re.escape(pattern))

        def begin(lines: Sequence[str]) -> list[str]:
            start = next((index for index, line in enumerate(lines) if test.search(line)), len(lines))
            return list(lines[start:])

        def section(lines: Sequence[str]) -> list[str]:
            kept, inside = [], False
            for line in lines:
                if not line.startswith(" "):
                    inside = test.search(line) is not None
                if inside and line != "!":
                    kept.append(line)
            return kept

        filters: dict[str, Callable[[Sequence[str]], list[str]]] = {
            "i": lambda lines: [line for line in lines if test.search(line)],
            "e": lambda lines: [line for line in lines if not test.search(line)],
            "b": begin,
            "s": section,
        }
        return raw[: match.start()], filters[how]

    def enable(self) -> None:
        """Become privileged."""
        wanted = self.device.enable_password
        if self.privileged or not wanted:
            self.privileged = True
            return

        def answered(text: str) -> None:
            if text == wanted:
                self.privileged = True
            else:
                self.say("% Access denied")

        self.ask("Password: ", answered, hide=True)

    def enter_config(self) -> None:
        """Enter the configuration mode."""
        self.frames = [Frame("config")]

    def leave(self) -> None:
        """One mode up."""
        if self.frames:
            self.frames.pop()
        else:
            self.end()

    # -- configuration --

    def configure(self, raw: str) -> None:
        """Do a line of the configuration modes.

        A line that is none of the innermost mode's is tried in the modes around it, which it then returns to.

        Raises:
            Misunderstood: it is no line of these modes.
            Refused: the device understands it and does not do it.
        """
        text = raw.strip()
        if self._text is not None:
            if self._text(raw):
                self._text = None
            return
        if not text or text.startswith(self.device.dialect.comments):
            return
        plain, self._filter = self._piped(raw)
        line = Line.read(plain if self._filter else raw)
        errors: list[Misunderstood] = []
        dialect = self.device.dialect
        try:
            for depth in range(len(self.frames) - 1, -1, -1):
                try:
                    match = dialect.tables[self.frames[depth].kind].tree.match(line, self.device.types)
                    self._apply(match, depth, raw, confirmed=False)
                except Misunderstood as error:
                    if error.kind == "ambiguous" and not dialect.trees["c"].knows(line.words[0].text):
                        raise
                    errors.append(error)
                else:
                    return
                if depth == len(self.frames) - 1:
                    try:
                        match = dialect.trees["c"].match(line, self.device.types)
                        dialect.run_command(self, match)
                    except Misunderstood as error:
                        errors.append(error)
                    else:
                        return
        finally:
            self._filter = None
        raise max(errors, key=lambda error: (error.position, error.kind == "ambiguous"))

    def nodes(self, depth: int) -> list[Node]:
        """The sections that lines of a mode go to."""
        nodes = [self.device.root]
        for frame in self.frames[1 : depth + 1]:
            below = []
            for node in nodes:
                for header, arguments in zip(frame.headers, frame.arguments, strict=True):
                    below.append(_opened(node, frame.kind, header, arguments))
            nodes = below
        return nodes

    def _apply(self, match: Match, depth: int, raw: str, *, confirmed: bool) -> None:
        target: Target = match.target
        dialect, device = self.device.dialect, self.device
        frame = self.frames[depth]
        context = Context(device, self.say, confirmed=confirmed or self._write is None, replaying=self.replaying)
        hooks = dialect.tables[frame.kind].hooks.get(target.rule.key, ())
        try:
            if isinstance(target.rule, Section):
                self._section(match, target, depth, context, hooks)
            else:
                spelled = write(target.variant, match.arguments, device.writers) if not target.negated else ""
                for node in self.nodes(depth):
                    for hook in hooks:
                        hook(context, node, match.arguments, not target.negated)
                    if context.stay:
                        continue
                    if target.negated:
                        target.rule.negate(node, target.variant, match.arguments)
                    else:
                        target.rule.set(node, target.variant, match.arguments, spelled)
                del self.frames[depth + 1 :]
        except Ask as question:
            if dialect.one_key:
                self.ask_key(question.question, lambda key: self._again(match, depth, raw) if key == "y" else None)
            else:
                self.ask_yes(question.question, lambda: self._again(match, depth, raw))
            return
        self._text = context.collect
        device.changed(raw.strip(), self.user)

    def _again(self, match: Match, depth: int, raw: str) -> None:
        try:
            self._apply(match, depth, raw, confirmed=True)
        except Refused as error:
            self.say(str(error))

    def _section(self, match: Match, target: Target, depth: int, context: Context, hooks: Sequence[Any]) -> None:
        device = self.device
        headers, arguments = headers_of(target.variant, match.arguments, device.writers)
        parents = self.nodes(depth)
        for node in parents:
            for each in arguments:
                for hook in hooks:
                    hook(context, node, each, not target.negated)
        for node in parents:
            for header, each in zip(headers, arguments, strict=True):
                if target.negated:
                    node.sections.pop(header, None)
                elif not (context.stay and len(headers) == 1):
                    _opened(node, target.rule.key, header, each)
        del self.frames[depth + 1 :]
        if not target.negated and not context.stay:
            self.frames.append(Frame(target.rule.key, headers, arguments, several=len(headers) > 1))


def _opened(node: Node, kind: str, header: str, arguments: dict[str, Any]) -> Node:
    found = node.sections.get(header)
    if found is None:
        found = node.sections[header] = Node(kind, header, arguments)
    return found


def headers_of(
    variant: Sequence[Any], arguments: dict[str, Any], writers: Any
) -> tuple[tuple[str, ...], tuple[dict[str, Any], ...]]:
    """The sections that a line names: one, or one for each member of a range."""
    names = list(arguments)
    spread = [
        sorted(value) if isinstance(value, frozenset) else list(value) if isinstance(value, tuple) else [value]
        for value in arguments.values()
    ]
    each = tuple(
        {name: str(value) if isinstance(value, int) else value for name, value in zip(names, values, strict=True)}
        for values in product(*spread)
    )
    literal = {kind: writer for kind, writer in writers.items() if kind != "vlans"}
    return tuple(write(variant, item, literal) for item in each), each
