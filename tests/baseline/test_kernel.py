# SPDX-License-Identifier: EUPL-1.2
"""Kernel parameters, kernel modules and boot options: running state, and what the next start will bring.

The wanted values stand here and not in the settings: a setting that weakens the standard must show, unless a deviation
covers it. Parameters the running kernel does not have are not applicable.
"""

import fnmatch

import pytest
from support import not_applicable

# One command each, asked by all checks of this file, so that it is fetched once. Not sysctl(8): it walks over all of
# /proc/sys to find a few patterns, which takes a slow host seconds. Nor the shell's read: it reads byte by byte, and
# these files have only their first read.
_PER_INTERFACE = {
    "ipv4": "rp_filter log_martians *_redirects accept_source_route forwarding proxy_arp route_localnet accept_local",
    "ipv6": "forwarding accept_redirects accept_source_route accept_ra proxy_ndp",
}
_ENTRIES = (
    "kernel/kptr_restrict kernel/dmesg_restrict kernel/perf_event_paranoid kernel/randomize_va_space kernel/yama/*",
    "kernel/sysrq",
    "kernel/unprivileged_bpf* kernel/unprivileged_userns_clone kernel/kexec_load* kernel/io_uring_disabled",
    "net/core/bpf_jit_harden vm/unprivileged_userfaultfd vm/mmap_min_addr dev/tty/* fs/suid_dumpable fs/protected_*",
    "net/ipv4/ip_forward net/ipv4/tcp_syncookies net/ipv4/tcp_rfc1337 net/ipv4/icmp_*",
    *(f"net/{family}/conf/*/{name}" for family, names in _PER_INTERFACE.items() for name in names.split()),
)
RUNNING = f"cd /proc/sys && grep -H '' $(ls -d {' '.join(_ENTRIES)} 2> /dev/null)"
_SWAPPED = str.maketrans("/.", "./")
AT_BOOT = "systemd-analyze cat-config sysctl.d"
MODULE_RULES = "modprobe --showconfig | grep '^install '"
LOADED = "cut -d' ' -f1 /proc/modules"


def _running(host):
    values = {}
    for line in host.check_output(RUNNING).splitlines():
        key, separator, value = line.partition(":")
        if separator:
            # As sysctl(8) writes it: the interface lan.10 is lan/10 there.
            values[key.strip().translate(_SWAPPED)] = value.strip()
    return values


def _at_boot(host):
    """The assignments of all drop-ins in the order of sysctl.d(5); a later one wins."""
    values = {}
    for line in host.check_output(AT_BOOT).splitlines():
        key, separator, value = line.strip().lstrip("-").partition("=")
        if separator and not key.startswith(("#", ";")):
            # The first separator decides (sysctl.d(5)): net/ipv4/conf/lan.10/x is net.ipv4.conf.lan/10.x.
            name = key.strip()
            if "." not in name or -1 < name.find("/") < name.find("."):
                name = name.translate(_SWAPPED)
            values.pop(name, None)
            values[name] = value.strip()
    return values


def _boot_value(config, key):
    """What the drop-ins give one parameter: an exact name beats a pattern, of patterns the last wins (sysctl.d(5))."""
    if key in config:
        return config[key]
    matching = [value for pattern, value in config.items() if "*" in pattern and fnmatch.fnmatchcase(key, pattern)]
    return matching[-1] if matching else None


def _check(host, wanted):
    """Assert that every parameter matching a pattern of `wanted` has an accepted value now and after the next start."""
    running, config = _running(host), _at_boot(host)
    seen = 0
    wrong = []
    for pattern, accepted in wanted.items():
        for key, value in running.items():
            if not fnmatch.fnmatchcase(key, pattern):
                continue
            seen += 1
            if value not in accepted:
                wrong.append(f"{key} is {value}, wanted {' or '.join(accepted)}")
            boot = _boot_value(config, key)
            if boot is None:
                wrong.append(f"{key} is not set for the next start")
            elif boot not in accepted:
                wrong.append(f"{key} will be {boot} after the next start, wanted {' or '.join(accepted)}")
    if not seen:
        pytest.skip(f"not applicable: this kernel has none of {', '.join(wanted)}")
    assert not wrong, "; ".join(wrong[:10])


@pytest.mark.control("VB-KRN-001")
def test_kernel_information_is_hidden(host, own_kernel):
    """Kernel addresses, messages and performance counters are closed to users."""
    _check(
        host,
        {
            "kernel.kptr_restrict": ("2",),
            "kernel.dmesg_restrict": ("1",),
            "kernel.perf_event_paranoid": ("2", "3", "4"),
        },
    )


@pytest.mark.control("VB-KRN-002")
def test_addresses_are_randomised(host, own_kernel):
    """Stack, libraries, heap and the lowest page cannot be foreseen or mapped by an exploit."""
    _check(host, {"kernel.randomize_va_space": ("2",), "vm.mmap_min_addr": ("65536",)})


@pytest.mark.control("VB-KRN-003")
def test_foreign_processes_cannot_be_traced(host, own_kernel):
    """Yama limits ptrace to the own children or to administrators."""
    _check(host, {"kernel.yama.ptrace_scope": ("1", "2", "3")})


