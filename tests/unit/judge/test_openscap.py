# SPDX-License-Identifier: EUPL-1.2
"""What comes back from a scan is stored, and only that."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from verbund.errors import VerbundError
from verbund.judge import openscap

RESULTS = (Path(__file__).parent / "results.xml").read_bytes()


def packed(**files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("_", "."))
            member.name = f"./{member.name}" if not name.startswith("up") else "../../escaped"
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    stream.seek(0)
    return stream


def test_results_and_report_are_kept_and_nothing_else(tmp_path):
    target = tmp_path / "a" / "b"
    target.mkdir(parents=True)
    outcome = openscap._keep(
        packed(results_xml=RESULTS, report_html=b"<html>", arf_xml=b"<arf>", up=b"x"), target, "l1-server"
    )
    assert outcome.failed == 2
    assert sorted(path.name for path in target.iterdir()) == [
        "l1-server.arf.xml.gz",
        "l1-server.html",
        "l1-server.results.xml",
    ]
    assert gzip.decompress((target / "l1-server.arf.xml.gz").read_bytes()) == b"<arf>"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("sent", [b"", b"Zugang nur", packed(results_xml=RESULTS).getvalue()])
def test_what_is_no_result_is_an_error_in_words(tmp_path, sent):
    with pytest.raises(VerbundError, match="left no readable result"):
        openscap._keep(io.BytesIO(sent), tmp_path, "l1-server")
