#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# This module works on file descriptors and raw paths, and Ansible wants the documentation before the imports.
# ruff: noqa: E402, PTH101, PTH102, PTH103, PTH104, PTH106, PTH108, PTH110, PTH112, PTH114, PTH116, PTH118, PTH120, PTH123
# ruff: noqa: PTH208
"""Bring one subject of a host (its packages, files, units, running state) into its declared state, in one task.

The module needs nothing of Ansible on the host. Modules that do carry some fifty files along, which Python there has to
compile for every task: 0.15 s each on a usual processor, 2 s in an emulated machine.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: verbund_state
short_description: Bring packages, files, units and the running state of one subject into their declared state
description:
  - One task per subject instead of one task per setting, because a task costs far more time than a setting.
  - Files are replaced atomically. They are validated in place before anything is activated; if the validation, a unit
    or the activation fails, every touched path is put back byte for byte and the old state is activated again.
  - An activation is never lost. A marker under C(/run/verbund/state) is written before the first file changes and
    removed after the activation, so a run that was killed in between is finished by the next one.
  - With O(guard) the change is commit-confirmed. The host undoes it by itself unless the controller confirms it over a
    new connection.
  - An entry may say which controls it serves. It is left out, neither brought about nor undone, when all of them stand
    in C(verbund_excepted_controls) of the host. Where an entry is a word, a path or a command, write it as a mapping
    with C(controls) and C(name) (packages), C(path) (absent) or C(command).
options:
  packages:
    description: Packages that are installed, without their recommended packages. Packages are not part of an undo.
    type: list
    elements: raw
    default: []
  absent_packages:
    description: Packages that are purged, together with what their removal leaves behind in C(/etc).
    type: list
    elements: raw
    default: []
  directories:
    description: Directories that exist. Missing parents are created as root:root 0755.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Absolute path., type: path, required: true}
      mode: {description: 'Octal, quoted, with a leading zero.', type: str, default: "0755"}
      owner: {description: Name of the owner., type: str, default: root}
      group: {description: Name of the group., type: str, default: root}
      controls: {description: Controls it serves., type: list, elements: str, default: []}
  files:
    description: Regular files with exactly this content. A link or a directory in the place of a file is an error.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Absolute path., type: path, required: true}
      content: {description: The whole content., type: str, required: true}
      mode: {description: 'Octal, quoted, with a leading zero.', type: str, default: "0644"}
      owner: {description: Name of the owner., type: str, default: root}
      group: {description: Name of the group., type: str, default: root}
      sensitive: {description: Show no content in diffs., type: bool, default: false}
      controls: {description: Controls it serves., type: list, elements: str, default: []}
  absent:
    description: Files, links and empty directories that do not exist.
    type: list
    elements: raw
    default: []
  permissions:
    description: Mode and ownership of paths, where they exist. What is left out stays as it is.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Absolute path., type: path, required: true}
      mode: {description: 'Octal, quoted, with a leading zero.', type: str}
      owner: {description: Name of the owner., type: str}
      group: {description: Name of the group., type: str}
      controls: {description: Controls it serves., type: list, elements: str, default: []}
  units:
    description:
      - State of systemd units. A unit that does not exist and is wanted off is in its declared state.
      - A unit that is wanted on is unmasked where necessary.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: 'Full name, C(chrony.service).', type: str, required: true}
      enabled: {description: Whether it starts at boot., type: bool}
      state: {description: Whether it runs now., type: str, choices: [started, stopped]}
      masked: {description: Whether it is masked. A masked unit is also stopped., type: bool}
      controls: {description: Controls it serves., type: list, elements: str, default: []}
  validate:
    description:
      - Commands (argument lists) that run with the new files in place and before anything is activated.
      - They run only when something has to be changed or activated.
    type: list
    elements: raw
    default: []
  effective:
    description:
      - Read-only commands (argument lists). Exit status 0 of all says that the running state is the declared one.
      - If one fails the activation runs although no file changed. They are asked again after the activation, and the
        task fails if the running state still is not the declared one.
    type: list
    elements: raw
    default: []
  activate:
    description: Commands (argument lists) that make the running state follow the files.
    type: list
    elements: raw
    default: []
  guard:
    description:
      - Seconds after which the host undoes the change by itself unless it was confirmed from a new connection.
      - Nothing is armed when nothing changes and in check mode.
      - The saved state and the timer live in C(/run). If the host restarts within the guard time, nothing is left to
        undo and the change stays, confirmed or not; the files have passed their validation before. A host that cannot
        be reached after that needs its console.
    type: int
  guard_id:
    description: Identity of the guard, chosen by the action plugin of the same name.
    type: str
attributes:
  check_mode: {support: full, description: Nothing is written or started.}
  diff_mode: {support: full, description: Contents of files except sensitive ones.}
author: [Verbund maintainers]
"""