@pytest.mark.control("VB-KRN-004")
def test_sysrq_is_off(host, own_kernel):
    """No SysRq function answers to the keyboard."""
    _check(host, {"kernel.sysrq": ("0",)})


@pytest.mark.control("VB-KRN-005")
def test_kernel_attack_surface_is_closed(host, own_kernel):
    """BPF, kexec, userfaultfd and terminal tricks are not open to the unprivileged."""
    _check(
        host,
        {
            "kernel.unprivileged_bpf_disabled": ("1", "2"),
            "kernel.kexec_load_disabled": ("1",),
            "net.core.bpf_jit_harden": ("2",),
            "vm.unprivileged_userfaultfd": ("0",),
            "dev.tty.ldisc_autoload": ("0",),
            "dev.tty.legacy_tiocsti": ("0",),
        },
    )


@pytest.mark.control("VB-KRN-006")
def test_links_and_fifos_are_protected(host, own_kernel):
    """Links, FIFOs and files others put into sticky directories are not followed or opened."""
    _check(
        host,
        {
            "fs.protected_hardlinks": ("1",),
            "fs.protected_symlinks": ("1",),
            "fs.protected_fifos": ("1", "2"),
            "fs.protected_regular": ("1", "2"),
        },
    )


@pytest.mark.control("VB-KRN-007")
def test_privileged_programs_dump_no_memory(host, own_kernel):
    """The kernel writes no memory dump of set-id programs."""
    _check(host, {"fs.suid_dumpable": ("0",)})


@pytest.mark.control("VB-KRN-008")
def test_redirects_and_source_routes_are_refused(host):
    """No interface accepts or sends redirects or accepts source routes."""
    _check(
        host,
        {
            "net.ipv4.conf.*.accept_redirects": ("0",),
            "net.ipv4.conf.*.secure_redirects": ("0",),
            "net.ipv4.conf.*.send_redirects": ("0",),
            "net.ipv4.conf.*.accept_source_route": ("0",),
            "net.ipv6.conf.*.accept_redirects": ("0",),
            "net.ipv6.conf.*.accept_source_route": ("0", "-1"),
        },
    )


@pytest.mark.control("VB-KRN-009")
def test_forged_sources_are_dropped_and_logged(host):
    """Reverse path filtering is strict and impossible sources are logged."""
    _check(host, {"net.ipv4.conf.*.rp_filter": ("1",), "net.ipv4.conf.*.log_martians": ("1",)})


@pytest.mark.control("VB-KRN-010")
def test_only_gateways_forward(host, settings):
    """Forwarding is on for gateways, whose firewall decides, and off everywhere else."""
    if settings.get("verbund_host_class", "server") == "gateway":
        _check(host, {"net.ipv4.ip_forward": ("1",), "net.ipv6.conf.all.forwarding": ("1",)})
    else:
        # Each interface for itself: what comes in there is forwarded also when ip_forward says 0.
        no = ("0",)
        _check(host, {"net.ipv4.ip_forward": no, "net.ipv4.conf.*.forwarding": no, "net.ipv6.conf.*.forwarding": no})


@pytest.mark.control("VB-KRN-011")
def test_floods_are_absorbed(host):
    """SYN cookies are on; broadcast pings and bogus ICMP errors are ignored; TIME-WAIT cannot be cut short."""
    _check(
        host,
        {
            "net.ipv4.tcp_syncookies": ("1",),
            "net.ipv4.tcp_rfc1337": ("1",),
            "net.ipv4.icmp_echo_ignore_broadcasts": ("1",),
            "net.ipv4.icmp_ignore_bogus_error_responses": ("1",),
        },
    )


@pytest.mark.control("VB-KRN-015")
def test_router_advertisements_are_ignored(host):
    """No interface takes addresses or routes from whoever announces them."""
    _check(host, {"net.ipv6.conf.*.accept_ra": ("0",)})


@pytest.mark.control("VB-KRN-016")
def test_user_namespaces_need_privileges(host, own_kernel):
    """Nobody but root makes user namespaces, in which everybody would be root."""
    _check(host, {"kernel.unprivileged_userns_clone": ("0",)})


@pytest.mark.control("VB-KRN-017")
def test_host_answers_only_for_itself(host):
    """No interface answers for other addresses, routes to loopback or takes the own address for that of a sender."""
    _check(
        host,
        {
            "net.ipv4.conf.*.proxy_arp": ("0",),
            "net.ipv4.conf.*.route_localnet": ("0",),
            "net.ipv4.conf.*.accept_local": ("0",),
            "net.ipv6.conf.*.proxy_ndp": ("0",),
        },
    )


@pytest.mark.control("VB-KRN-020")
def test_io_uring_needs_privileges(host, own_kernel):
    """The large interface for input and output is closed to users (kernels since 6.6)."""
    _check(host, {"kernel.io_uring_disabled": ("1", "2")})


