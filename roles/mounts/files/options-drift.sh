# SPDX-License-Identifier: EUPL-1.2
# Arguments: directory=option,option pairs. Exit 1 if a directory is mounted without one of its options.
# /tmp and /var/tmp that are no mount points yet become ones: /var/tmp at once, /tmp with the next start (see README).
# Scanners read the options of /dev/shm in /etc/fstab only, so it stands there too.
# A leading "-" stands for: only where it is a mount point.
for pair in "$@"; do
    directory=${pair%%=*}
    if [ "$directory" = /dev/shm ]; then
        given=$(awk '!/^[[:space:]]*#/ && $2 == "/dev/shm" {print $4}' /etc/fstab 2> /dev/null)
        [ "$given" = "rw,${pair#*=}" ] || { echo "/etc/fstab gives /dev/shm the options '$given'"; exit 1; }
    fi
    options=$(findmnt --noheadings --first-only --mountpoint "${directory#-}" --output VFS-OPTIONS,FS-OPTIONS 2>/dev/null)
    if [ -z "$options" ]; then
        case $directory in /tmp | -*) continue ;; esac
        echo "$directory is no mount point"
        exit 1
    fi
    for option in $(printf '%s' "${pair#*=}" | tr , ' '); do
        case ",$(printf '%s' "$options" | tr -s ' ' ,)," in
        *",$option,"*) ;;
        *) echo "${directory#-} is mounted without $option"; exit 1 ;;
        esac
    done
done