EXAMPLES = r"""
- name: Bring the time service into its declared state
  verbund_state:
    packages: [chrony]
    files:
      - path: /etc/chrony/conf.d/50-verbund.conf
        content: "{{ lookup('ansible.builtin.template', 'chrony.conf.j2') }}"
    units:
      - {name: chrony.service, enabled: true, state: started}
      - {name: systemd-timesyncd.service, masked: true, controls: [VB-TIM-006]}
    validate: [[chronyd, -p]]
    activate: [[systemctl, reload-or-restart, chrony.service]]

- name: Bring the SSH server into its declared state
  verbund_state:
    files:
      - path: /etc/ssh/sshd_config.d/00-verbund.conf
        content: "{{ lookup('ansible.builtin.template', 'sshd.conf.j2') }}"
        mode: "0600"
    validate: [[/usr/sbin/sshd, -t]]
    activate: [[systemctl, reload-or-restart, ssh.service]]
    guard: 120
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode, in plain sentences and in order.
  type: list
  elements: str
  returned: always
restored:
  description: Whether the task failed and the host was put back into the state it had before.
  type: bool
  returned: always
guard:
  description: The armed guard (C(id), C(seconds)); the action plugin confirms it.
  type: dict
  returned: when a guarded change was made
"""

import contextlib
import fcntl
import grp
import hashlib
import json
import os
import pwd
import re
import shlex
import shutil
import stat
import subprocess
import sys
import syslog
import time
import uuid
from dataclasses import dataclass, field

RUNTIME = "/run/verbund"
COMMAND_TIMEOUT = 300  # seconds; a command that takes longer hangs
LOCK_TIMEOUT = 120  # seconds another run may keep the host busy
APT_TIMEOUT = 1800  # seconds; a slow mirror is not an error
SETTLE = (0.0, 0.5, 1.5)  # seconds to wait before each look at the running state after an activation
DIFF_LIMIT = 200_000  # bytes; beyond that a diff helps nobody
# Not all of /etc/systemd: settings of journald and others are no units, and a reload costs seconds on a slow host.
UNIT_DIRECTORIES = ("/etc/systemd/system/", "/usr/local/lib/systemd/system/", "/run/systemd/system/")
MODE = re.compile(r"0[0-7]{3,4}")
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
    "HOME": "/root",
    # Who is logged in, for validations that ask whether that account still may.
    **({"SUDO_USER": os.environ["SUDO_USER"]} if os.environ.get("SUDO_USER") else {}),
}


class StateError(Exception):
    """The declared state cannot be reached; the text says what, where, and what to do."""


@dataclass
class Attributes:
    """Mode and ownership as they are or as they shall be; None leaves it alone."""

    mode: int | None
    uid: int | None
    gid: int | None
    unknown: tuple[str, ...] = ()  # owners or groups that a package still to be installed will create

    def differs(self, have: os.stat_result) -> bool:
        """Whether `have` is not what is wanted."""
        return bool(self.unknown) or any(
            want is not None and want != is_
            for want, is_ in (
                (self.mode, stat.S_IMODE(have.st_mode)),
                (self.uid, have.st_uid),
                (self.gid, have.st_gid),
            )
        )

    def text(self) -> str:
        """The wanted attributes in one line, for diffs."""
        return _attribute_line(self.mode, self.uid, self.gid)


@dataclass
class Change:
    """One path that is not as declared."""

    kind: str  # file, directory, absent, attributes
    path: str
    sentence: str
    attributes: Attributes | None = None
    content: bytes | None = None
    diff: dict | None = None


@dataclass
class UnitPlan:
    """systemctl verbs and the units each applies to, and the verbs that undo them."""

    verbs: dict[str, list[str]] = field(default_factory=dict)
    undo_before_files: list[list[str]] = field(default_factory=list)
    undo_after_files: list[list[str]] = field(default_factory=list)
    reload_needed: bool = False
    unfit: list[str] = field(default_factory=list)  # wanted on, but systemd's conditions say not on this host

    def add(self, verb: str, unit: str) -> None:
        """Note that `unit` needs `verb`."""
        self.verbs.setdefault(verb, []).append(unit)


def _attribute_line(mode: int | None, uid: int | None, gid: int | None) -> str:
    parts = []
    if mode is not None:
        parts.append(f"mode {mode:04o}")
    if uid is not None:
        parts.append(f"owner {uid}")
    if gid is not None:
        parts.append(f"group {gid}")
    return ", ".join(parts) + "\n"


def run(argv: list[str], timeout: float = COMMAND_TIMEOUT, environment: dict | None = None) -> tuple[int, str]:
    """Run a command and give its exit status and its combined output; a missing program is status 127."""
    try:
        done = subprocess.run(  # noqa: PLW1510
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            env={**ENVIRONMENT, **(environment or {})},
            cwd="/",
        )
    except FileNotFoundError:
        return 127, f"{argv[0]}: program not found"
    except PermissionError:
        return 126, f"{argv[0]}: cannot be executed"
    except subprocess.TimeoutExpired:
        return 124, f"no answer within {timeout:g} s"
    return done.returncode, done.stdout.decode("utf-8", "replace").strip()


def _tail(text: str, lines: int = 12) -> str:
    return "\n".join(text.splitlines()[-lines:])


def parse_mode(text: str, path: str) -> int:
    """Octal mode from its text.

    Raises:
        StateError: not of the form 0644; an unquoted YAML number arrives here as decimal and would be another mode.
    """
    if not MODE.fullmatch(text):
        raise StateError(f'{path}: mode "{text}" is not octal with a leading zero. Write it quoted, like "0644".')
    return int(text, 8)


