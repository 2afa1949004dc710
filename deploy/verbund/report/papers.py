# SPDX-License-Identifier: EUPL-1.2
"""The papers of a tenant, in German: the WiBA sheet and the technical and organisational measures (Art. 32 GDPR).

Both are filled in from evidence as far as evidence reaches; the rest is an empty field with the role that answers.
Nothing is preset to "yes": a paper says what was proven on how many hosts, a person draws the conclusion.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from verbund.baseline.results import ControlInfo, ControlResult, DeviationInfo, HostResult, Verdict
from verbund.errors import UsageError
from verbund.text import one_line

if TYPE_CHECKING:
    from verbund.baseline.lifetime import Standing
    from verbund.report.places import Checklist, Measure, Places

_NAME = 120
_TEXT = 400
_LISTED = 8
_UNSEEN = frozenset({Verdict.NOT_EVALUATED, Verdict.STALE})


@dataclass(frozen=True, slots=True)
class Declared:
    """What the intent says about a tenant.

    Args:
        name: its name as people write it.
        contact: the role that answers for it.
        hosts: names of all its hosts.
    """

    name: str
    contact: str
    hosts: frozenset[str]


class State(StrEnum):
    """What evidence says about a control over all hosts it applies to, the worst first."""

    OPEN = "offen"
    UNSEEN = "nicht nachgewiesen"
    EXCEPTED = "befristete Ausnahme"
    PROVEN = "nachgewiesen"
    NONE = "trifft nicht zu"


@dataclass(slots=True)
class Row:
    """A control over the hosts of one part of a paper.

    Args:
        control: the control.
        count: its verdicts.
        missed: hosts that do not meet it.
        unseen: hosts on which it was not evaluated, or whose evidence is stale.
    """

    control: ControlInfo
    count: Counter[Verdict] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)

    def add(self, host: HostResult, result: ControlResult) -> None:
        """Count the verdict of one host."""
        self.count[result.verdict] += 1
        if result.verdict is Verdict.NOT_MET:
            self.missed.append(host.host)
        elif result.verdict in _UNSEEN:
            self.unseen.append(host.host)

    @property
    def applies(self) -> int:
        """Hosts that the control applies to."""
        return self.count.total() - self.count[Verdict.NOT_APPLICABLE]

    @property
    def state(self) -> State:
        """The worst of its verdicts; proven only where every host it applies to was seen and meets it."""
        if self.missed:
            return State.OPEN
        if self.unseen:
            return State.UNSEEN
        if self.count[Verdict.EXCEPTED]:
            return State.EXCEPTED
        return State.PROVEN if self.count[Verdict.MET] else State.NONE


@dataclass(slots=True)
class Part:
    """A chapter of a paper: its place in the file, its controls, and how many are in which state."""

    place: Measure | Checklist | None
    rows: list[Row]
    hosts: int

    @property
    def states(self) -> Counter[State]:
        """How many controls are in which state."""
        return Counter(row.state for row in self.rows)


@dataclass(frozen=True, slots=True)
class Exemption:
    """An accepted exception: what was recorded, where it is in use, and the days that are left."""

    given: DeviationInfo
    hosts: tuple[str, ...]
    controls: tuple[str, ...]
    days: int


class Papers:
    """The templates, read once.

    Args:
        templates: the directory with ``tom.html.j2``, ``wiba.html.j2`` and ``paper.css``.
        places: where each control stands.

    Raises:
        UsageError: a template is missing.
    """

    KINDS = ("tom", "wiba")

    def __init__(self, templates: Path, places: Places) -> None:
        self._places = places
        environment = paper_environment(templates)
        environment.globals.update(V=Verdict, S=State)
        self._templates = {kind: paper_template(environment, f"{kind}.html.j2") for kind in self.KINDS}

    def write(self, standing: Standing, tenant: str, declared: Declared | None) -> dict[str, bytes]:
        """The papers of one tenant as HTML, by kind.

        Args:
            standing: the run, judged at the moment of the report.
            tenant: the tenant's id.
            declared: what the intent says about it; None where the intent does not know it.
        """
        hosts = sorted(
            (host for host in standing.results.hosts if host.tenant == tenant), key=lambda host: (host.site, host.host)
        )
        controls = {control.id: control for control in standing.results.controls}
        measures = {kind.id: kind for kind in self._places.tom}
        lists = {kind.id: kind for kind in self._places.wiba}
        tom = _parts(
            hosts, controls, measures, lambda control, _: [place.id for place in self._places.measures_of(control)]
        )
        wiba = _parts(
            hosts, controls, lists, lambda control, host: [
                place.id for place in self._places.checklists_of(control, host.host_class)
            ]
        )  # fmt: skip
        collected = sorted(host.collected for host in hosts if host.collected is not None)
        common: dict[str, Any] = {
            "tenant": declared.name if declared else tenant,
            "contact": declared.contact if declared else "",
            "run": standing.results.run,
            "on": standing.on,
            "turned": standing.stale + standing.ended,
            "hosts": hosts,
            "silent": [host for host in hosts if host.error or not host.results],
            "missing": sorted(declared.hosts - {host.host for host in hosts}) if declared else None,
            "known": len(declared.hosts | {host.host for host in hosts}) if declared else None,
            "classes": sorted(Counter(host.host_class for host in hosts).items()),
            "first": collected[0] if collected else None,
            "last": collected[-1] if collected else None,
            "total": Counter(result.verdict for host in hosts for result in host.results),
            "exceptions": _exceptions(hosts, standing.on),
            "without_record": _without_record(hosts),
        }
        return {
            kind: self._templates[kind].render(parts=parts, **common).encode()
            for kind, parts in (("tom", tom), ("wiba", wiba))
        }


def paper_environment(templates: Path) -> jinja2.Environment:
    """What all papers are rendered with: everything is escaped, and the style stands in the page.

    Args:
        templates: the directory with the templates and ``paper.css``.

    Raises:
        UsageError: the style is missing.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    try:
        style = (templates / "paper.css").read_text(encoding="utf-8")
    except OSError as error:
        raise _incomplete(templates, error) from error
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment.globals.update(
        # Our own file, no text of a host.
        style=Markup(style),  # noqa: S704
        style_hash=f"'sha256-{digest}'",
        name=lambda text: one_line(text, _NAME),
        line=lambda text: one_line(text, _TEXT),
        day=_day,
        moment=_moment,
        some=_some,
        number=_number,
    )
    return environment


