# SPDX-License-Identifier: EUPL-1.2
"""The module verbund_state against a temporary tree; systemd, dpkg and apt are small recording scripts."""

from __future__ import annotations

import getpass
import grp
import importlib.util
import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

REPOSITORY = Path(__file__).parents[3]
OWNER = {"owner": getpass.getuser(), "group": grp.getgrgid(os.getegid()).gr_name}


def load():
    path = REPOSITORY / "plugins" / "modules" / "verbund_state.py"
    spec = importlib.util.spec_from_file_location("verbund_state_under_test", path)
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up by name.
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


vs = load()


class Bench:
    """A tree, a runtime directory and a directory of stand-ins for system tools that log how they were called."""

    def __init__(self, root: Path, monkeypatch):
        self.root, self.tools = root / "tree", root / "tools"
        self.log = root / "calls"
        for directory in (self.root, self.tools):
            directory.mkdir()
        monkeypatch.setattr(vs, "RUNTIME", str(root / "run"))
        monkeypatch.setattr(vs, "SETTLE", (0.0,))
        path = f"{self.tools}:/usr/bin:/bin"
        monkeypatch.setattr(vs, "ENVIRONMENT", {"PATH": path, "LC_ALL": "C"})
        # subprocess looks a program up in the PATH of this process.
        monkeypatch.setenv("PATH", path)
        for tool in ("systemctl", "systemd-run"):
            self.tool(tool)

    def tool(self, name: str, body: str = "exit 0") -> None:
        script = self.tools / name
        script.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.log}\n{body}\n')
        script.chmod(0o755)

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def state(self, *, check: bool = False, **options):
        params = {
            name: []
            for name in ("packages", "absent_packages", "directories", "files", "absent", "permissions", "units")
        }
        params |= {"validate": [], "effective": [], "activate": [], "guard": None, "guard_id": None}
        params |= options
        return vs.State(params, check=check)

    def converge(self, **options):
        state = self.state(**options)
        state.converge()
        return state

    def file(self, name: str, content: str, **more):
        return {"path": str(self.root / name), "content": content, "mode": "0644", "sensitive": False, **OWNER, **more}

    def snapshot(self) -> dict[str, tuple]:
        found = {}
        for path in sorted(self.root.rglob("*")):
            status = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
            found[str(path.relative_to(self.root))] = (oct(status.st_mode), status.st_uid, status.st_gid, content)
        return found

    def runtime(self) -> list[str]:
        base = Path(vs.RUNTIME)
        return sorted(str(p.relative_to(base)) for p in base.rglob("*") if p.is_file() and p.name != "lock")


@pytest.fixture
def bench(tmp_path, monkeypatch):
    return Bench(tmp_path, monkeypatch)


# --- converging -----------------------------------------------------------------------------------------------------


def test_second_run_changes_nothing(bench):
    wanted = {"files": [bench.file("a/b/c.conf", "ä\n", mode="0600")]}
    first = bench.converge(**wanted)
    assert first.changed
    target = bench.root / "a/b/c.conf"
    assert target.read_bytes() == "ä\n".encode()
    assert target.stat().st_mode & 0o7777 == 0o600
    assert (bench.root / "a").stat().st_mode & 0o7777 == 0o755
    before = target.stat()
    second = bench.converge(**wanted)
    assert not second.changed
    assert second.actions == []
    assert target.stat().st_mtime_ns == before.st_mtime_ns
    assert target.stat().st_ino == before.st_ino
    assert bench.runtime() == []


def test_check_mode_tells_what_the_run_then_does_and_writes_nothing(bench):
    old = bench.root / "old.conf"
    old.write_text("old\n")
    old.chmod(0o644)
    wanted = {
        "files": [bench.file("new/x.conf", "x\n"), bench.file("old.conf", "new\n")],
        "directories": [{"path": str(bench.root / "d"), "mode": "0750", **OWNER}],
        "activate": [["systemctl", "reload", "x.service"]],
    }
    before = bench.snapshot()
    check = bench.converge(check=True, **wanted)
    assert bench.snapshot() == before
    assert not Path(vs.RUNTIME).exists()
    assert bench.calls() == []
    real = bench.converge(**wanted)
    assert check.changed
    assert check.actions == real.actions
    assert check.diff == real.diff
    assert bench.calls() == ["systemctl reload x.service"]


