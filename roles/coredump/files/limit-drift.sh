# SPDX-License-Identifier: EUPL-1.2
# Exit 1 if services still start with the right to write a dump.
limit=$(systemctl show --property=DefaultLimitCORE --value)
[ "$limit" = 0 ] || { echo "services start with DefaultLimitCORE=$limit"; exit 1; }