def attributes_of(entry: dict, *, tolerate_unknown: bool) -> Attributes:
    """Resolve mode, owner and group of an entry.

    Args:
        entry: with `path` and optionally `mode`, `owner`, `group`.
        tolerate_unknown: an unknown owner or group is noted instead of an error (check mode before a package is there).

    Raises:
        StateError: bad mode, unknown owner or group.
    """
    unknown = []
    uid = gid = None
    if entry.get("owner"):
        try:
            uid = pwd.getpwnam(entry["owner"]).pw_uid
        except KeyError:
            unknown.append(f"user {entry['owner']}")
    if entry.get("group"):
        try:
            gid = grp.getgrnam(entry["group"]).gr_gid
        except KeyError:
            unknown.append(f"group {entry['group']}")
    if unknown and not tolerate_unknown:
        raise StateError(f"{entry['path']}: there is no {' and no '.join(unknown)} on this host.")
    mode = parse_mode(entry["mode"], entry["path"]) if entry.get("mode") else None
    return Attributes(mode, uid, gid, tuple(unknown))


# --- packages -------------------------------------------------------------------------------------------------------


def plan_packages(present: list[str], absent: list[str]) -> tuple[list[str], list[str]]:
    """Packages to install and packages to purge, by one question to dpkg."""
    if not present and not absent:
        return [], []
    both = sorted(set(present) & set(absent))
    if both:
        raise StateError(f"{', '.join(both)}: declared both as installed and as absent. Remove one of the two.")
    status, output = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\\n", *present, *absent])
    if status not in {0, 1}:
        raise StateError(f"dpkg cannot say which packages are installed: {_tail(output)}. Run 'dpkg --audit' there.")
    states = {}
    for line in output.splitlines():
        name, _, abbreviation = line.partition(" ")
        # Of several architectures of one package the installed one counts.
        if not line.startswith("dpkg-query:") and states.get(name, "un")[1:2] != "i":
            states[name] = abbreviation.strip()
    install = [name for name in present if states.get(name.partition(":")[0], "un")[1:2] != "i"]
    purge = [name for name in absent if states.get(name.partition(":")[0], "un")[1:2] != "n"]
    return install, purge


def _apt(arguments: list[str]) -> tuple[int, str]:
    options = ["-y", "-q", "-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Options::=--force-confdef"]
    options += ["-o", "Dpkg::Options::=--force-confold"]
    environment = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_MODE": "l", "APT_LISTCHANGES_FRONTEND": "none"}
    return run(["apt-get", *options, *arguments], timeout=APT_TIMEOUT, environment=environment)


def _package_lists_missing() -> bool:
    try:
        return not any("_Packages" in name for name in os.listdir("/var/lib/apt/lists"))
    except OSError:
        return True


def apply_packages(install: list[str], purge: list[str]) -> None:
    """Install and purge packages.

    Raises:
        StateError: apt-get failed; its last lines are in the text.
    """
    if install:
        updated = False
        if _package_lists_missing():
            _apt(["update"])
            updated = True
        command = ["install", "--no-install-recommends", *install]
        status, output = _apt(command)
        if status and not updated:
            # Usually old lists that name versions the mirror no longer has.
            _apt(["update"])
            status, output = _apt(command)
        if status:
            raise StateError(
                f"Installing {', '.join(install)} failed (apt-get, status {status}):\n{_tail(output)}\n"
                "Check the package sources of this host (apt-get update), then run again."
            )
    if purge:
        status, output = _apt(["purge", *purge])
        if status:
            raise StateError(
                f"Removing {', '.join(purge)} failed (apt-get, status {status}):\n{_tail(output)}\n"
                "Run 'apt-get -f install' on the host, then run again."
            )


# --- paths ----------------------------------------------------------------------------------------------------------


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read()


def _content_diff(path: str, before: bytes | None, after: bytes | None, *, sensitive: bool) -> dict:
    headers = {
        "before_header": path if before is not None else f"{path} (absent)",
        "after_header": path if after is not None else f"{path} (absent)",
    }
    if sensitive:
        return {**headers, "prepared": f"{path}: the content changes and is not shown\n"}
    if any(b"\0" in (data or b"") for data in (before, after)):
        return {**headers, "prepared": f"{path}: binary content changes\n"}
    if len(before or b"") + len(after or b"") > DIFF_LIMIT:
        return {**headers, "prepared": f"{path}: the content changes and is too long to be shown\n"}
    return {
        **headers,
        "before": (before or b"").decode("utf-8", "backslashreplace"),
        "after": (after or b"").decode("utf-8", "backslashreplace"),
    }


def _attribute_diff(path: str, have: os.stat_result, want: Attributes) -> dict:
    before = _attribute_line(
        stat.S_IMODE(have.st_mode) if want.mode is not None else None,
        have.st_uid if want.uid is not None else None,
        have.st_gid if want.gid is not None else None,
    )
    after = want.text().rstrip("\n") + "".join(f", {name}" for name in want.unknown) + "\n"
    return {"before_header": path, "after_header": path, "before": before, "after": after}


def _absolute(path: str) -> str:
    if not path.startswith("/") or ".." in path.split("/"):
        raise StateError(f"{path}: not an absolute path without '..'.")
    return os.path.normpath(path)


