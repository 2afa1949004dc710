# SPDX-License-Identifier: EUPL-1.2
"""How much faster one fetched bundle is than testinfra's own backends, side by side on one host.

Run: ``python tests/bench/bench_verify.py --host NAME --ssh-config FILE [--rounds 3]``.
Each way runs the same checks (``tests/baseline``) on the same host in turn, so that a busy machine hits all alike; what
counts are the ratios. Ways: ``verify`` (our fetch and evaluation, whole process), ``evidence`` (evaluation alone, whole
process), ``multiplexed`` (testinfra ssh over a connection that stays open), ``plain`` (testinfra ssh, a connection per
command).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

VERIFY = """
import sys
from pathlib import Path
from verbund.baseline.target import Target
from verbund.baseline.verify import Verification
root, host, config, state, mode = sys.argv[1:]
target = Target(host, "server", address=host, variables={"ansible_ssh_common_args": f"-F '{config}'"})
results = Verification(
    Path(root), [target], "2026.1", state=Path(state), learn=mode == "learn", from_evidence=mode == "evidence"
).run()
found = results.hosts[0]
assert not found.error, found.error
print(len(found.results))
"""


def seconds(argv: list[str], environment: dict[str, str]) -> float:
    """Wall time of a command; checks may fail, the command itself may not."""
    start = time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False, cwd=ROOT)
    elapsed = time.monotonic() - start
    if done.returncode not in {0, 1}:
        sys.exit(f"{argv[:6]} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return elapsed


def line(text: str) -> None:
    """One line of the result."""
    sys.stdout.write(text + "\n")


def main() -> None:
    """Measure and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True, help="name in the ssh configuration")
    parser.add_argument("--ssh-config", required=True, type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--root", type=Path, default=ROOT, help="project whose checks run")
    parser.add_argument("--skip-plain", action="store_true", help="leave out the way that takes minutes")
    options = parser.parse_args()
    config = options.ssh_config.resolve()
    environment = dict(os.environ, PYTHONPATH=f"{ROOT / 'deploy'}")
    with tempfile.TemporaryDirectory() as scratch:
        # A path that both testinfra's master and its clients find; sockets must have short names.
        shared = Path(scratch) / "config"
        shared.write_text(f"ControlMaster auto\nControlPersist 60\nControlPath {scratch}/%C\n{config.read_text()}")
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
        checks = str(options.root / "tests" / "baseline")
        ours = [sys.executable, "-c", VERIFY, str(options.root), options.host, str(config), scratch]
        ways = {
            "verify": [*ours, "verify"],
            "evidence": [*ours, "evidence"],
            "multiplexed": [*pytest, f"--hosts=ssh://{options.host}", f"--ssh-config={shared}", checks],
            "plain": [*pytest, f"--hosts=ssh://{options.host}?controlpersist=0", f"--ssh-config={config}", checks],
        }
        if options.skip_plain:
            del ways["plain"]
        subprocess.run([*ours, "learn"], env=environment, check=True, capture_output=True)
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for round_ in range(options.rounds):
            for way, argv in ways.items():
                if way == "plain" and round_:
                    continue
                taken[way].append(seconds(argv, environment))
        subprocess.run(["ssh", "-F", str(shared), "-O", "exit", options.host], check=False, capture_output=True)
    base = statistics.median(taken["verify"])
    line(f"{'way':12} {'median s':>9} {'min s':>8} {'runs':>5} {'times verify':>13}")
    for way, measured in taken.items():
        middle = statistics.median(measured)
        line(f"{way:12} {middle:9.2f} {min(measured):8.2f} {len(measured):5} {middle / base:13.1f}")


if __name__ == "__main__":
    main()
