# SPDX-License-Identifier: EUPL-1.2
# Arguments: module names. Exit 1 if one of them is loaded and unused, so that it can be removed now, or if a rule in
# another file lets it be loaded. A container sees the modules of the host below and has no say in them.
systemd-detect-virt --container --quiet && exit 0
printf '%s\n' "$@" | tr - _ | awk '
    NR == FNR { blocked[$1]; next }
    $3 == 0 && $1 in blocked { print "module " $1 " is loaded"; found = 1 }
    END { exit found }' - /proc/modules || exit 1
modprobe --showconfig | awk '
    BEGIN { for (i = 1; i < ARGC; i++) { gsub("-", "_", ARGV[i]); blocked[ARGV[i]]; ARGV[i] = "" } }
    $1 == "install" {
        name = $2; gsub("-", "_", name)
        if (name in blocked && $3 !~ /^(\/usr)?\/bin\/(false|true)$/) {
            print "a file in /etc/modprobe.d lets " name " be loaded: " $0 "; remove that line"
            exit 1
        }
    }' "$@"
