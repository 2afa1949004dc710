# SPDX-License-Identifier: EUPL-1.2
# Exit 0 when the lines of every Verbund profile stand in the PAM stack they belong to. POSIX sh, run by the role.
# Argument: EXCEPTED_CONTROLS (words in one argument); what serves only those is not looked at.
excepts() { case " $excepted " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }
excepted=$1
cd /usr/share/pam-configs || exit 1
stack_has() {
  while IFS= read -r line; do
    # Tabs and runs of blanks mean the same to PAM.
    pattern=$(printf '%s\n' "$line" | tr -s '\t ' ' ' | sed 's/^ //; s/ $//')
    tr -s '\t ' ' ' < "/etc/pam.d/$1" | grep -qF -- "$pattern" || { echo "/etc/pam.d/$1 lacks: $pattern"; exit 1; }
  done
}
excepts VB-PAM-002 ||
  sed -n 's/^\t\(.*pam_faillock.so.*\)/\1/p' verbund-lockout-before verbund-lockout-after verbund-lockout-success |
  stack_has common-auth || exit 1
excepts VB-PAM-004 || sed -n 's/^\t\(.*use_authtok.*\)/\1/p' verbund-history | stack_has common-password || exit 1
for stack in common-session common-session-noninteractive; do
  excepts VB-PAM-005 || sed -n 's/^\t\(.*pam_umask.so.*\)/\1/p' verbund-umask | stack_has "$stack" || exit 1
  excepts VB-PAM-006 || grep -q '^session.*pam_tmpdir\.so' "/etc/pam.d/$stack" ||
    { echo "/etc/pam.d/$stack gives no temporary directory per person"; exit 1; }
done
excepts VB-PAM-003 || grep -q '^password.*pam_unix\.so.*yescrypt' /etc/pam.d/common-password ||
  { echo "/etc/pam.d/common-password does not hash with yescrypt"; exit 1; }
excepts VB-PAM-001 || grep -q '^password.*pam_pwquality\.so' /etc/pam.d/common-password ||
  { echo "/etc/pam.d/common-password asks for no quality"; exit 1; }
excepts VB-PAM-007 || ! grep -lE '^[^#]*pam_unix\.so.*nullok' /etc/pam.d/* || exit 1
excepts VB-PAM-009 || grep -qE '^auth[[:space:]]+required[[:space:]]+pam_wheel\.so use_uid group=sudo$' /etc/pam.d/su ||
  { echo "/etc/pam.d/su lets everybody try"; exit 1; }
# pwquality.conf(5): the main file is read after all drop-ins.
own_keys() {
  excepts VB-PAM-001 || sed -n 's/^\([a-z_]*\).*/\1/p' /etc/security/pwquality.conf.d/zz-verbund-strength.conf
  excepts VB-PAM-008 || sed -n 's/^\([a-z_]*\).*/\1/p' /etc/security/pwquality.conf.d/zz-verbund-patterns.conf
}
for key in $(own_keys 2> /dev/null); do
  ! grep -HE "^[[:space:]]*$key([[:space:]=]|\$)" /etc/security/pwquality.conf || exit 1
done
