# SPDX-License-Identifier: EUPL-1.2
"""The report: what a verification found, for deciders, admins, spreadsheets and CI servers.

From a result file come two pages (German and English; start page, tenant, site, host, control, changes), a table for
spreadsheets and a JUnit file. The same results always give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from verbund.baseline.junit import junit, write_junit
from verbund.report.files import replace_bytes
from verbund.report.site import LANGUAGES, Site
from verbund.report.summary import summarise
from verbund.report.table import table

if TYPE_CHECKING:
    from verbund.baseline.results import Results

__all__ = ["LANGUAGES", "ReportFiles", "write_junit", "write_report"]


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """Where the report lies; ``pages`` by language."""

    pages: dict[str, Path]
    csv: Path
    junit: Path


def write_report(
    results: Results, previous: Results | None, output: Path, templates: Path, lang: str = "de"
) -> ReportFiles:
    """Write the report. All of it is made before any file is replaced.

    Args:
        results: the run to report on.
        previous: the run to compare with, if any.
        output: directory to write into; other files in it are left alone.
        templates: the report's templates (``templates/report`` of the checkout).
        lang: language of the spreadsheet, ``de`` or ``en``; pages are written in both.

    Raises:
        UsageError: the results contradict themselves, templates are missing, or the output cannot be written.
    """
    site = Site(templates)
    words = site.words[lang]
    pages = site.pages(results, previous, summarise(results, previous))
    files = ReportFiles(
        pages={"de": output / "index.html", "en": output / "index.en.html"},
        csv=output / "results.csv",
        junit=output / "junit.xml",
    )
    contents = {
        files.csv: table(results, words.texts["csv"], words.verdicts, lang),
        files.junit: junit(results),
        files.pages["en"]: pages["en"],
        files.pages["de"]: pages["de"],
    }
    for path, content in contents.items():
        replace_bytes(path, content)
    return files
