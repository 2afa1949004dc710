# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import pytest

from verbund.errors import UsageError
from verbund.lab import accel, image
from verbund.lab.tools import cache_directory, require

NAMES = ["python3", "sudo"]
SOURCES = ["deb http://mirror.example/debian/ trixie main"]


def test_the_key_changes_with_all_that_goes_into_the_image():
    key = image.cache_key("trixie", NAMES, SOURCES)
    assert key == image.cache_key("trixie", list(reversed(NAMES)), SOURCES)
    others = {
        image.cache_key("forky", NAMES, SOURCES),
        image.cache_key("trixie", [*NAMES, "vim"], SOURCES),
        image.cache_key("trixie", NAMES, ["deb http://other.example/debian/ trixie main"]),
    }
    assert len(others | {key}) == 4


@pytest.mark.parametrize("part", ["SEED_UNIT", "INITRD_INIT", "CUSTOMIZE", "WARM_UP", "BUILD", "RECIPE"])
def test_the_key_changes_with_the_recipe(monkeypatch, part):
    before = image.cache_key("trixie", NAMES, SOURCES)
    monkeypatch.setattr(image, part, f"{getattr(image, part)}#")
    assert image.cache_key("trixie", NAMES, SOURCES) != before


def test_the_image_carries_what_the_roles_need():
    assert {"openssh-server", "python3", "sudo", "nftables", "auditd", "aide", "chrony"} <= set(image.packages())


def test_an_image_in_the_cache_is_not_built_again(monkeypatch, tmp_path):
    monkeypatch.setenv("VERBUND_CACHE", str(tmp_path))
    monkeypatch.setattr(image.mirrors, "discover", lambda: image.mirrors.Mirror("http://mirror.example/debian/", None))
    built = []

    def build(new, *_):
        built.append(new.path)
        new.rootfs.mkdir(parents=True)
        new.disk.touch()

    monkeypatch.setattr(image, "_build", build)
    first = image.ensure("trixie")
    assert image.ensure("trixie") == first
    assert built == [first.path]


def test_a_new_build_keeps_the_old_one_as_long_as_a_lab_stands_on_it(monkeypatch, tmp_path):
    monkeypatch.setattr(image, "_sweep", lambda _: None)
    lab = tmp_path / "lab"
    lab.mkdir()
    old, new = (image.Image(tmp_path / f"trixie-key-2026010{n}T000000", "key") for n in (1, 2))
    for one in (old, new):
        one.path.mkdir()
    image.use(old, lab)
    image._prune(tmp_path, new, "trixie", "key")
    assert old.path.exists()
    lab.rmdir()
    image._prune(tmp_path, new, "trixie", "key")
    assert not old.path.exists()
    assert new.path.exists()


def test_what_a_killed_build_left_is_removed(tmp_path):
    (tmp_path / ".build-killed" / "rootfs").mkdir(parents=True)
    image._sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_missing_commands_are_named_with_their_packages(monkeypatch):
    with pytest.raises(UsageError) as caught:
        require(["sh", "no-such-command", "another-missing-one"])
    assert "no-such-command, another-missing-one" in caught.value.message
    assert "apt-get install another-missing-one no-such-command" in caught.value.hint


def test_the_cache_is_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("VERBUND_CACHE", raising=False)
    assert cache_directory() == tmp_path / "xdg" / "verbund"
    monkeypatch.setenv("VERBUND_CACHE", str(tmp_path / "own"))
    assert cache_directory() == tmp_path / "own"


def test_a_qemu_that_crashes_the_guest_is_refused_under_emulation(monkeypatch, tmp_path):
    monkeypatch.setattr(accel, "qemu_version", lambda: "7.2.22")
    with pytest.raises(UsageError, match=r"QEMU 7\.2\.22"):
        accel.arguments(tmp_path / "vmlinuz", tmp_path / "initrd", tmp_path / "no-kvm")


def test_a_machine_without_kvm_emulates(monkeypatch, tmp_path):
    monkeypatch.setattr(accel, "qemu_version", lambda: "10.0.2")
    assert accel.arguments(tmp_path / "vmlinuz", tmp_path / "initrd", tmp_path / "no-kvm") == accel.TCG
