# SPDX-License-Identifier: EUPL-1.2
"""A run that changes nothing: our playbook beside the hardening roles of dev-sec, on the same kind of host.

Run: ``python tests/bench/bench_site.py --host NAME --other NAME --dev-sec COLLECTIONS --ansible PLAYBOOK``.
Both are enrolled hosts of a running lab, in order: ``verbund apply`` was run on the first. The second gets the roles
``devsec.hardening.os_hardening`` and ``ssh_hardening`` once before anything is timed. ``COLLECTIONS`` holds
``ansible_collections/devsec/hardening``; ``PLAYBOOK`` is an ``ansible-playbook`` that has the collections which those
roles need (the package ``ansible`` brings them). Runs alternate, so that a busy machine hits both alike.
"""

from __future__ import annotations

import argparse
import json
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
THEIRS = """\
- hosts: all
  become: true
  roles: [devsec.hardening.os_hardening, devsec.hardening.ssh_hardening]
  vars:
    ssh_server_enabled: true
    ssh_permit_root_login: "no"
    ssh_host_key_files: [/etc/ssh/ssh_host_ecdsa_key]
    ssh_allow_users: verbund
    ssh_trusted_user_ca_keys_file: /etc/ssh/verbund_user_ca.pub
    ssh_authorized_principals_file: /etc/ssh/auth_principals/%u
    os_auditd_enabled: false
    os_ignore_users: [verbund]
    os_auth_pam_passwdqc_enable: false  # would be installed, and the lab has no way out
"""


def extra(collections: Path) -> str:
    """Their kernel parameters as "unsupported": a container may not set any, as our role knows by itself."""
    role = collections / "ansible_collections" / "devsec" / "hardening" / "roles" / "os_hardening"
    names = {
        name
        for path in (role / "defaults" / "main.yml", *(role / "vars").glob("*.yml"))
        for name in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("sysctl_config", {})
    }
    names |= {
        "kernel.unprivileged_bpf_disabled",
        "kernel.unprivileged_userns_clone",
    }
    return json.dumps({"sysctl_unsupported_entries": sorted(names)})


def timed(argv: list[str], environment: dict[str, str]) -> tuple[float, str]:
    """Wall time and output of a run that has to succeed."""
    start = time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False, cwd=ROOT)
    elapsed = time.monotonic() - start
    if done.returncode:
        sys.exit(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    return elapsed, done.stdout


def changed(output: str) -> int:
    """How many tasks changed something, by the recap."""
    return sum(int(number) for number in re.findall(r"changed=(\d+)", output))


def main() -> None:
    """Measure and print medians and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--other", required=True)
    parser.add_argument("--dev-sec", required=True, type=Path)
    parser.add_argument("--ansible", required=True, type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    config = ROOT / ".verbund" / "lab" / "ssh_config"
    with tempfile.TemporaryDirectory() as scratch:
        play, inventory = Path(scratch) / "theirs.yml", Path(scratch) / "hosts"
        play.write_text(THEIRS, encoding="utf-8")
        inventory.write_text(f"{options.other} ansible_ssh_common_args=\"-F '{config}'\"\n", encoding="utf-8")
        empty = Path(scratch) / "ansible.cfg"
        empty.touch()
        ours = dict(os.environ, ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"))
        # The same connection settings as ours: pipelining and one connection that stays open.
        theirs = dict(
            os.environ,
            ANSIBLE_CONFIG=str(empty),
            ANSIBLE_PIPELINING="1",
            ANSIBLE_COLLECTIONS_PATH=str(options.dev_sec.resolve()),
        )
        site = [str(Path(sys.executable).with_name("ansible-playbook")), "playbooks/site.yml", "--limit", options.host]
        devsec = [str(options.ansible), "-i", str(inventory), "--extra-vars", extra(options.dev_sec), str(play)]
        timed(devsec, theirs)
        times: dict[str, list[float]] = {"ours": [], "dev-sec": []}
        for _ in range(options.rounds):
            for name, argv, environment in (("ours", site, ours), ("dev-sec", devsec, theirs)):
                seconds, output = timed(argv, environment)
                times[name].append(seconds)
                sys.stdout.write(f"{name:8} {seconds:7.1f} s, changed {changed(output)}\n")
    middle = {name: statistics.median(found) for name, found in times.items()}
    sys.stdout.write(f"medians: ours {middle['ours']:.1f} s, dev-sec {middle['dev-sec']:.1f} s: ")
    sys.stdout.write(f"{middle['dev-sec'] / middle['ours']:.1f} times faster\n")


if __name__ == "__main__":
    main()
