# SPDX-License-Identifier: EUPL-1.2
# Argument: the wanted core_pattern. Exit 1 if the kernel would still send dumps elsewhere. Read-only in a container.
if [ -w /proc/sys/kernel/core_pattern ] && [ "$(cat /proc/sys/kernel/core_pattern)" != "$1" ]; then
    echo "kernel.core_pattern is $(cat /proc/sys/kernel/core_pattern)"
    exit 1
fi
