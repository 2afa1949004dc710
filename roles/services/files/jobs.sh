# SPDX-License-Identifier: EUPL-1.2
# Compares what starts by time or stays after a session with the declared state (check) or makes it so (repair). POSIX sh,
# run by the role. Arguments: check|repair HOST_CLASS CRON_USERS EXCEPTED_CONTROLS (lists: words in one argument)
mode=$1 class=$2 users=$3 excepted=$4
status=0

has() { case " $2 " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

# differs CONTROL SENTENCE COMMAND...: what a deviation excepts is neither told nor repaired.
differs() {
  sentence=$2
  ! has "$1" "$excepted" || return 0
  shift 2
  if [ "$mode" = repair ]; then "$@" || exit 1; else printf '%s\n' "$sentence"; status=1; fi
}

close() { chown -h root "$1" && chmod go-w "$1"; }

# Jobs of accounts that may have none are kept beside, not deleted: they are somebody's work.
put_aside() {
  install -d -m 0700 /var/lib/verbund /var/lib/verbund/crontabs && mv -f -- "$1" /var/lib/verbund/crontabs/
}
for table in /var/spool/cron/crontabs/*; do
  [ ! -f "$table" ] || has "${table##*/}" "$users" ||
    differs VB-SVC-007 "${table##*/} may have no jobs of cron, but has some" put_aside "$table"
done

# /etc/crontab, the directories of cron, and units: what root starts.
while IFS= read -r path; do
  [ -z "$path" ] || differs VB-SVC-008 "others can change $path" close "$path"
done << LIST
$(find /etc/crontab /etc/anacrontab /etc/cron.* /etc/systemd/system /usr/lib/systemd/system /usr/local/lib/systemd/system \
  /etc/init.d ! -type l \( -perm /022 -o ! -user root \) 2> /dev/null)
LIST

if [ "$class" = client ] || [ "$class" = laptop ]; then
  for name in $(ls /var/lib/systemd/linger 2> /dev/null); do
    differs VB-SVC-009 "what $name started stays after the session" loginctl disable-linger "$name"
  done
  # The running one; a container without a session manager has none.
  runs=$(busctl get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager \
    KillUserProcesses 2> /dev/null)
  [ "$runs" != 'b false' ] ||
    differs VB-SVC-009 "what a person started stays after the session" systemctl kill --kill-whom=main --signal=HUP systemd-logind.service
fi
exit "$status"
