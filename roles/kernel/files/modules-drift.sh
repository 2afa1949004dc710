# SPDX-License-Identifier: EUPL-1.2
# Arguments: module names. Exit 1 if one of them is loaded and unused, so that it can be removed now.
# A container sees the modules of the host below and has no say in them.
systemd-detect-virt --container --quiet && exit 0
for module in "$@"; do
    name=$(printf '%s' "$module" | tr - _)
    if grep -q "^$name [0-9]* 0 " /proc/modules; then
        echo "module $name is loaded"
        exit 1
    fi
done
