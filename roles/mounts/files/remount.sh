# SPDX-License-Identifier: EUPL-1.2
# Arguments: the unit for the next start or nothing, then directory=option,option pairs. Changes the options of what is
# mounted, never unmounts anything, so open files stay as they are. Exit 1 if the kernel refuses.
service=$1
shift
for pair in "$@"; do
    line="tmpfs /dev/shm tmpfs rw,${pair#*=} 0 0"
    [ "${pair%%=*}" = /dev/shm ] || continue
    ! grep -qxF "$line" /etc/fstab 2> /dev/null || continue
    # Everything else in the file is somebody else's and stays. systemd makes no unit of this line, it only remounts with
    # its options at boot (systemd-remount-fs.service(8)), so there is nothing to read again.
    { [ ! -e /etc/fstab ] || cp -p /etc/fstab /etc/fstab.verbund; } &&
        { awk '/^[[:space:]]*#/ || $2 != "/dev/shm"' /etc/fstab 2> /dev/null
          printf '%s\n' "$line"; } > /etc/fstab.verbund &&
        mv -f /etc/fstab.verbund /etc/fstab || exit 1
done
for pair in "$@"; do
    directory=${pair%%=*}
    directory=${directory#-}
    options=${pair#*=}
    if findmnt --mountpoint "$directory" >/dev/null; then
        # A bind mount shares its file system with others: "bind" keeps the change to this one place.
        case $directory in
        /var/tmp) mount -o "remount,bind,$options" "$directory" || exit 1 ;;
        *) mount -o "remount,$options" "$directory" || exit 1 ;;
        esac
    elif [ "$directory" = /var/tmp ]; then
        systemctl start var-tmp.mount || exit 1
    fi
done
# The unit is only for the next start; starting it now keeps its state honest.
if [ -n "$service" ]; then systemctl restart "$service" || exit 1; fi
if command -v udevadm >/dev/null; then udevadm control --reload 2>/dev/null || true; fi
