# SPDX-License-Identifier: EUPL-1.2
# Exit 0 when journald and rsyslog run with the files as they are now. POSIX sh, run by the role.
newer() {
  unit=$1
  shift
  [ "$(systemctl show -P ActiveState "$unit")" = active ] || { echo "$unit does not run"; return 0; }
  started=$(date -d "$(systemctl show -P ActiveEnterTimestamp "$unit")" +%s) || return 0
  for file in "$@"; do
    [ ! -e "$file" ] || [ "$(stat -c %Y "$file")" -le "$started" ] || { echo "$file is newer than the running $unit"; return 0; }
  done
  return 1
}
newer systemd-journald.service /etc/systemd/journald.conf /etc/systemd/journald.conf.d/*.conf && exit 1
newer rsyslog.service /etc/rsyslog.conf /etc/rsyslog.d/*.conf "$@" && exit 1
[ -d "/var/log/journal/$(cat /etc/machine-id)" ] || { echo "the journal is not on disk"; exit 1; }
