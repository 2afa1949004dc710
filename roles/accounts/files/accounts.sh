# SPDX-License-Identifier: EUPL-1.2
# Compares the accounts of this host with the declared state (check) or makes them so (repair). POSIX sh, run by the role.
# Arguments: check|repair ROOT_LOCKED INACTIVE_DAYS SHELL_TIMEOUT ADMINS SUDO_MEMBERS DISABLED SHELL_EXCEPTIONS
# HOME_EXCEPTIONS EXCEPTED_CONTROLS UMASK (lists: words in one argument)
mode=$1 root_locked=$2 inactive=$3 timeout=$4 admins=$5 members=$6 disabled=$7 shells=$8 homeless=$9
shift 9
excepted=$1 umask=$2
status=0

has() { case " $2 " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

# differs CONTROL SENTENCE COMMAND...: in check mode tells the difference, in repair mode runs the command. What a
# deviation excepts is neither.
differs() {
  sentence=$2
  ! has "$1" "$excepted" || return 0
  shift 2
  if [ "$mode" = repair ]; then "$@" || exit 1; else printf '%s\n' "$sentence"; status=1; fi
}

for name in $admins; do
  getent passwd "$name" > /dev/null ||
    differs VB-ACC-011 "account $name is missing" useradd --create-home --user-group --shell /bin/bash "$name"
done

if [ "$root_locked" = true ]; then
  case $(getent -s files shadow root | cut -d: -f2) in
    '!'* | '*'*) ;;
    *) differs VB-ACC-004 "root has a password" usermod --lock root ;;
  esac
fi

today=$(($(date +%s) / 86400))
people=" $(getent -s files passwd | awk -F: '$3 >= 1000 && $3 != 65534 {printf "%s ", $1}')"
# A here-document and not a pipe, so that the loops run in this shell and their findings count.
while IFS=: read -r name hash changed _ max _; do
  [ -n "$hash" ] || differs VB-ACC-003 "account $name has an empty password" passwd --quiet --lock "$name"
  # One day of difference is what time zones and a clock that was just set right explain.
  [ -z "$changed" ] || [ "$changed" -le $((today + 1)) ] ||
    differs VB-ACC-019 "the password of $name was changed in the future" chage --lastday "$today" "$name"
  case $hash in '' | '!'* | '*'*) continue ;; esac
  # ORP.4.A23: passwords do not expire by time alone.
  [ -z "$max" ] || [ "$max" -ge 99999 ] ||
    differs VB-ACC-012 "the password of $name expires" chage --maxdays 99999 "$name"
  [ "$name" = root ] || [ "$name" = "${SUDO_USER:-}" ] || has "$name" "$people" ||
    differs VB-ACC-016 "system account $name has a password" usermod --lock "$name"
done << LIST
$(getent -s files shadow)
LIST

# What shells read, and keys, as long as it is a file of its own; run as the account, so that no link leads elsewhere.
writable() {
  find "$1" "$1/.ssh" -maxdepth 1 \( -path "$1/.*" -o -path "$1/.ssh/*" \) \( -type f -o -type d \) \
    -perm /022 -user "$2" 2> /dev/null
}
close_files() {
  runuser -u "$2" -- find "$1" "$1/.ssh" -maxdepth 1 \( -path "$1/.*" -o -path "$1/.ssh/*" \) \( -type f -o -type d \) \
    -perm /022 -user "$2" -exec chmod go-w -- {} + 2> /dev/null || [ -z "$(writable "$1" "$2")" ]
}

while IFS=: read -r name _ uid _ _ home shell; do
  if [ "$home" != / ] && [ -d "$home" ]; then
    for file in "$home/.rhosts" "$home/.shosts"; do
      [ ! -e "$file" ] && [ ! -L "$file" ] || differs VB-ACC-007 "$file trusts other hosts" rm -f -- "$file"
    done
  fi
  if [ "$uid" -lt 1000 ] || [ "$uid" -eq 65534 ]; then
    if [ "$uid" -ne 0 ]; then
      has "$name" "$shells" || [ "$name" = "${SUDO_USER:-}" ] && continue
      case $shell in
        */nologin | */false) ;;
        *)
          differs VB-ACC-005 "system account $name has the shell ${shell:-/bin/sh}" \
            usermod --shell /usr/sbin/nologin "$name"
          ;;
      esac
      continue
    fi
    [ "$name" = root ] || continue
  elif [ ! -e "$home" ]; then
    has "$name" "$homeless" || differs VB-ACC-017 "$name has no home directory" mkhomedir_helper "$name" 0077
    continue
  elif [ -d "$home" ] && [ ! -L "$home" ] && [ "$home" != / ]; then
    [ -z "$(find "$home" -maxdepth 0 -perm /027)" ] ||
      differs VB-ACC-006 "home directory of $name is open to others" chmod g-w,o-rwx "$home"
    [ -n "$(find "$home" -maxdepth 0 -uid "$uid")" ] || has "$name" "$homeless" ||
      differs VB-ACC-017 "home directory of $name belongs to somebody else" chown "$uid" "$home"
  fi
  [ ! -d "$home" ] || [ -z "$(writable "$home" "$name")" ] ||
    differs VB-ACC-018 "others can change files that $name starts with" close_files "$home" "$name"
