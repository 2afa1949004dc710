# SPDX-License-Identifier: EUPL-1.2
"""How a command line is understood: words, abbreviations, arguments; and where it stops being understood.

A pattern is written as in a vendor's manual: literal words, ``{name:type}`` for an argument, ``{name=a|b}`` for one of
some words, ``[...]`` for a part that may be missing. All patterns of a mode form one tree, so that an abbreviation is
ambiguous exactly when two of its words begin like it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

_WORD = re.compile(r'"[^"]*"|\S+')
_PIECE = re.compile(r"\{[^}]*\}|\S+")
_ARGUMENT = re.compile(r"\{(\w+)(?::(\w+)|=([^}]+))?\}")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a line and where it starts (counted from 0)."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line split into words; the raw text stays for arguments that take all the rest."""

    raw: str
    words: tuple[Word, ...]

    @classmethod
    def read(cls, raw: str) -> Line:
        """Split a line; a quoted part is one word."""
        return cls(raw, tuple(Word(match[0], match.start()) for match in _WORD.finditer(raw)))

    def rest(self, index: int) -> str:
        """The text from a word on, as typed."""
        return self.raw[self.words[index].start :].rstrip()

    def without(self, count: int) -> Line:
        """The line behind its first words; positions stay those of the whole line."""
        return Line(self.raw, self.words[count:])


class TypeReader(Protocol):
    """Reads an argument at a word of a line.

    Returns the value and how many words it took, or None when it does not fit.
    """

    def __call__(self, line: Line, index: int) -> tuple[Any, int] | None:
        """Read the argument at word `index`."""
        ...


class Misunderstood(Exception):  # noqa: N818 - a thing the operator typed, not a fault of the program
    """A line is not one of the mode's.

    Attributes:
        kind: ``invalid``, ``incomplete`` or ``ambiguous``.
        position: column of the word where understanding ended.
        word: that word.
    """

    def __init__(self, kind: str, position: int, word: str) -> None:
        super().__init__(kind)
        self.kind = kind
        self.position = position
        self.word = word


@dataclass(frozen=True, slots=True)
class Argument:
    """A variable part of a pattern."""

    name: str
    type: str
    choices: tuple[str, ...] = ()


Piece = str | Argument


def _expand(pattern: str) -> list[str]:
    """Write out the optional parts of a pattern, shortest first."""
    start = pattern.find("[")
    if start < 0:
        return [" ".join(pattern.split())]
    depth = 0
    for end in range(start, len(pattern)):
        depth += {"[": 1, "]": -1}.get(pattern[end], 0)
        if not depth:
            break
    before, inner, after = pattern[:start], pattern[start + 1 : end], pattern[end + 1 :]
    return _expand(f"{before} {after}") + _expand(f"{before} {inner} {after}")


def compile_pattern(pattern: str) -> list[tuple[Piece, ...]]:
    """Turn a pattern into its variants, each a sequence of literal words and arguments."""
    variants = []
    for text in _expand(pattern):
        pieces: list[Piece] = []
        for piece in _PIECE.findall(text):
            match = _ARGUMENT.fullmatch(piece)
            if not match:
                pieces.append(piece)
            elif match[3]:
                pieces.append(Argument(match[1], "choice", tuple(match[3].split("|"))))
            else:
                pieces.append(Argument(match[1], match[2] or match[1]))
        variants.append(tuple(pieces))
    return variants


def literal_prefix(variant: Sequence[Piece]) -> str:
    """The literal words at the start of a variant."""
    words = []
    for piece in variant:
        if isinstance(piece, Argument):
            break
        words.append(piece)
    return " ".join(words).rstrip()


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    arguments: list[tuple[Argument, _Node]] = field(default_factory=list)
    target: Any = None


@dataclass(frozen=True, slots=True)
class Match:
    """What a line means: the target given for its pattern, its arguments, and its words spelled out."""

    target: Any
    arguments: dict[str, Any]
    spelled: str