def test_check_mode_tolerates_an_owner_that_a_package_will_bring(bench):
    entry = bench.file("x", "x\n", owner="no-such-user-yet")
    assert bench.converge(check=True, files=[entry]).changed
    with pytest.raises(vs.StateError, match="there is no user no-such-user-yet"):
        bench.converge(files=[entry])
    assert bench.snapshot() == {}


def test_attributes_alone_are_put_right(bench):
    bench.converge(files=[bench.file("x", "x\n")])
    (bench.root / "x").chmod(0o666)
    state = bench.converge(files=[bench.file("x", "x\n")])
    assert state.actions[0].startswith("set mode 0644")
    assert (bench.root / "x").stat().st_mode & 0o777 == 0o644


def test_permissions_count_only_where_the_path_exists(bench):
    present = bench.root / "key"
    present.write_text("secret")
    present.chmod(0o644)
    entries = [{"path": str(bench.root / name), "mode": "0600", "owner": None, "group": None} for name in ("key", "no")]
    assert bench.converge(permissions=entries).changed
    assert present.stat().st_mode & 0o777 == 0o600
    assert not (bench.root / "no").exists()
    assert not bench.converge(permissions=entries).changed


def test_absent_removes_files_links_and_empty_directories(bench):
    (bench.root / "file").write_text("x")
    (bench.root / "link").symlink_to("/nowhere")
    (bench.root / "empty").mkdir()
    paths = [str(bench.root / name) for name in ("file", "link", "empty", "missing")]
    assert bench.converge(absent=paths).changed
    assert bench.snapshot() == {}
    assert not bench.converge(absent=paths).changed


def test_directory_with_content_is_not_removed(bench):
    (bench.root / "full").mkdir()
    (bench.root / "full/x").write_text("x")
    with pytest.raises(vs.StateError, match="directory with content"):
        bench.converge(absent=[str(bench.root / "full")])
    assert (bench.root / "full/x").exists()


def test_half_written_file_of_a_killed_run_is_replaced(bench):
    (bench.root / ".x.verbund-new").write_text("half")
    bench.converge(files=[bench.file("x", "whole\n")])
    assert sorted(bench.snapshot()) == ["x"]


# --- refusals -------------------------------------------------------------------------------------------------------


def test_link_in_the_place_of_a_file_is_refused(bench):
    target = bench.root / "target"
    target.write_text("precious\n")
    (bench.root / "x").symlink_to(target)
    with pytest.raises(vs.StateError, match="is a symbolic link"):
        bench.converge(files=[bench.file("x", "new\n")])
    assert target.read_text() == "precious\n"
    assert (bench.root / "x").is_symlink()


@pytest.mark.parametrize("mode", ["644", "420", "0o644", "u=rw", "0888"])
def test_mode_that_may_mean_something_else_is_refused(bench, mode):
    with pytest.raises(vs.StateError, match="octal"):
        bench.converge(files=[bench.file("x", "x\n", mode=mode)])
    assert bench.snapshot() == {}


def test_path_declared_twice_is_refused(bench):
    with pytest.raises(vs.StateError, match="declared twice"):
        bench.converge(files=[bench.file("x", "1\n"), bench.file("./x", "2\n")])


@pytest.mark.parametrize("path", ["etc/x", "/etc/../x"])
def test_path_that_is_not_plain_is_refused(bench, path):
    with pytest.raises(vs.StateError, match="absolute path"):
        bench.converge(files=[{**bench.file("x", "1\n"), "path": path}])


def test_two_runs_at_once_do_not_mix(bench, monkeypatch):
    monkeypatch.setattr(vs, "LOCK_TIMEOUT", 0.1)
    with vs.host_lock(), pytest.raises(vs.StateError, match="Another run"):
        bench.converge(files=[bench.file("x", "x\n")])
    assert bench.snapshot() == {}


