# SPDX-License-Identifier: EUPL-1.2
"""What other people's tools read: valid by their own schemas, stable, honest, harmless."""

from __future__ import annotations

import json
import re
import runpy
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

from verbund.baseline.controls import load_controls
from verbund.baseline.lifetime import as_of
from verbund.baseline.results import Results, Verdict
from verbund.report import Format, write_exports
from verbund.report.metrics import metrics
from verbund.report.oscal import assessment_results, component_definition
from verbund.report.sarif import sarif

if TYPE_CHECKING:
    from types import SimpleNamespace

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
HOSTILE = runpy.run_path(str(HERE / "test_report.py"))["hostile"]


def validator(name: str) -> Any:
    # The OSCAL schemas name classes of characters that Python's `re` does not know.
    text = (HERE / "schemas" / name).read_text().replace(r"\\p{L}", r"[^\\W\\d_]").replace(r"\\p{N}", r"\\d")
    assert r"\p{" not in text
    schema = json.loads(text)
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema, format_checker=kind.FORMAT_CHECKER)


@pytest.fixture(scope="module")
def assessment_schema() -> Any:
    return validator("oscal-1.1.3-assessment-results.json")


@pytest.fixture(scope="module")
def component_schema() -> Any:
    return validator("oscal-1.1.3-component-definition.json")


@pytest.fixture(scope="module")
def sarif_schema() -> Any:
    return validator("sarif-2.1.0.json")


def now(results: Results) -> Any:
    return as_of(results, results.run.finished)


def faults(schema: Any, document: bytes) -> list[str]:
    return [f"{list(e.absolute_path)}: {e.message[:200]}" for e in schema.iter_errors(json.loads(document))]


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *strings(item))]
    return [text for item in value for text in strings(item)] if isinstance(value, list) else [str(value)]


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (0, 3), (2, 0), (60, 12)])
def test_every_run_is_valid_in_every_format(
    sample: SimpleNamespace, size: tuple[int, int], assessment_schema: Any, sarif_schema: Any
) -> None:
    standing = now(sample.results(*size))
    assert faults(assessment_schema, assessment_results(standing)) == []
    assert faults(sarif_schema, sarif(standing)) == []
    assert list(text_string_to_metric_families(metrics(standing).decode()))


def test_hostile_text_is_valid_and_harmless_in_every_format(
    sample: SimpleNamespace, assessment_schema: Any, sarif_schema: Any
) -> None:
    standing = now(HOSTILE(sample))
    for schema, document in ((assessment_schema, assessment_results(standing)), (sarif_schema, sarif(standing))):
        assert faults(schema, document) == []
        for text in strings(json.loads(document)):
            assert not re.search("[\x00-\x1f\x7f-\x9f\u202e\u2028\ud800-\udfff]", text), ascii(text)
            assert len(text) < 9000  # 1,000 characters, some of them shown as eight
    assert "../" not in sarif(standing).decode()


def test_the_schemas_refuse_what_is_wrong(sample: SimpleNamespace, assessment_schema: Any, sarif_schema: Any) -> None:
    """A validator that accepts everything would prove nothing."""
    standing = now(sample.results(2, 2))
    document = json.loads(assessment_results(standing))
    document["assessment-results"]["results"][0]["findings"][0]["target"]["target-id"] = "no token"
    document["assessment-results"]["results"][0]["observations"] = []
    assert len(faults(assessment_schema, json.dumps(document).encode())) >= 2
    log = json.loads(sarif(standing))
    log["runs"][0]["results"] = [{"kind": "guess"}]
    assert faults(sarif_schema, json.dumps(log).encode())


def test_the_catalogue_is_a_valid_component_definition(sample: SimpleNamespace, component_schema: Any) -> None:
    entries, findings = load_controls(ROOT / "roles")
    assert not findings
    document = component_definition(entries, "2026.1", sample.FINISHED)
    assert faults(component_schema, document) == []
    assert document == component_definition(entries, "2026.1", sample.FINISHED)
    definition = json.loads(document)["component-definition"]
    told: dict[str, set[str]] = {}
    for component in definition["components"]:
        (implementation,) = component["control-implementations"]
        assert implementation["source"] == f"#{definition['back-matter']['resources'][0]['uuid']}"
        host_class = component["props"][0]["value"]
        for requirement in implementation["implemented-requirements"]:
            for prop in requirement.get("props", ()):
                if prop["name"] == "control":
                    told.setdefault(f"{host_class} {requirement['control-id']}", set()).add(prop["value"])
    real: dict[str, set[str]] = {}
    for entry in entries:
        for host_class in entry.control.classes:
            for reference in entry.control.bsi:
                real.setdefault(f"{host_class} {reference.req}", set()).add(entry.control.id)
    assert told == real