done << LIST
$(getent -s files passwd)
LIST

listed=$(getent -s files group sudo | cut -d: -f4 | tr ',' ' ')
for name in $members; do
  has "$name" "$listed" || ! getent passwd "$name" > /dev/null ||
    differs VB-ACC-011 "$name is not in the group sudo" gpasswd --add "$name" sudo
done
for name in $listed; do
  # Whoever is just working here by sudo is not cut off; the check VB-ACC-011 still names the account.
  has "$name" "$members" || [ "$name" = "${SUDO_USER:-}" ] ||
    differs VB-ACC-011 "$name is in the group sudo" gpasswd --delete "$name" sudo
done
# Who is in one of these reads password hashes or disks past all rights of files. A primary group is left to people.
for group in shadow disk kmem; do
  for name in $(getent -s files group "$group" | cut -d: -f4 | tr ',' ' '); do
    differs VB-ACC-015 "$name is in the group $group" gpasswd --delete "$name" "$group"
  done
done

for name in $disabled; do
  getent passwd "$name" > /dev/null || continue
  [ "$(getent -s files shadow "$name" | cut -d: -f8)" = 1 ] ||
    differs VB-ACC-011 "account $name is not disabled" usermod --lock --expiredate 1970-01-02 "$name"
done

# login.defs knows no drop-ins. Debian's values are already right, so nothing is touched unless somebody weakened them.
setting() {
  sed -i "/^[[:space:]]*$1[[:space:]]/d" /etc/login.defs && printf '%s\t%s\n' "$1" "$2" >> /etc/login.defs
}
while read -r key value; do
  [ "$(awk -v key="$key" '$1 == key {last = $2} END {print last}' /etc/login.defs)" = "$value" ] ||
    differs VB-ACC-008 "login.defs: $key is not $value" setting "$key" "$value"
done << LIST
ENCRYPT_METHOD YESCRYPT
HOME_MODE 0700
PASS_MAX_DAYS 99999
UMASK $umask
LIST

# useradd's own tool for its own defaults file.
case $(useradd --defaults) in
  *"INACTIVE=$inactive
"*) ;;
  *) differs VB-ACC-008 "new accounts: INACTIVE is not $inactive" useradd --defaults --inactive "$inactive" ;;
esac

# The umask is a matter of PAM (role pam); a start-up file that sets its own would undo it for shells.
for file in /etc/profile /etc/bash.bashrc /root/.profile /root/.bash_profile /root/.bash_login /root/.bashrc; do
  [ ! -e "$file" ] || ! grep -q '^[[:space:]]*umask[[:space:]]' "$file" ||
    differs VB-ACC-014 "$file sets a umask" sed -i '/^[[:space:]]*umask[[:space:]]/d' "$file"
done

# bash reads no drop-ins of this file, which shells without a login get; like verbund-umask.sh it leaves a stricter umask.
line="[ \"\$(umask)\" = 0077 ] || umask $umask"
add_line() { sed -i '/|| umask [0-7]*$/d' /etc/bash.bashrc && printf '%s\n' "$line" >> /etc/bash.bashrc; }
[ ! -e /etc/bash.bashrc ] || [ "$(grep '|| umask [0-7]*$' /etc/bash.bashrc)" = "$line" ] ||
  differs VB-ACC-014 "/etc/bash.bashrc does not set umask $umask" add_line

# The copies of the hashes get the mode of the original with every change of an account, also by a package: that is no
# difference, but whatever is repaired here ends with closed ones.
close_copies() { systemd-tmpfiles --create /etc/tmpfiles.d/verbund-accounts.conf; }
for copy in /etc/shadow- /etc/gshadow-; do
  [ -z "$(find "$copy" -maxdepth 0 \( -perm /0137 -o ! -user root -o ! -group root ! -group shadow \) 2> /dev/null)" ] ||
    differs VB-ACC-013 "others can read or change $copy" close_copies
done
[ "$mode" = check ] || has VB-ACC-013 "$excepted" || close_copies

# Files of others that come first or last are theirs: named, not removed.
ask() { (umask 077; env -i HOME=/root bash --login -c 'echo "$TMOUT $(umask)"' 2> /dev/null); }
if [ "$mode" = check ]; then
  answer=$(ask)
  [ "$timeout" = 0 ] || [ "${answer% *}" = "$timeout" ] || [ ! -e /etc/profile.d/verbund-timeout.sh ] ||
    differs VB-ACC-009 "shells end after '${answer% *}' seconds; see $(grep -ls TMOUT /etc/profile /etc/profile.d/*.sh | tr '\n' ' ')"
  [ "${answer#* }" = 0077 ] ||
    differs VB-ACC-014 "shells of root get umask ${answer#* }; see $(grep -lsw umask /etc/profile /etc/profile.d/*.sh | tr '\n' ' ')"
fi
exit "$status"
