# SPDX-License-Identifier: EUPL-1.2
# Compares the rights of what sudo reads and runs with the declared ones (check) or sets them (repair). POSIX sh, run by
# the role. Arguments: check|repair EXCEPTED_CONTROLS (words in one argument)
mode=$1 excepted=$2
status=0

# found CONTROL SENTENCE PATH...: what a deviation excepts is neither told nor repaired.
found() {
  control=$1 sentence=$2
  shift 2
  case " $excepted " in *" $control "*) return ;; esac
  if [ "$mode" = check ]; then
    echo "$* $sentence"
    status=1
  else
    chown root "$@" && chmod g-w,o-w "$@" || exit 1
    [ "$control" != VB-SUD-007 ] || chmod 0440 "$@" || exit 1
  fi
}

for path in $(find /etc/sudoers.d -type f \( -perm /027 -o ! -user root \)); do
  found VB-SUD-007 "can be read or changed by others" "$path"
done

# The programs that rules name. Directories are left to people: what else is in them nobody here knows.
for path in $(cvtsudoers -f json /etc/sudoers | sed -n 's/.*"command": "\(\/[^" ]*\).*/\1/p' | sort -u); do
  case $path in *[*?[]*) continue ;; esac
  [ ! -f "$path" ] || [ -z "$(find -L "$path" -maxdepth 0 \( -perm /022 -o ! -user root \))" ] ||
    found VB-SUD-008 "is run as root by a rule and can be changed by others" "$path"
done
exit "$status"
