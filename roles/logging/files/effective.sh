# SPDX-License-Identifier: EUPL-1.2
# Exit 0 when journald and rsyslog run with the files as they are now, and no file of somebody else opens another way for
# logs. Arguments: controls with a deviation, days between two rotations, what find(1) is told to find logs that others can
# change, further files of rsyslog. POSIX sh, run by the role.
excepted=" $1 "
days=$2
open=$3
shift 3
wanted() {
  case $excepted in *" $1 "*) return 1 ;; esac
}
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
foreign() {
  found=$(grep -liE "$1" /etc/rsyslog.conf /etc/rsyslog.d/*.conf | grep -vE '/(50-verbund-collector|60-verbund-forward)[.]conf$') || return 1
  echo "$2: $found. Take the lines out, or declare a deviation for $3."
}
newer systemd-journald.service /etc/systemd/journald.conf /etc/systemd/journald.conf.d/*.conf && exit 1
if wanted VB-LOG-003; then
  newer rsyslog.service /etc/rsyslog.conf /etc/rsyslog.d/*.conf "$@" && exit 1
fi
if wanted VB-LOG-001; then
  find "/proc/$(systemctl show -P MainPID systemd-journald.service)/fd" -lname '/var/log/journal/*' | grep -q . ||
    { echo "the journal is not on disk"; exit 1; }
fi
if wanted VB-LOG-004 && [ -e /etc/rsyslog.d/60-verbund-forward.conf ]; then
  foreign '^[^#]*([[:space:]]@{1,2}[[:alnum:]([]|"omfwd")' "logs also leave by a file of somebody else" VB-LOG-004 && exit 1
fi
if wanted VB-LOG-006; then
  foreign '^[^#]*(load="|ModLoad +)(imudp|imptcp|imrelp)' "logs are received without encryption" VB-LOG-006 && exit 1
fi
if wanted VB-LOG-010; then
  found=$(eval "find $open -print -quit")
  [ -z "$found" ] || { echo "others can change $found"; exit 1; }
fi
if wanted VB-LOG-013; then
  find /var/lib/logrotate -name status -mtime "-$days" | grep -q . || { echo "logs were not rotated within $days days"; exit 1; }
fi
exit 0
