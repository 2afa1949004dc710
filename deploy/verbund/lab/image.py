# SPDX-License-Identifier: EUPL-1.2
"""The lab's Debian image: built once from packages, cached by what goes into it, never changed after.

An image is a directory ``<cache>/images/<suite>-<key>-<build time>/`` with ``vmlinuz``, ``initrd`` and ``disk.raw`` for
the virtual machines and, where root built it, ``rootfs/`` for the containers. The key is a hash of the package list,
this recipe, the suite and the mirror's URIs. The mirror's state is left out on purpose: a point release must not cost
everybody a build in the middle of a day; ``verbund lab up --rebuild`` fetches today's packages.

A build works in ``<cache>/images/.build-*`` and is renamed into place when complete, under a lock; what a killed build
leaves there is removed by the next one. The builder dies with its parent (PR_SET_PDEATHSIG) in a PID and mount
namespace of its own, so a killed controller leaves no process and no mount.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import yaml

from verbund.errors import UsageError, VerbundError
from verbund.lab import accel
from verbund.lab import mirror as mirrors
from verbund.lab.tools import cache_directory, require, search_path

RECIPE = 1
"""Raise it when the steps below change in a way that the hashed texts do not show."""

DISK_SIZE_MIB = 8192
"""Size of the (sparse) disk of a virtual machine."""

# Runs before the network and sshd come up. The seed is a plain tar archive, as a raw second disk of a virtual machine:
# nothing has to be mounted, neither here nor there, and no key ever stands on a command line. A container gets the same
# archive unpacked into its copy of the image, so the unit finds its work done there.
SEED_UNIT = """\
[Unit]
Description=Take over the identity the lab gave this host
DefaultDependencies=no
ConditionPathExists=/dev/vdb
ConditionPathExists=!/var/lib/verbund-lab/seeded
RequiresMountsFor=/etc /root /var/lib
After=systemd-remount-fs.service
Before=sysinit.target systemd-udevd.service systemd-networkd.service network-pre.target ssh.service shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/tar --extract --file=/dev/vdb --directory=/ --no-same-owner --preserve-permissions --overwrite
ExecStart=/bin/sh -c 'cat /etc/hostname > /proc/sys/kernel/hostname'