class PathPlan:
    """Finds out what has to change in the file system; `changes` are in the order in which they are applied.

    Args:
        tolerate_unknown: an owner that does not exist yet is no error (a package still to be installed makes it).
    """

    def __init__(self, *, tolerate_unknown: bool):
        self.tolerate_unknown = tolerate_unknown
        self.changes: list[Change] = []
        self.made: set[str] = set()

    def _want(self, entry: dict) -> Attributes:
        return attributes_of(entry, tolerate_unknown=self.tolerate_unknown)

    def _parents(self, path: str) -> None:
        missing = []
        parent = os.path.dirname(path)
        while parent not in self.made and not os.path.isdir(parent):
            if _lstat(parent) is not None:
                raise StateError(f"{parent}: is not a directory, but {path} shall be below it. Move it away.")
            missing.append(parent)
            parent = os.path.dirname(parent)
        for directory in reversed(missing):
            self.made.add(directory)
            want = Attributes(0o755, None, None)
            self.changes.append(Change("directory", directory, f"create directory {directory}", want))

    def directory(self, entry: dict) -> None:
        """A directory that shall exist."""
        path, want = entry["path"], self._want(entry)
        if os.path.isdir(path):
            self._attributes(path, os.stat(path), want)
            return
        if _lstat(path) is not None:
            raise StateError(f"{path}: shall be a directory but is something else. Move it away, then run again.")
        self._parents(path)
        self.made.add(path)
        diff = {"before_header": f"{path} (absent)", "after_header": path, "before": "", "after": "directory\n"}
        self.changes.append(Change("directory", path, f"create directory {path}", want, diff=diff))

    def file(self, entry: dict) -> None:
        """A regular file that shall have this content."""
        path, want = entry["path"], self._want(entry)
        content, have = entry["content"].encode(), _lstat(path)
        if have is None:
            self._parents(path)
            diff = _content_diff(path, None, content, sensitive=entry["sensitive"])
            self.changes.append(Change("file", path, f"write {path} (new)", want, content, diff))
            return
        if not stat.S_ISREG(have.st_mode):
            what = "a symbolic link" if stat.S_ISLNK(have.st_mode) else "not a regular file"
            raise StateError(
                f"{path}: is {what} on this host and is not replaced. See what it belongs to (ls -l {path}), "
                "remove it, then run again."
            )
        before = _read(path)
        if before != content:
            diff = _content_diff(path, before, content, sensitive=entry["sensitive"])
            self.changes.append(Change("file", path, f"write {path}", want, content, diff))
        else:
            self._attributes(path, have, want)

    def absent(self, path: str) -> None:
        """A path that shall not exist."""
        have = _lstat(path)
        if have is None:
            return
        if stat.S_ISDIR(have.st_mode) and os.listdir(path):
            raise StateError(f"{path}: shall be absent but is a directory with content. Look at it, remove it by hand.")
        before = _read(path) if stat.S_ISREG(have.st_mode) else b""
        diff = _content_diff(path, before, None, sensitive=False)
        self.changes.append(Change("absent", path, f"remove {path}", diff=diff))

    def permission(self, entry: dict) -> None:
        """A path whose attributes count where it exists."""
        try:
            have = os.stat(entry["path"])
        except OSError:
            return
        self._attributes(entry["path"], have, self._want(entry))

    def _attributes(self, path: str, have: os.stat_result, want: Attributes) -> None:
        if want.differs(have):
            text = ", ".join([*filter(None, [want.text().strip()]), *want.unknown])
            diff = _attribute_diff(path, have, want)
            self.changes.append(Change("attributes", path, f"set {text} on {path}", want, diff=diff))


def plan_paths(params: dict, *, tolerate_unknown: bool) -> list[Change]:
    """What has to change in the file system.

    Raises:
        StateError: something that is not a file stands where a file shall be, a bad mode, a path declared twice.
    """
    seen: dict[str, str] = {}
    for kind in ("directories", "files", "absent"):
        for entry in params[kind]:
            path = _absolute(entry if isinstance(entry, str) else entry["path"])
            if path in seen:
                raise StateError(f"{path}: declared twice, in {seen[path]} and in {kind}.")
            seen[path] = kind
    plan = PathPlan(tolerate_unknown=tolerate_unknown)
    for entry in params["directories"]:
        plan.directory({**entry, "path": _absolute(entry["path"])})
    for entry in params["files"]:
        plan.file({**entry, "path": _absolute(entry["path"])})
    for path in params["absent"]:
        plan.absent(_absolute(path))
    for entry in params["permissions"]:
        plan.permission({**entry, "path": _absolute(entry["path"])})
    return plan.changes


def _set_attributes(target: int | str, want: Attributes) -> None:
    # Ownership first: changing it clears the set-id bits.
    if want.uid is not None or want.gid is not None:
        os.chown(target, -1 if want.uid is None else want.uid, -1 if want.gid is None else want.gid)
    if want.mode is not None:
        os.chmod(target, want.mode)


def write_file(path: str, content: bytes, want: Attributes) -> None:
    """Replace a file atomically and durably: temporary file beside it, fsync, rename, fsync of the directory."""
    directory, name = os.path.split(path)
    # A leading dot and no suffix: no *.conf, sudoers.d or cron.d reader takes the half-written file for a real one.
    temporary = os.path.join(directory, f".{name}.verbund-new")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            _set_attributes(stream.fileno(), want)
            os.fsync(stream.fileno())
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_directory(directory)


