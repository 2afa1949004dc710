# SPDX-License-Identifier: EUPL-1.2
"""OSCAL 1.1 for other people's compliance tools: what the standard implements, and what a run found.

Two documents of NIST's Open Security Controls Assessment Language: a component definition made from the catalogue of
controls, and assessment results made from a run. OSCAL knows ``satisfied`` and ``not-satisfied`` only, so a gap could
read as a pass. Here a control is ``satisfied`` only where every host it applies to was seen and meets it; accepted
exceptions are risks with the status ``deviation-approved`` and a deadline, and the six verdicts stand in properties.

All identifiers are name-based (RFC 9562, version 5): the same run makes the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from verbund.baseline.controls import bsi_catalogue
from verbund.baseline.results import ControlInfo, ControlResult, DeviationInfo, HostResult, RunInfo, Verdict
from verbund.text import one_line

if TYPE_CHECKING:
    from verbund.baseline.controls import Entry
    from verbund.baseline.lifetime import Standing

OSCAL_VERSION: Final = "1.1.3"

# The project owns no domain; names below .invalid (RFC 2606) belong to nobody.
NAMESPACE: Final = "https://verbund.invalid/ns/oscal"
_ROOT = uuid.uuid5(uuid.NAMESPACE_URL, NAMESPACE)

_TEXT = 1000
_EXCERPTS = 3
_UNSEEN = frozenset({Verdict.NOT_EVALUATED, Verdict.STALE})

Json = dict[str, Any]


def component_definition(entries: Sequence[Entry], release: str, modified: datetime) -> bytes:
    """The standard as components (one per host class) with the BSI requirements they help to meet.

    Args:
        entries: the catalogue of controls; at least one.
        release: release of the standard.
        modified: the document's date; part of it, so that equal input makes equal bytes.
    """
    classes = sorted({name for entry in entries for name in entry.control.classes})
    return _document(
        "component-definition",
        {
            "metadata": _metadata("Verbund: security baseline for Debian hosts", modified, release),
            "components": [_component(name, entries) for name in classes],
            "back-matter": {"resources": [_bsi_resource()]},
        },
    )


def assessment_results(standing: Standing) -> bytes:
    """A run as assessment results: every host an inventory item, every question to it an observation.

    Args:
        standing: the run, judged at the moment of the report.
    """
    return _document("assessment-results", _Assessment(standing).body())


def _component(host_class: str, entries: Sequence[Entry]) -> Json:
    mine = [entry for entry in entries if host_class in entry.control.classes]
    by_requirement: dict[str, list[Entry]] = defaultdict(list)
    for entry in mine:
        for requirement in sorted({reference.req for reference in entry.control.bsi}):
            by_requirement[requirement].append(entry)
    return {
        "uuid": _id("component", host_class),
        "type": "software",
        "title": f"Debian host of the class {host_class}",
        "description": (
            f"A Debian host of the class {host_class} as the roles of the standard configure it. "
            f"{len(mine)} automated controls prove it on the running system."
        ),
        "props": [_prop("host-class", host_class)],
        "control-implementations": [
            {
                "uuid": _id("implementation", host_class),
                "source": f"#{_bsi_resource()['uuid']}",
                "description": (
                    "BSI IT-Grundschutz-Kompendium, Edition 2023. What is listed is enforced by a role and proven by a "
                    "test; where sentences are named, only those. Requirements that are not listed are not claimed."
                ),
                "implemented-requirements": [
                    _implemented(host_class, requirement, by_requirement[requirement])
                    for requirement in sorted(by_requirement, key=_natural)
                ],
            }
        ],
    }


def _implemented(host_class: str, requirement: str, entries: Sequence[Entry]) -> Json:
    known = bsi_catalogue().get(requirement)
    props = [] if known is None else [_prop("level", known.level), _prop("title", known.title)]
    for entry in entries:
        control = entry.control
        sentences = sorted({n for ref in control.bsi if ref.req == requirement for n in ref.sentences})
        group = control.id
        props += [
            _prop("control", control.id, group=group, remarks=f"{control.title.en} ({control.title.de})"),
            _prop("role", entry.role, group=group),
            _prop("test", control.test, group=group),
            _prop("evidence", control.evidence, group=group),
            _prop("lifetime-hours", str(control.lifetime_hours), group=group),
            *([_prop("sentences", ", ".join(map(str, sentences)), group=group)] if sentences else []),
            *(_prop("profile", profile, group=group) for profile in control.profiles),
        ]
    return {
        "uuid": _id("implemented", host_class, requirement),
        "control-id": requirement,
        "description": "Proven by " + "; ".join(f"{e.control.id} {e.control.title.en}" for e in entries) + ".",
        "props": props,
    }


class _Assessment:
    """The parts of the assessment results of one run, which refer to each other by identifier."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._results = standing.results
        self._run = standing.results.run
        self._hosts = sorted(self._results.hosts, key=lambda host: (host.tenant, host.site, host.host))
        self._controls = sorted(self._results.controls, key=lambda control: control.id)

    def body(self) -> Json:
        run = self._run
        observations: list[Json] = []
        seen: dict[str, list[tuple[HostResult, ControlResult, str | None]]] = defaultdict(list)
        by_id = {control.id: control for control in self._controls}
        for host in self._hosts:
            for result in sorted(host.results, key=lambda result: result.control):
                observed = None
                if result.observations or result.verdict is not Verdict.NOT_APPLICABLE:
                    observation = self._observation(host, result, by_id.get(result.control))
                    observations.append(observation)
                    observed = observation["uuid"]
                seen[result.control].append((host, result, observed))
        risks: list[Json] = []
        findings = []
        for control in self._controls:
            mine = self._risks(control, seen[control.id])
            risks += mine
            findings.append(self._finding(control, seen[control.id], mine))
        requirements = sorted({ref.req for control in self._controls for ref in control.bsi}, key=_natural)
        selection: Json = (
            {"include-controls": [{"control-id": requirement} for requirement in requirements]}
            if requirements
            else {"include-all": {}}
        )
        outcome: Json = {
            "uuid": self._own("result"),
            "title": f"Verification {_line(run.id)}",
            "description": (
                f"{len(self._hosts)} hosts verified against {len(self._controls)} controls of release "
                f"{_line(run.release)}; judged as of {_stamp(self._standing.since)}."
            ),
            "start": _stamp(run.started),
            "end": _stamp(max(run.started, run.finished)),
            "props": [
                *_props("run", run.id),
                *_props("release", run.release),
                *_props("operator", run.operator),
                *_props("command", run.command),
            ],
            "local-definitions": {
                **({"inventory-items": [self._item(host) for host in self._hosts]} if self._hosts else {}),
                "assessment-assets": self._assets(),
            },
            "reviewed-controls": {"control-selections": [selection]},
        }
        for key, parts in (("observations", observations), ("risks", risks), ("findings", findings)):
            if parts:  # The schema refuses empty lists.
                outcome[key] = parts
        return {
            "metadata": _metadata(f"Verbund: verification {_line(run.id)}", self._standing.since, run.release),
            "import-ap": {"href": f"#{self._plan()['uuid']}"},
            "results": [outcome],
            "back-matter": {"resources": [_bsi_resource(), self._plan()]},
        }

    def _own(self, *names: str) -> str:
        """An identifier within this run."""
        return _id("run", _identity(self._run), *names)

    def _plan(self) -> Json:
        return {
            "uuid": self._own("plan"),
            "title": "Assessment plan",
            "description": (
                "Every control of the release is tested on every host of the run that it applies to, with one session "
                f"per host. Command: {_line(self._run.command) or 'not recorded'}"
            ),
        }

    def _item(self, host: HostResult) -> Json:
        item = {
            "uuid": _host_id(host),
            "description": f"{_line(host.host_class) or 'host'} {_line(host.host)}",
            "props": [
                *_props("asset-id", host.host, ns=None),
                *_props("tenant", host.tenant),
                *_props("site", host.site),
                *_props("room", host.room or ""),
                *_props("host-class", host.host_class),
                *_props("profile", host.profile),
                *_props("zone", host.zone),
                *_props("address", host.address),
                *_props("evidence-sha256", host.bundle_sha256 or ""),
            ],
        }
        if host.error:
            item["remarks"] = f"Not evaluated: {_line(host.error)}"
        return {key: value for key, value in item.items() if value}

    def _assets(self) -> Json:
        tool = self._tool()
        return {
            "components": [
                {
                    "uuid": tool,
                    "type": "software",
                    "title": "verbund verify",
                    "description": "Fetches evidence in one session per host and runs testinfra checks on it.",
                    "status": {"state": "operational"},
                }
            ],
            "assessment-platforms": [
                {
                    "uuid": self._own("platform"),
                    "title": "Controller",
                    "uses-components": [{"component-uuid": tool}],
                }
            ],
        }

    def _tool(self) -> str:
        return _id("component", "verbund verify")

    def _observation(self, host: HostResult, result: ControlResult, control: ControlInfo | None) -> Json:
        title = control.title.en if control else result.control
        collected = host.collected if host.collected and result.observations else self._run.finished
        reason = _line(result.reason)
        observation: Json = {
            "uuid": self._own("observation", _host_id(host), result.control),
            "title": f"{_line(result.control)} on {_line(host.host)}: {result.verdict.value}",
            "description": reason or f"{_line(title)}: {result.verdict.value}.",
            "props": [_prop("verdict", result.verdict.value.replace(" ", "-")), *_props("control", result.control)],
            # What nobody could look at was not tested.
            "methods": ["UNKNOWN" if result.verdict is Verdict.NOT_EVALUATED else "TEST"],
            "types": ["control-objective"],
            "origins": [{"actors": [{"type": "tool", "actor-uuid": self._tool()}]}],
            "subjects": [{"subject-uuid": _host_id(host), "type": "inventory-item"}],
        }
        evidence = [
            {
                "description": f"{_line(seen.command) or 'command'}: exit status {seen.exit_status}",
                **_remarks(_line("\n".join(filter(None, (seen.stdout, seen.stderr))))),
            }
            for seen in result.observations[:_EXCERPTS]
        ]
        if evidence:
            observation["relevant-evidence"] = evidence
        observation["collected"] = _stamp(collected)
        if control and result.verdict is not Verdict.NOT_EVALUATED:
            observation["expires"] = _stamp(collected + timedelta(hours=control.lifetime_hours))
        return observation

    def _finding(
        self, control: ControlInfo, seen: Sequence[tuple[HostResult, ControlResult, str | None]], risks: Sequence[Json]
    ) -> Json:
        count = Counter(result.verdict for _, result, _ in seen)
        bad = count[Verdict.NOT_MET] + count[Verdict.EXCEPTED] + sum(count[verdict] for verdict in _UNSEEN)
        satisfied = bad == 0 and count[Verdict.MET] > 0
        tally = ", ".join(f"{count[verdict]} {verdict.value}" for verdict in Verdict if count[verdict])
        related = [observed for _, _, observed in seen if observed]
        return {
            "uuid": self._own("finding", control.id),
            "title": f"{_line(control.id)} {_line(control.title.en)}",
            "description": f"Hosts: {tally or 'none'}.",
            "props": [
                *(_prop("bsi-requirement", _line(str(reference))) for reference in control.bsi),
                *(_prop(f"hosts-{verdict.value.replace(' ', '-')}", str(count[verdict])) for verdict in Verdict),
            ],
            "target": {
                "type": "objective-id",
                "target-id": control.id,
                "title": _line(control.title.de) or control.id,
                "status": {
                    "state": "satisfied" if satisfied else "not-satisfied",
                    "reason": "pass" if satisfied else "fail" if count[Verdict.NOT_MET] else "other",
                    "remarks": tally or "no host was asked",
                },
            },
            **({"related-observations": [{"observation-uuid": name} for name in related]} if related else {}),
            **({"related-risks": [{"risk-uuid": risk["uuid"]} for risk in risks]} if risks else {}),
        }

    def _risks(self, control: ControlInfo, seen: Sequence[tuple[HostResult, ControlResult, str | None]]) -> list[Json]:
        risks = []
        failed = [(host, observed) for host, result, observed in seen if result.verdict is Verdict.NOT_MET]
        if failed:
            risks.append(
                {
                    "uuid": self._own("risk", control.id),
                    "title": f"{_line(control.id)} is not met",
                    "description": f"{_line(control.title.en)}: not met on {_names(host for host, _ in failed)}",
                    "statement": "A requirement of the security baseline does not hold on these hosts.",
                    "status": "open",
                    **_related(observed for _, observed in failed),
                }
            )
        excepted: dict[DeviationInfo, list[tuple[HostResult, str | None]]] = defaultdict(list)
        for host, result, observed in seen:
            if result.verdict is Verdict.EXCEPTED and result.deviation is not None:
                excepted[result.deviation].append((host, observed))
        for given, hosts in sorted(excepted.items(), key=lambda item: item[0].model_dump_json()):
            risk: Json = {
                "uuid": self._own("deviation", control.id, given.model_dump_json()),
                "title": f"Exception from {_line(control.id)} until {given.expires.isoformat()}",
                "description": f"{_line(control.title.en)}: excepted on {_names(host for host, _ in hosts)}",
                "statement": _line(given.reason) or "No reason was recorded.",
                "props": _props("owner", given.owner),
                "status": "deviation-approved",
                "mitigating-factors": [
                    {
                        "uuid": self._own("compensation", control.id, given.model_dump_json()),
                        "description": _line(given.compensation) or "No compensation was recorded.",
                    }
                ],
                # The exception holds on its last day, to the end of it.
                "deadline": _stamp(datetime.combine(given.expires, time(23, 59, 59), UTC)),
                **_related(observed for _, observed in hosts),
            }
            risks.append({key: value for key, value in risk.items() if value})
        return risks