[Install]
WantedBy=sysinit.target
"""

# Debian's own initrd spends a third of the emulated boot in its udev. All this kernel lacks for its root file system is
# one module (ext4 and virtio-pci are built in), so the lab's initrd loads that and switches over.
INITRD_INIT = """\
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mount -t proc proc /proc
init=/sbin/init
for word in $(/bin/busybox cat /proc/cmdline); do case $word in init=*) init=${word#init=} ;; esac; done
/bin/busybox umount /proc
/bin/busybox insmod /virtio_blk.ko
n=0
while [ ! -b /dev/vda ] && [ $n -lt 100 ]; do n=$((n + 1)); /bin/busybox usleep 100000; done
/bin/busybox mount -t ext4 -o rw,errors=remount-ro /dev/vda /root || exec /bin/busybox sh
/bin/busybox umount /dev
exec /bin/busybox switch_root /root "$init"
"""

# Runs natively with the new system's directory as $1, within mmdebstrap.
CUSTOMIZE = """\
set -eu
root=$1
: > "$root/etc/machine-id"
rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/hostname" "$root/var/lib/dbus/machine-id"
rm -f "$root"/etc/apt/apt.conf.d/99mmdebstrap
# As Debian's own installer writes them: each source names the key that signs it.
while read -r kind uri suite components; do
    [ "$kind" = deb ] || continue
    printf 'Types: deb\\nURIs: %s\\nSuites: %s\\nComponents: %s\\n' "$uri" "$suite" "$components"
    printf 'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\\n\\n'
done < "$root/etc/apt/sources.list" > "$root/etc/apt/sources.list.d/debian.sources"
rm "$root/etc/apt/sources.list"
chroot "$root" apt-get clean
chroot "$root" apt-cache gencaches  # an emulated host needs seconds to do it, at each question to apt
install -D -m 755 "$VERBUND_RECIPE/warm-up" "$root/usr/lib/verbund-lab/warm-up"
echo "PS1='\\\\h:\\\\w\\\\$ '" >> "$root/root/.bashrc"
install -m 644 "$VERBUND_RECIPE/verbund-lab-seed.service" "$root/etc/systemd/system/"
chroot "$root" systemctl --quiet enable verbund-lab-seed.service systemd-networkd.service ssh.service
chroot "$root" systemctl --quiet mask sshd-keygen.service systemd-networkd-wait-online.service
chroot "$root" ldconfig
chroot "$root" journalctl --update-catalog
# Nothing is left to be updated at the first boot (systemd-update-done.service(8)); Debian 12 has no such mechanism.
if [ -x "$root/usr/lib/systemd/systemd-update-done" ]; then
    chroot "$root" /usr/lib/systemd/systemd-update-done
fi
"""

# Compiling AppArmor's profiles takes 16 s of an emulated boot, and can only be done under the kernel they are for. It
# is done once, while the image is built, in the place of init.
WARM_UP = """\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t securityfs securityfs /sys/kernel/security
apparmor_parser --skip-kernel-load --write-cache --jobs=2 /etc/apparmor.d && echo verbund-warm > /dev/ttyS0
mount -o remount,ro /
echo o > /proc/sysrq-trigger
sleep 60
"""
WARM_UP_SECONDS = 300

BUILD = """\
set -eu
cd "$VERBUND_BUILD"
mkdir rootfs initrd.d
# Device nodes only root may make, and nobody needs them: whoever boots this mounts its own /dev.
tar --extract --file=root.tar --directory=rootfs --exclude='./dev/*' --numeric-owner --xattrs --xattrs-include='*'
rm root.tar
kernel=$(cd rootfs/boot && ls vmlinuz-* | sort -V | tail -n 1)
cp "rootfs/boot/$kernel" vmlinuz
module=$(find "rootfs/usr/lib/modules/${kernel#vmlinuz-}" -name 'virtio_blk.ko*')
mkdir initrd.d/bin initrd.d/dev initrd.d/proc initrd.d/root
cp rootfs/usr/bin/busybox initrd.d/bin/
case $module in
*.xz) xz -dc "$module" ;;
*.zst) zstd -dc "$module" ;;
*) cat "$module" ;;
esac > initrd.d/virtio_blk.ko
install -m 755 "$VERBUND_RECIPE/init" initrd.d/init
(cd initrd.d && find . | ../rootfs/usr/bin/busybox cpio -o -H newc -R 0:0) > initrd
rm -r initrd.d
truncate --size="${VERBUND_DISK_MIB}M" disk.raw
mke2fs -q -t ext4 -L verbund-lab -E lazy_itable_init=0,lazy_journal_init=0,nodiscard -d rootfs disk.raw
[ "$VERBUND_KEEP_ROOTFS" = 1 ] || rm -rf rootfs
"""


@dataclass(frozen=True, slots=True)
class Image:
    """A finished image.

    Args:
        path: its directory in the cache.
        key: what goes into it, as a hash (16 hex digits).
    """

    path: Path
    key: str

    @property
    def kernel(self) -> Path:
        """The kernel that QEMU boots directly."""
        return self.path / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """The small initial file system that finds the disk."""
        return self.path / "initrd"

    @property
    def disk(self) -> Path:
        """The read-only disk below the copies of the virtual machines."""
        return self.path / "disk.raw"

    @property
    def rootfs(self) -> Path:
        """The read-only directory below the copies of the containers; only images that root built have it."""
        return self.path / "rootfs"


def packages() -> list[str]:
    """The packages of the image, from ``packages.yml``, sorted."""
    text = resources.files("verbund.lab").joinpath("packages.yml").read_text(encoding="utf-8")
    groups: dict[str, list[str]] = yaml.safe_load(text)
    return sorted({name for group in groups.values() for name in group})


def cache_key(suite: str, names: list[str], sources: list[str]) -> str:
    """Hash of what goes into an image.

    Args:
        suite: code name of the Debian release.
        names: package names.
        sources: APT sources, one line each.
    """
    parts = [RECIPE, DISK_SIZE_MIB, SEED_UNIT, INITRD_INIT, CUSTOMIZE, WARM_UP, BUILD, suite, sorted(names), sources]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def ensure(suite: str, *, rebuild: bool = False, note: Callable[[str], None] = lambda _: None) -> Image:
    """Find the image in the cache, or build it.

    Args:
        suite: code name of the Debian release, e.g. ``trixie``.
        rebuild: build with today's packages although there is one.
        note: told what is going on, for progress.

    Raises:
        UsageError: commands to build with are missing, or there is no mirror.
        VerbundError: the build failed; names the log file.
    """
    sources = mirrors.discover().sources(suite)
    names = packages()
    key = cache_key(suite, names, sources)
    directory = cache_directory() / "images"
    directory.mkdir(parents=True, exist_ok=True)
    before = _newest(directory, suite, key)
    if before and not rebuild:
        return before
    with _locked(directory):
        _sweep(directory)
        meanwhile = _newest(directory, suite, key)
        if meanwhile and meanwhile != before:
            return meanwhile
        # Hosts of other labs may stand on an older build, so a new one never takes its place.
        image = Image(directory / f"{suite}-{key}-{datetime.now(UTC):%Y%m%dT%H%M%S}", key)
        _build(image, suite, names, sources, note)
        _prune(directory, image, suite, key)
    return image


def _newest(directory: Path, suite: str, key: str) -> Image | None:
    """The newest image that this user can use (it was renamed into place, so it is complete)."""
    for path in sorted(directory.glob(f"{suite}-{key}-*[0-9]"), reverse=True):
        image = Image(path, key)
        if image.disk.is_file() and (os.geteuid() != 0 or image.rootfs.is_dir()):
            return image
    return None


def use(image: Image, lab: Path) -> None:
    """Note that the hosts of a lab stand on this image, so that it is kept as long as that lab exists.

    Args:
        image: the image.
        lab: directory of the lab, absolute.
    """
    users = image.path / "users"
    users.mkdir(exist_ok=True)
    mark = users / hashlib.sha256(str(lab).encode()).hexdigest()[:16]
    mark.unlink(missing_ok=True)
    mark.symlink_to(lab)


def _prune(directory: Path, keep: Image, suite: str, key: str) -> None:
    """Remove builds that a newer one has replaced and on which no lab stands any more."""
    for path in directory.glob(f"{suite}-{key}-*[0-9]"):
        users = path / "users"
        in_use = users.is_dir() and any(mark.exists() for mark in users.iterdir())
        if path != keep.path and not in_use:
            path.rename(directory / f".old-{path.name}")
    _sweep(directory)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the lock of the image cache; waits for a build that is under way elsewhere."""
    with (directory / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _sweep(directory: Path) -> None:
    """Remove what killed builds left behind (the lock is held, so nobody is building)."""
    for leftover in [*directory.glob(".build-*"), *directory.glob(".old-*")]:
        _as_root(["rm", "-rf", "--", str(leftover)], timeout=300)


def _as_root(command: list[str], *, timeout: int, env: dict[str, str] | None = None, log: Path | None = None) -> int:
    """Run a command as root, or as the root of a user namespace where we are not; it dies with this process.

    Returns:
        Its exit status.
    """
    namespace = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc"]
    if os.geteuid() != 0:
        namespace[1:1] = ["--user", "--map-root-user", "--map-auto"]
    sink = log.open("ab") if log else None
    try:
        return subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", *namespace, "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=sink or subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": search_path(), **(env or {})},
            timeout=timeout,
            check=False,
        ).returncode
    finally:
        if sink:
            sink.close()