def _sync_directory(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def apply_change(change: Change) -> None:
    """Make one planned change."""
    if change.kind == "file":
        write_file(change.path, change.content, change.attributes)
    elif change.kind == "directory":
        os.mkdir(change.path, 0o700)
        _set_attributes(change.path, change.attributes)
    elif change.kind == "attributes":
        _set_attributes(change.path, change.attributes)
    elif os.path.isdir(change.path) and not os.path.islink(change.path):
        os.rmdir(change.path)
    else:
        os.unlink(change.path)


# --- units ----------------------------------------------------------------------------------------------------------


def read_units(names: list[str]) -> list[dict[str, str]]:
    """Properties of the units, in the order of `names`, by one question to systemd.

    Raises:
        StateError: systemd does not answer.
    """
    if not names:
        return []
    # "--value" would lose empty values; blocks come in the order of the arguments, one empty line between two.
    properties = "Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload,ConditionResult,ConditionTimestampMonotonic"
    status, output = run(["systemctl", "show", "-p", properties, "--", *names])
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in output.split("\n\n")]
    if status or len(blocks) != len(names):
        raise StateError(f"systemd cannot say how {', '.join(names)} are (systemctl show): {_tail(output)}")
    return blocks


def _unfit(unit: dict[str, str]) -> bool:
    """Whether a condition of the unit (no such hardware, a container) kept it from starting the last time."""
    evaluated = unit.get("ConditionTimestampMonotonic", "0") not in {"", "0"}
    return evaluated and unit["LoadState"] == "loaded" and unit.get("ConditionResult") == "no"


def retry_unfit(units: list[dict]) -> list[str]:
    """Try once to start the units that a condition kept from starting, since the condition may hold by now.

    Returns:
        The names of those that run now; systemd itself counts the others as in order.
    """
    wanted = [unit["name"] for unit in units if unit["state"] == "started"]
    states = zip(wanted, read_units(wanted), strict=True)
    unfit = [name for name, is_ in states if is_["ActiveState"] in {"inactive", "failed"} and _unfit(is_)]
    if not unfit:
        return []
    run(["systemctl", "start", "--", *unfit])
    return [name for name, is_ in zip(unfit, read_units(unfit), strict=True) if is_["ActiveState"] == "active"]


def plan_units(units: list[dict], have: list[dict[str, str]]) -> UnitPlan:
    """Verbs that bring units from the state `have` (see `read_units`) to the declared one."""
    plan = UnitPlan()
    for want, is_ in zip(units, have, strict=True):
        name, missing = want["name"], is_["LoadState"] == "not-found"
        masked = is_["LoadState"] == "masked" or is_["UnitFileState"] in {"masked", "masked-runtime"}
        active = is_["ActiveState"] in {"active", "activating", "reloading"}
        enabled = is_["UnitFileState"] == "enabled"
        on = want["enabled"] is True or want["state"] == "started"
        plan.reload_needed |= is_.get("NeedDaemonReload") == "yes"
        if want["masked"] and on:
            raise StateError(f"{name}: declared as masked and as running or enabled. Choose one.")
        if missing and not on:
            continue
        if masked and (on or want["masked"] is False):
            plan.add("unmask", name)
            plan.undo_after_files.append(["mask", name])
        # Static, generated and alias units cannot be enabled and need not be: something else pulls them in.
        if want["enabled"] is True and is_["UnitFileState"] in {"", "disabled", "enabled-runtime", "linked", "masked"}:
            plan.add("enable", name)
            plan.undo_before_files.append(["disable", name])
        if (want["enabled"] is False or want["masked"]) and enabled:
            plan.add("disable", name)
            plan.undo_after_files.insert(0, ["enable", name])
        if (want["state"] == "stopped" or want["masked"]) and active:
            plan.add("stop", name)
            plan.undo_after_files.append(["start", name])
        if want["masked"] and not masked:
            plan.add("mask", name)
            plan.undo_before_files.append(["unmask", name])
        if want["state"] == "started" and not active and _unfit(is_):
            plan.unfit.append(name)
        elif want["state"] == "started" and not active:
            plan.add("start", name)
            plan.undo_before_files.insert(0, ["stop", name])
    return plan


DAEMON_RELOAD = ["systemctl", "daemon-reload"]
UNIT_ORDER = ("unmask", "disable", "stop", "mask", "enable", "start")


def apply_units(plan: UnitPlan, *, unread: bool) -> bool:
    """Run the planned verbs.

    Args:
        plan: the verbs.
        unread: unit files changed that systemd has not read again yet.

    Returns:
        Whether systemd has read its unit files again.

    Raises:
        StateError: systemctl failed.
    """
    for verb in UNIT_ORDER:
        names = plan.verbs.get(verb)
        if verb == "start" and unread:
            # Once for all files and links instead of once for each: a reload costs a slow host seconds.
            run(DAEMON_RELOAD)
        if not names:
            continue
        on_links = verb in {"unmask", "disable", "mask", "enable"}
        unread = unread or on_links
        status, output = run(["systemctl", verb, *(["--no-reload"] if on_links else []), "--", *names])
        if status:
            raise StateError(
                f"systemctl {verb} {' '.join(names)} failed:\n{_tail(output)}\n"
                f"See 'systemctl status {names[0]}' and 'journalctl -u {names[0]}' on the host."
            )
    return unread


# --- undo and guard -------------------------------------------------------------------------------------------------


