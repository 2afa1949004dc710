# SPDX-License-Identifier: EUPL-1.2
"""Read one YAML file of the intent: strictly, with places for error messages, and never with a traceback.

PyYAML's C parser composes the nodes; the values are built here because PyYAML's own constructor keeps the last of
duplicate keys, expands aliases (a few lines can become gigabytes) and reads ``no`` as false and ``12:30`` as a number
(YAML 1.1). Scalars follow the core schema of YAML 1.2.2, section 10.3.2.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from yaml._yaml import CParser

from verbund.errors import Finding

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32

_SPECIAL = re.compile(r"[&*!%]")
_LEADING_TAB = re.compile(r"^ *\t", re.MULTILINE)
_JINJA = re.compile(r"\{\{|\{%|\{#")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_CONSTANTS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_MAX_DIGITS = 18
# Composing is recursive C code: far deeper nesting than this overruns the stack, so such a text is looked at first.
_BRACKETS_WITHOUT_DOUBT = 4000
_CHAIN = re.compile(r"(?:[-?:][ \n]+){64}")


class _Composer(CParser):
    """The C parser without implicit tags: the meaning of plain scalars is decided in :class:`Source`."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        del kind, value, implicit
        return "?"

    def descend_resolver(self, parent: Any, index: Any) -> None:
        pass

    def ascend_resolver(self) -> None:
        pass


