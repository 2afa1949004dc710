# SPDX-License-Identifier: EUPL-1.2
# Compares the accounts of this host with the declared state (check) or makes them so (repair). POSIX sh, run by the role.
# Arguments: check|repair ROOT_LOCKED INACTIVE_DAYS ADMINS SUDO_MEMBERS DISABLED SHELL_EXCEPTIONS (lists: words in one argument)
mode=$1 root_locked=$2 inactive=$3 admins=$4 members=$5 disabled=$6 shells=$7
status=0

# differs SENTENCE COMMAND...: in check mode tells the difference, in repair mode runs the command.
differs() {
  sentence=$1
  shift
  if [ "$mode" = repair ]; then "$@" || exit 1; else printf '%s\n' "$sentence"; status=1; fi
}

has() { case " $2 " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

for name in $admins; do
  getent passwd "$name" > /dev/null ||
    differs "account $name is missing" useradd --create-home --user-group --shell /bin/bash "$name"
done

if [ "$root_locked" = true ]; then
  case $(getent shadow root | cut -d: -f2) in
    '!'* | '*'*) ;;
    *) differs "root has a password" usermod --lock root ;;
  esac
fi

# A here-document and not a pipe, so that the loops run in this shell and their findings count.
while IFS=: read -r name hash _ _ max _; do
  [ -n "$hash" ] || differs "account $name has an empty password" passwd --quiet --lock "$name"
  # ORP.4.A23: passwords do not expire by time alone.
  case $hash in '!'* | '*'*) continue ;; esac
  [ -z "$max" ] || [ "$max" -ge 99999 ] || differs "the password of $name expires" chage --maxdays 99999 "$name"
done << LIST
$(getent -s files shadow)
LIST

while IFS=: read -r name _ uid _ _ home shell; do
  if [ "$uid" -lt 1000 ] || [ "$uid" -eq 65534 ]; then
    [ "$uid" -ne 0 ] || continue
    has "$name" "$shells" || [ "$name" = "${SUDO_USER:-}" ] && continue
    case $shell in
      */nologin | */false) ;;
      *) differs "system account $name has the shell ${shell:-/bin/sh}" usermod --shell /usr/sbin/nologin "$name" ;;
    esac
  elif [ -d "$home" ] && [ ! -L "$home" ] && [ "$home" != / ]; then
    [ -z "$(find "$home" -maxdepth 0 -perm /027)" ] ||
      differs "home directory of $name is open to others" chmod g-w,o-rwx "$home"
    for file in "$home/.rhosts" "$home/.shosts"; do
      [ ! -e "$file" ] && [ ! -L "$file" ] || differs "$file trusts other hosts" rm -f -- "$file"
    done
  fi
done << LIST
$(getent -s files passwd)
LIST

listed=$(getent -s files group sudo | cut -d: -f4 | tr ',' ' ')
for name in $members; do
  has "$name" "$listed" || ! getent passwd "$name" > /dev/null ||
    differs "$name is not in the group sudo" gpasswd --add "$name" sudo
done
for name in $listed; do
  # Whoever is just working here by sudo is not cut off; the check VB-ACC-011 still names the account.
  has "$name" "$members" || [ "$name" = "${SUDO_USER:-}" ] ||
    differs "$name is in the group sudo" gpasswd --delete "$name" sudo
done

for name in $disabled; do
  getent passwd "$name" > /dev/null || continue
  [ "$(getent -s files shadow "$name" | cut -d: -f8)" = 1 ] ||
    differs "account $name is not disabled" usermod --lock --expiredate 1970-01-02 "$name"
done

# login.defs knows no drop-ins. Debian's values are already right, so nothing is touched unless somebody weakened them.
setting() {
  sed -i "/^[[:space:]]*$1[[:space:]]/d" /etc/login.defs && printf '%s\t%s\n' "$1" "$2" >> /etc/login.defs
}
while read -r key value; do
  [ "$(awk -v key="$key" '$1 == key {last = $2} END {print last}' /etc/login.defs)" = "$value" ] ||
    differs "login.defs: $key is not $value" setting "$key" "$value"
done << LIST
ENCRYPT_METHOD YESCRYPT
HOME_MODE 0700
PASS_MAX_DAYS 99999
LIST

# useradd's own tool for its own defaults file.
defaults=$(useradd --defaults)
case $defaults in
  *"INACTIVE=$inactive"*) ;;
  *) differs "new accounts: INACTIVE is not $inactive" useradd --defaults --inactive "$inactive" ;;
esac
exit "$status"