def _build(image: Image, suite: str, names: list[str], sources: list[str], note: Callable[[str], None]) -> None:
    """Build the image and move it into place."""
    needed = ["mmdebstrap", "mke2fs", "setpriv", "unshare", "xz", "tar"]
    require(needed if os.geteuid() == 0 else [*needed, "newuidmap"])
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    if not keyring.is_file():
        raise UsageError(f"{keyring} is missing", "run make setup, or: apt-get install debian-archive-keyring")
    directory = image.path.parent
    log = directory / f"{image.path.name}.log"
    log.write_bytes(b"")
    work = Path(tempfile.mkdtemp(prefix=".build-", dir=directory))
    work.chmod(0o755)
    recipe = work / "recipe"
    recipe.mkdir()
    (recipe / "verbund-lab-seed.service").write_text(SEED_UNIT, encoding="utf-8")
    (recipe / "init").write_text(INITRD_INIT, encoding="utf-8")
    (recipe / "warm-up").write_text(WARM_UP, encoding="utf-8")
    (recipe / "customize").write_text(CUSTOMIZE, encoding="utf-8")
    env = {
        "VERBUND_BUILD": str(work),
        "VERBUND_RECIPE": str(recipe),
        "VERBUND_DISK_MIB": str(DISK_SIZE_MIB),
        "VERBUND_KEEP_ROOTFS": "1" if os.geteuid() == 0 else "0",
    }
    note(f"building the image of Debian {suite} ({len(names)} packages named; log: {log})")
    steps = {
        "installing the packages": [
            "mmdebstrap",
            "--variant=minbase",
            "--mode=root",
            # A host that has never read its package lists cannot say whether an update is pending.
            "--skip=cleanup/apt",
            f"--keyring={keyring}",
            f"--include={','.join(names)}",
            '--customize-hook=sh "$VERBUND_RECIPE/customize" "$1"',
            suite,
            str(work / "root.tar"),
            *sources,
        ],
        "making disk and boot files": ["sh", "-c", BUILD],
    }
    try:
        for what, command in steps.items():
            note(what)
            if _as_root(command, timeout=3600, env=env, log=log):
                tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
                raise VerbundError(
                    f"the lab's image could not be built: {what} failed\n    " + "\n    ".join(tail),
                    f"the whole log is {log}; check that the mirror carries {suite} and that the disk has 4 GB free",
                )
        _warm_up(Image(work, image.key), note)
        shutil.rmtree(recipe)
        work.rename(image.path)
    finally:
        _sweep(directory)