def test_the_same_run_makes_the_same_bytes_and_another_run_other_identifiers(sample: SimpleNamespace) -> None:
    results = sample.results(12, 8)
    shuffled = results.model_copy(update={"hosts": results.hosts[::-1], "controls": results.controls[::-1]})
    for export in (assessment_results, sarif):
        assert export(now(results)) == export(now(shuffled))
    one, other = (assessment_results(now(sample.results(12, 8, name=name))) for name in ("a", "b"))
    ids = [set(re.findall(r'"uuid":"([^"]+)"', document.decode())) for document in (one, other)]
    hosts = {item["uuid"] for item in local(one)["local-definitions"]["inventory-items"]}
    assert hosts < ids[0] & ids[1]
    assert local(one)["uuid"] != local(other)["uuid"]
    # A later export of the same run is the same too, as long as no verdict turned.
    earlier = as_of(results, results.run.finished + timedelta(hours=1))
    later = as_of(results, results.run.finished + timedelta(hours=9))
    assert assessment_results(earlier) == assessment_results(later)


def local(document: bytes) -> Any:
    return json.loads(document)["assessment-results"]["results"][0]


def test_every_reference_in_the_results_leads_somewhere(sample: SimpleNamespace) -> None:
    document = assessment_results(now(sample.results(40, 10)))
    named = re.findall(r'"uuid":"([^"]+)"', document.decode())
    assert len(named) == len(set(named))
    used = re.findall(r'"(?:subject|observation|risk|actor|component)-uuid":"([^"]+)"', document.decode())
    assert used
    assert set(used) <= set(named)
    assert json.loads(document)["assessment-results"]["import-ap"]["href"][1:] in named


def test_satisfied_only_where_every_host_was_seen_and_meets_it(sample: SimpleNamespace) -> None:
    results = sample.results(60, 12)
    states = {
        finding["target"]["target-id"]: finding["target"]["status"]["state"]
        for finding in local(assessment_results(now(results)))["findings"]
    }
    # A host of the sample did not answer, so nothing is satisfied on all of them.
    assert set(states.values()) == {"not-satisfied"}
    good = results.model_copy(update={"hosts": tuple(h for h in results.hosts if not h.error)})
    for finding in local(assessment_results(now(good)))["findings"]:
        verdicts = {
            result.verdict for host in good.hosts for result in host.results
            if result.control == finding["target"]["target-id"]
        }  # fmt: skip
        expected = Verdict.MET in verdicts and verdicts <= {Verdict.MET, Verdict.NOT_APPLICABLE}
        assert (finding["target"]["status"]["state"] == "satisfied") is expected


def test_exceptions_and_lifetimes_are_told_in_oscals_own_words(sample: SimpleNamespace) -> None:
    results = sample.results(40, 20)
    result = local(assessment_results(now(results)))
    given = [r.deviation for h in results.hosts for r in h.results if r.deviation]
    assert given
    risks = [risk for risk in result["risks"] if risk["status"] == "deviation-approved"]
    assert {risk["deadline"][:10] for risk in risks} == {deviation.expires.isoformat() for deviation in given}
    assert risks[0]["mitigating-factors"][0]["description"] == "Netz ist abgetrennt"
    assert risks[0]["props"][0]["value"] == "IT-Koordination"
    assert {risk["status"] for risk in result["risks"]} == {"open", "deviation-approved"}
    seen = [o for o in result["observations"] if o.get("relevant-evidence")]
    assert seen
    for observation in seen:
        assert observation["expires"] == (sample.FINISHED - timedelta(minutes=2) + timedelta(hours=168)).isoformat()
    unseen = [o for o in result["observations"] if o["props"][0]["value"] == "not-evaluated"]
    assert unseen
    assert all(o["methods"] == ["UNKNOWN"] and "expires" not in o for o in unseen)


