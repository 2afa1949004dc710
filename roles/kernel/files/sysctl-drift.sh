# SPDX-License-Identifier: EUPL-1.2
# Arguments: name=value pairs. Exit 1 if a parameter that this host can change has another value, now or after the next
# start. A read-only entry belongs to the host below a container; a missing one to a kernel without that feature.
# One awk reads them all: a fork for each takes a slow host two seconds, and the shell's read takes byte by byte what
# these files give in their first read only.
slashed() { IFS=.; set -f; set -- $1; set +f; IFS=/; path=$*; unset IFS; }
for pair in "$@"; do
    slashed "${pair%%=*}"
    for entry in /proc/sys/$path; do
        [ ! -w "$entry" ] || printf '%s=%s\n' "$entry" "${pair#*=}"
    done
done | awk '{
    entry = wanted = $0; sub(/=.*/, "", entry); sub(/^[^=]*=/, "", wanted)
    # Some per-interface entries (net/ipv4/conf/*/...) vanish with their interface while we look.
    if ((getline value < entry) > 0) {
        gsub(/[ \t]+/, " ", value)
        if (value != wanted) { print entry " is " value ", not " wanted; exit 1 }
    }
    close(entry)
}' || exit 1
# What a file that is read after ours says of the same parameters (a name may stand there with slashes).
systemd-analyze cat-config sysctl.d | awk '
    BEGIN {
        for (i = 1; i < ARGC; i++) {
            name = value = ARGV[i]
            sub(/=.*/, "", name); sub(/^[^=]*=/, "", value)
            gsub(/[.]/, "[.]", name); gsub(/[*]/, ".*", name)
            wanted["^" name "$"] = value
            ARGV[i] = ""
        }
    }
    /^# \// { file = $2; if (ours) later = 1; if (file == "/etc/sysctl.d/zz-verbund.conf") ours = 1; next }
    later && /^[^#;].*=/ {
        name = value = $0
        sub(/[ \t]*=.*/, "", name); sub(/^[-\t ]+/, "", name); sub(/^[^=]*=[ \t]*/, "", value); sub(/[ \t]+$/, "", value)
        if (name ~ /^[^.]*\//) gsub("/", ".", name)
        for (pattern in wanted)
            if (name ~ pattern && value != wanted[pattern]) {
                print file " is read after /etc/sysctl.d/zz-verbund.conf and sets " name " to " value "; remove that line"
                exit 1
            }
    }' "$@"
