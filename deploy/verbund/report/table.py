# SPDX-License-Identifier: EUPL-1.2
"""CSV for spreadsheets: a row per host and control, with no cell that a spreadsheet would run as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from verbund.baseline.results import Results, Verdict
from verbund.text import cell

_LIMIT = 1000


def table(results: Results, columns: Mapping[str, str], verdicts: Mapping[Verdict, str], lang: str) -> bytes:
    """All verdicts as CSV, UTF-8 with byte order mark (without it, spreadsheets guess the encoding wrongly).

    Args:
        results: the run.
        columns: the heading of each column by its key, in the language of the reader.
        verdicts: the name of each verdict, likewise.
        lang: ``de`` or ``en``; picks the titles, and the separator that a spreadsheet set to that language
            expects: semicolon where the comma is the decimal mark.
    """
    controls = {control.id: control for control in results.controls}
    titles = {key: control.title.de if lang == "de" else control.title.en for key, control in controls.items()}
    references = {key: ", ".join(map(str, control.bsi)) for key, control in controls.items()}
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";" if lang == "de" else ",", lineterminator="\r\n")
    writer.writerow(columns.values())
    for host in sorted(results.hosts, key=lambda host: (host.tenant, host.site, host.host)):
        place = [
            cell(text, _LIMIT)
            for text in (
                *(host.tenant, host.site, host.room or "", host.host),
                *(host.host_class, host.profile, host.zone, host.address),
            )
        ]
        if host.error and not host.results:
            writer.writerow([*place, "", "", "", verdicts[Verdict.NOT_EVALUATED], cell(host.error, _LIMIT), "", ""])
        for result in sorted(host.results, key=lambda result: result.control):
            given = result.deviation
            writer.writerow(
                [
                    *place,
                    cell(result.control, _LIMIT),
                    cell(titles.get(result.control, ""), _LIMIT),
                    cell(references.get(result.control, ""), _LIMIT),
                    verdicts[result.verdict],
                    cell(result.reason or (given.reason if given else ""), _LIMIT),
                    given.expires.isoformat() if given else "",
                    cell(given.owner, _LIMIT) if given else "",
                ]
            )
    return out.getvalue().encode("utf-8-sig")