def _warm_up(image: Image, note: Callable[[str], None]) -> None:
    """Boot the image once to fill its caches. It is an image without that too, only slower to boot."""
    if not all(shutil.which(name, path=search_path()) for name in (accel.QEMU, "qemu-img")):
        return
    try:
        accelerator = accel.arguments(image.kernel, image.initrd)
    except VerbundError as error:
        note(f"no virtual machine can be tried here: {error.message}")
        return
    note("filling caches under the image's own kernel")
    overlay, serial = image.path / "warm-up.qcow2", image.path / "warm-up.log"
    create = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(image.disk), str(overlay)]
    boot = [
        "setpriv", "--pdeathsig", "KILL", accel.QEMU, *accelerator, "-smp", "2", "-m", "1024", "-nodefaults",
        "-no-user-config", "-display", "none", "-no-reboot", "-kernel", str(image.kernel), "-initrd", str(image.initrd),
        "-append", "console=ttyS0 apparmor=1 security=apparmor quiet init=/usr/lib/verbund-lab/warm-up",
        "-drive", f"if=virtio,format=qcow2,cache=unsafe,file={overlay}", "-serial", f"file:{serial}",
    ]  # fmt: skip
    try:
        _quietly(create)
        _quietly(boot)
        if b"verbund-warm" in serial.read_bytes():
            _quietly(["qemu-img", "commit", "-q", str(overlay)])
        else:
            note("caches not filled, machines will boot more slowly: the guest did not get to its end")
    except (OSError, subprocess.SubprocessError) as error:
        note(f"caches not filled, machines will boot more slowly: {error}")
    finally:
        overlay.unlink(missing_ok=True)
        serial.unlink(missing_ok=True)


def _quietly(command: list[str]) -> None:
    """Run a command of the warm-up.

    Raises:
        subprocess.SubprocessError: it failed or took too long.
    """
    subprocess.run(
        command,
        check=True,
        timeout=WARM_UP_SECONDS,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PATH": search_path()},
    )
