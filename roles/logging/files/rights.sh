# SPDX-License-Identifier: EUPL-1.2
# Compares who may read logs, now and after the next rotation, with the declared state (check) or makes it so (repair).
# POSIX sh, run by the role. Arguments: check|repair EXCEPTED_CONTROLS (words in one argument)
mode=$1 excepted=$2
status=0
wanted() { case " $excepted " in *" $1 "*) return 1 ;; esac; }
differs() {
  sentence=$1
  shift
  if [ "$mode" = repair ]; then "$@" || exit 1; else printf '%s\n' "$sentence"; status=1; fi
}

if wanted VB-LOG-008; then
  [ "$mode" = check ] || systemd-tmpfiles --create /etc/tmpfiles.d/verbund-logging.conf || exit 1
  # Not what services keep in directories of their own. Traces of logins are read by who(1).
  for file in $(find /var/log /var/log/unattended-upgrades -maxdepth 1 -type f ! -name 'lastlog*' ! -name 'wtmp*' \
    ! -name 'btmp*' -perm /0137 2> /dev/null); do
    differs "$file can be read by others" chmod u-x,g-wx,o-rwx "$file"
  done
  # dpkg, alternatives: files of packages, which know no drop-ins.
  for file in $(grep -lE '^[[:space:]]*create[[:space:]]+0?6[0-7]4[[:space:]]+root[[:space:]]+root' /etc/logrotate.d/*); do
    differs "$file rotates logs into files that others can read" \
      sed -i -E 's/^([[:space:]]*create[[:space:]]+)0?6[0-7]4([[:space:]]+root[[:space:]]+root)/\10640\2/' "$file"
  done
fi
# Debian's own line comes before our file and would be a second word on the same.
if wanted VB-LOG-011 && grep -q '^[[:space:]]*\$FileCreateMode' /etc/rsyslog.conf; then
  differs "/etc/rsyslog.conf sets FileCreateMode too" sed -i '/^[[:space:]]*\$FileCreateMode/d' /etc/rsyslog.conf
fi
exit "$status"
