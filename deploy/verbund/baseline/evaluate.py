# SPDX-License-Identifier: EUPL-1.2
"""Run the baseline checks over evidence bundles: pytest collects them once, then every host runs through them.

pytest's own loop is replaced: hosts come one after the other as their evidence arrives, and each check tells not only
pass or fail but also which commands it lacks, so that they can be fetched and the check run again.
"""

from __future__ import annotations

import contextlib
import io
import re
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import testinfra.host
import yaml

from verbund.baseline.backend import BundleBackend
from verbund.baseline.controls import YAML_LOADER
from verbund.baseline.results import Verdict
from verbund.errors import UsageError

if TYPE_CHECKING:
    from verbund.baseline.bundle import Answer
    from verbund.baseline.controls import Entry
    from verbund.baseline.target import Target

PLUGIN = "verbund-evaluation"
CHECK_SECONDS = 10.0
_REASON = 1000


class _TooLong(BaseException):
    """A check exceeded its time; not an Exception, so that no check catches it."""


@dataclass(slots=True)
class Outcome:
    """What one check said about one host.

    Args:
        verdict: met, not met, not applicable or not evaluated.
        reason: why, in plain words; empty when met.
        commands: what it asked of the host, in order.
        missing: what of that was not in the evidence; while there is any, the verdict is preliminary.
    """

    verdict: Verdict
    reason: str = ""
    commands: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


# How outcomes of a parametrized test combine: what weighs most comes first.
_WEIGHT = (Verdict.NOT_MET, Verdict.NOT_EVALUATED, Verdict.MET, Verdict.NOT_APPLICABLE)


@dataclass(slots=True)
class _Phase:
    verdict: Verdict = Verdict.NOT_EVALUATED
    reason: str = "its test did not run"