def test_sarif_holds_what_is_open_and_nothing_else(sample: SimpleNamespace) -> None:
    results = sample.results(60, 12)
    (run,) = json.loads(sarif(now(results)))["runs"]
    open_verdicts = {"not met", "excepted", "stale", "not evaluated"}
    expected = sorted((h.host, r.control, r.verdict.value) for h in results.hosts for r in h.results)
    found = sorted(
        (r["locations"][0]["logicalLocations"][0]["name"], r["ruleId"], r["properties"]["verdict"])
        for r in run["results"]
    )
    assert found == [item for item in expected if item[2] in open_verdicts]
    for result in run["results"]:
        verdict = result["properties"]["verdict"]
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert (result["kind"], result["level"]) == (
            ("fail", "error") if verdict in {"not met", "excepted"} else ("open", "none")
        )
        assert ("suppressions" in result) is (verdict == "excepted")
    assert run["invocations"][0]["executionSuccessful"] is False
    assert len(run["invocations"][0]["toolExecutionNotifications"]) == 1
    prints = [result["partialFingerprints"]["hostAndControl/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)
    (again,) = json.loads(sarif(now(sample.results(60, 12, name="next"))))["runs"]
    assert [result["partialFingerprints"]["hostAndControl/v1"] for result in again["results"]] == prints


def values(document: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(document.decode())
        for one in family.samples
    }


def test_metrics_count_what_the_results_hold(sample: SimpleNamespace) -> None:
    results = sample.results(60, 12)
    found = values(metrics(now(results)))
    assert sum(v for (name, _), v in found.items() if name == "verbund_hosts") == 60
    for verdict in Verdict:
        expected = sum(r.verdict is verdict for h in results.hosts for r in h.results)
        label = ("verdict", verdict.value.replace(" ", "_"))
        assert sum(v for (name, ls), v in found.items() if name == "verbund_verdicts" and label in ls) == expected
    assert found["verbund_run_finished_timestamp_seconds", frozenset()] == sample.FINISHED.timestamp()
    ends = [v for (name, _), v in found.items() if name == "verbund_evidence_first_expiry_timestamp_seconds"]
    assert min(ends) == (sample.FINISHED - timedelta(minutes=2) + timedelta(hours=168)).timestamp()


def test_the_number_of_series_does_not_grow_with_the_fleet(sample: SimpleNamespace) -> None:
    small, large = (values(metrics(now(sample.results(hosts, 12)))) for hosts in (60, 600))
    sites, states = 5, 4
    for found in (small, large):
        # Of the two kinds of ends there is none where nothing ends.
        assert 0 <= sites * (states + len(Verdict) + 2) + 12 + 3 - len(found) <= 2 * sites
    names = {host.host for host in sample.results(600, 12).hosts}
    assert not names & {value for _, labels in large for _, value in labels}


def test_hostile_names_stay_inside_their_label(sample: SimpleNamespace) -> None:
    base = sample.results(3, 2)
    bad = 'a"} 1\nverbund_hosts{site="\\'
    hosts = tuple(host.model_copy(update={"site": bad, "tenant": f"t{n}\\"}) for n, host in enumerate(base.hosts))
    document = metrics(now(base.model_copy(update={"hosts": hosts})))
    found = values(document)
    sites = {dict(labels).get("site") for name, labels in found if name == "verbund_hosts"}
    assert sites == {'a"} 1 verbund_hosts{site="\\'}
    assert sum(v for (name, _), v in found.items() if name == "verbund_hosts") == 3
    assert all(line.startswith(("#", "verbund_")) for line in document.decode().splitlines())


def test_only_what_was_asked_for_is_written(sample: SimpleNamespace, tmp_path: Path) -> None:
    entries, _ = load_controls(ROOT / "roles")
    (metric,) = write_exports(sample.results(3, 2), tmp_path / "prom", ROOT, {Format.PROMETHEUS})
    assert [path.name for path in (tmp_path / "prom").iterdir()] == ["verbund.prom"]
    assert metric.stat().st_mode & 0o777 == 0o644
    written = write_exports(sample.results(3, 2), tmp_path, ROOT, {Format.OSCAL, Format.SARIF}, entries=entries)
    assert {path.name for path in written} == {
        "oscal-component-definition.json", "oscal-assessment-results.json", "results.sarif",
    }  # fmt: skip


def test_three_weeks_later_every_format_says_stale(sample: SimpleNamespace, tmp_path: Path) -> None:
    results = sample.results(4, 6)
    later = results.run.finished + timedelta(weeks=3)
    write_exports(results, tmp_path, ROOT, {Format.OSCAL, Format.SARIF, Format.PROMETHEUS}, at=later)
    states = local((tmp_path / "oscal-assessment-results.json").read_bytes())["findings"]
    assert {finding["target"]["status"]["state"] for finding in states} == {"not-satisfied"}
    (run,) = json.loads((tmp_path / "results.sarif").read_bytes())["runs"]
    assert {result["properties"]["verdict"] for result in run["results"]} <= {"stale", "not evaluated"}
    found = values((tmp_path / "verbund.prom").read_bytes())
    assert not sum(v for (_, labels), v in found.items() if ("verdict", "met") in labels)
    assert not sum(v for (_, labels), v in found.items() if ("state", "good") in labels)
