# SPDX-License-Identifier: EUPL-1.2
# Arguments: file=profile pairs. Exit 1 if the profile of an installed file is not loaded and enforced.
# In a container the profiles belong to the host below.
systemd-detect-virt --container --quiet && exit 0
list=/sys/kernel/security/apparmor/profiles
# Without the kernel part there is nothing to bring about now; the check reports that.
[ -r "$list" ] || exit 0
for pair in "$@"; do
    [ -e "/etc/apparmor.d/${pair%%=*}" ] || continue
    grep -qxF "${pair#*=} (enforce)" "$list" || { echo "profile ${pair#*=} is not enforced"; exit 1; }
done
