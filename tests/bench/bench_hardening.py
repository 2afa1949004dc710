# SPDX-License-Identifier: EUPL-1.2
"""How long a run takes that has nothing to change: our whole site.yml beside dev-sec's os_hardening and ssh_hardening.

Run, with two enrolled hosts of the lab that carry nothing yet (same class, same driver):

    python tests/bench/bench_hardening.py --ours HOST --theirs HOST --ansible PATH --collections DIRECTORY [--rounds 3]

``--ansible`` is an ``ansible-playbook`` that sees what dev-sec needs (ansible.posix, community.general), and
``--collections`` the directory with ``ansible_collections/devsec``: nothing of them belongs to this project. Both sides
run with pipelining over one kept connection, in turn, so that a busy machine hits both alike; the ratio counts.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]

# What their roles need to leave a host of the lab reachable, and to have nothing to change the second time.
THEIRS = {
    "os_auditd_enabled": False,
    "os_auth_pam_passwdqc_enable": False,
    "os_ignore_users": ["verbund"],
    "ssh_host_key_files": ["/etc/ssh/ssh_host_ecdsa_key"],
    "ssh_trusted_user_ca_keys_file": "/etc/ssh/verbund_user_ca.pub",
    "ssh_authorized_principals_file": "/etc/ssh/auth_principals/%u",
    "sftp_enabled": True,
}


def unsupported(collection: Path) -> list[str]:
    """Kernel parameters of theirs: a container may not set them, and without this their run ends there."""
    names: set[str] = set()
    for path in ("defaults/main.yml", "vars/Debian.yml"):
        content = yaml.safe_load((collection / "roles" / "os_hardening" / path).read_text()) or {}
        for key, value in content.items():
            if key.startswith("sysctl") and isinstance(value, dict):
                names |= set(value)
    return sorted(names | {"kernel.unprivileged_bpf_disabled", "kernel.unprivileged_userns_clone"})


def run(argv: list[str], environment: dict[str, str]) -> tuple[float, int, int]:
    """Seconds, tasks and changes of one run of a playbook."""
    started = time.monotonic()
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    elapsed = time.monotonic() - started
    if done.returncode:
        sys.exit(f"{argv[0]} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    recap = dict(re.findall(r"(ok|changed)=(\d+)", done.stdout.rsplit("PLAY RECAP", 1)[-1]))
    return elapsed, int(recap["ok"]), int(recap["changed"])


def main() -> None:
    """Converge both, then measure runs without a change in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True)
    parser.add_argument("--theirs", required=True)
    parser.add_argument("--ansible", required=True, type=Path)
    parser.add_argument("--collections", required=True, type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    lab = ROOT / ".verbund" / "lab" / "ssh_config"
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        collection = options.collections / "ansible_collections" / "devsec" / "hardening"
        variables = {**THEIRS, "sysctl_unsupported_entries": unsupported(collection)}
        play = {
            "hosts": "all",
            "become": True,
            "roles": ["devsec.hardening.os_hardening", "devsec.hardening.ssh_hardening"],
        }
        (work / "play.yml").write_text(yaml.safe_dump([play]))
        (work / "variables.yml").write_text(yaml.safe_dump(variables))
        (work / "ansible.cfg").touch()
        hosts = {"all": {"hosts": {options.theirs: {"ansible_ssh_common_args": f"-F {lab}"}}}}
        (work / "hosts.yml").write_text(yaml.safe_dump(hosts))
        plain = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PYTHONPATH"))}
        theirs = (
            [
                str(options.ansible),
                "-i",
                str(work / "hosts.yml"),
                "-e",
                f"@{work}/variables.yml",
                str(work / "play.yml"),
            ],
            {
                **plain,
                "ANSIBLE_CONFIG": str(work / "ansible.cfg"),
                "ANSIBLE_COLLECTIONS_PATH": f"{options.collections}:{_beside(options.ansible)}",
                "ANSIBLE_PIPELINING": "1",
                "ANSIBLE_NOCOLOR": "1",
            },
        )
        ours = (
            [str(Path(sys.executable).with_name("ansible-playbook")), "playbooks/site.yml", "--limit", options.ours],
            {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        )
        times: dict[str, list[float]] = {"ours": [], "theirs": []}
        for name, way in (("ours", ours), ("theirs", theirs)):
            for attempt in (1, 2):
                elapsed, tasks, changed = run(*way)
                _say(f"{name}: run {attempt} to get there: {elapsed:.1f} s, {tasks} tasks, {changed} changed")
        for _ in range(options.rounds):
            for name, way in (("ours", ours), ("theirs", theirs)):
                elapsed, tasks, changed = run(*way)
                _say(f"{name}: {elapsed:.1f} s, {tasks} tasks, {changed} changed")
                times[name].append(elapsed)
    one, other = statistics.median(times["ours"]), statistics.median(times["theirs"])
    _say(f"median of {options.rounds}: ours {one:.1f} s, theirs {other:.1f} s, ratio {other / one:.1f}")


def _beside(program: Path) -> str:
    """Where a pip-installed ansible keeps its collections."""
    found = sorted(program.resolve().parent.parent.glob("lib/python3*/site-packages"))
    return ":".join(map(str, found))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
