# SPDX-License-Identifier: EUPL-1.2
"""``verbund coverage``: what becomes of each requirement of the BSI modules, and what is still open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from verbund.baseline.controls import HostClass  # noqa: TC001 - typer reads it
from verbund.baseline.coverage import CLASSES, Status

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

    from verbund.baseline.coverage import Coverage


def register(app: typer.Typer) -> None:
    """Add ``coverage``."""
    app.command()(coverage)


def coverage(
    host_class: Annotated[
        HostClass | None,
        typer.Option("--class", "-c", help="Only for one class of hosts."),
    ] = None,
    module: Annotated[str | None, typer.Option("--module", "-m", help="List one module.")] = None,
    status: Annotated[Status | None, typer.Option("--status", "-s", help="List what has one status.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the requirements as JSON.")] = False,
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", help="Write the pages of the documentation into this directory (docs/coverage)."),
    ] = None,
) -> None:
    """Show what is proven, partly proven, answered by people, or not applicable: all BSI requirements of 21 modules.

    Without --module and --status: one line per module. A requirement that stands differently on different classes
    counts as partial there; --class gives the figures of one class.
    """
    from verbund.baseline.controls import require_controls
    from verbund.baseline.coverage import require_coverage
    from verbund.baseline.coverage_pages import pages, records
    from verbund.errors import UsageError
    from verbund.project import Project

    stated = require_coverage()
    entries = require_controls(Project.find().roles)
    modules = [part.id for part in stated.modules]
    if module is not None and module not in modules:
        raise UsageError(f"there is no module {module!r}", f"the modules are {', '.join(modules)}")
    if markdown is not None:
        if host_class or module or status or as_json:
            raise UsageError("--markdown writes all pages", "leave the other options out")
        _write(markdown, pages(stated, entries))
        return
    if module is None and status is None and not as_json:
        _modules(stated, host_class)
        return
    rows = list(records(stated, entries, host_class, module, status))
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        _requirements(rows, stated.answers)


def _write(directory: Path, pages: dict[str, str]) -> None:
    from verbund.cli.console import output
    from verbund.files import write_atomically

    for name, text in pages.items():
        write_atomically(directory / name, text, 0o644)
    output.print(f"{len(pages)} pages in {directory}", markup=False, soft_wrap=True)


def _modules(stated: Coverage, host_class: HostClass | None) -> None:
    from collections import Counter

    from rich.table import Table

    from verbund.cli.console import output

    table = Table(box=None, pad_edge=False)
    table.add_column("module", no_wrap=True, min_width=max(len(module.id) for module in stated.modules))
    table.add_column("title", no_wrap=True)
    for name in ("all", *Status):
        table.add_column(name, justify="right")
    total: Counter[Status] = Counter()
    for module in stated.modules:
        counts = module.counts(host_class)
        total += counts
        table.add_row(module.id, module.title, *_figures(counts))
    table.add_row("", "all", *_figures(total))
    output.print(table)


def _figures(counts: Counter[Status]) -> list[str]:
    return [str(counts.total()), *(str(counts[status] or "·") for status in Status)]


def _requirements(rows: list[dict[str, Any]], answers: Mapping[str, str]) -> None:
    from verbund.cli.console import output

    for row in rows:
        classes = "all classes" if len(row["classes"]) == len(CLASSES) else ", ".join(row["classes"])
        output.print(
            f"{row['id']} ({row['level']}) {row['status']}: {row['title']} [{classes}]", markup=False, soft_wrap=True
        )
        who = f"{answers[row['answer']]}: " if row["answer"] else ""
        for line in (who + row["en"], ", ".join(row["controls"])):
            if line:
                output.print("    " + line, markup=False, soft_wrap=True)
    output.print(f"entries: {len(rows)}", markup=False)