def paper_template(environment: jinja2.Environment, name: str) -> jinja2.Template:
    """One template of the papers.

    Args:
        environment: of `paper_environment`.
        name: of the file.

    Raises:
        UsageError: it is missing.
    """
    try:
        return environment.get_template(name)
    except (OSError, jinja2.TemplateNotFound) as error:
        raise _incomplete(name, error) from error


def _incomplete(where: Path | str, error: Exception) -> UsageError:
    return UsageError(
        f"the templates of the papers are not complete in {where}: {error}",
        "run the command in a complete checkout; `git status` shows what is missing",
    )


def pdf(page: bytes, made: datetime) -> bytes:
    """A paper as PDF (tagged, PDF/UA-1), with fields that can be filled in; the same page makes the same bytes.

    Args:
        page: what ``Papers.write`` made; nothing it could name is ever fetched.
        made: the date to write into the file.

    Raises:
        UsageError: the libraries that draw text are not installed on this machine.
    """
    try:
        import weasyprint  # noqa: PLC0415 - a second of loading that only this needs
    except OSError as error:
        raise UsageError(
            f"no PDF can be made: {str(error).splitlines()[0]}",
            "run `make setup`, or install the packages for PDF named in requirements/debian.txt",
        ) from error
    nothing = weasyprint.URLFetcher(allowed_protocols=())
    document = weasyprint.HTML(string=page.decode(), url_fetcher=nothing).render(pdf_variant="pdf/ua-1", pdf_forms=True)
    document.metadata.created = document.metadata.modified = made.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made_of: bytes = document.write_pdf(
        pdf_identifier=hashlib.sha256(page).digest()[:16], pdf_variant="pdf/ua-1", pdf_forms=True
    )
    return made_of


def _parts(
    hosts: Sequence[HostResult],
    controls: Mapping[str, ControlInfo],
    places: Mapping[str, Measure] | Mapping[str, Checklist],
    standing: Any,
) -> list[Part]:
    """The chapters in the order of the file, and one more for controls that the file does not know."""
    rows: dict[str, dict[str, Row]] = defaultdict(dict)
    asked: dict[str, set[str]] = defaultdict(set)
    for host in hosts:
        for result in host.results:
            control = controls[result.control]
            for place in standing(control, host) or [""]:
                rows[place].setdefault(control.id, Row(control)).add(host, result)
                asked[place].add(host.host)
    order = list(State)
    parts = [
        Part(
            places.get(name),
            sorted(rows[name].values(), key=lambda row: (order.index(row.state), row.control.id)),
            len(asked[name]),
        )
        for name in (*places, "")
    ]
    return parts if parts[-1].rows else parts[:-1]


def _exceptions(hosts: Iterable[HostResult], on: date) -> list[Exemption]:
    found: dict[DeviationInfo, tuple[dict[str, None], dict[str, None]]] = defaultdict(lambda: ({}, {}))
    for host in hosts:
        for result in host.results:
            if result.verdict is Verdict.EXCEPTED and result.deviation is not None:
                names, controls = found[result.deviation]
                names[host.host] = None
                controls[result.control] = None
    return [
        Exemption(given, tuple(names), tuple(sorted(controls)), (given.expires - on).days)
        for given, (names, controls) in sorted(
            found.items(), key=lambda item: (item[0].expires, item[0].reason, item[0].owner)
        )
    ]


def _without_record(hosts: Iterable[HostResult]) -> int:
    """Exceptions of which the file does not tell who answers for them: they must show."""
    return sum(r.verdict is Verdict.EXCEPTED and r.deviation is None for host in hosts for r in host.results)


def _day(value: date) -> str:
    return f"{value:%d.%m.%Y}"


def _moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%d.%m.%Y, %H:%M} Uhr (UTC)"


def _number(value: int) -> str:
    return f"{value:,}".replace(",", ".")


def _some(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(one_line(name, _NAME) for name in names[:_LISTED])
    rest = len(names) - _LISTED
    return f"{shown} und {_number(rest)} weitere" if rest > 0 else shown
