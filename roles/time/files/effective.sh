# SPDX-License-Identifier: EUPL-1.2
# Exit 0 when chronyd runs, was started after its files were last changed, and asks its servers. Argument: controls with a
# deviation. POSIX sh, run by the role.
# Where the kernel's clock belongs to somebody else (a container), systemd rightly does not start it, and that is fine.
excepted=" $1 "
wanted() {
  case $excepted in *" $1 "*) return 1 ;; esac
}
[ "$(systemctl show -P LoadState chrony.service)" = loaded ] || ! wanted VB-TIM-001 || exit 1
if [ "$(systemctl show -P ActiveState chrony.service)" != active ]; then
  wanted VB-TIM-001 || exit 0
  systemd-detect-virt --quiet --container || { echo "chronyd does not run"; exit 1; }
  exit 0
fi
started=$(date -d "$(systemctl show -P ActiveEnterTimestamp chrony.service)" +%s) || exit 1
for file in /etc/chrony/chrony.conf /etc/chrony/conf.d/*.conf; do
  [ ! -e "$file" ] || [ "$(stat -c %Y "$file")" -le "$started" ] || { echo "$file is newer than the running chronyd"; exit 1; }
done
if wanted VB-TIM-003; then
  chronyc activity | grep -qx '0 sources offline' || { echo "chronyd was told not to ask its servers (chronyc offline)"; exit 1; }
fi
exit 0
