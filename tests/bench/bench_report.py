# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: T201 (its output is its purpose)
"""Size and speed of the report: ``python tests/bench/bench_report.py``.

Prints, for fleets of growing size, what the report weighs, how long it takes to write, and how long a headless
Chromium takes from its cold start to the drawn page (if there is one).
"""

from __future__ import annotations

import runpy
import shutil
import subprocess
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

from verbund.baseline.results import Results
from verbund.report import write_report

ROOT = Path(__file__).parents[2]
SIZES = ((10, 100), (100, 150), (500, 150), (2000, 150))
SWITCHES = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--dump-dom")


def opening(page: Path, directory: Path, view: str) -> str:
    """Seconds until a cold browser has drawn the view."""
    if not shutil.which("chromium"):
        return "-"
    begin = time.perf_counter()
    command = ["chromium", *SWITCHES, f"--user-data-dir={directory / view[2:]}", page.as_uri() + view]
    subprocess.run(command, check=True, capture_output=True)
    return f"{time.perf_counter() - begin:.2f}"


def main() -> None:
    """Measure and print."""
    sample = SimpleNamespace(**runpy.run_path(str(ROOT / "tests" / "unit" / "report" / "sample.py")))
    print("hosts  controls  read s  write s  pages MB  csv MB  junit MB  start s  all results s")
    for hosts, controls in SIZES:
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            earlier = sample.results(
                hosts, controls, seed=1, finished=sample.FINISHED - timedelta(days=2), name="before"
            )
            sample.results(hosts, controls).write(directory / "results.json")
            begin = time.perf_counter()
            results = Results.read(directory / "results.json")
            read = time.perf_counter() - begin
            begin = time.perf_counter()
            files = write_report(results, earlier, directory / "report", ROOT / "templates" / "report")
            write = time.perf_counter() - begin
            pages = sum(page.stat().st_size for page in files.pages.values()) / 1e6
            others = [path.stat().st_size / 1e6 for path in (files.csv, files.junit)]
            first, all_results = (opening(files.pages["de"], directory, view) for view in ("#/", "#/results"))
            print(
                f"{hosts:5}  {controls:8}  {read:6.2f}  {write:7.2f}  {pages:8.2f}  {others[0]:6.1f}  {others[1]:8.1f}"
                f"  {first:>7}  {all_results:>13}"
            )


if __name__ == "__main__":
    main()
