# SPDX-License-Identifier: EUPL-1.2
"""The report: what a verification found, for deciders, admins, auditors, spreadsheets, CI servers and other tools.

From a result file come two pages (German and English; start page, tenant, site, host, control, changes), a table for
spreadsheets and a JUnit file; on request OSCAL, SARIF, metrics for Prometheus, and two papers per tenant. The same
results, judged on the same day, always give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from verbund.baseline.junit import junit, write_junit
from verbund.baseline.lifetime import as_of
from verbund.errors import UsageError
from verbund.report.files import replace_bytes
from verbund.report.metrics import metrics
from verbund.report.network import NetworkPapers
from verbund.report.oscal import assessment_results, component_definition
from verbund.report.papers import Declared, Papers, pdf
from verbund.report.places import Places, lint_places
from verbund.report.sarif import sarif
from verbund.report.site import LANGUAGES, Site
from verbund.report.summary import summarise
from verbund.report.table import table

if TYPE_CHECKING:
    from verbund.baseline.controls import Entry
    from verbund.baseline.lifetime import Standing
    from verbund.baseline.results import Results
    from verbund.network.reachability import Model
    from verbund.network.topology import Site as NetworkSite

__all__ = [
    "LANGUAGES",
    "Declared",
    "Format",
    "ReportFiles",
    "lint_places",
    "write_exports",
    "write_junit",
    "write_network_papers",
    "write_report",
]


class Format(StrEnum):
    """What a run can be written as."""

    HTML = "html"
    CSV = "csv"
    JUNIT = "junit"
    OSCAL = "oscal"
    SARIF = "sarif"
    PROMETHEUS = "prometheus"
    PAPERS = "papers"


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """Where the report lies; ``pages`` by language, ``written`` everything that was written, pages first."""

    pages: dict[str, Path]
    csv: Path
    junit: Path
    written: tuple[Path, ...]


def write_report(
    results: Results,
    previous: Results | None,
    output: Path,
    templates: Path,
    lang: str = "de",
    *,
    at: datetime | None = None,
    formats: Collection[Format] = (Format.HTML, Format.CSV, Format.JUNIT),
) -> ReportFiles:
    """Write the report. All of it is made before any file is replaced.

    Args:
        results: the run to report on.
        previous: the run to compare with, if any.
        output: directory to write into; other files in it are left alone.
        templates: the report's templates (``templates/report`` of the checkout).
        lang: language of the spreadsheet, ``de`` or ``en``; pages are written in both.
        at: the moment to judge the age of evidence and exceptions at; None is the end of the run.
        formats: which of the pages, the table and the JUnit file to write.

    Raises:
        UsageError: the results contradict themselves, templates are missing, or the output cannot be written.
    """
    standing = as_of(results, at or results.run.finished)
    site = Site(templates)
    words = site.words[lang]
    summary = summarise(standing.results, previous, standing.on)
    files = {
        "de": output / "index.html",
        "en": output / "index.en.html",
        "csv": output / "results.csv",
        "junit": output / "junit.xml",
    }
    contents: dict[Path, bytes] = {}
    if Format.CSV in formats:
        contents[files["csv"]] = table(standing.results, words.texts["csv"], words.verdicts, lang)
    if Format.JUNIT in formats:
        contents[files["junit"]] = junit(standing.results)
    if Format.HTML in formats:
        pages = site.pages(standing.results, previous, summary, turned=standing.stale + standing.ended)
        contents |= {files[name]: pages[name] for name in ("en", "de")}
    for path, content in contents.items():
        replace_bytes(path, content)
    return ReportFiles(
        pages={name: files[name] for name in LANGUAGES},
        csv=files["csv"],
        junit=files["junit"],
        written=tuple(path for path in files.values() if path in contents),
    )


def write_exports(
    results: Results,
    output: Path,
    root: Path,
    formats: Collection[Format],
    *,
    entries: Sequence[Entry] = (),
    tenants: Mapping[str, Declared] | None = None,
    network: Model | None = None,
    at: datetime | None = None,
) -> list[Path]:
    """Write what other tools and other people read. All of it is made before any file is replaced.

    Args:
        results: the run.
        output: directory to write into; other files in it are left alone.
        root: the project, for the templates of the papers and the places of the controls.
        formats: which to write; pages, table and JUnit are `write_report`'s.
        entries: the catalogue of controls, for the OSCAL component definition; without any there is none.
        tenants: what the intent says about the tenants, for the papers.
        network: the model of all networks, for the papers of the sites of these tenants; None leaves them out.
        at: the moment to judge the age of evidence and exceptions at; None is the end of the run.

    Returns:
        the files written.

    Raises:
        InputError: the file of places is malformed.
        UsageError: the results contradict themselves, templates are missing, PDF cannot be made here, or the output
            cannot be written.
    """
    standing = as_of(results, at or results.run.finished)
    summarise(standing.results, None, standing.on)  # refuses results that contradict themselves
    contents: dict[Path, bytes] = {}
    if Format.OSCAL in formats:
        if entries:
            contents[output / "oscal-component-definition.json"] = component_definition(
                entries, results.run.release, results.run.finished
            )
        contents[output / "oscal-assessment-results.json"] = assessment_results(standing)
    if Format.SARIF in formats:
        contents[output / "results.sarif"] = sarif(standing)
    if Format.PROMETHEUS in formats:
        contents[output / "verbund.prom"] = metrics(standing)
    if Format.PAPERS in formats:
        contents |= _papers(standing, output / "papers", root, tenants or {})
        if network is not None:
            towns = {host.tenant for host in standing.results.hosts}
            chosen = [site for site in network.network.sites if site.tenant in towns]
            contents |= _network_papers(
                network, chosen, lambda site: output / "papers" / site.tenant / site.name, root, on=standing.on
            )
    for path, content in contents.items():
        replace_bytes(path, content)
    return list(contents)


def write_network_papers(
    model: Model,
    sites: Iterable[NetworkSite],
    directory: Callable[[NetworkSite], Path],
    root: Path,
    *,
    lang: Literal["de", "en"] = "de",
    with_pdf: bool = True,
) -> list[Path]:
    """Write the papers of networks. All of them are made before any file is replaced.

    Args:
        model: of the whole intent; the papers bear its day.
        sites: whose papers to write.
        directory: where those of a site belong; other files there are left alone.
        root: the project, for the templates.
        lang: language of the papers.
        with_pdf: write each page as PDF too.

    Returns:
        the files written.

    Raises:
        UsageError: templates are missing, PDF cannot be made here, or the output cannot be written.
    """
    contents = _network_papers(model, sites, directory, root, on=model.intent.today, lang=lang, with_pdf=with_pdf)
    for path, content in contents.items():
        replace_bytes(path, content)
    return list(contents)


def _network_papers(
    model: Model,
    sites: Iterable[NetworkSite],
    directory: Callable[[NetworkSite], Path],
    root: Path,
    *,
    on: date,
    lang: Literal["de", "en"] = "de",
    with_pdf: bool = True,
) -> dict[Path, bytes]:
    papers = NetworkPapers(root / "templates" / "papers", model)
    contents: dict[Path, bytes] = {}
    for site in sites:
        for name, content in papers.write(site, on, lang).items():
            path = directory(site) / name
            contents[path] = content
            if with_pdf and path.suffix == ".html":
                contents[path.with_suffix(".pdf")] = pdf(content, datetime.combine(on, time(), UTC))
    return contents


def _papers(standing: Standing, directory: Path, root: Path, tenants: Mapping[str, Declared]) -> dict[Path, bytes]:
    papers = Papers(root / "templates" / "papers", Places.read(root))
    contents: dict[Path, bytes] = {}
    for tenant in sorted({host.tenant for host in standing.results.hosts}):
        if "/" in tenant or "\0" in tenant or tenant in {"", ".", ".."}:
            raise UsageError(f"{tenant!r} cannot be the id of a tenant, so there are no papers of it")
        for kind, page in papers.write(standing, tenant, tenants.get(tenant)).items():
            contents[directory / tenant / f"{kind}.html"] = page
            contents[directory / tenant / f"{kind}.pdf"] = pdf(page, standing.since)
    return contents
