# SPDX-License-Identifier: EUPL-1.2
"""Host text on its way to pages, spreadsheets and XML."""

from __future__ import annotations

import time
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verbund.text import cell, clean, one_line

any_text = st.text(alphabet=st.characters(), max_size=60)


@given(any_text, st.integers(0, 50))
def test_what_is_cleaned_is_valid_xml_and_bounded(text: str, limit: int) -> None:
    cleaned = clean(text, limit)
    element = ElementTree.Element("x", value=one_line(text, limit))
    element.text = cleaned
    assert ElementTree.fromstring(ElementTree.tostring(element)).text == (cleaned or None)
    # A direction mark grows to its code point, "[U+202E]"; nothing grows more.
    assert len(cleaned) <= 8 * max(limit, 1)
    assert not any(ord(c) < 32 and c not in "\n\t" for c in cleaned)


@given(any_text)
def test_ordinary_text_is_kept(text: str) -> None:
    plain = "".join(c for c in text if c.isascii() and c.isprintable())
    assert clean(plain, 100) == plain


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("a\0b", "a␀b"),
        ("abc\u202ecba", "abc[U+202E]cba"),
        ("\ud800", "\ufffd"),
        ("\ufffe\uffff", "\ufffd\ufffd"),
        ("a\r\nb", "a\nb"),
        ("Schüler 🏫", "Schüler 🏫"),
    ],
)
def test_what_could_do_harm_becomes_visible(raw: str, shown: str) -> None:
    assert clean(raw, 100) == shown


def test_ten_megabytes_cost_nothing() -> None:
    huge = "\x1bä" * 5_000_000
    begin = time.perf_counter()
    assert len(clean(huge, 100)) == 100
    assert time.perf_counter() - begin < 0.5


@given(any_text)
def test_no_cell_is_a_formula(text: str) -> None:
    shown = cell(text, 100)
    assert not shown.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    assert "\n" not in shown


@pytest.mark.parametrize("attack", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", " =1", "\n=1", "＝1"])
def test_formulas_get_an_apostrophe(attack: str) -> None:
    assert cell(attack, 100).startswith("'")
