# SPDX-License-Identifier: EUPL-1.2
"""The push engine against test switches over SSH: there, back, cut, refused, locked out; never lost."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import sample
from switchyard import SECRET, Yard, other, yard

from verbund.lab.switches import Faults
from verbund.network.push import engine
from verbund.network.push.engine import Outcome
from verbund.network.push.secrets import Secrets

pytestmark = pytest.mark.loopback


@pytest.mark.parametrize("platform", sample.CLI)
def test_there_verified_confirmed_saved_and_then_nothing_left_to_do(platform: str, tmp_path: Path) -> None:
    with yard(platform, tmp_path) as it:
        start = it.device.running_config()
        dry = it.push(dry_run=True)
        assert dry.outcome is Outcome.DIFFERS
        assert it.device.running_config() == start
        result = it.push()
        assert result.outcome is Outcome.CHANGED, result.detail
        assert result.commands
        assert not it.device.unsaved
        assert it.device.saves == 1
        assert it.push().outcome is Outcome.SAME
        assert not it.device.outages
        it.farm.advance(it.clock, 7200)
        assert it.push().outcome is Outcome.SAME, "no timer is left that takes it back"
        assert it.store.journal("sw1") is None


@pytest.mark.parametrize("platform", sample.CLI)
def test_a_refused_line_leads_back_to_the_same_bytes(platform: str, tmp_path: Path) -> None:
    with yard(platform, tmp_path) as it:
        start = it.device.running_config()
        it.device.faults.refuse = "Labor"
        result = it.push()
        assert result.outcome is Outcome.TAKEN_BACK, result.detail
        assert "Labor" in result.detail
        assert it.device.running_config() == start
        assert not it.device.unsaved
        it.farm.advance(it.clock, 7200)
        assert it.device.running_config() == start
        assert not it.device.booting, "no timer is left"
        it.device.faults.refuse = None
        assert it.push().outcome is Outcome.CHANGED


@pytest.mark.parametrize(
    ("platform", "how"),
    [*((platform, "reset") for platform in sample.CLI), ("cisco_ios", "close"), ("aruba_aoscx", "silence")],
)
def test_a_session_cut_at_any_line_ends_at_one_of_the_two_configurations(
    platform: str, how: str, tmp_path: Path
) -> None:
    with yard(platform, tmp_path) as it:
        it.seconds = 0.3
        start = it.device.running_config()
        lines = it.push(dry_run=True).commands + 8
        for cut in {"reset": (2, 6, lines // 2, lines), "close": (5, lines - 2), "silence": (lines // 2,)}[how]:
            it.device.faults.drop_how, it.device.faults.drop_after_lines = how, cut
            result = it.push(pause=lambda seconds: once_more(it, seconds))
            assert result.outcome in {Outcome.TAKEN_BACK, Outcome.UNREACHABLE, Outcome.CHANGED}, result.detail
            it.device.faults.drop_after_lines = None
            if result.outcome is not Outcome.CHANGED:
                assert it.device.running_config() == start, cut
                assert not it.device.unsaved
            assert not it.device.outages
            it.farm.advance(it.clock, 7200)
            assert it.push(None).outcome in {Outcome.SAME, Outcome.CHANGED}
            assert it.device.running_config() == start


def once_more(it: Yard, seconds: float) -> bool:
    """The cable is plugged in again while the engine waits."""
    it.device.faults.drop_after_lines = None
    return it.pause(seconds)


def lost(plain: dict[str, Any]) -> None:
    """The uplink forgets the management VLAN."""
    plain["channels"][0]["tagged"] = "20-22,80,98"


@pytest.mark.parametrize("platform", sample.CLI)
def test_who_would_lock_himself_out_is_stopped_or_brought_back_by_the_timer(platform: str, tmp_path: Path) -> None:
    with yard(platform, tmp_path) as it:
        it.seconds = 0.3
        start = it.device.running_config()
        result = it.push(lost)
        assert result.outcome is Outcome.REFUSED
        assert "management" in result.detail
        assert it.device.running_config() == start
        result = it.push(lost, force=True)
        if platform == "lancom_sx":
            assert result.outcome is Outcome.REFUSED, "nothing there would bring it back"
        else:
            assert it.device.outages
            assert result.outcome is Outcome.TAKEN_BACK, result.detail
        assert it.device.running_config() == start
        assert it.device.manageable()
        it.farm.advance(it.clock, 7200)
        assert it.device.running_config() == start
        assert it.push().outcome is Outcome.CHANGED


def test_old_ios_without_revert_timer_comes_back_by_a_restart(tmp_path: Path) -> None:
    with yard("cisco_ios", tmp_path, Faults(refuse="revert timer"), archive=False) as it:
        it.seconds = 0.3
        start = it.device.running_config()
        result = it.push(lost, force=True)
        assert result.outcome is Outcome.TAKEN_BACK, result.detail
        assert any("revert-timer" in remark for remark in result.remarks)
        assert it.device.running_config() == start
        it.farm.call(lambda: it.device.configure(["interface GigabitEthernet1/0/5", "description Probe", "exit"]))
        result = it.push()
        assert result.outcome is Outcome.REFUSED, "what nobody saved would be lost"
        assert it.push(save_first=True).outcome is Outcome.CHANGED
        it.farm.advance(it.clock, 7200)
        assert it.push().outcome is Outcome.SAME


def test_ios_without_archive_gets_one_for_the_timer_and_loses_it_on_the_way_back(tmp_path: Path) -> None:
    with yard("cisco_ios", tmp_path, Faults(refuse="werkstatt"), archive=False) as it:
        start = it.device.running_config()
        result = it.push()
        assert result.outcome is Outcome.TAKEN_BACK, result.detail
        assert it.device.running_config() == start
        it.device.faults.refuse = None
        assert it.push().outcome is Outcome.CHANGED
        assert "archive" in it.device.running_config()
        assert not it.device.unsaved


def test_another_host_key_gets_no_password(tmp_path: Path) -> None:
    with yard("cisco_ios", tmp_path) as it:
        it.keys = (it.farm["sw1"].host_key,)
        it.farm.call(it.farm["sw1"].change_host_key)
        result = it.push()
        assert result.outcome is Outcome.UNREACHABLE
        assert "another host key" in result.detail


def test_a_switch_replaced_in_the_middle_is_not_believed(tmp_path: Path) -> None:
    with yard("aruba_aoscx", tmp_path) as it:
        it.keys = (it.farm["sw1"].host_key,)
        it.steps = Replacing(it)  # type: ignore[assignment]
        result = it.push()
        assert result.outcome is Outcome.FAILED
        assert "another host key" in result.detail
        it.farm.advance(it.clock, 7200)


class Replacing(list[str]):
    """Changes the host key when the engine says that it reads again."""

    def __init__(self, it: Yard) -> None:
        super().__init__()
        self.it = it

    def append(self, step: str) -> None:
        if "reading again" in step:
            self.it.farm.call(self.it.farm["sw1"].change_host_key)


@pytest.mark.parametrize("platform", sample.CLI)
def test_a_prompt_that_never_returns(platform: str, tmp_path: Path) -> None:
    with yard(platform, tmp_path) as it:
        it.seconds = 0.4
        start = it.device.running_config()
        it.device.faults.mute = "Labor"
        result = it.push(pause=lambda seconds: unmuted(it, seconds))
        assert result.outcome is Outcome.TAKEN_BACK, result.detail
        assert "prompt did not return" in result.detail
        assert it.device.running_config() == start


def unmuted(it: Yard, seconds: float) -> bool:
    it.device.faults.mute = None
    return it.pause(seconds)


@pytest.mark.parametrize("platform", sample.CLI)
def test_what_cannot_be_saved_is_said_and_saved_next_time(platform: str, tmp_path: Path) -> None:
    with yard(platform, tmp_path) as it:
        it.device.faults.flash_full = True
        result = it.push()
        assert result.outcome is Outcome.NOT_SAVED
        assert it.device.unsaved
        it.device.faults.flash_full = False
        assert it.push().outcome is Outcome.CHANGED
        assert not it.device.unsaved


@pytest.mark.parametrize("platform", sample.CLI)
def test_lines_that_are_swallowed_are_found_when_it_is_read_again(platform: str, tmp_path: Path) -> None:
    with yard(platform, tmp_path) as it:
        start = it.device.running_config()
        it.device.faults.ignore = "Labor"
        result = it.push()
        assert result.outcome is Outcome.TAKEN_BACK, result.detail
        assert "still differs" in result.detail
        assert it.device.running_config() == start


@pytest.mark.parametrize("platform", sample.CLI)
def test_noise_pages_messages_and_questions(platform: str, tmp_path: Path) -> None:
    noise = Faults(
        pager_stays=True, garbage="\x1b[2K\x07", press_any_key=True, login_banner="Nur Befugte #1\n",
        motd="Wartung: 3# heute>\n", messages=["*Mar  1 00:01:02.003: %LINK-3-UPDOWN: Interface Gi1/0/1, down"] * 3,
    )  # fmt: skip
    with yard(platform, tmp_path, noise) as it:
        result = it.push()
        assert result.outcome is Outcome.CHANGED, result.detail
        it.device.faults.stale_echo = True
        it.seconds = 3.0
        assert it.push(dry_run=True).outcome is Outcome.SAME
        it.device.faults.stale_echo = False
        it.device.faults.dialogs = "description|name"
        result = it.push(None)
        assert result.outcome is Outcome.TAKEN_BACK, "a question nobody expected is answered with no"


def test_old_ssh_is_a_finding_and_needs_to_be_allowed(tmp_path: Path) -> None:
    with yard("aruba_aoss", tmp_path, Faults(legacy_ssh=True)) as it:
        result = it.push(dry_run=True)
        assert result.outcome is Outcome.DIFFERS
        assert any("legacy" in remark for remark in result.remarks)
        task = it.task()
        strict = replace(task, login=replace(task.login, legacy=False))
        result = engine.push(strict, engine.Options(), Secrets(environment={}), it.store)
        assert result.outcome is Outcome.UNREACHABLE
        assert "ssh_profile: legacy" in result.detail


@pytest.mark.parametrize("platform", sample.CLI)
@pytest.mark.parametrize("stage", ["arming", "pushed", "confirmed"])
def test_a_killed_controller_goes_on_where_it_was(platform: str, stage: str, tmp_path: Path) -> None:
    with yard(platform, tmp_path) as it:
        start = it.device.running_config()
        it.steps = Dying({"arming": "lines", "pushed": "reading again", "confirmed": "saving"}[stage])
        with pytest.raises(KilledError):
            it.push()
        assert it.store.journal("sw1") is not None
        it.steps = []
        assert it.push(None if stage == "arming" else other).outcome in {Outcome.CHANGED, Outcome.SAME}
        assert (it.device.running_config() == start) == (stage == "arming")
        assert not it.device.unsaved
        settled = it.device.running_config()
        it.farm.advance(it.clock, 7200)
        assert it.device.running_config() == settled
        assert it.device.manageable()
        assert it.store.journal("sw1") is None
        assert not it.device.outages


class KilledError(BaseException):
    """kill -9: nothing in between runs."""


class Dying(list[str]):
    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word

    def append(self, step: str) -> None:
        if self.word in step:
            raise KilledError


def test_secrets_are_sent_and_never_told(tmp_path: Path) -> None:
    with yard("cisco_ios", tmp_path) as it:
        result = it.push(rewrite_secrets=True)
        assert result.outcome is Outcome.CHANGED, result.detail
        assert any(SECRET in line for line in it.device.lines)
        it.device.faults.refuse = "radius|snmp-server user"
        result = it.push(None, rewrite_secrets=True)
        told = "\n".join([result.detail, result.difference, *result.remarks, *it.steps])
        assert SECRET not in told
        backup = it.store.backup_path("erkrath/ggs", "sw1").read_text()
        assert SECRET not in backup
        assert "<secret>" in backup
        del it.environment["VERBUND_SECRET_SNMP_AUTH"]
        it.device.faults.refuse = None
        start = it.device.running_config()
        result = it.push(None, rewrite_secrets=True)
        assert result.outcome is Outcome.FAILED
        assert "VERBUND_SECRET_SNMP_AUTH" in result.detail
        assert it.device.running_config() == start


@pytest.mark.parametrize("platform", sample.CLI)
def test_back_to_before_the_last_push(platform: str, tmp_path: Path) -> None:
    with yard(platform, tmp_path) as it:
        start = it.device.running_config()
        options, secrets = engine.Options(pause=it.pause), Secrets(environment=it.environment)
        assert engine.take_back(it.task(), options, secrets, it.store, str).outcome is Outcome.FAILED
        assert it.push().outcome is Outcome.CHANGED
        result = engine.take_back(it.task(), options, secrets, it.store, str)
        assert result.outcome is Outcome.CHANGED, result.detail
        assert it.device.running_config() == start
        assert not it.device.unsaved


@pytest.mark.parametrize("platform", sample.CLI)
def test_what_is_confirmed_is_not_taken_back_when_the_session_breaks_while_saving(
    platform: str, tmp_path: Path
) -> None:
    with yard(platform, tmp_path) as it:
        it.seconds = 0.4
        it.steps = Breaking(it)  # type: ignore[assignment]
        result = it.push()
        assert result.outcome is Outcome.NOT_SAVED, result.detail
        it.device.faults.drop_after_lines = None
        it.steps = []
        it.farm.advance(it.clock, 7200)
        assert it.push().outcome is Outcome.CHANGED
        assert not it.device.unsaved
        assert it.push().outcome is Outcome.SAME


class Breaking(list[str]):
    """Breaks the session at the next line when the engine says that it saves."""

    def __init__(self, it: Yard) -> None:
        super().__init__()
        self.it = it

    def append(self, step: str) -> None:
        if step == "saving":
            self.it.device.faults.drop_after_lines = 0


def test_a_switch_that_lets_one_in_at_a_time(tmp_path: Path) -> None:
    with yard("cisco_ios", tmp_path, Faults(vty_limit=1)) as it:
        assert it.push().outcome is Outcome.CHANGED


def test_a_login_without_privileges(tmp_path: Path) -> None:
    with yard("cisco_ios", tmp_path) as it:
        it.device.privileged, it.device.enable_password = False, "admin"
        assert it.push().outcome is Outcome.CHANGED
        it.device.enable_password = "anders"
        result = it.push(None)
        assert result.outcome is Outcome.UNREACHABLE
        assert "privileged" in result.detail