class Undo:
    """What takes a change back: saved copies and a shell script, kept on the host until the change is confirmed.

    The same script serves a failed task and the guard, so there is one way back. It needs neither Python nor the
    controller. Who makes the directory `decided` first, the confirmation or the undo, wins; the other does nothing.
    """

    def __init__(self, identity: str, activate: list[list[str]], marker: str | None):
        self.identity = identity
        self.unit = f"verbund-guard-{identity}"
        self.directory = os.path.join(RUNTIME, "guard", identity)
        self.activate = activate
        self.marker = marker
        self.paths: list[str] = []
        self.touches_units = False

    def write(self, changes: list[Change], units: UnitPlan) -> None:
        """Save what `changes` will touch and write the scripts, before anything is touched."""
        saved = os.path.join(self.directory, "saved")
        os.makedirs(saved, mode=0o700)
        self.paths = [
            self._back(change, os.path.join(saved, str(number)))
            for number, change in reversed(list(enumerate(changes)))
        ]
        self.touches_units = any(c.path.startswith(UNIT_DIRECTORIES) for c in changes)
        self.write_scripts(units)

    def write_scripts(self, units: UnitPlan) -> None:
        """Write the scripts; again when it turns out that more has to be taken back than was planned."""
        steps = [f"systemctl {shlex.join(step)} || rc=1" for step in units.undo_before_files]
        steps += self.paths
        if units.verbs or units.reload_needed or self.touches_units:
            steps.append("systemctl daemon-reload || rc=1")
        steps += [f"systemctl {shlex.join(step)} || rc=1" for step in units.undo_after_files]
        steps += [f"{shlex.join(command)} || rc=1" for command in self.activate]
        where = shlex.quote(self.directory)
        lines = [
            "#!/bin/sh",
            "# Puts back what verbund_state changed. Runs when the change failed or was not confirmed.",
            f"mkdir {where}/decided 2>/dev/null || exit 0",
            "rc=0",
            "echo 'verbund: the change was not confirmed or failed; putting the host back'",
            *steps,
            *([f"[ $rc = 0 ] && rm -f {shlex.quote(self.marker)}"] if self.marker else []),
            f": > {where}/restored",
            'echo "verbund: the host is back in the state before the change (status $rc)"',
            "exit $rc",
        ]
        confirm = [
            "#!/bin/sh",
            "# Run by the controller over a new connection: the host can still be reached, so the change stays.",
            f"if [ -e {where}/complete ] && mkdir {where}/decided 2>/dev/null; then",
            f"  systemctl stop {self.unit}.timer",
            f"  rm -rf {where}",
            "  echo verbund-guard-confirmed",
            "  exit 0",
            "fi",
            "n=0",
            f"while [ ! -e {where}/restored ] && [ $n -lt 60 ]; do sleep 1; n=$((n+1)); done",
            f"if [ -e {where}/restored ]; then echo verbund-guard-restored; else echo verbund-guard-open; fi",
        ]
        for name, text in (("restore", lines), ("confirm", confirm)):
            path = os.path.join(self.directory, name)
            with open(f"{path}.new", "w", encoding="utf-8") as stream:
                stream.write("\n".join(text) + "\n")
            # Replaced as a whole: the guard may run it at any moment.
            os.rename(f"{path}.new", path)

    @staticmethod
    def _back(change: Change, copy: str) -> str:
        path, have = shlex.quote(change.path), _lstat(change.path)
        if have is None:
            return f"rmdir {path} || rc=1" if change.kind == "directory" else f"rm -f {path} || rc=1"
        if change.kind == "attributes":
            have = os.stat(change.path)
            mode = stat.S_IMODE(have.st_mode)
            return f"chown {have.st_uid}:{have.st_gid} {path} && chmod {mode:04o} {path} || rc=1"
        status, output = run(["cp", "-a", "--", change.path, copy])
        if status:
            raise StateError(f"{change.path} cannot be saved before it is changed: {output}. Nothing was changed.")
        directory, name = os.path.split(change.path)
        temporary = shlex.quote(os.path.join(directory, f".{name}.verbund-undo"))
        return f"cp -a {shlex.quote(copy)} {temporary} && mv -f -T {temporary} {path} || rc=1"

    def arm(self, seconds: int) -> None:
        """Let the host undo the change after `seconds` unless it is confirmed.

        Raises:
            StateError: systemd does not take the timer. Nothing was changed.
        """
        with open(os.path.join(self.directory, "armed"), "w", encoding="utf-8") as stream:
            stream.write(f"{time.monotonic() + seconds}\n")
        command = ["systemd-run", "--quiet", "--collect", f"--unit={self.unit}", f"--on-active={seconds}s"]
        command += ["--timer-property=AccuracySec=500ms", "--property=SyslogIdentifier=verbund-guard"]
        command += ["--description=Undo of an unconfirmed change", "/bin/sh", os.path.join(self.directory, "restore")]
        status, output = run(command)
        if status:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise StateError(f"The guard could not be armed (systemd-run): {output}. Nothing was changed.")

    def roll_back(self) -> bool:
        """Put everything back now. Returns whether that succeeded completely."""
        status, _ = run(["/bin/sh", os.path.join(self.directory, "restore")])
        if status == 0:
            self.forget()
        return status == 0

    def forget(self) -> None:
        """Remove the saved copies and the timer: the change is settled."""
        if os.path.exists(os.path.join(self.directory, "armed")):
            run(["systemctl", "stop", f"{self.unit}.timer"])
        shutil.rmtree(self.directory, ignore_errors=True)

    def refuse_if_fired(self) -> None:
        """Notice that the guard has taken the change back while the task was still busy.

        Raises:
            StateError: it has.
        """
        if os.path.exists(os.path.join(self.directory, "decided")):
            raise StateError("The change took longer than its guard, so the host has undone it. Raise the guard.")

    def complete(self) -> None:
        """Note that the change is whole, so that it may be confirmed."""
        with open(os.path.join(self.directory, "complete"), "w", encoding="utf-8"):
            pass


