# SPDX-License-Identifier: EUPL-1.2
# Runs a container of the lab, in a mount namespace of its own: what is mounted here is gone with its last process.
# Called as: unshare --mount --propagation private sh -eu -c "$(cat container.sh)" container COMMAND GROUP [...], in the lab's
# directory. COMMAND: run GROUP HOST NAMESPACE ROOTFS | keep GROUP UPPER TARGET | clean GROUP-PREFIX

# Debian 13's systemd needs the unified hierarchy; the machine may still run the old one.
if [ "$(stat --file-system --format=%T /sys/fs/cgroup)" != cgroup2fs ]; then
    umount --recursive /sys/fs/cgroup 2>/dev/null || true
    mount -t cgroup2 none /sys/fs/cgroup
fi

command=$1
group=/sys/fs/cgroup/$2

case $command in
run)
    host=$3 namespace=$4 rootfs=$5
    mkdir -p "$group"
    # A group of its own: systemd in two containers must not share one.
    echo $$ > "$group/cgroup.procs"
    cd "hosts/$host"
    mkdir -p lower root work
    mount --bind "$rootfs" lower
    mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work root
    # The network namespace is the container's own, so are its settings in /proc/sys/net.
    export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
    # /tmp is mounted by the host's own tmp.mount, with the host's own options, as on a machine.
    export SYSTEMD_NSPAWN_TMPFS_TMP=0
    while :; do
        status=0
        systemd-nspawn --quiet --boot --register=no --keep-unit --console=read-only --link-journal=no --timezone=off \
            --resolv-conf=off --machine="$host" --directory=root --capability=CAP_NET_ADMIN \
            --network-namespace-path="/run/netns/$namespace" || status=$?
        # 133: the host asks for a reboot. Its firewall dies with it, as in a machine.
        [ "$status" = 133 ] || exit "$status"
        ip netns exec "$namespace" nft flush ruleset
    done
    ;;
keep)
    upper=$3 target=$4
    rm -rf "$target.part"
    echo 1 > "$group/cgroup.freeze"
    trap 'echo 0 > "$group/cgroup.freeze"' EXIT
    cp --archive --reflink=auto "$upper" "$target.part"
    rm -rf "$target"
    mv "$target.part" "$target"
    ;;
clean)
    for left in "$group"*; do
        [ -d "$left" ] || continue
        find "$left" -depth -type d -exec rmdir {} +
    done
    ;;
esac
