# SPDX-License-Identifier: EUPL-1.2
"""Text that came from hosts, made fit for pages, spreadsheets and XML: visible, bounded, harmless."""

from __future__ import annotations

# Control characters become their Unicode "control pictures" instead of vanishing: an auditor should see that a
# host sent an escape sequence. Direction marks become their code point, since they can turn a line around.
# What XML 1.0 (section 2.2, Char) forbids and what Unicode calls noncharacters becomes U+FFFD.
_REPLACEMENTS: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"},
    0x7F: "\u2421",
    **dict.fromkeys([*range(0x80, 0xA0), *range(0xD800, 0xE000), *range(0xFDD0, 0xFDF0)], "\ufffd"),
    **dict.fromkeys([plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF)], "\ufffd"),
    **{
        code: f"[U+{code:04X}]"
        for code in (
            0x061C,
            0x200B,
            0x200E,
            0x200F,
            0x2028,
            0x2029,
            *range(0x202A, 0x202F),
            *range(0x2060, 0x2070),
            0xFEFF,
        )
    },
}

# What makes a spreadsheet take a cell for a formula (OWASP "CSV Injection"), with the full-width forms.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def clean(text: str, limit: int) -> str:
    """Make a text safe to show and no longer than a page can bear.

    Args:
        text: anything, however long; only its beginning is looked at.
        limit: the most characters to keep of it; a longer text ends in an ellipsis, 0 keeps nothing else.

    Returns:
        Text without control characters (except line feed and tab), direction marks, and what XML forbids.
    """
    kept = text if len(text) <= limit else text[: max(limit - 1, 0)] + "…"
    # Nothing printable is replaced, and looking is thirty times faster than translating.
    if kept.replace("\n", "").isprintable():
        return kept
    return kept.replace("\r\n", "\n").translate(_REPLACEMENTS)


def one_line(text: str, limit: int) -> str:
    """The same as `clean`, with every run of white space turned into one blank."""
    return " ".join(clean(text, limit).split())


def cell(text: str, limit: int) -> str:
    """A spreadsheet cell that is never taken for a formula: one that could be begins with an apostrophe."""
    harmless = one_line(text, limit)
    return "'" + harmless if text.startswith(_FORMULA_STARTS) or harmless.startswith(_FORMULA_STARTS) else harmless