# --- diffs ----------------------------------------------------------------------------------------------------------


def test_diff_shows_before_and_after_but_no_secret(bench):
    (bench.root / "open").write_text("old\n")
    (bench.root / "secret").write_text("old password\n")
    state = bench.converge(
        check=True,
        files=[bench.file("open", "new\n"), bench.file("secret", "new password\n", sensitive=True)],
    )
    assert state.diff[0]["before"] == "old\n"
    assert state.diff[0]["after"] == "new\n"
    assert "password" not in json.dumps(state.diff)
    assert str(bench.root / "secret") in state.diff[1]["prepared"]


def test_binary_content_is_not_printed(bench):
    (bench.root / "x").write_bytes(b"\0\x1b[31m")
    state = bench.converge(check=True, files=[bench.file("x", "text\n")])
    assert "before" not in state.diff[0]


# --- failures put everything back -----------------------------------------------------------------------------------


def test_invalid_configuration_is_put_back(bench):
    (bench.root / "x").write_bytes(b"old\xff\n")
    (bench.root / "x").chmod(0o640)
    (bench.root / "gone").write_text("still here")
    before = bench.snapshot()
    with pytest.raises(vs.StateError, match="not valid") as error:
        bench.converge(
            files=[bench.file("x", "new\n"), bench.file("n/e/w", "new\n")],
            absent=[str(bench.root / "gone")],
            validate=[["sh", "-c", "echo line 3 is wrong; exit 4"]],
            activate=[["systemctl", "reload", "x.service"]],
        )
    assert bench.snapshot() == before
    assert "line 3 is wrong" in str(error.value)
    assert "put back" in str(error.value)
    assert bench.runtime() == []


def test_failed_activation_activates_the_old_state_again(bench):
    target, seen = bench.root / "x", bench.root.parent / "seen"
    target.write_text("old\n")
    target.chmod(0o600)
    activate = [["sh", "-c", f"cat {target} >> {seen}; grep -q old {target}"]]
    before = bench.snapshot()
    state = bench.state(files=[bench.file("x", "new\n")], activate=activate)
    with pytest.raises(vs.StateError, match="could not be activated"):
        state.converge()
    assert state.restored
    assert bench.snapshot() == before
    assert seen.read_text() == "new\nold\n"
    assert bench.runtime() == []


def test_a_failing_unit_puts_files_and_units_back(bench):
    bench.tool(
        "systemctl",
        'case "$1" in show) printf "Id=n.service\\nLoadState=not-found\\nActiveState=inactive\\nUnitFileState=\\n";; '
        "start) exit 1;; esac",
    )
    with pytest.raises(vs.StateError, match=r"systemctl start n\.service failed"):
        bench.converge(
            files=[bench.file("x", "new\n")],
            units=[{"name": "n.service", "enabled": True, "state": "started", "masked": None}],
        )
    assert bench.snapshot() == {}
    verbs = [call.split()[1] for call in bench.calls()]
    assert verbs[-3:] == ["stop", "disable", "daemon-reload"]


SYSTEMD = """case "$1" in
show)
  load=not-found file= active=inactive
  [ ! -e {state}/daemon-reload ] || load=loaded
  [ ! -e {state}/{known} ] || file=disabled
  [ ! -e {state}/enable ] || file=enabled
  [ ! -e {state}/start ] || active=active
  printf "Id=n.service\\nLoadState=$load\\nActiveState=$active\\nUnitFileState=$file\\n" ;;
*) touch {state}/$1 ;;
esac"""


def test_one_reload_serves_unit_files_links_and_activation(bench, monkeypatch):
    monkeypatch.setattr(vs, "UNIT_DIRECTORIES", (str(bench.root),))
    bench.tool("systemctl", SYSTEMD.format(state=bench.root.parent, known="daemon-reload"))
    wanted = {
        "files": [bench.file("n.service", "[Install]\n")],
        "units": [{"name": "n.service", "enabled": True, "state": "started", "masked": None}],
        "activate": [["systemctl", "daemon-reload"], ["systemctl", "kick"]],
    }
    bench.converge(**wanted)
    verbs = [call.split()[1] for call in bench.calls()]
    assert [verb for verb in verbs if verb != "show"] == ["enable", "daemon-reload", "start", "kick"]
    assert not bench.converge(**wanted).changed


