# SPDX-License-Identifier: EUPL-1.2
"""Results of a scan are read, counted, and told apart by the reasons."""

from __future__ import annotations

from pathlib import Path

import pytest

from verbund.errors import InputError, VerbundError
from verbund.judge import lint, load, read, reasons_file, reasons_markdown, weigh

RESULTS = Path(__file__).parent / "results.xml"
PROJECT = Path(__file__).parents[3]


def reasons(path, text):
    path.write_text("reasons:\n" + text, encoding="utf-8")
    return path


def entry(rules, *, kind="decision", more=""):
    return f"  - rules: [{rules}]\n    kind: {kind}\n    reason: we do it otherwise, and better\n{more}"


def test_rules_are_counted_as_the_benchmark_means_it():
    outcome = read(RESULTS)
    assert (outcome.passed, outcome.failed) == (1, 2)
    assert outcome.count("notapplicable") == outcome.count("notchecked") == 1
    assert {result.rule for result in outcome.failing} == {"bad", "broken"}
    assert "left_out" not in {result.rule for result in outcome.results}


def test_a_broken_check_counts_as_failed():
    assert read(RESULTS).share == pytest.approx(1 / 3)


def test_a_rule_has_its_title_and_its_section_of_the_cis_benchmark():
    first = read(RESULTS).results[0]
    assert (first.title, first.sections, first.severity) == ("Something good", ("5.1.20",), "medium")


def test_what_is_no_result_is_refused(tmp_path):
    path = tmp_path / "results.xml"
    path.write_text("<html>proxy error")
    with pytest.raises(VerbundError, match="cannot be read as an XCCDF result"):
        read(path)
    path.write_text("<Benchmark/>")
    with pytest.raises(VerbundError, match="no result of any rule"):
        read(path)


def test_text_of_a_host_cannot_steer_a_terminal(tmp_path):
    path = tmp_path / "results.xml"
    path.write_text(
        RESULTS.read_text(encoding="utf-8").replace("Something bad", "\u202ebad\u009b31m"), encoding="utf-8"
    )
    title = next(result.title for result in read(path).results if result.rule == "bad")
    assert title == "[U+202E]bad\ufffd31m"


def test_what_has_a_reason_fails_on_purpose_and_the_rest_is_open(tmp_path):
    stated = load(reasons(tmp_path / "reasons.yml", entry("bad")))
    judgement = weigh(read(RESULTS), stated, "server")
    assert [result.rule for result, _ in judgement.on_purpose] == ["bad"]
    assert [result.rule for result in judgement.open] == ["broken"]
    assert judgement.outcome.failed == 2, "a reason never improves the figures"


def test_a_reason_holds_for_its_classes_only(tmp_path):
    stated = load(reasons(tmp_path / "reasons.yml", entry("bad", more="    classes: [gateway]\n")))
    assert weigh(read(RESULTS), stated, "gateway").on_purpose
    assert not weigh(read(RESULTS), stated, "server").on_purpose


def test_a_reason_for_a_rule_that_passes_is_outdated(tmp_path):
    path = reasons(tmp_path / "reasons.yml", entry("bad, good, elsewhere, unknown_here"))
    found = lint(path, {"l1-server": read(RESULTS)}, "server")
    assert [(finding.line, finding.column) for finding in found] == [(2, 18)]
    assert "'good' passes on a server" in found[0].message


def test_a_reason_for_another_class_is_not_outdated(tmp_path):
    path = reasons(tmp_path / "reasons.yml", entry("good", more="    classes: [gateway]\n"))
    assert lint(path, {"l1-server": read(RESULTS)}, "server") == []


def test_a_rule_that_fails_in_one_profile_keeps_its_reason(tmp_path):
    other = tmp_path / "other.xml"
    text = RESULTS.read_text(encoding="utf-8")
    other.write_text(text.replace("<result>pass</result>", "<result>fail</result>"), encoding="utf-8")
    path = reasons(tmp_path / "reasons.yml", entry("good"))
    assert lint(path, {"l1-server": read(RESULTS), "l2-server": read(other)}, "server") == []


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (entry("bad") + entry("other, bad"), 5, "'bad' has a reason already"),
        (entry("bad, bad"), 2, "'bad' has a reason already"),
        (entry("bad", kind="mood"), 3, "Input should be"),
        (entry("bad", kind="rule"), 2, "only with evidence"),
        (entry("bad", more="    until: tomorrow\n"), 5, "Extra inputs"),
        ("  - rules: [bad]\n    kind: decision\n    reason: because\n", 4, "at least 20 characters"),
    ],
)
def test_a_file_that_is_off_is_refused_with_its_place(tmp_path, text, line, says):
    with pytest.raises(InputError) as refused:
        load(reasons(tmp_path / "reasons.yml", text))
    assert [(finding.line, says in finding.message) for finding in refused.value.findings] == [(line, True)]


def test_the_same_rule_may_have_another_reason_for_another_class(tmp_path):
    text = entry("bad", more="    classes: [gateway]\n") + entry("bad", more="    classes: [server]\n")
    assert len(load(reasons(tmp_path / "reasons.yml", text))) == 2


def test_the_page_lists_the_reasons_as_they_are():
    page = (PROJECT / "docs" / "judges.md").read_text(encoding="utf-8")
    assert reasons_markdown(load(reasons_file())) in page, "run: verbund judge --markdown docs/judges.md"
