# SPDX-License-Identifier: EUPL-1.2
# Compares what else is shown at a login with the declared state (check), or closes it to others (repair). POSIX sh, run
# by the role. Arguments: check|repair EXCEPTED_CONTROLS (words in one argument)
excepts() { case " $2 " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }
status=0
open=$(find /etc/issue /etc/issue.net /etc/motd /etc/issue.d /etc/motd.d /etc/update-motd.d \
  ! -type l \( -perm /022 -o ! -user root \) 2> /dev/null)
if [ -n "$open" ] && ! excepts VB-BAN-005 "$2"; then
  if [ "$1" = check ]; then
    echo "others can change" $open
    status=1
  else
    chown root $open && chmod go-w $open || exit 1
  fi
fi
# Files of others are named, not removed. agetty(8): these escapes print name, kind and version of the system.
if [ "$1" = check ] && ! excepts VB-BAN-003 "$2"; then
  grep -HnE '\\[mrsvoS]' /etc/issue.d/*.issue 2> /dev/null && status=1
fi
exit "$status"