def test_a_unit_that_only_our_file_made_known_is_enabled_after_the_reload(bench, monkeypatch):
    monkeypatch.setattr(vs, "UNIT_DIRECTORIES", (str(bench.root),))
    static = SYSTEMD.replace("file= ", "file=static ")
    bench.tool("systemctl", static.format(state=bench.root.parent, known="daemon-reload"))
    done = bench.converge(
        files=[bench.file("n.service", "[Install]\n")],
        units=[{"name": "n.service", "enabled": True, "state": None, "masked": None}],
        activate=[["systemctl", "kick"]],
    )
    verbs = [call.split()[1] for call in bench.calls()]
    assert [verb for verb in verbs if verb != "show"] == ["daemon-reload", "enable", "daemon-reload", "kick"]
    assert "enable n.service" in done.actions


def test_a_reload_that_nothing_else_made_is_made_by_the_activation(bench):
    bench.converge(files=[bench.file("x", "x\n")], activate=[["systemctl", "daemon-reload"]])
    assert bench.calls() == ["systemctl daemon-reload"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.dictionaries(
        st.sampled_from(["a", "b", "d/c"]), st.tuples(st.binary(max_size=30), st.integers(0, 0o777))
    ),
    after=st.dictionaries(st.sampled_from(["a", "b", "d/c", "e/f/g"]), st.text(max_size=30), min_size=1),
    absent=st.sampled_from(["a", "b", "zz"]),
)
def test_whatever_fails_is_put_back_exactly(tmp_path_factory, before, after, absent):
    with pytest.MonkeyPatch.context() as monkeypatch:
        bench = Bench(tmp_path_factory.mktemp("bench"), monkeypatch)
        for name, (content, mode) in before.items():
            (bench.root / name).parent.mkdir(exist_ok=True)
            (bench.root / name).write_bytes(content)
            (bench.root / name).chmod(mode | 0o400)
        snapshot = bench.snapshot()
        files = [bench.file(name, text) for name, text in after.items() if name != absent]
        with pytest.raises(vs.StateError):
            bench.converge(
                files=[*files, bench.file("always", "new\n")],
                absent=[str(bench.root / absent)],
                validate=[["sh", "-c", "exit 1"]],
            )
        assert bench.snapshot() == snapshot


# --- nothing is lost ------------------------------------------------------------------------------------------------


def test_killed_between_writing_and_activating_is_finished_by_the_next_run(bench, monkeypatch):
    wanted = {"files": [bench.file("x", "new\n")], "activate": [["systemctl", "reload", "x.service"]]}
    real = vs.apply_change

    def killed(change):
        real(change)
        raise KeyboardInterrupt

    monkeypatch.setattr(vs, "apply_change", killed)
    with pytest.raises(KeyboardInterrupt):
        bench.converge(**wanted)
    monkeypatch.setattr(vs, "apply_change", real)
    assert (bench.root / "x").read_text() == "new\n"
    assert "systemctl reload x.service" not in bench.calls()
    check = bench.converge(check=True, **wanted)
    assert check.changed
    second = bench.converge(**wanted)
    assert second.changed
    assert "interrupted" in second.actions[0]
    assert bench.calls() == ["systemctl reload x.service"]
    assert not bench.converge(**wanted).changed
    assert bench.runtime() == []


def test_running_state_that_drifted_is_activated_again(bench):
    flag = bench.root.parent / "running"
    wanted = {
        "files": [bench.file("x", "x\n")],
        "effective": [["test", "-e", str(flag)]],
        "activate": [["touch", str(flag)]],
    }
    bench.converge(**wanted)
    assert not bench.converge(**wanted).changed
    flag.unlink()
    assert bench.converge(check=True, **wanted).changed
    assert not flag.exists()
    assert bench.converge(**wanted).changed
    assert flag.exists()