class _RefusedError(Exception):
    """Ends the reading of one file."""

    def __init__(self, message: str, hint: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.line = line
        self.column = column


class Source:
    """One file: its text while it is needed for messages, its value, its problems.

    Args:
        path: the file.
        root: directory that the file must not leave through symbolic links.
    """

    __slots__ = ("_node", "_text", "findings", "name", "path", "value")

    def __init__(self, path: Path, root: Path | None = None) -> None:
        self.path = path
        self.name = shown(path)
        self.findings: list[Finding] = []
        self.value: Any = None
        self._node: yaml.Node | None = None
        self._text = ""
        try:
            self._text = self._read(root)
            self._parse(self._text)
        except _RefusedError as refusal:
            self.findings.append(Finding(self.name, refusal.line, refusal.column, refusal.message, refusal.hint))

    @property
    def usable(self) -> bool:
        """Whether the file could be read and holds one clean document."""
        return not self.findings

    def add(
        self, loc: Sequence[str | int], message: str, hint: str = "", *, key: bool = False, warning: bool = False
    ) -> None:
        """Note a problem at a place in the document.

        Args:
            loc: keys and indexes that lead to the value.
            message: what is wrong.
            hint: what to do now.
            key: point at the key, not at its value.
            warning: work can go on.
        """
        line, column = self.place(loc, key=key)
        self.findings.append(Finding(self.name, line, column, message, hint, warning))

    def finding(
        self, loc: Sequence[str | int], message: str, hint: str = "", *, key: bool = False, warning: bool = False
    ) -> Finding:
        """Like :meth:`add`, but only returns the finding."""
        line, column = self.place(loc, key=key)
        return Finding(self.name, line, column, message, hint, warning)

    def place(self, loc: Sequence[str | int], *, key: bool = False) -> tuple[int, int]:
        """Line and column (from 1) of a value; of its nearest parent where the value does not exist."""
        if self._node is None:
            self._node = _compose(self._text)
        node = self._node
        if node is None:
            return (1, 1)
        mark = node.start_mark
        for depth, step in enumerate(loc):
            last = depth == len(loc) - 1
            if isinstance(node, yaml.MappingNode):
                for key_node, value_node in node.value:
                    if key_node.value == str(step):
                        node = value_node
                        mark = key_node.start_mark if key and last else _value_mark(key_node, value_node)
                        break
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                mark = node.start_mark
        return (mark.line + 1, mark.column + 1)

    # -- reading ---------------------------------------------------------------------------------------------------

    def _read(self, root: Path | None) -> str:
        try:
            if root is not None and self.path.is_symlink():
                target = self.path.resolve(strict=True)
                if not target.is_relative_to(root.resolve()):
                    raise _RefusedError("is a symbolic link that leaves the inventory", "put the file itself here")
            # O_NONBLOCK: a named pipe must not hang the command.
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                mode = os.fstat(descriptor).st_mode
                if not stat.S_ISREG(mode):
                    what = "a directory" if stat.S_ISDIR(mode) else "a pipe, socket or device"
                    raise _RefusedError(f"is {what}, expected a file", "remove it or rename it")
                raw = file.read(MAX_BYTES + 1)
        except (OSError, RuntimeError, ValueError) as error:
            raise _RefusedError(*_why(error)) from None
        if len(raw) > MAX_BYTES:
            hint = "split it: one file per site, one per tenant"
            raise _RefusedError("is larger than 1 MiB, the limit for intent", hint)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            column = error.start - raw.rfind(b"\n", 0, error.start)
            message = f"is not UTF-8 text (byte 0x{raw[error.start]:02x})"
            raise _RefusedError(message, "save the file as UTF-8 in your editor", line, column) from None

    # -- parsing ---------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> None:
        for match in _LEADING_TAB.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            column = match.end() - match.start()
            message = "a tab is used for indentation, YAML allows only spaces"
            self.findings.append(Finding(self.name, line, column, message, "replace each tab by two spaces"))
        if self.findings:
            return
        try:
            if _SPECIAL.search(text):
                self._refuse_special(text)
            if text.count("[") + text.count("{") > _BRACKETS_WITHOUT_DOUBT or _CHAIN.search(text):
                self._refuse_depth(text)
            node = None if self.findings else _compose(text)
        except yaml.MarkedYAMLError as error:
            raise _broken(error) from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1 if isinstance(error.position, int) else 1
            message = f"holds a character that YAML forbids: {error.reason}"
            raise _RefusedError(message, "remove the character", line, 1) from None
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise _RefusedError(f"cannot be read as YAML: {error}", "check the syntax", 1, 1) from None
        if self.findings:
            return
        if node is None:
            raise _RefusedError("is empty", "verbund init writes a file to start from", 1, 1)
        self.value = self._build(node, 0)
        if _JINJA.search(text):
            self._refuse_templates(node)
        # Nodes are ten times the size of the text; composed again only where a message needs a place.
        self._node = node if self.findings else None

    def _refuse_special(self, text: str) -> None:
        """Find anchors, aliases, tags and directives from tokens, before anything is expanded."""
        words = {
            yaml.AnchorToken: ("anchors (&name) are not allowed in intent", "write the value out where it is needed"),
            yaml.AliasToken: ("aliases (*name) are not allowed in intent", "write the value out where it is needed"),
            yaml.TagToken: (
                "tags (!name) are not allowed in intent",
                "remove the tag; quote a text that begins with '!'",
            ),
            yaml.DirectiveToken: ("directives (%NAME) are not allowed in intent", "remove the line"),
        }
        for token in yaml.scan(text, Loader=yaml.CSafeLoader):
            if found := words.get(type(token)):
                mark = token.start_mark
                self.findings.append(Finding(self.name, mark.line + 1, mark.column + 1, *found))

    def _refuse_depth(self, text: str) -> None:
        depth = 0
        events: Iterable[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        for event in events:
            mark = event.start_mark
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    message = f"is nested deeper than {MAX_DEPTH} levels"
                    self.findings.append(
                        Finding(self.name, mark.line + 1, mark.column + 1, message, "check the brackets")
                    )
                    return
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1

    def _refuse_templates(self, node: yaml.Node) -> None:
        for scalar in _scalars(node):
            if _JINJA.search(scalar.value):
                mark = scalar.start_mark
                message = "Jinja is not allowed in intent: Ansible would execute it on the controller"
                hint = "write the plain value; what needs computing belongs into a role"
                self.findings.append(Finding(self.name, mark.line + 1, mark.column + 1, message, hint))

    def _problem(self, node: Any, message: str, hint: str) -> None:
        mark = node.start_mark
        self.findings.append(Finding(self.name, mark.line + 1, mark.column + 1, message, hint))

    def _build(self, node: yaml.Node, depth: int) -> Any:
        if isinstance(node, yaml.ScalarNode):
            value = node.value
            if node.style:  # quoted or a block: always text
                return value
            if value in _CONSTANTS:
                return _CONSTANTS[value]
            return self._number(node, value) if value[0] in "0123456789+-." else value
        if depth > MAX_DEPTH:
            self._problem(node, f"is nested deeper than {MAX_DEPTH} levels", "intent needs six at most")
            return None
        if isinstance(node, yaml.SequenceNode):
            return [self._build(item, depth + 1) for item in node.value]
        return self._mapping(node, depth)

    def _mapping(self, node: yaml.Node, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(
                    key_node, "a list or mapping is used as a key, expected text", "check brackets and colons"
                )
            elif key in result:
                first = next(other for other, _ in node.value if other.value == key)
                where = f"first in line {first.start_mark.line + 1}"
                self._problem(key_node, f"key '{key}' stands twice here ({where})", "keep one of the two")
            else:
                result[key] = self._build(value_node, depth + 1)
        return result

    def _number(self, node: yaml.Node, text: str) -> Any:
        if _INTEGER.fullmatch(text):
            if len(text) > _MAX_DIGITS:
                self._problem(node, "number has too many digits", "put it in quotes if it is text")
                return None
            return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
        return float(text) if _FLOAT.fullmatch(text) else text


def shown(path: Path) -> Path:
    """A path as the user would name it: relative to the current directory where it is below it."""
    try:
        return path.relative_to(Path.cwd())
    except (ValueError, OSError):
        return path


def _compose(text: str) -> yaml.Node | None:
    return _Composer(text).get_single_node()


def _value_mark(key: yaml.Node, value: yaml.Node) -> Any:
    # A block mapping begins on the next line; the key's line is where people look.
    return value.start_mark if value.start_mark.line == key.start_mark.line else key.start_mark


def _scalars(node: yaml.Node) -> Iterable[yaml.ScalarNode]:
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, yaml.ScalarNode):
            yield current
        elif isinstance(current, yaml.SequenceNode):
            pending.extend(current.value)
        else:
            for pair in current.value:
                pending.extend(pair)


def _broken(error: yaml.MarkedYAMLError) -> _RefusedError:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    problem = error.problem or "cannot be read as YAML"
    if "but found another document" in problem:
        return _RefusedError(
            "holds more than one YAML document", "remove the line '---' and split the file", line, column
        )
    context = f" {error.context}" if error.context else ""
    message = f"is not valid YAML{context}: {problem}"
    return _RefusedError(message, "check indentation, quotes and brackets here and in the line above", line, column)


def _why(error: Exception) -> tuple[str, str]:
    match error:
        case FileNotFoundError():
            return "does not exist", "create it; verbund init writes a first one"
        case PermissionError():
            return "cannot be read: permission denied", "give yourself the right to read it (chmod u+r)"
        case IsADirectoryError():
            return "is a directory, expected a file", "remove it or rename it"
        case OSError(errno=errno.ELOOP) | RuntimeError():  # RuntimeError: Path.resolve up to Python 3.12
            return "is a symbolic link that leads back to itself", "replace the link by the file"
        case OSError():
            return f"cannot be read: {error.strerror or error}", "check the file system"
        case _:
            return f"cannot be read: {error}", "check the file name"