def open_guard() -> float | None:
    """Seconds until the guard of an earlier run fires, or None; settled leftovers are not open."""
    base = os.path.join(RUNTIME, "guard")
    for name in sorted(os.listdir(base)) if os.path.isdir(base) else []:
        directory = os.path.join(base, name)
        if os.path.exists(os.path.join(directory, "decided")):
            continue
        try:
            with open(os.path.join(directory, "armed"), encoding="utf-8") as stream:
                return float(stream.read()) - time.monotonic()
        except (OSError, ValueError):
            continue
    return None


def settle_leftovers() -> None:
    """Clear what killed runs left behind; a guard whose timer was lost is carried out. The caller holds the lock."""
    base = os.path.join(RUNTIME, "guard")
    for name in os.listdir(base) if os.path.isdir(base) else []:
        directory = os.path.join(base, name)
        armed = os.path.exists(os.path.join(directory, "armed"))
        decided = os.path.exists(os.path.join(directory, "decided"))
        if armed and not decided:
            run(["/bin/sh", os.path.join(directory, "restore")])
        if not armed or os.path.exists(os.path.join(directory, "restored")):
            shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def host_lock():
    """Keep other runs of this module on this host out.

    Raises:
        StateError: another run keeps the host busy for longer than LOCK_TIMEOUT.
    """
    for directory in (RUNTIME, os.path.join(RUNTIME, "state"), os.path.join(RUNTIME, "guard")):
        os.makedirs(directory, mode=0o700, exist_ok=True)
    descriptor = os.open(os.path.join(RUNTIME, "state", "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + LOCK_TIMEOUT
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StateError(
                        f"Another run has been changing this host for more than {LOCK_TIMEOUT} s. "
                        "Wait for it or end it, then run again. Nothing was changed."
                    ) from None
                time.sleep(0.2)
        yield
    finally:
        os.close(descriptor)


# --- the whole ------------------------------------------------------------------------------------------------------


class State:
    """The declared state of one subject against the state of this host.

    Args:
        params: the module's options.
        check: plan only.
    """

    def __init__(self, params: dict, *, check: bool):
        self.params = params
        self.check = check
        self.actions: list[str] = []
        self.diff: list[dict] = []
        self.changed = False
        self.restored = False
        self.guard: dict | None = None
        key = hashlib.sha256(json.dumps(params["activate"]).encode()).hexdigest()[:32]
        self.marker = os.path.join(RUNTIME, "state", key) if params["activate"] else None

    def converge(self) -> None:
        """Compare, and unless in check mode change, validate, activate and confirm.

        Raises:
            StateError: what went wrong; `restored` tells whether the host was put back.
        """
        self._refuse_open_guard()
        install, purge = plan_packages(self.params["packages"], self.params["absent_packages"])
        self._note_packages(install, purge)
        if self.check:
            self._plan(tolerate_unknown=True)
            return
        if not install and not purge and not self._look():
            return
        with host_lock():
            self._refuse_open_guard()
            settle_leftovers()
            apply_packages(install, purge)
            changes, units, activate = self._plan(tolerate_unknown=False)
            if changes or activate or units.verbs or units.reload_needed:
                self._change(changes, units, activate=activate)
            if units.unfit:
                for name in retry_unfit(self.params["units"]):
                    self.changed = True
                    self.actions.append(f"start {name}")

    def _look(self) -> bool:
        """Whether anything has to be done. What a first look finds is planned again under the lock."""
        before = (list(self.actions), list(self.diff), self.changed)
        # An owner that is still unknown is created by a package or another task; under the lock it is an error.
        changes, units, activate = self._plan(tolerate_unknown=True)
        self.actions, self.diff, self.changed = before
        return bool(changes or activate or units.verbs or units.reload_needed or units.unfit)

    def _refuse_open_guard(self) -> None:
        if not self.params["guard"]:
            return
        remaining = open_guard()
        if remaining is not None and remaining > -30:
            raise StateError(
                "A guarded change of an earlier run is still waiting for its confirmation on this host, and is undone "
                f"by itself in {max(remaining, 0):.0f} s. Nothing was changed now; run again after that."
            )

    def _note_packages(self, install: list[str], purge: list[str]) -> None:
        for names, verb, sign in ((install, "install", "+"), (purge, "purge", "-")):
            if names:
                self.changed = True
                self.actions.append(f"{verb} {', '.join(names)}")
                self.diff.append({"prepared": "".join(f"{sign}package {name}\n" for name in names)})

    def _plan(self, *, tolerate_unknown: bool) -> tuple[list[Change], UnitPlan, bool]:
        changes = plan_paths(self.params, tolerate_unknown=tolerate_unknown)
        wanted = self.params["units"]
        units = plan_units(wanted, read_units([unit["name"] for unit in wanted]))
        self.actions += [change.sentence for change in changes]
        self.diff += [change.diff for change in changes if change.diff]
        for verb in UNIT_ORDER:
            for name in units.verbs.get(verb, []):
                self.actions.append(f"{verb} {name}")
                self.diff.append({"prepared": f"+{verb} {name}\n"})
        if units.reload_needed:
            self.actions.append("let systemd read its unit files again")
        reason = self._activation_reason(changes)
        if reason:
            self.actions.append(f"activate, because {reason}")
        if changes or units.verbs or units.reload_needed or reason:
            self.changed = True
        return changes, units, bool(reason)

    def _activation_reason(self, changes: list[Change]) -> str | None:
        if not self.params["activate"]:
            return None
        if changes:
            return "files changed"
        if self.marker and os.path.exists(self.marker):
            return "an earlier run was interrupted before it could activate its change"
        failing = self._not_effective()
        return f"the running state is not the declared one ({failing[0]})" if failing else None

    def _not_effective(self) -> tuple[str, str] | None:
        for command in self.params["effective"]:
            status, output = run(command)
            if status:
                return _short(command), output
        return None

    def _change(self, changes: list[Change], units: UnitPlan, *, activate: bool) -> None:
        undo = Undo(self.params["guard_id"] or uuid.uuid4().hex, self.params["activate"], self.marker)
        undo.write(changes, units)
        if self.params["guard"]:
            undo.arm(self.params["guard"])
        try:
            if activate and self.marker:
                with open(self.marker, "w", encoding="utf-8") as stream:
                    stream.write("activation pending\n")
            for change in changes:
                apply_change(change)
            self._run_all(self.params["validate"], "The new configuration is not valid")
            reloaded = apply_units(units, unread=units.reload_needed or undo.touches_units)
            if undo.touches_units:
                self._units_after_files(units, undo)
            if activate:
                # A reload that has just been made need not be made again.
                commands = [c for c in self.params["activate"] if not (reloaded and c == DAEMON_RELOAD)]
                self._run_all(commands, "The new configuration could not be activated")
                self._verify()
            undo.refuse_if_fired()
        except (StateError, OSError) as error:
            self.restored = undo.roll_back()
            if self.restored:
                text = "Every touched path was put back and the old state activated again."
            else:
                text = f"Putting the host back did not succeed completely; the saved files are in {undo.directory}."
            raise StateError(f"{error}\n{text}") from error
        if self.marker:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.marker)
        if self.params["guard"]:
            undo.complete()
            self.guard = {"id": undo.identity, "seconds": self.params["guard"]}
        else:
            undo.forget()

    def _units_after_files(self, done: UnitPlan, undo: Undo) -> None:
        """Look again: our own files may have changed what can be enabled (an [Install] section, an alias)."""
        wanted = self.params["units"]
        more = plan_units(wanted, read_units([unit["name"] for unit in wanted]))
        if not more.verbs:
            return
        for verb in UNIT_ORDER:
            self.actions += [f"{verb} {name}" for name in more.verbs.get(verb, [])]
            self.diff += [{"prepared": f"+{verb} {name}\n"} for name in more.verbs.get(verb, [])]
        done.verbs |= more.verbs
        done.undo_before_files[:0] = more.undo_before_files
        done.undo_after_files += more.undo_after_files
        undo.write_scripts(done)
        apply_units(more, unread=False)

    def _run_all(self, commands: list[list[str]], what: str) -> None:
        for command in commands:
            status, output = run(command)
            if status:
                raise StateError(
                    f"{what}: '{_short(command)}' ended with status {status}:\n{_tail(output)}\n"
                    "Correct the variable or template that this names, then run again."
                )

    def _verify(self) -> None:
        for pause in SETTLE:
            time.sleep(pause)
            failing = self._not_effective()
            if not failing:
                return
        raise StateError(
            f"The activation ran, but the running state still is not the declared one: '{failing[0]}' fails:\n"
            f"{_tail(failing[1])}\nSomething else on the host keeps it from taking effect. Remove that, then run again."
        )


def _short(command: list[str]) -> str:
    """A command for people; a shell script is named by the comment it begins with."""
    if command[:2] == ["sh", "-c"] and len(command) > 2:
        first = next((line for line in command[2].splitlines() if not line.startswith("# SPDX-")), "")
        if first.startswith("# "):
            return first[2:]
    text = shlex.join(command)
    return text if len(text) <= 160 else f"{text[:157]}..."


# Ansible puts the arguments here. A raw text can hold them: within JSON no three quotes stand side by side.
ARGUMENTS = r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"""


def run_module() -> int:
    """Run as an Ansible module; the action plugin of the same name has checked the arguments."""
    params = {"guard_id": None, **json.loads(ARGUMENTS)}
    # Not the arguments themselves: they carry the contents of files.
    syslog.openlog("ansible-verbund_state", 0, syslog.LOG_USER)
    syslog.syslog(syslog.LOG_INFO, "verbund_state invoked")
    state = State(params, check=bool(params.get("_ansible_check_mode")))
    result: dict = {}
    try:
        state.converge()
    except (StateError, OSError) as error:
        result |= {"msg": str(error), "failed": True}
    result |= {"changed": state.changed and not state.restored, "actions": state.actions, "restored": state.restored}
    if params.get("_ansible_diff"):
        result["diff"] = state.diff
    if state.guard:
        result["guard"] = state.guard
    print(json.dumps(result))
    return 1 if "msg" in result else 0


if __name__ == "__main__":
    sys.exit(run_module())