def _related(observed: Iterable[str | None]) -> Json:
    found = [{"observation-uuid": name} for name in observed if name]
    return {"related-observations": found} if found else {}


def _names(hosts: Iterable[HostResult]) -> str:
    return _line(", ".join(host.host for host in hosts))


def _document(kind: str, body: Json) -> bytes:
    """The document with an identifier of its content, so that a changed document never keeps the old one."""
    whole = {kind: {"uuid": _id(kind, hashlib.sha256(_json(body)).hexdigest()), **body}}
    return _json(whole) + b"\n"


def _json(value: Json) -> bytes:
    # Compact: with line breaks and blanks, 75,000 observations are half as large again (80 MB, not 52).
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _metadata(title: str, modified: datetime, release: str) -> Json:
    return {
        "title": title,
        "last-modified": _stamp(modified),
        "version": _line(release) or "unknown",
        "oscal-version": OSCAL_VERSION,
    }


def _bsi_resource() -> Json:
    text = "Bundesamt für Sicherheit in der Informationstechnik (BSI): IT-Grundschutz-Kompendium, Edition 2023"
    return {
        "uuid": _id("resource", "bsi-2023"),
        "title": "IT-Grundschutz-Kompendium, Edition 2023",
        "citation": {"text": text},
    }


def _id(*names: str) -> str:
    return str(uuid.uuid5(_ROOT, json.dumps(names)))


def _identity(run: RunInfo) -> str:
    return f"{run.id} {run.finished.isoformat()}"


def _host_id(host: HostResult) -> str:
    """The same in every run, so that runs can be compared by host."""
    return _id("host", host.tenant, host.host)


def _prop(name: str, value: str, *, ns: str | None = NAMESPACE, group: str = "", remarks: str = "") -> Json:
    prop = {"name": name, "ns": ns, "value": value, "group": group, "remarks": remarks}
    return {key: text for key, text in prop.items() if text}


def _props(name: str, value: str, *, ns: str | None = NAMESPACE) -> list[Json]:
    """A property, or none where there is no value: OSCAL has no empty ones."""
    text = _line(value)
    return [_prop(name, text, ns=ns)] if text else []


def _remarks(text: str) -> Json:
    return {"remarks": text} if text else {}


def _line(text: str) -> str:
    return one_line(text, _TEXT)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _natural(requirement: str) -> tuple[str, int]:
    module, _, number = requirement.rpartition(".A")
    return module, int(number) if number.isdigit() else 0
