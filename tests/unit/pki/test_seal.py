# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import pytest

from verbund.errors import UsageError
from verbund.pki.seal import EvidenceKey


def test_a_signature_is_of_this_key_and_this_text(tmp_path):
    key = EvidenceKey.ensure(tmp_path / "a")
    signature = key.sign("text")
    assert EvidenceKey.ensure(tmp_path / "a").signed("text", signature)
    assert not key.signed("texts", signature)
    assert not EvidenceKey.ensure(tmp_path / "b").signed("text", signature)
    for broken in ("", "!", "AAAA", signature[:-8], "\u00e4"):
        assert not key.signed("text", broken)


def test_the_private_half_is_nobody_elses_and_the_public_one_can_be_made_again(tmp_path):
    EvidenceKey.ensure(tmp_path)
    assert (tmp_path / "evidence.key").stat().st_mode & 0o077 == 0
    public = (tmp_path / "evidence.pub").read_bytes()
    (tmp_path / "evidence.pub").unlink()
    EvidenceKey.ensure(tmp_path)
    assert (tmp_path / "evidence.pub").read_bytes() == public


@pytest.mark.parametrize("content", ["", "no key"])
def test_a_damaged_key_is_said_and_not_replaced(tmp_path, content):
    (tmp_path / "evidence.key").write_text(content)
    with pytest.raises(UsageError, match="cannot be used"):
        EvidenceKey.ensure(tmp_path)
    assert (tmp_path / "evidence.key").read_text() == content
