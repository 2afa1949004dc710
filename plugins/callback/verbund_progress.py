# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""One JSON line per host and task, for the command that started the playbook."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: verbund_progress
type: notification
short_description: Progress as JSON lines, and a way to stop between two tasks
version_added: "2026.1.0"
author: Verbund maintainers
description:
  - Appends one JSON line per host and task to the file named by C(VERBUND_PROGRESS); does nothing without it.
  - Results of tasks with C(no_log) are not written, only that they ended and how.
  - When the file named by C(VERBUND_STOP) exists at the start of a task, the playbook ends there as if interrupted;
    tasks that were running have finished by then (strategy linear).
options: {}
"""

LIMIT = 2000
HIDDEN = "hidden, because the task is marked no_log"


class CallbackModule(CallbackBase):
    """Writes what happens; decides nothing but to stop when asked."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "verbund_progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        path = os.environ.get("VERBUND_PROGRESS")
        stop = os.environ.get("VERBUND_STOP")
        self._stop = Path(stop) if stop else None
        self._stream = Path(path).open("a", encoding="utf-8") if path else None  # noqa: SIM115 - open as long as we live
        self._started = set()
        self.disabled = self._stream is None

    def _write(self, event, **fields):
        line = {"time": round(time.time(), 3), "event": event, **{key: value for key, value in fields.items() if value}}
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()

    def _result(self, event, result, *, message=False):
        values = result.result
        hidden = bool(result.task.no_log or values.get("_ansible_no_log") or values.get("censored"))
        text = ""
        if message:
            text = HIDDEN if hidden else said(values)
        self._started.add(result.host.get_name())
        self._write(
            event,
            host=result.host.get_name(),
            task=clean(result.task.get_name()),
            message=text,
            actions=[] if hidden else [clean(str(action)) for action in values.get("actions") or []][:50],
        )

    def _may_go_on(self):
        if self._stop is not None and self._stop.exists():
            raise KeyboardInterrupt

    def v2_playbook_on_task_start(self, task, is_conditional):  # noqa: ARG002 - the base class names it
        """Stop here if asked, else say which task begins."""
        self._may_go_on()
        self._write("task", task=clean(task.get_name()))

    def v2_playbook_on_handler_task_start(self, task):
        """Handlers finish what tasks began, so they are not a place to stop."""
        self._write("task", task=clean(task.get_name()))

    def v2_runner_on_ok(self, result):
        """A task ended well."""
        self._result("changed" if result.result.get("changed") else "ok", result)

    def v2_runner_on_skipped(self, result):
        """A task had nothing to do here."""
        self._result("skipped", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        """A task failed."""
        self._result("ignored" if ignore_errors else "failed", result, message=True)

    def v2_runner_on_unreachable(self, result):
        """A host could not be reached."""
        self._result("unreachable", result, message=True)

    def v2_playbook_on_stats(self, stats):
        """The end; only hosts that ran to it are complete."""
        hosts = {}
        for name in set(stats.processed) | self._started:
            counts = stats.summarize(name)
            hosts[name] = {**counts, "complete": not (counts["failures"] or counts["unreachable"])}
        self._write("stats", hosts=hosts)


def clean(text):
    """One line, bounded, without control or bidirectional characters."""
    return "".join(c if c.isprintable() else " " for c in str(text)[: 4 * LIMIT]).strip()[:LIMIT]


def said(values):
    """What a failed task said: its message, and what the command printed, as far as it helps."""
    parts = [values.get("msg"), values.get("stderr"), values.get("module_stderr"), values.get("reason")]
    items = [item for item in values.get("results") or [] if isinstance(item, dict) and item.get("failed")]
    parts += [item.get("msg") for item in items if not item.get("_ansible_no_log")]
    return clean(" | ".join(dict.fromkeys(str(part) for part in parts if part)))