class Tree:
    """All patterns of a mode.

    Args:
        foldable: whether words may be abbreviated.
    """

    def __init__(self, *, foldable: bool = True) -> None:
        self._root = _Node()
        self._foldable = foldable

    def add(self, variant: Sequence[Piece], target: Any) -> None:
        """Add one variant; the first target of equal variants stays."""
        node = self._root
        for piece in variant:
            if isinstance(piece, Argument):
                for known, child in node.arguments:
                    if known == piece:
                        node = child
                        break
                else:
                    child = _Node()
                    node.arguments.append((piece, child))
                    node = child
            else:
                node = node.literals.setdefault(piece.lower(), _Node())
        if node.target is None:
            node.target = target

    def add_pattern(self, pattern: str, target: Any) -> None:
        """Add all variants of a pattern."""
        for variant in compile_pattern(pattern):
            self.add(variant, target)

    def knows(self, word: str) -> bool:
        """Whether a line may begin with exactly this word."""
        return word.lower() in self._root.literals

    def match(self, line: Line, types: Mapping[str, TypeReader]) -> Match:
        """Understand a line.

        Raises:
            Misunderstood: it is none of the patterns.
        """
        return _Search(line, types, foldable=self._foldable).run(self._root)


class _Search:
    def __init__(self, line: Line, types: Mapping[str, TypeReader], *, foldable: bool) -> None:
        self.line = line
        self.types = types
        self.foldable = foldable
        self.deepest = 0
        self.incomplete = False
        self.ambiguous: int | None = None

    def run(self, root: _Node) -> Match:
        found = self._walk(root, 0)
        if found:
            target, arguments, spelled = found[0]
            return Match(target, dict(reversed(arguments)), " ".join(reversed(spelled)))
        words = self.line.words
        if self.ambiguous is not None:
            raise Misunderstood("ambiguous", words[self.ambiguous].start, words[self.ambiguous].text)
        if self.incomplete:
            raise Misunderstood("incomplete", len(self.line.raw), "")
        bad = words[min(self.deepest, len(words) - 1)] if words else Word("", 0)
        raise Misunderstood("invalid", bad.start, bad.text)

    def _walk(self, node: _Node, index: int) -> list[tuple[Any, list[tuple[str, Any]], list[str]]]:
        self.deepest = max(self.deepest, index)
        if index == len(self.line.words):
            if node.target is None:
                self.incomplete = True
                return []
            return [(node.target, [], [])]
        typed = self.line.words[index].text
        word = typed.lower()
        exact = node.literals.get(word)
        if exact:
            found = self._walk(exact, index + 1)
            if found:
                found[0][2].append(word)
                return found
        for argument, child in node.arguments:
            found = self._argument(argument, child, index)
            if found:
                return found
        if exact is None and self.foldable:
            return self._folded(node, index, word)
        return []

    def _folded(self, node: _Node, index: int, word: str) -> list[tuple[Any, list[tuple[str, Any]], list[str]]]:
        longer = [literal for literal in node.literals if literal.startswith(word)]
        if len(longer) > 1:
            self.ambiguous = index
        if len(longer) != 1:
            return []
        found = self._walk(node.literals[longer[0]], index + 1)
        if found:
            found[0][2].append(longer[0])
        return found

    def _argument(self, argument: Argument, child: _Node, index: int) -> list[Any]:
        if argument.type == "choice":
            word = self.line.words[index].text.lower()
            fitting = [choice for choice in argument.choices if choice.lower() == word] or [
                choice for choice in argument.choices if self.foldable and choice.lower().startswith(word)
            ]
            read: tuple[Any, int] | None = (fitting[0], 1) if len(fitting) == 1 else None
        else:
            read = self.types[argument.type](self.line, index)
        if read is None:
            return []
        value, taken = read
        found = self._walk(child, index + taken)
        if found:
            found[0][1].append((argument.name, value))
            found[0][2].append(" ".join(word.text for word in self.line.words[index : index + taken]))
        return found


Writer = Callable[[str, Any], str]


def write(variant: Sequence[Piece], arguments: Mapping[str, Any], writers: Mapping[str, Writer]) -> str:
    """Write a variant with its arguments, in the spelling that the running configuration has."""
    words = []
    for piece in variant:
        if isinstance(piece, Argument):
            writer = writers.get(piece.type)
            value = arguments[piece.name]
            words.append(writer(piece.name, value) if writer else str(value))
        else:
            words.append(piece)
    return " ".join(filter(None, words))
