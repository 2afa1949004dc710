# SPDX-License-Identifier: EUPL-1.2
"""SARIF 2.1.0: what is open, for code scanners' dashboards and editors.

A rule per control, a result per host and control that is not met, excepted, stale or not evaluated. The format has a
word for each: ``fail``, an accepted suppression, and ``open`` for what could not be decided. What is met or does not
apply makes no result, as scanners do it.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from verbund import __version__
from verbund.baseline.results import ControlInfo, ControlResult, HostResult, Results, Verdict
from verbund.report.oscal import NAMESPACE
from verbund.text import one_line

if TYPE_CHECKING:
    from verbund.baseline.lifetime import Standing

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_BSI = "IT-Grundschutz-Kompendium"
_TEXT = 1000
_RESULTS = {Verdict.NOT_MET, Verdict.EXCEPTED, Verdict.STALE, Verdict.NOT_EVALUATED}

Json = dict[str, Any]


def sarif(standing: Standing) -> bytes:
    """A run as a SARIF log; the same run makes the same bytes.

    Args:
        standing: the run, judged at the moment of the report.
    """
    results = standing.results
    run = results.run
    hosts = sorted(results.hosts, key=lambda host: (host.tenant, host.site, host.host))
    controls = sorted(results.controls, key=lambda control: control.id)
    number = {control.id: index for index, control in enumerate(controls)}
    requirements = sorted({(ref.req, ref.level) for control in controls for ref in control.bsi})
    log = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "verbund",
                        "version": __version__,
                        "rules": [_rule(control) for control in controls],
                        "supportedTaxonomies": [{"name": _BSI}],
                    }
                },
                "taxonomies": [
                    {
                        "name": _BSI,
                        "version": "2023",
                        "organization": "Bundesamt für Sicherheit in der Informationstechnik",
                        "taxa": [{"id": req, "properties": {"level": level}} for req, level in requirements],
                    }
                ],
                "automationDetails": {
                    "id": f"verbund verify/{_line(run.id)}",
                    "guid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{NAMESPACE}/run/{json.dumps(run.id)}")),
                },
                "invocations": [_invocation(results, hosts)],
                "results": [
                    _result(host, result, number)
                    for host in hosts
                    for result in sorted(host.results, key=lambda result: result.control)
                    if result.verdict in _RESULTS
                ],
                "properties": {"release": _line(run.release), "asOf": _stamp(standing.since)},
            }
        ],
    }
    return (json.dumps(log, ensure_ascii=False, indent=1) + "\n").encode()


def _rule(control: ControlInfo) -> Json:
    return {
        "id": control.id,
        "shortDescription": {"text": _line(control.title.en) or control.id},
        "fullDescription": {"text": _line(f"{control.title.en} ({control.title.de})")},
        "help": {"text": _line(f"Role {control.role} enforces it. BSI: {', '.join(map(str, control.bsi))}")},
        "defaultConfiguration": {"level": "error"},
        "relationships": [
            {"target": {"id": req, "toolComponent": {"name": _BSI}}, "kinds": ["relevant"]}
            for req in dict.fromkeys(reference.req for reference in control.bsi)
        ],
        "properties": {"tags": ["security", _line(control.role)]},
    }


def _invocation(results: Results, hosts: list[HostResult]) -> Json:
    silent = [host for host in hosts if host.error]
    return {
        "executionSuccessful": not silent,
        "startTimeUtc": _stamp(results.run.started),
        "endTimeUtc": _stamp(results.run.finished),
        "commandLine": _line(results.run.command),
        "toolExecutionNotifications": [
            {"level": "error", "message": {"text": f"{_place(host)}: not evaluated: {_line(host.error)}"}}
            for host in silent
        ],
    }


def _result(host: HostResult, result: ControlResult, number: dict[str, int]) -> Json:
    fails = result.verdict in {Verdict.NOT_MET, Verdict.EXCEPTED}
    said = _line(result.reason)
    found: Json = {
        "ruleId": result.control,
        "kind": "fail" if fails else "open",
        "level": "error" if fails else "none",
        "message": {"text": f"{_line(host.host)}: {result.verdict.value}" + (f": {said}" if said else "")},
        "locations": [
            {
                # Viewers want a file: the one that declares the host.
                "physicalLocation": {"artifactLocation": {"uri": _declared(host), "uriBaseId": "%SRCROOT%"}},
                "logicalLocations": [
                    {"name": _line(host.host), "fullyQualifiedName": _place(host), "kind": "resource"}
                ],
            }
        ],
        "partialFingerprints": {"hostAndControl/v1": _fingerprint(host, result)},
        "properties": {"verdict": result.verdict.value, "tenant": _line(host.tenant), "site": _line(host.site)},
    }
    if result.control in number:
        found["ruleIndex"] = number[result.control]
    given = result.deviation
    if given is not None:
        found["suppressions"] = [
            {
                "kind": "external",
                "status": "accepted",
                "justification": _line(
                    f"until {given.expires.isoformat()}, {given.owner}: {given.reason}; instead: {given.compensation}"
                ),
            }
        ]
    return found


def _declared(host: HostResult) -> str:
    return f"inventory/{quote(_line(host.tenant), safe='')}/sites/{quote(_line(host.site), safe='')}.yml"


def _place(host: HostResult) -> str:
    return "/".join(_line(name) for name in (host.tenant, host.site, host.host))


def _fingerprint(host: HostResult, result: ControlResult) -> str:
    """The same in every run, so that a viewer knows an old finding again."""
    return hashlib.sha256(json.dumps([host.tenant, host.host, result.control]).encode()).hexdigest()


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(text: str) -> str:
    return one_line(text, _TEXT)
