# SPDX-License-Identifier: EUPL-1.2
# Arguments: name=value pairs. Exit 1 if a parameter that this host can change has another value.
# A read-only entry belongs to the host below a container; a missing one to a kernel without that feature.
for pair in "$@"; do
    name=${pair%%=*}
    wanted=${pair#*=}
    for entry in /proc/sys/$(printf '%s' "$name" | tr . /); do
        [ -w "$entry" ] || continue
        # Some per-interface entries (net/ipv4/conf/*/...) vanish with their interface while we look.
        value=$(tr -s '\t ' ' ' <"$entry" 2>/dev/null) || continue
        [ "$value" = "$wanted" ] || { echo "$entry is $value, not $wanted"; exit 1; }
    done
done
