# SPDX-License-Identifier: EUPL-1.2
# Arguments: check or load, the wanted backlog, and the controls with a deviation.
# check: exit 0 when auditd runs with its files and the kernel has exactly the stored rules. load: make it so. POSIX sh.
# Where the kernel offers no audit (a container), there is nothing to run and nothing to load.
verb=$1
backlog=$2
shift 2
excepted=" $* "
enforced() { case $excepted in *" $1 "*) return 1 ;; esac; }
unavailable() { ! auditctl -s > /dev/null 2>&1; }
# The kernel lists paths without a slash at the end and "unset" as -1, turns comparisons around, and names all calls where a
# rule names none.
rules_of() { sed -n '/^-[aw] /{s/auid!=unset/auid!=-1/; s/-C euid!=uid/-C uid!=euid/; s/ -S all / /; s#^\(-w [^ ]*[^ /]\)/ #\1 #; p}' | sort; }
stored() { cat /etc/audit/rules.d/*.rules | rules_of; }
generated() { rules_of < /etc/audit/audit.rules; }
loaded() { auditctl -l | rules_of; }
# Programs with the rights of others: a rule for each that is there, since one for all kinds of them (key privileged) is what
# records, and one for each is what scanners count. Software is installed into these two places only.
programs() {
  printf '%s\n' '## Managed by Verbund (role audit). Local changes are overwritten.' \
    '## Programs that run with the rights of their owner or group, as this host has them.'
  find /usr /opt -xdev -type f -perm /6000 2> /dev/null | sort |
    sed 's|.*|-a always,exit -F path=& -F perm=x -F auid>=1000 -F auid!=unset -F key=privileged|'
}
own=/etc/audit/rules.d/51-verbund-programs.rules
differs() { echo "$1"; exit 1; }

case $verb in
  check)
    if enforced VB-AUD-004; then
        [ "$(cat $own 2> /dev/null)" = "$(programs)" ] || differs "$own does not list the setuid programs of this host"
    fi
    if enforced VB-AUD-002 && [ "$(stored)" != "$(generated)" ]; then
        differs "/etc/audit/audit.rules is not generated from the rules"
    fi
    unavailable && exit 0
    status=$(auditctl -s)
    has() { printf '%s\n' "$status" | grep -qx "$1"; }
    if enforced VB-AUD-001; then
        [ "$(systemctl show -P ActiveState auditd.service)" = active ] || differs "auditd does not run"
        has 'enabled [12]' || differs "the kernel does not audit"
    fi
    if enforced VB-AUD-017; then
        has "backlog_limit $backlog" && has 'rate_limit 0' && has 'failure [12]' || differs "the kernel may drop records"
    fi
    if enforced VB-AUD-002; then
        [ "$(loaded)" = "$(generated)" ] || differs "the kernel has other rules than /etc/audit/audit.rules"
    fi
    enforced VB-AUD-008 && enforced VB-AUD-001 || exit 0
    started=$(date -d "$(systemctl show -P ActiveEnterTimestamp auditd.service)" +%s) || exit 1
    reloaded=$(stat -c %Y /run/verbund/auditd-reload 2> /dev/null || echo 0)
    changed=$(stat -c %Y /etc/audit/auditd.conf)
    [ "$changed" -le "$started" ] || [ "$changed" -le "$reloaded" ] || differs "auditd.conf is newer than the running auditd"
    ;;
  load)
    if enforced VB-AUD-004; then
        (umask 077; programs > $own.new && mv -f $own.new $own) || exit 1
    fi
    unavailable && { augenrules > /dev/null; exit 0; }
    if enforced VB-AUD-001; then
        systemctl is-active --quiet auditd.service || systemctl start auditd.service
        auditctl -s | grep -qx 'enabled 0' && auditctl -e 1 > /dev/null
    fi
    # Loading begins with the removal of all rules, so what an administrator loaded by hand stays only without it.
    enforced VB-AUD-002 && augenrules --load > /dev/null
    if enforced VB-AUD-008; then
        mkdir -p -m 0755 /run/verbund
        # auditd refuses to be stopped by systemd (RefuseManualStop); a signal makes it read its file again.
        systemctl is-active --quiet auditd.service && systemctl kill --signal=HUP --kill-whom=main auditd.service
        touch /run/verbund/auditd-reload
    fi
    ;;
esac