def test_activation_without_effect_is_a_failure(bench):
    with pytest.raises(vs.StateError, match="still is not the declared one: 'the daemon has the file'"):
        bench.converge(
            files=[bench.file("x", "x\n")],
            effective=[["sh", "-c", "# SPDX-License-Identifier: X\n# the daemon has the file\nexit 1"]],
            activate=[["true"]],
        )
    assert bench.snapshot() == {}


def test_missing_program_in_effective_is_no_traceback(bench):
    assert bench.converge(check=True, effective=[["no-such-program"]], activate=[["true"]]).changed


# --- guard ----------------------------------------------------------------------------------------------------------


def guarded(bench, **more):
    wanted = {"files": [bench.file("x", "new\n")], "activate": [["true"]], "guard": 60, "guard_id": "g1"}
    return {**wanted, **more}


def script(bench, name):
    done = subprocess.run(
        ["sh", str(Path(vs.RUNTIME) / "guard" / "g1" / name)],
        capture_output=True,
        text=True,
        check=False,
        env=vs.ENVIRONMENT,
    )
    return done.stdout


def test_guard_is_armed_before_the_first_change_and_confirmed_once(bench):
    bench.tool("systemd-run", f"test ! -e {bench.root}/x")
    state = bench.converge(**guarded(bench))
    assert state.guard == {"id": "g1", "seconds": 60}
    assert "--on-active=60s" in bench.calls()[0]
    assert "verbund-guard-confirmed" in script(bench, "confirm")
    assert bench.calls()[-1] == "systemctl stop verbund-guard-g1.timer"
    assert not (Path(vs.RUNTIME) / "guard" / "g1").exists()
    assert (bench.root / "x").read_text() == "new\n"
    assert bench.converge(**guarded(bench)).guard is None


def test_unconfirmed_change_is_undone_and_cannot_be_confirmed_any_more(bench):
    (bench.root / "x").write_text("old\n")
    (bench.root / "x").chmod(0o600)
    before = bench.snapshot()
    bench.converge(**guarded(bench, files=[bench.file("x", "new\n"), bench.file("new/y", "y\n")]))
    assert "back in the state before" in script(bench, "restore")
    assert bench.snapshot() == before
    assert "verbund-guard-restored" in script(bench, "confirm")
    assert script(bench, "restore") == ""


def test_without_a_timer_nothing_is_changed(bench):
    bench.tool("systemd-run", "echo no bus; exit 1")
    with pytest.raises(vs.StateError, match="could not be armed"):
        bench.converge(**guarded(bench))
    assert bench.snapshot() == {}


def test_open_guard_of_an_earlier_run_is_refused(bench):
    bench.converge(**guarded(bench))
    for check in (False, True):
        with pytest.raises(vs.StateError, match=r"still waiting .* undone by itself in [456]\d s"):
            bench.converge(check=check, **guarded(bench, guard_id="g2"))
    assert not bench.converge(files=[bench.file("x", "new\n")]).changed


def test_guard_whose_timer_was_lost_is_carried_out(bench):
    bench.converge(**guarded(bench))
    (Path(vs.RUNTIME) / "guard/g1/armed").write_text(str(time.monotonic() - 3600))
    state = bench.converge(**guarded(bench, guard_id="g2", files=[bench.file("z", "z\n")]))
    assert state.guard["id"] == "g2"
    assert sorted(bench.snapshot()) == ["z"]


def test_guard_that_fires_during_the_change_is_noticed(bench):
    fire = ["sh", "-c", f"sh {vs.RUNTIME}/guard/g1/restore"]
    with pytest.raises(vs.StateError, match="took longer than its guard"):
        bench.converge(**guarded(bench, validate=[fire]))
    assert bench.snapshot() == {}


def test_half_made_change_is_never_confirmed(bench, monkeypatch):
    monkeypatch.setattr(vs.Undo, "complete", lambda self: None)
    bench.converge(**guarded(bench))
    (Path(vs.RUNTIME) / "guard/g1/restored").touch()
    assert "confirmed" not in script(bench, "confirm")


