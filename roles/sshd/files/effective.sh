# sshd runs with the declared configuration and no other file overrides it
# Argument: the controls that a deviation excepts; what belongs to one of them is not looked at.
excepted() { case " $list " in *" $1 "*) return 0 ;; esac; return 1; }
list=$1
if ! excepted VB-SSH-014; then
    systemctl is-active --quiet ssh.service || { echo "ssh.service is not running"; exit 1; }
    loaded=$(date -d "$(systemctl show --timestamp=us+utc -P StateChangeTimestamp ssh.service)" +@%s.%N) || exit 1
    # The time of the last change of the inode, since that of the content can be set to anything.
    newer=$(find /etc/ssh/sshd_config /etc/ssh/sshd_config.d -newerct "$loaded")
    [ -z "$newer" ] || { echo "changed since sshd read its configuration: $newer"; exit 1; }
    # Options on the command line win over every file, and "sshd -T" does not show them.
    start=$(systemctl show -p ExecStart --value ssh.service | sed -n 's/.*argv\[\]=\(.*\) ; ignore_errors=.*/\1/p')
    [ "$start" = '/usr/sbin/sshd -D $SSHD_OPTS' ] || { echo "a drop-in of ssh.service starts: $start"; exit 1; }
    given=$(grep -hsE "^[[:space:]]*SSHD_OPTS=..*" /etc/default/ssh | grep -vE "=(''|\"\")?[[:space:]]*\$")
    [ -z "$given" ] || { echo "/etc/default/ssh gives sshd options beside its configuration: $given"; exit 1; }
fi
if ! excepted VB-SSH-013; then
    blocks=$(grep -rnisE '^[[:space:]]*(match|include)[[:space:]=]' /etc/ssh/sshd_config /etc/ssh/sshd_config.d |
        grep -v '^[^:]*:[^:]*:Include /etc/ssh/sshd_config\.d/\*\.conf$')
    [ -z "$blocks" ] || { echo "exceptions for single accounts or addresses, or further files: $blocks"; exit 1; }
fi
# What sshd makes of all files has to be what it makes of ours alone, for every option that ours sets.
own=
for file in /etc/ssh/sshd_config.d/00-verbund*.conf; do
    control=${file#*00-verbund-}
    excepted "${control%.conf}" || own="$own $file"
done
keys=$(cat $own | sed -n 's/^\([A-Za-z0-9]*\) .*/\1/p' | tr 'A-Z\n' 'a-z|')
all=$(/usr/sbin/sshd -T 2>/dev/null | grep -E "^(${keys%|}) " | sort -u)
alone=$(cat $own | /usr/sbin/sshd -T -f /dev/stdin 2>/dev/null | grep -E "^(${keys%|}) " | sort -u)
if [ "$all" != "$alone" ]; then
    echo "another file in /etc/ssh/sshd_config.d or sshd_config sets:"
    printf '%s\n' "$all" | while IFS= read -r line; do
        printf '%s\n' "$alone" | grep -qxF -- "$line" || printf '%s\n' "$line"
    done
    exit 1
fi
