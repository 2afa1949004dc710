# SPDX-License-Identifier: EUPL-1.2
# check: exit 0 when auditd runs with its files and the kernel has exactly the stored rules. load: make it so. POSIX sh.
# Where the kernel offers no audit (a container), there is nothing to run and nothing to load.
unavailable() { ! auditctl -s > /dev/null 2>&1; }
rules_of() { sed -n '/^-[aw] /p' | sort; }
stored() { cat /etc/audit/rules.d/*.rules | rules_of; }
generated() { rules_of < /etc/audit/audit.rules; }
loaded() { auditctl -l | rules_of; }
count() { wc -l | tr -d ' '; }

case $1 in
  check)
    [ "$(stored)" = "$(generated)" ] || { echo "/etc/audit/audit.rules is not generated from the rules"; exit 1; }
    unavailable && exit 0
    [ "$(systemctl show -P ActiveState auditd.service)" = active ] || { echo "auditd does not run"; exit 1; }
    auditctl -s | grep -q '^enabled [12]$' || { echo "the kernel does not audit"; exit 1; }
    [ "$(loaded)" = "$(generated)" ] || { echo "the kernel has other rules than /etc/audit/audit.rules"; exit 1; }
    started=$(date -d "$(systemctl show -P ActiveEnterTimestamp auditd.service)" +%s) || exit 1
    reloaded=$(stat -c %Y /run/verbund/auditd-reload 2> /dev/null || echo 0)
    changed=$(stat -c %Y /etc/audit/auditd.conf)
    [ "$changed" -le "$started" ] || [ "$changed" -le "$reloaded" ] || { echo "auditd.conf is newer than the running auditd"; exit 1; }
    ;;
  load)
    unavailable && { augenrules > /dev/null; exit 0; }
    systemctl is-active --quiet auditd.service || systemctl start auditd.service
    augenrules --load > /dev/null
    mkdir -p -m 0755 /run/verbund
    # auditd refuses to be stopped by systemd (RefuseManualStop); a signal makes it read its file again.
    systemctl kill --signal=HUP --kill-whom=main auditd.service
    touch /run/verbund/auditd-reload
    ;;
esac