def _check_modules(host, wanted):
    """Assert that no module of `wanted` is loaded and that none can be loaded."""
    if not wanted:
        pytest.skip("not applicable: no module is declared here")
    names = {module.replace("-", "_") for module in wanted}
    loaded = names & set(host.check_output(LOADED).split())
    rules = host.run(MODULE_RULES)
    # grep answers 1 when modprobe has no install rule at all; anything above is a failure of the question itself.
    if rules.rc > 1:
        raise RuntimeError(f"modprobe could not show its configuration: {rules.stderr.strip()}")
    blocked = set()
    for line in rules.stdout.splitlines():
        _, name, command = line.split(maxsplit=2)
        name = name.replace("-", "_")
        if command.strip() in ("/bin/false", "/usr/bin/false", "/bin/true"):
            blocked.add(name)
        elif name in names:
            # modprobe takes one of several rules for a name; a second one may undo the first.
            pytest.fail(f"the rule for {name} runs {command.strip()}")
    open_modules = sorted(names - blocked)
    assert not loaded, f"loaded although blocked: {', '.join(sorted(loaded))}"
    assert not open_modules, f"can still be loaded: {', '.join(open_modules)}"


@pytest.mark.control("VB-KRN-012")
def test_unneeded_modules_are_blocked(host, settings, own_kernel):
    """Rare protocols and file systems are neither loaded nor loadable."""
    allowed = set(settings["kernel_modules_allowed"])
    _check_modules(host, set(settings["kernel_modules_blocked"]) - allowed)


@pytest.mark.control("VB-KRN-013")
def test_unneeded_interfaces_are_blocked(host, settings, own_kernel):
    """Interfaces the host class or profile does not need have no driver."""
    by_class = settings["kernel_modules_blocked_by_class"]
    wanted = set(by_class.get(settings.get("verbund_host_class", "server"), []))
    _check_modules(host, wanted | set(settings["kernel_modules_blocked_extra"]))


@pytest.mark.control("VB-KRN-018")
def test_old_filesystems_are_blocked(host, settings, own_kernel):
    """File systems of other days are neither loaded nor loadable."""
    _check_modules(host, set(settings["kernel_modules_old_filesystems"]) - set(settings["kernel_modules_allowed"]))


@pytest.mark.control("VB-KRN-019")
def test_radio_and_cameras_are_blocked(host, settings, own_kernel):
    """Servers and gateways have no drivers for radio and cameras."""
    by_class = settings["kernel_modules_radio_by_class"]
    wanted = set(by_class.get(settings.get("verbund_host_class", "server"), []))
    _check_modules(host, wanted - set(settings["kernel_modules_allowed"]))


# Options that take a protection away, with their source: Documentation/admin-guide/kernel-parameters.txt.
HARMFUL_OPTIONS = frozenset(
    {
        "apparmor=0",
        "audit=0",
        "audit=off",
        "init=/bin/sh",
        "init=/bin/bash",
        "init_on_alloc=0",
        "iomem=relaxed",
        "kpti=0",
        "l1tf=off",
        "mds=off",
        "mitigations=off",
        "module.sig_enforce=0",
        "noexec=off",
        "noexec32=off",
        "nokaslr",
        "nopti",
        "norandmaps",
        "nosmap",
        "nosmep",
        "nospectre_v1",
        "nospectre_v2",
        "pti=off",
        "retbleed=off",
        "slab_merge",
        "spec_store_bypass_disable=off",
        "spectre_v2=off",
        "srbds=off",
        "systemd.debug-shell",
        "systemd.debug-shell=1",
        "tsx_async_abort=off",
        "vsyscall=native",
    }
)
BOOT_ENTRIES = (
    "grep -hsE '^[[:space:]]*(linux|options|GRUB_CMDLINE_LINUX)' "
    "/boot/grub/grub.cfg /boot/loader/entries/*.conf /boot/efi/loader/entries/*.conf "
    "/etc/default/grub /etc/default/grub.d/*.cfg | head -n 200"
)


@pytest.mark.control("VB-KRN-014")
def test_no_boot_option_weakens_the_kernel(host, own_kernel):
    """Neither the running kernel nor an entry of the boot loader carries an option that disables a protection."""
    running = HARMFUL_OPTIONS.intersection(host.check_output("cat /proc/cmdline").split())
    words = host.check_output(BOOT_ENTRIES).replace('"', " ").replace("'", " ")
    at_boot = HARMFUL_OPTIONS.intersection(words.split())
    assert not running, f"the running kernel was started with {', '.join(sorted(running))}"
    assert not at_boot, f"the boot loader will start the kernel with {', '.join(sorted(at_boot))}"


@pytest.mark.control("VB-KRN-021")
def test_boot_configuration_is_closed(host):
    """Only root reads and changes what GRUB starts."""
    shown = host.run("stat -c '%a %U:%G' /boot/grub/grub.cfg")
    if shown.rc:
        not_applicable("this host does not start from /boot/grub/grub.cfg")
    mode, owner = shown.stdout.split()
    assert owner == "root:root", f"/boot/grub/grub.cfg belongs to {owner}"
    assert int(mode, 8) & 0o077 == 0, f"others can read or change /boot/grub/grub.cfg (mode {mode})"
