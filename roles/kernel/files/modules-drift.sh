# SPDX-License-Identifier: EUPL-1.2
# Arguments: module names. Exit 1 if one of them is loaded and unused, so that it can be removed now, or if a rule in
# another file lets it be loaded. A container sees the modules of the host below and has no say in them.
systemd-detect-virt --container --quiet && exit 0
for module in "$@"; do
    name=$(printf '%s' "$module" | tr - _)
    if grep -q "^$name [0-9]* 0 " /proc/modules; then
        echo "module $name is loaded"
        exit 1
    fi
done
modprobe --showconfig | awk '
    BEGIN { for (i = 1; i < ARGC; i++) { gsub("-", "_", ARGV[i]); blocked[ARGV[i]]; ARGV[i] = "" } }
    $1 == "install" {
        name = $2; gsub("-", "_", name)
        if (name in blocked && $3 !~ /^(\/usr)?\/bin\/(false|true)$/) {
            print "a file in /etc/modprobe.d lets " name " be loaded: " $0 "; remove that line"
            exit 1
        }
    }' "$@"