class Evaluation:
    """The pytest plugin behind :func:`with_checks`; the conftest of the baseline asks it for host and settings."""

    def __init__(
        self, entries: Sequence[Entry], defaults: Mapping[str, Any], work: Callable[[Evaluation], None]
    ) -> None:
        self.host: testinfra.host.Host
        self.settings: Mapping[str, Any] = {}
        self.error: BaseException | None = None
        self.started = False
        self._entries = entries
        self._defaults = defaults
        self._work = work
        self._items: dict[str, list[pytest.Item]] = {}
        self._unloadable: dict[str, str] = {}
        self._phase = _Phase()
        self._stderr = sys.stderr

    def check(
        self, target: Target, answers: Mapping[str, Answer], only: Collection[str] | None = None
    ) -> dict[str, Outcome]:
        """Run the checks that apply to a host.

        Args:
            target: the host.
            answers: its evidence, by command.
            only: ids of the controls to check; None is all.

        Returns:
            the outcome per control id, also for controls that do not apply.
        """
        backend = BundleBackend(target.name, dict(answers))
        self.host = testinfra.host.Host(backend)
        backend.set_host(self.host)
        self.settings = {**self._defaults, **target.variables}
        found: dict[str, Outcome] = {}
        todo: list[tuple[str, pytest.Item]] = []
        for entry in self._entries:
            control = entry.control
            if only is not None and control.id not in only:
                continue
            if why := control.not_for(target):
                found[control.id] = Outcome(Verdict.NOT_APPLICABLE, why)
            elif control.id not in self._items:
                file = control.test.split("::", 1)[0]
                why = self._unloadable.get(file, f"its test {control.test} is missing")
                found[control.id] = Outcome(Verdict.NOT_EVALUATED, why)
            else:
                todo += [(control.id, item) for item in self._items[control.id]]
        for index, (control_id, item) in enumerate(todo):
            following = todo[index + 1][1] if index + 1 < len(todo) else None
            outcome = self._run(backend, item, following)
            before = found.get(control_id)
            found[control_id] = outcome if before is None else _combined(before, outcome)
        return found

    def _run(self, backend: BundleBackend, item: pytest.Item, following: pytest.Item | None) -> Outcome:
        backend.begin()
        self._phase = _Phase()
        # What a check prints is host-supplied text; it must not reach the terminal.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), _time_limit():
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        phase = self._phase
        commands, missing = tuple(backend.asked), tuple(backend.missing)
        if missing:
            return Outcome(Verdict.NOT_EVALUATED, f"the evidence holds no answer to: {missing[0]}", commands, missing)
        if backend.unusable:
            command, failure = next(iter(backend.unusable.items()))
            return Outcome(Verdict.NOT_EVALUATED, f"no usable answer to '{command}': {failure}", commands)
        return Outcome(phase.verdict, phase.reason[:_REASON], commands)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
        """Note how a phase of a check ended; a bare report saves pytest the formatting of tracebacks."""
        if call.when == "collect":
            return None
        failed = call.excinfo is not None
        if call.when == "call" and not failed:
            self._phase = _Phase(Verdict.MET, "")
        elif call.excinfo is not None and not (call.when == "teardown" and self._phase.verdict is Verdict.NOT_MET):
            self._phase = _verdict_of(call.excinfo, call.when)
        return pytest.TestReport(
            item.nodeid, item.location, {}, "failed" if failed else "passed", None, call.when, duration=0
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note which test files could not be loaded."""
        if report.failed:
            lines = [line for line in str(report.longrepr).splitlines() if line.startswith("E ")]
            said = (lines[-1] if lines else str(report.longrepr).splitlines()[-1]).removeprefix("E ").strip()
            self._unloadable[report.nodeid] = f"its test file cannot be loaded: {said}"[:_REASON]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Hand over to the caller's work instead of running every item once."""
        self.started = True
        for item in session.items:
            marker = item.get_closest_marker("control")
            if marker and marker.args:
                self._items.setdefault(marker.args[0], []).append(item)
        try:
            with contextlib.redirect_stderr(self._stderr):
                self._work(self)
        except BaseException as error:  # pytest would only print it; the caller gets it
            self.error = error
        return True


def with_checks(
    root: Path, entries: Sequence[Entry], defaults: Mapping[str, Any], work: Callable[[Evaluation], None]
) -> None:
    """Load the checks of a project once and let ``work`` run them over any number of hosts.

    Args:
        root: the project; its checks are in ``tests/baseline``.
        entries: the controls to evaluate.
        defaults: role defaults; the variables of a target override them.
        work: gets the evaluation whose ``check`` runs the checks. What it raises is raised here.

    Raises:
        UsageError: the checks cannot be loaded at all.
        KeyboardInterrupt: Ctrl-C while they were loaded.
    """
    checks = root / "tests" / "baseline"
    if not checks.is_dir():
        raise UsageError(f"{checks} is missing: a project without checks proves nothing")
    _forget_modules(checks)
    evaluation = Evaluation(entries, defaults, work)
    plugin = _Named(evaluation)
    arguments = [str(checks), f"--rootdir={root}", "-c", "/dev/null", "--import-mode=importlib", "--capture=no"]
    arguments += ["--disable-plugin-autoload", "-p", "testinfra.plugin", "--hosts=bundle://any"]
    # What only serves people who read pytest's output, or hooks into threads that are not pytest's here.
    for name in ("terminal", "cacheprovider", "logging", "warnings", "faulthandler", "unraisableexception"):
        arguments += ["-p", f"no:{name}"]
    arguments += ["-p", "no:threadexception", "--continue-on-collection-errors"]
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            code = pytest.main(arguments, plugins=[plugin])
    finally:
        _forget_modules(checks)
    if evaluation.error is not None:
        raise evaluation.error
    if code == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt  # pytest takes it for itself while it loads the checks
    if not evaluation.started:
        last = [line for line in said.getvalue().splitlines() if line.strip()]
        raise UsageError(f"{checks}: the checks cannot be loaded: {last[-1].strip() if last else code}")


class _Named:
    """Registers the evaluation under a name by which the conftest finds it."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(self._evaluation, PLUGIN)


def role_defaults(roles: Path) -> dict[str, Any]:
    """The defaults of all roles in one mapping; their names are unique because each begins with its role's.

    Raises:
        UsageError: a file is not YAML.
    """
    merged: dict[str, Any] = {}
    for path in sorted(roles.glob("*/defaults/main.yml")):
        try:
            merged |= yaml.load(path.read_bytes(), Loader=YAML_LOADER) or {}  # noqa: S506 - a safe loader
        except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
            raise UsageError(f"{path}: cannot be read: {error}") from error
    return merged


def _combined(first: Outcome, second: Outcome) -> Outcome:
    heavier, lighter = sorted((first, second), key=lambda outcome: _WEIGHT.index(outcome.verdict))
    return Outcome(
        heavier.verdict,
        heavier.reason,
        tuple(dict.fromkeys(first.commands + second.commands)),
        tuple(dict.fromkeys(heavier.missing + lighter.missing)),
    )


# What testinfra says when check_output, run_expect or run_test meet another exit status.
_FAILED_COMMAND = re.compile(
    r"Unexpected exit code (-?\d+) for CommandResult\(.*?command=b?['\"](.*?)['\"], _stdout=", re.DOTALL
)


def _stderr_of(text: str) -> str:
    said = text.rpartition("_stderr=")[2].rstrip(")\n").removeprefix("b").strip("'\"")
    first = said.split("\\n", 1)[0]
    return f": {first}" if first else ""


def _verdict_of(excinfo: pytest.ExceptionInfo[BaseException], when: str | None) -> _Phase:
    error = excinfo.value
    text = str(error)
    if isinstance(error, pytest.skip.Exception):
        return _Phase(Verdict.NOT_APPLICABLE, text.removeprefix("not applicable:").strip() or "the check says so")
    if isinstance(error, _TooLong):
        return _Phase(Verdict.NOT_EVALUATED, f"the check took longer than {CHECK_SECONDS:g} s")
    if when == "call" and isinstance(error, AssertionError | pytest.fail.Exception):
        if failed := _FAILED_COMMAND.match(text):
            # A check that expected an answer got none: that says nothing about what it was to prove.
            why = "'{1}' ended with status {0}".format(*failed.groups()) + _stderr_of(text)
            return _Phase(Verdict.NOT_EVALUATED, why)
        # The message an author gave comes first; pytest adds its explanation of the expression behind it.
        head = text.split("\nassert ", 1)[0]
        return _Phase(Verdict.NOT_MET, head.strip() or "the check failed without a message")
    where = excinfo.traceback[-1] if excinfo.traceback else None
    place = f" ({Path(str(where.path)).name}:{where.lineno + 1})" if where else ""
    first = (text.splitlines() or [""])[0]
    return _Phase(Verdict.NOT_EVALUATED, f"the check itself failed: {type(error).__name__}: {first}{place}")


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    """Interrupt a check that does not end. Signals reach only the main thread; elsewhere there is no limit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signum: int, frame: object) -> None:
        del signum, frame
        raise _TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, CHECK_SECONDS)
    try:
        yield
    except _TooLong:
        pass  # It struck between two phases of a check that was over.
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _forget_modules(checks: Path) -> None:
    """Drop modules loaded from a directory of checks: another project, or a later run, has others of that name."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(checks):
            del sys.modules[name]
    with contextlib.suppress(ValueError):
        sys.path.remove(str(checks))