def test_failed_guarded_change_is_put_back_at_once(bench):
    with pytest.raises(vs.StateError, match="not valid"):
        bench.converge(**guarded(bench, validate=[["false"]]))
    assert bench.snapshot() == {}
    assert bench.calls()[-1] == "systemctl stop verbund-guard-g1.timer"
    assert bench.runtime() == []


# --- units and packages ---------------------------------------------------------------------------------------------


def unit(load="loaded", active="inactive", file="disabled", **more):
    return {"LoadState": load, "ActiveState": active, "UnitFileState": file, "NeedDaemonReload": "no", **more}


@pytest.mark.parametrize(
    ("want", "have", "verbs"),
    [
        ({"enabled": True, "state": "started"}, unit(), {"enable", "start"}),
        ({"enabled": True, "state": "started"}, unit(active="active", file="enabled"), set()),
        ({"enabled": True, "state": "started"}, unit(load="masked", file="masked"), {"unmask", "enable", "start"}),
        ({"enabled": True}, unit(file="static"), set()),
        ({"enabled": True}, unit(load="not-found", file=""), {"enable"}),
        ({"enabled": False, "state": "stopped"}, unit(active="active", file="enabled"), {"disable", "stop"}),
        ({"enabled": False, "state": "stopped"}, unit(load="not-found", file=""), set()),
        ({"enabled": False, "state": "stopped"}, unit(active="failed"), set()),
        ({"masked": True}, unit(active="active", file="enabled"), {"disable", "stop", "mask"}),
        ({"masked": True}, unit(load="masked", file="masked"), set()),
        ({"masked": True}, unit(load="not-found", file=""), set()),
        ({"masked": False}, unit(load="masked", file="masked"), {"unmask"}),
    ],
)
def test_units(want, have, verbs):
    wanted = {"name": "x.service", "enabled": None, "state": None, "masked": None, **want}
    assert set(vs.plan_units([wanted], [have]).verbs) == verbs


def test_unit_wanted_on_and_off_at_once_is_refused():
    wanted = {"name": "x.service", "enabled": None, "state": "started", "masked": True}
    with pytest.raises(vs.StateError, match="Choose one"):
        vs.plan_units([wanted], [unit()])


def test_unit_that_a_condition_forbids_is_tried_again_but_is_no_change(bench):
    shown = "Id=c.service\\nLoadState=loaded\\nActiveState=inactive\\nUnitFileState=enabled\\n"
    shown += "ConditionResult=no\\nConditionTimestampMonotonic=5\\n"
    bench.tool("systemctl", f'case "$1" in show) printf "{shown}";; esac')
    state = bench.converge(units=[{"name": "c.service", "enabled": True, "state": "started", "masked": None}])
    assert not state.changed
    assert "systemctl start -- c.service" in bench.calls()


def test_packages(bench):
    bench.tool("dpkg-query", 'printf "there ii \\nhalf rc \\nold ii \\n"; exit 1')
    bench.tool("apt-get")
    state = bench.converge(check=True, packages=["there", "missing"], absent_packages=["half", "old", "never"])
    assert state.actions == ["install missing", "purge half, old"]
    assert [call for call in bench.calls() if call.startswith("apt-get")] == []
    bench.converge(packages=["there", "missing"], absent_packages=["half", "old", "never"])
    apt = [call for call in bench.calls() if call.startswith("apt-get")]
    assert any(call.endswith("install --no-install-recommends missing") for call in apt)
    assert apt[-1].endswith("purge half old")


def test_package_that_cannot_be_installed_says_why(bench):
    bench.tool("dpkg-query", "exit 1")
    bench.tool("apt-get", "echo E: Unable to locate package nosuch; exit 100")
    with pytest.raises(vs.StateError, match=r"Installing nosuch failed(.|\n)*Unable to locate"):
        bench.converge(packages=["nosuch"])


def test_package_wanted_and_unwanted_is_refused(bench):
    with pytest.raises(vs.StateError, match="both as installed and as absent"):
        bench.converge(packages=["x"], absent_packages=["x"])
